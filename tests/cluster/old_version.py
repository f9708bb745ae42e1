"""Preloaded by a Dask worker: makes it one of an older jpegslim."""

import jpegslim.version

jpegslim.version.VERSION = "0.0.1"
