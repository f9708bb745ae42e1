"""Tell whether what stands where a result would go is an earlier result of the same source."""

from contextlib import suppress
from dataclasses import dataclass

from jpegslim.engine.container.assemble import carried
from jpegslim.engine.container.marker import read_marker, source_digest
from jpegslim.engine.container.policy import Policy, policy_of
from jpegslim.engine.container.retain import retain
from jpegslim.engine.container.segments import Container, parse
from jpegslim.errors import FileError, PublishError, UnsupportedJpeg
from jpegslim.files import ledger, store
from jpegslim.files.plan import Task
from jpegslim.files.remembered import metadata_key
from jpegslim.settings import Metadata, Settings
from jpegslim.version import VERSION

# Whatever of our policies a result was made by, it lacks nothing more than this allows.
_ANY = Policy(Metadata.STRIP, break_signatures=True)


@dataclass(frozen=True, slots=True)
class Made:
    """By which version and how a result was made; metadata: None where by another policy."""

    version: str
    target: float | None
    metadata: str | None

    def is_as_asked(self, settings: Settings) -> bool:
        """Tell whether the same is asked for again."""
        return self.target == settings.target and self.metadata == metadata_key(settings)


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier result of this very source. made: None for an unchanged copy."""

    digest: str
    size: int
    made: Made | None


class Destination:
    """What stands where the result would go."""

    def __init__(self, task: Task) -> None:
        """Take the task whose result it is."""
        self._task = task

    def earlier(self, data: bytes, digest: str) -> Earlier | None:
        """Return the earlier result of the source with these bytes, None where nothing is there.

        Raises PublishError where something else has the name: it may be the only copy of another
        photo.
        """
        place = self._task.destination
        try:
            there, identity = store.read(place, limit=store.LARGEST_FILE)
        except FileError as error:
            if error.reason == "not_found":
                return None
            raise PublishError(f"{place} {error}", reason="exists") from error
        if there == data:
            return Earlier(identity.digest, len(there), None)
        made = self._made(there, identity.digest, data, digest)
        if made is None:
            raise PublishError(
                f"{place} exists and was not made from this file:"
                " move it away or choose another --output",
                reason="exists",
            )
        return Earlier(identity.digest, len(there), made)

    def _made(self, there: bytes, digest: str, source: bytes, origin: str) -> Made | None:
        if self._task.ledger is not None:
            output = ledger.view(self._task.ledger).output(digest)
            if output is not None and output.source == origin:
                return Made(output.version, output.target, output.metadata)
        try:
            return self._by_contents(parse(there), parse(source))
        except FileError:
            return None

    def _by_contents(self, found: Container, source: Container) -> Made | None:
        """Tell by two files alone how one was made from the other, None where it was not."""
        settings = self._task.settings
        marker = read_marker(found)
        policy = policy_of(settings)
        if marker is None or marker.source != source_digest(source.data):
            # What lost little more than a marker takes has none.
            if policy.drops and retain(source, policy).container.data == found.data:
                return Made(VERSION, settings.target, metadata_key(settings))
            return None
        recoded = marker.score is not None
        is_done = retain(found, policy).container is found
        if is_done and _is_carried(source, found, policy, recoded=recoded):
            return Made(marker.version, marker.target, metadata_key(settings))
        # Keywords or a rating added since are somebody's work, marker or not.
        if _is_carried(source, found, _ANY, recoded=recoded):
            return Made(marker.version, marker.target, None)
        return None


def _is_carried(source: Container, found: Container, policy: Policy, *, recoded: bool) -> bool:
    for turned in (False, True):
        with suppress(UnsupportedJpeg):
            carried(source, found, recoded=recoded, policy=policy, turned=turned)
            return True
    return False
