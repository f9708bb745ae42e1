"""Preloaded by a Dask worker: one that is lost with its answer once it has written an object."""

import os

from jpegslim.aws.treatment import Treatment

_deliver = Treatment.deliver


def deliver(treatment, prepared):
    _deliver(treatment, prepared)
    os._exit(1)


Treatment.deliver = deliver
