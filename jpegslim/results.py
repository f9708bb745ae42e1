"""The records that cross rooms: what was decided for a picture, a file and a run."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from jpegslim.errors import ExitCode

SCHEMA_VERSION = 1

# How the message ends of a file that stays as it is although metadata was to go.
METADATA_LEFT = "its metadata was not dropped"


class Status(StrEnum):
    """The rungs of the ladder, best first."""

    OPTIMIZED = "optimized"
    LOSSLESS = "lossless"
    KEPT = "kept"
    SKIPPED = "skipped"
    FAILED = "failed"


class Reason(StrEnum):
    """Why a picture stands on its rung; stable codes for scripts.

    Failed and kept files may carry the codes of `errors.FileError` subclasses as well.
    """

    TARGET_MET = "target_met"
    ANOTHER_GENERATION = "another_generation"
    METADATA_DROPPED = "metadata_dropped"
    LOSSLESS_ASKED = "lossless_asked"
    GENERATION_PRICE = "generation_price"
    SOURCE_COARSE = "source_coarse"
    TARGET_OUT_OF_REACH = "target_out_of_reach"
    NOT_MEASURABLE = "not_measurable"
    TOO_LITTLE_TO_GAIN = "too_little_to_gain"
    ALREADY_OPTIMIZED = "already_optimized"
    ALREADY_COPIED = "already_copied"
    LISTED_TWICE = "listed_twice"
    TOO_BIG = "too_big"
    HARD_LINKED = "hard_linked"
    TOO_SMALL = "too_small"
    TOO_YOUNG = "too_young"
    PHOTO_LIBRARY = "photo_library"


@dataclass(frozen=True, slots=True)
class Url:
    """Where something stands that is no file: `s3://bucket/key`, spelt as it is shown."""

    text: str

    def __str__(self) -> str:
        return self.text


def place(text: str) -> Path | Url:
    """Read what a report shows of a place: a URL of S3, or the path of a file."""
    return Url(text) if text.startswith("s3://") else Path(text)


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle of the picture in pixels, and its SSIMULACRA2 score."""

    x: int
    y: int
    width: int
    height: int
    score: float


@dataclass(frozen=True, slots=True)
class Probe:
    """One attempt of the search.

    stage: "sample" or "full". distance: the encoder's. size: coded bytes. floor_met: whether
    every tile stood above its floor (always True for samples).
    """

    stage: str
    chroma_subsampling: str
    distance: float
    size: int
    score: float
    floor_met: bool = True


