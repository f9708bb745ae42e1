"""The client's side of a cluster for photos in S3, and what lies on its workers."""

from patience import left_at_last

from jpegslim.aws.addresses import Address
from jpegslim.aws.making import Job
from jpegslim.aws.treatment import Prepared
from jpegslim.cluster.depot import Service
from jpegslim.cluster.gateway import Gateway
from jpegslim.cluster.objects import EXTRAS, There
from jpegslim.settings import Settings

SETTINGS = Settings()


def kept(cluster):
    """Return the photos that lie in the workers' own folders."""
    return [path for path in cluster.folder.rglob("jpegslim-*/*") if path.is_file()]


def left_on(cluster):
    """Return what still lies there once nothing more comes."""
    return left_at_last(lambda: kept(cluster))


def temporaries(folder):
    return [path.name for path in folder.rglob("*") if path.name.endswith(".tmp")]


class Ours:
    """A connection to a cluster with one worker to begin with. options, how: as for `Dask.work`."""

    def __init__(self, dask, endpoint, *options, **how):
        self.dask, self.endpoint = dask, endpoint
        dask.start()
        self.worker = dask.work("first", *options, **how)
        self.gateway = Gateway(dask.address, extras=EXTRAS).__enter__()

    def turn_to(self, bucket):
        """Work on a bucket from now on, as a run of its own."""
        self.bucket = bucket
        self.place = There(
            self.gateway,
            Service(self.endpoint, None, None),
            name=lambda address: str(address).encode(),
            run="run",
            entry="aws_entries:by_ending",
        )
        return self

    def address(self, key):
        return Address(self.bucket.name, key)

    def job(self, key, *, destination=None, **options):
        there = None if destination is None else self.address(destination)
        source = self.address(key)
        return Job(source=source, destination=there, settings=SETTINGS, timeout=3.0, **options)

    def prepared(self, key, **options):
        prepared = self.place.prepare(self.job(key, **options))
        assert isinstance(prepared, Prepared)
        return prepared

    def lose(self):
        """Kill the first worker."""
        self.worker.kill()
        self.worker.wait()

    def close(self):
        self.gateway.__exit__(None, None, None)
