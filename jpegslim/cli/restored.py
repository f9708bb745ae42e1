"""What `restore` prints: outcomes as lines for a person and as records for JSON."""

from collections.abc import Mapping

from jpegslim.errors import ExitCode
from jpegslim.files.backup import Restored, RestoreOutcome
from jpegslim.reports import wording
from jpegslim.results import SCHEMA_VERSION


def is_quiet(result: Restored) -> bool:
    """Tell whether a file needs no line of its own."""
    return result.outcome is RestoreOutcome.UNCHANGED


def file_line(result: Restored) -> str:
    """Return the outcome, the path and what there is to say of it."""
    path = wording.printable(str(result.path))
    return f"{result.outcome}: {path}: {wording.printable(result.message)}"


def file_record(result: Restored) -> dict[str, object]:
    """Return one file; the keys that files of a run have mean the same here."""
    return {
        "schema": SCHEMA_VERSION,
        "path": wording.well_formed(str(result.path)),
        "status": str(result.outcome),
        "message": wording.well_formed(result.message),
    }


def totals_line(counts: Mapping[str, int], *, dry_run: bool) -> str:
    """Return how many files there were, and what became of them."""
    files = wording.count(sum(counts.values()), "file")
    outcomes = ", ".join(f"{counts[each]} {each}" for each in RestoreOutcome if counts[each])
    if not outcomes:
        return "nothing was kept there"
    return f"{files}: {outcomes}{'; dry run: nothing was written' if dry_run else ''}"


def totals_record(counts: Mapping[str, int], code: ExitCode, *, dry_run: bool) -> dict[str, object]:
    """Return the counts under a key of their own."""
    return {
        "schema": SCHEMA_VERSION,
        "totals": {
            "files": sum(counts.values()),
            **{str(each): counts[each] for each in RestoreOutcome},
            "dry_run": dry_run,
            "exit_code": int(code),
        },
    }


def exit_code(counts: Mapping[str, int]) -> ExitCode:
    """Return whether every original is back."""
    missing = counts[RestoreOutcome.CHANGED] + counts[RestoreOutcome.FAILED]
    return ExitCode.SOME_FAILED if missing else ExitCode.OK
