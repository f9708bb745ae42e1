"""The same work on a Dask scheduler: `optimize --cluster`, with the extra `cluster`."""
