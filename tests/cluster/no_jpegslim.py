"""Preloaded by a Dask worker: makes it one where jpegslim is not installed."""

import sys

sys.modules["jpegslim"] = None
