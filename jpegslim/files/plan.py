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
from jpegslim.files.discovery import (
    EVERYTHING,
    Candidate,
    Root,
    Selection,
    distinct,
    holds,
    output_name,
)
from jpegslim.files.remembered import Excerpt
from jpegslim.files.store import Staged, plain_name, temporary_for
from jpegslim.results import FileResult, Status, Wish
from jpegslim.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One file's work order; plain data that crosses to a worker.

    explicit: the user named the file itself. dry_run: measure, write nothing. ledger: to be asked
    whether the bytes are known, or what it knows of this file; None for none. wish: which results
    are to be shown. token: names the temporary, so that what a killed worker leaves can be
    cleared away. known_as: what the ledger knows the source by, None for its path. reserved: the
    temporary is there, empty, for this task alone.
    """

    source: Path
    destination: Path
    in_place: bool
    explicit: bool
    settings: Settings
    dry_run: bool
    ledger: Path | Excerpt | None = None
    wish: Wish | None = None
    token: str = field(default_factory=lambda: secrets.token_hex(4))
    known_as: bytes | None = None
    reserved: bool = False

    @property
    def staged(self) -> Staged:
        """Where the result is written before it gets its name."""
        return Staged(temporary_for(self.destination, self.token), self.destination)


def plan(
    candidates: Iterable[Candidate | FileResult | None],
    *,
    paths: Sequence[Path],
    output: Path | None,
    settings: Settings,
    dry_run: bool,
    selection: Selection = EVERYTHING,
    ledger: Path | None = None,
    run: str = "",
) -> Iterator[Task | FileResult | None]:
    """Turn what `discover` found at `paths` into tasks; results already there, and None, pass.

    selection: what `discover` was given. run: begins the tokens of its tasks, so that a temporary
    tells which run left it. output: None for in place. Files that would meet on one name in it
    are yielded as FileResult with the status FAILED and the reason "name_clash".

    Raises UsageError at once where a PATH would be written onto itself.
    """
    outlet = None if output is None else _Outlet(output, paths, selection)

    def tasks() -> Iterator[Task | FileResult | None]:
        for candidate in candidates:
            if not isinstance(candidate, Candidate):
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
                ledger=ledger,
                token=f"{run}{secrets.token_hex(4)}",
            )

    return tasks()


class _Outlet:
    """The output folder, and which PATHs share a name in it."""

    def __init__(self, output: Path, paths: Sequence[Path], selection: Selection) -> None:
        self._output = output
        self._selection = selection
        self._roots: dict[str, list[Root]] = {}
        for root in distinct(paths, without=[output], selection=selection):
            if isinstance(root, Root):
                place = output / output_name(root.path)
                if root.real in (Path(os.path.realpath(place)), Path(os.path.realpath(output))):
                    raise UsageError(
                        f"--output {output} would write {root.path} onto itself: "
                        "leave --output out to optimize in place, or give another folder"
                    )
                self._roots.setdefault(output_name(root.path), []).append(root)

    def destination(self, candidate: Candidate) -> Path:
        """Return where the result goes: always inside the output folder."""
        return self._output / candidate.place

    def rival(self, candidate: Candidate) -> Path | None:
        """Return another input that would go to the same place, None as a rule."""
        place = candidate.place
        # The one PATH without a name, a whole file system, leaves no other to meet it.
        for root in self._roots.get(place.parts[0], ()):
            if root.path == candidate.root:
                continue
            inside = Path(*place.parts[1:])
            if root.is_folder and holds(
                root, inside, without=[self._output], selection=self._selection
            ):
                return root.path / inside
            if not root.is_folder and len(place.parts) == 1:
                return root.path
        return None


def _clash(path: Path, rival: Path) -> FileResult:
    return FileResult(
        path=path,
        status=Status.FAILED,
        reason="name_clash",
        message=f"{plain_name(rival)} would get the same name in the output folder: run them apart",
    )
