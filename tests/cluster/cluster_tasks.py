"""Tasks for Dask workers."""

from jpegslim.files.plan import Task
from jpegslim.settings import Settings

LOSSLESS = Settings(target=None)


def in_place(path, **options):
    return Task(
        source=path,
        destination=path,
        in_place=True,
        explicit=False,
        settings=LOSSLESS,
        dry_run=False,
        **options,
    )
