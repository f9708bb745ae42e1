"""Preloaded by a Dask worker: one that was installed without the extra aws."""

import sys

sys.modules["boto3"] = None
