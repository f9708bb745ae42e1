"""The file behind --report: its kind from its name, opened before any work is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jpegslim.errors import RunError, UsageError
from jpegslim.reports.jsonlines import JsonLines
from jpegslim.reports.reporter import Reporter
from jpegslim.reports.sink import Sink
from jpegslim.reports.tables import Table


def _html(sink: Sink, page: Path) -> Reporter:
    from jpegslim.reports.html_report import HtmlReport

    return HtmlReport(sink, page)


_KINDS: dict[str, Callable[[Sink, Path], Reporter]] = {
    ".html": _html,
    ".jsonl": lambda sink, _: JsonLines(sink),
    ".csv": lambda sink, _: Table(sink),
}
_NAMES = " or ".join((", ".join([*_KINDS][:-1]), [*_KINDS][-1]))
_JPEG_START = b"\xff\xd8"


@contextmanager
def open_report(path: Path, *, option: str = "--report") -> Iterator[Reporter]:
    """Open a report for the length of a run; an earlier one is emptied when the run starts.

    option: what the user named it with, for messages.

    Raises UsageError where the name says no known kind or the file is a picture, RunError
    where it can't be written.
    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise UsageError(f"{option} {path}: the name must end in {_NAMES}")
    try:
        if _is_picture(path):
            raise UsageError(f"{option} {path}: this is a picture, it would be overwritten")
        stream = path.open("ab")
    except OSError as error:
        raise RunError(f"can't write the report {path}: {error.strerror or error}") from error
    sink = Sink(stream, name=f"the report {path}", owned=True)
    try:
        yield kind(sink, path)
    finally:
        sink.close()


def _is_picture(path: Path) -> bool:
    # Only regular files are looked into: reading from a named pipe would wait for a writer.
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(_JPEG_START)) == _JPEG_START
