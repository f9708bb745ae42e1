"""Preloaded by a Dask worker: one whose credentials S3 does not know."""

import os

os.environ["AWS_ACCESS_KEY_ID"] = "stranger"
os.environ["AWS_SECRET_ACCESS_KEY"] = "unknown"  # noqa: S105 - opens nothing
