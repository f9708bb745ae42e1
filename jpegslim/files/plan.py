"""Deciding where every result goes, one candidate at a time.

In place the destination is the source. With an output folder the tree below each PATH is built
again inside it, under the PATH's own last name, so two PATHs of one last name can meet there:
both files fail rather than one of them winning.
"""

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jpegslim.errors import UsageError
from jpegslim.files.discovery import Candidate, Root, distinct, holds
from jpegslim.files.store import Staged, plain_name, temporary_for
from jpegslim.results import FileResult, Status
from jpegslim.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One file's work order; plain data that crosses to a worker.

    explicit: the user named the file itself. dry_run: measure, write nothing. token: names the
    temporary, so that what a killed worker leaves can be cleared away.
    """

    source: Path
    destination: Path
    in_place: bool
    explicit: bool
    settings: Settings
    dry_run: bool
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def staged(self) -> Staged:
        """Where the result is written before it gets its name."""
        return Staged(temporary_for(self.destination, self.token), self.destination)


def plan(
    candidates: Iterable[Candidate | FileResult],
    *,
    paths: Sequence[Path],
    output: Path | None,
    settings: Settings,
    dry_run: bool,
) -> Iterator[Task | FileResult]:
    """Turn what `discover` found at `paths` into tasks; results already there pass through.

    output: None for in place. Files that would meet on one name in it are yielded as FileResult
    with the status FAILED and the reason "name_clash".

    Raises UsageError at once where a PATH would be written onto itself.
    """
    outlet = None if output is None else _Outlet(output, paths)

    def tasks() -> Iterator[Task | FileResult]:
        for candidate in candidates:
            if isinstance(candidate, FileResult):
                yield candidate
                continue
            destination = candidate.path
            if outlet is not None:
                rival = outlet.rival(candidate)
                if rival is not None:
                    yield _clash(candidate.path, rival)
                    continue
                destination = outlet.destination(candidate)
            yield Task(
                source=candidate.path,
                destination=destination,
                in_place=outlet is None,
                explicit=candidate.explicit,
                settings=settings,
                dry_run=dry_run,
            )

    return tasks()


class _Outlet:
    """The output folder, and which PATHs share a name in it."""

    def __init__(self, output: Path, paths: Sequence[Path]) -> None:
        self._output = output
        self._roots: dict[str, list[Root]] = {}
        for root in distinct(paths, without=[output]):
            if isinstance(root, Root):
                place = output / _name(root.path)
                if root.real in (Path(os.path.realpath(place)), Path(os.path.realpath(output))):
                    raise UsageError(
                        f"--output {output} would write {root.path} onto itself: "
                        "leave --output out to optimize in place, or give another folder"
                    )
                self._roots.setdefault(_name(root.path), []).append(root)

    def destination(self, candidate: Candidate) -> Path:
        """Return where the result goes: always inside the output folder."""
        return self._output / self._place(candidate)

    def rival(self, candidate: Candidate) -> Path | None:
        """Return another input that would go to the same place, None as a rule."""
        place = self._place(candidate)
        # The one PATH without a name, a whole file system, leaves no other to meet it.
        for root in self._roots.get(place.parts[0], ()):
            if root.path == candidate.root:
                continue
            inside = Path(*place.parts[1:])
            if root.is_folder and holds(root, inside, without=[self._output]):
                return root.path / inside
            if not root.is_folder and len(place.parts) == 1:
                return root.path
        return None

    def _place(self, candidate: Candidate) -> Path:
        if candidate.explicit:
            return candidate.relative
        return Path(_name(candidate.root), candidate.relative)


def _name(root: Path) -> str:
    """Return the last name of a PATH, its real one where it is written as "." or ".."."""
    if root.name in ("", ".."):
        return Path(os.path.realpath(root)).name
    return root.name


def _clash(path: Path, rival: Path) -> FileResult:
    return FileResult(
        path=path,
        status=Status.FAILED,
        reason="name_clash",
        message=f"{plain_name(rival)} would get the same name in the output folder: run them apart",
    )
