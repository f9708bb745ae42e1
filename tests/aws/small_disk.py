"""Preloaded by a Dask worker: one whose files can't grow, as on a disk that is full."""

import resource

resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