@dataclass(frozen=True, slots=True)
class SearchTrace:
    """Everything the search tried, in order."""

    probes: tuple[Probe, ...] = ()

    @property
    def full_encodes(self) -> int:
        """How many times the whole picture was encoded and measured."""
        return sum(probe.stage == "full" for probe in self.probes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimized:
    """What the engine made of one picture.

    data: the bytes to deliver; for KEPT and SKIPPED the source's own. detail: one line for a
    person. score and worst_tile: measured on `data` decoded again, None where no lossy coding
    happened. target: None for lossless. chroma_subsampling: of `data`, "4:2:0" style, "gray",
    or None where unknown. metadata_dropped: bytes of metadata left out as asked, no part of what
    recompression saved. metadata_left: the file stays as it is, with metadata that was to go.
    gain_map: bytes of HDR gain maps carried as they are. notes: lines for a person about what the
    score does not cover, what was ignored, and what is carried with metadata of its own.
    """

    data: bytes = field(repr=False)
    status: Status
    reason: str
    detail: str
    bytes_in: int
    bytes_out: int
    width: int | None = None
    height: int | None = None
    score: float | None = None
    worst_tile: Tile | None = None
    target: float | None = None
    encoder: str | None = None
    chroma_subsampling: str | None = None
    metadata_dropped: int = 0
    metadata_left: bool = False
    gain_map: int = 0
    notes: tuple[str, ...] = ()
    trace: SearchTrace = SearchTrace()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which results a report would show: those that save more, or whose worst tile scores less."""

    saves_over: float
    scores_under: float

    def covers(self, saved: int, worst: float) -> bool:
        """Tell whether such a result is wished for."""
        return saved > self.saves_over or worst < self.scores_under


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The surroundings of a result's worst tile beside those of its original.

    before, after: encoded pictures, pixel for pixel and without loss, the way viewers turn them.
    media_type: of both. tile: the worst tile in their pixels, cut to them. thumbnail: all of the
    result with the tile outlined, a JPEG.
    """

    before: bytes = field(repr=False)
    after: bytes = field(repr=False)
    media_type: str
    tile: Tile
    thumbnail: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return len(self.before) + len(self.after) + len(self.thumbnail)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """The outcome of one file; what reports show.

    output: where the result stands (the source itself when in place), None where nothing was
    written. message: one line for a person, without the path. bytes_out equals bytes_in where
    nothing changed. metadata_dropped, metadata_left, gain_map, notes: as for `Optimized`. seconds:
    spent in the worker. traceback: of a failure, where it was asked for. orientation: how viewers
    turn the result (EXIF, 1 to 8); worst_tile counts in pixels as they are stored. original: where
    the original stands still, None where it was replaced and not kept. view: the worst tile
    before and after, where somebody wished for it.
    """

    path: Path | Url
    status: Status
    reason: str
    message: str
    output: Path | Url | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    score: float | None = None
    worst_tile: Tile | None = None
    target: float | None = None
    encoder: str | None = None
    chroma_subsampling: str | None = None
    megapixels: float | None = None
    metadata_dropped: int = 0
    metadata_left: bool = False
    gain_map: int = 0
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    full_encodes: int = 0
    traceback: str | None = None
    orientation: int = 1
    original: Path | None = None
    view: View | None = field(default=None, repr=False)

    @classmethod
    def of(cls, path: Path | Url, optimized: Optimized) -> "FileResult":
        """Return what the engine made of the picture at a path."""
        megapixels = None
        if optimized.width and optimized.height:
            megapixels = optimized.width * optimized.height / 1e6
        return cls(
            path=path,
            status=optimized.status,
            reason=optimized.reason,
            message=optimized.detail,
            bytes_in=optimized.bytes_in,
            bytes_out=optimized.bytes_out,
            score=optimized.score,
            worst_tile=optimized.worst_tile,
            target=optimized.target,
            encoder=optimized.encoder,
            chroma_subsampling=optimized.chroma_subsampling,
            megapixels=megapixels,
            metadata_dropped=optimized.metadata_dropped,
            metadata_left=optimized.metadata_left,
            gain_map=optimized.gain_map,
            notes=optimized.notes,
            full_encodes=optimized.trace.full_encodes,
        )


@dataclass(slots=True)
class Totals:
    """The counts of a run; the exit code follows from them.

    lowest: the file with the lowest score delivered. failures: kept whole, since every failed
    file is named at the end; metadata_left the same, files whose metadata was to go and did not.
    metadata_dropped: bytes, a part of what was saved. gain_maps, gain_map: rewritten files with HDR
    gain maps, and the bytes of these. notes: files by what there is to note. stopped: why nothing
    further could succeed. cut_short: why the rest was left for another run, as asked.
    """

    counts: Counter[Status] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0
    megapixels: float = 0.0
    seconds: float = 0.0
    lowest: FileResult | None = None
    failures: list[FileResult] = field(default_factory=list)
    metadata_dropped: int = 0
    metadata_left: list[FileResult] = field(default_factory=list)
    gain_maps: int = 0
    gain_map: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    interrupted: bool = False
    stopped: str | None = None
    cut_short: str | None = None

    def add(self, result: FileResult) -> None:
        """Count one finished file."""
        self.counts[result.status] += 1
        self.bytes_in += result.bytes_in
        # What an earlier run saved is not saved again, and what nobody looked at took no time.
        skipped = result.status is Status.SKIPPED
        self.bytes_out += result.bytes_in if skipped else result.bytes_out
        if result.seconds and not skipped:
            self.megapixels += result.megapixels or 0.0
        if result.status is Status.FAILED:
            self.failures.append(result)
        elif result.metadata_left:
            self.metadata_left.append(result)
        self.metadata_dropped += result.metadata_dropped
        self.gain_maps += result.gain_map > 0
        self.gain_map += result.gain_map
        self.notes.update(result.notes)
        if result.score is not None and (
            self.lowest is None or self.lowest.score is None or result.score < self.lowest.score
        ):
            self.lowest = result

    @property
    def files(self) -> int:
        """How many files finished, whatever the outcome."""
        return self.counts.total()

    @property
    def saved_fraction(self) -> float:
        """Saved bytes as a fraction of the bytes read; 0 for an empty run."""
        return 1 - self.bytes_out / self.bytes_in if self.bytes_in else 0.0

    @property
    def exit_code(self) -> ExitCode:
        """Interrupted, stopped, some failed, or fine: the strongest wins."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if self.stopped is not None:
            return ExitCode.STOPPED
        return ExitCode.SOME_FAILED if self.counts[Status.FAILED] else ExitCode.OK
