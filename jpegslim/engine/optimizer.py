"""The ladder: lossy where it pays and holds, else lossless, else the file as it is."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jpegslim.engine import metric, verify
from jpegslim.engine.codecs import mozjpeg, turbo
from jpegslim.engine.container.assemble import admit, assemble, carried
from jpegslim.engine.container.marker import Marker, read_marker, source_digest
from jpegslim.engine.container.segments import Container, Frame, parse, peek
from jpegslim.engine.container.signature import refuse_signed
from jpegslim.engine.trials import Candidate, Trials
from jpegslim.errors import FileError, UnsupportedJpeg
from jpegslim.results import Optimized, Reason, SearchTrace, Status
from jpegslim.settings import Settings
from jpegslim.version import VERSION

# A lossy result that saves more than this needs no lossless one beside it to be worth while, on
# photos: entropy coding alone saved 6.7% of 40 of them. On flat pictures, on small ones and
# between dense restart markers it was seen to save up to 80%, so there the two are always compared.
_CLEARLY_WORTH = 0.25
_PHOTO_MEGAPIXELS = 2.0
_PHOTO_BITS_PER_PIXEL = 0.5
_SPARSE_RESTARTS = 64

_MEASURABLE = (1, 3)

# Why lossy does not pay: where lossless does not either, the file is kept for lack of gain. Any
# other reason is worth telling of a kept file too.
_OF_GAIN = (
    Reason.LOSSLESS_ASKED,
    Reason.GENERATION_PRICE,
    Reason.SOURCE_COARSE,
    Reason.TARGET_OUT_OF_REACH,
)


def optimize(
    data: bytes,
    settings: Settings | None = None,
    *,
    admit: Callable[[float], None] | None = None,
) -> Optimized:
    """Return the smallest file that keeps the promise of `settings`, verified from its bytes.

    data: a whole JPEG file. settings: default `Settings()`. admit: called with the megapixels of
    the header before memory is taken for them; it may wait. The outcome may be the input itself
    (kept, skipped). Raises NotAJpeg where it is none, and BrokenJpeg where it is damaged.
    """
    settings = settings or Settings()
    frame = None
    try:
        frame = peek(data)
        if frame.megapixels > settings.max_megapixels:
            return _unchanged(
                data,
                frame,
                Status.SKIPPED,
                Reason.TOO_BIG,
                f"{frame.megapixels:.0f} megapixels, over the limit of {settings.max_megapixels:g}",
            )
        if admit is not None:
            admit(frame.megapixels)
        return _Ladder(parse(data), settings).climb()
    except (UnsupportedJpeg, verify.PromiseBroken) as error:
        return _unchanged(data, frame, Status.KEPT, error.reason, str(error))


class _Ladder:
    """One picture and the rungs it may stand on."""

    def __init__(self, source: Container, settings: Settings) -> None:
        self._source = source
        self._settings = settings
        self._components = len(source.frame.components)
        self._trace = SearchTrace()
        self._encoder: str | None = None

    def climb(self) -> Optimized:
        """Take the first rung that holds."""
        marker = read_marker(self._source)
        if marker is not None and _covers(marker, self._settings):
            score = "" if marker.score is None else f", score {marker.score:.2f}"
            aim = "losslessly" if marker.target is None else f"at {marker.target:g}{score}"
            return self._stay(
                Status.SKIPPED,
                Reason.ALREADY_OPTIMIZED,
                f"jpegslim {marker.version} optimized it before, {aim}",
            )
        refuse_signed(self._source)
        admit(self._source)
        target = self._settings.target
        if target is None:
            return self._lossless(Reason.LOSSLESS_ASKED, "lossless recompression asked")
        # A source that does not decode is broken; what fails from here on is our own coding.
        _ = self._pixels
        unmeasurable = self._why_unmeasurable()
        if unmeasurable is not None:
            return self._lossless(Reason.NOT_MEASURABLE, f"{unmeasurable}: lossless only")
        try:
            candidate = self._search(target)
            if candidate is not None:
                return self._weigh(candidate, target)
        except FileError as error:
            return self._lossless(
                verify.PromiseBroken.reason, f"the lossy result failed its check: {error}"
            )
        return self._lossless(Reason.TARGET_OUT_OF_REACH, f"no smaller coding reaches {target:g}")

    def _why_unmeasurable(self) -> str | None:
        frame = self._source.frame
        if self._components not in _MEASURABLE:
            return "ink colours (CMYK) can't be measured"
        if not metric.is_meaningful(frame.width, frame.height):
            return "the picture is too small to be measured"
        return None

    @cached_property
    def _pixels(self) -> NDArray[np.uint8]:
        return turbo.decode(self._source.data, components=self._components)

    @cached_property
    def _recoded(self) -> bytes | None:
        """The source with its entropy coding optimized, verified; None where not to be had."""
        if not self._settings.progressive:
            # The optimizer writes progressive scans only.
            return None
        reference = self._pixels
        coded = mozjpeg.recode(self._source.data[: self._source.image_end])
        data = assemble(
            self._source, coded, marker=self._marker(self._settings.target), recoded=False
        )
        verify.same_pixels(data, reference, components=self._components)
        return data

    def _search(self, target: float) -> Candidate | None:
        trials = Trials(
            self._source,
            self._pixels,
            settings=self._settings,
            target=target,
            # The marker's score is as long as the real one, so that offsets stay where they are.
            marker=self._marker(target, target),
        )
        try:
            return trials.smallest()
        finally:
            self._trace, self._encoder = trials.trace, trials.encoder.name

    def _weigh(self, candidate: Candidate, target: float) -> Optimized:
        """Deliver the lossy candidate if it is worth a generation, else fall to lossless."""
        size = len(self._source.data)
        if _coarser(self._source, parse(candidate.data)):
            return self._lossless(
                Reason.SOURCE_COARSE, "the source is quantized as coarsely already"
            )
        price = 1 - self._settings.generation_saving
        worth = len(candidate.data) <= price * size
        if worth and not self._is_clear(candidate):
            worth = len(candidate.data) <= price * len(self._recoded or self._source.data)
        if not worth:
            return self._lossless(
                Reason.GENERATION_PRICE,
                f"lossy at {target:g} would save less than"
                f" {self._settings.generation_saving:.0%} more than lossless",
            )
        return self._deliver(candidate, target)

    def _is_clear(self, candidate: Candidate) -> bool:
        """Tell whether lossless can't come near the candidate, without trying it."""
        source = self._source
        bits = 8 * source.image_end / (source.frame.width * source.frame.height)
        return (
            len(candidate.data) <= (1 - _CLEARLY_WORTH) * len(source.data)
            and source.frame.megapixels >= _PHOTO_MEGAPIXELS
            and bits >= _PHOTO_BITS_PER_PIXEL
            and not 0 < source.restart_interval < _SPARSE_RESTARTS
        )

    def _deliver(self, candidate: Candidate, target: float) -> Optimized:
        """Put the measured score into the marker, and check that nothing else moved."""
        score = candidate.measured.score
        marker = self._marker(target, score)
        data = assemble(self._source, candidate.coded, marker=marker, recoded=True)
        # A score of more digits than the target's moves what an index of pictures points at.
        if (
            not verify.same_but_marker(data, candidate.data)
            and verify.measure(data, self._pixels) != candidate.measured
        ):
            raise verify.PromiseBroken("writing the score changed the picture")
        return self._result(
            data,
            Status.OPTIMIZED,
            Reason.TARGET_MET,
            f"scores {score:.2f}, target {target:g}",
            candidate=candidate,
        )

    def _lossless(self, reason: str, detail: str) -> Optimized:
        """Deliver the lossless rung if it saves enough to be worth a rewrite, else stay."""
        recoded = self._recoded
        size = len(self._source.data)
        if recoded is None or len(recoded) > (1 - self._settings.minimum_saving) * size:
            return self._stay(
                Status.KEPT, Reason.TOO_LITTLE_TO_GAIN if reason in _OF_GAIN else reason, detail
            )
        return self._result(recoded, Status.LOSSLESS, reason, detail)

    def _stay(self, status: Status, reason: str, detail: str) -> Optimized:
        return replace(
            _unchanged(self._source.data, self._source.frame, status, reason, detail),
            target=self._settings.target,
            trace=self._trace,
        )

    def _result(
        self,
        data: bytes,
        status: Status,
        reason: str,
        detail: str,
        *,
        candidate: Candidate | None = None,
    ) -> Optimized:
        delivered = parse(data)
        carried(self._source, delivered, recoded=candidate is not None)
        return Optimized(
            data=data,
            status=status,
            reason=reason,
            detail=detail,
            bytes_in=len(self._source.data),
            bytes_out=len(data),
            width=delivered.frame.width,
            height=delivered.frame.height,
            score=candidate.measured.score if candidate else None,
            worst_tile=candidate.measured.worst_tile if candidate else None,
            target=self._settings.target,
            encoder=self._encoder if candidate else mozjpeg.name(),
            chroma_subsampling=delivered.frame.chroma_subsampling,
            trace=self._trace,
        )

    def _marker(self, target: float | None, score: float | None = None) -> Marker | None:
        if not self._settings.marker:
            return None
        return Marker(version=VERSION, target=target, score=score, tables="", source=self._digest)

    @cached_property
    def _digest(self) -> str:
        return source_digest(self._source.data)


def _covers(marker: Marker, settings: Settings) -> bool:
    """Tell whether a file with this marker already is what `settings` ask for.

    A lower target than the marker's goes on: the user asks for one more generation.
    """
    if settings.target is None:
        return True
    return marker.target is not None and marker.target <= settings.target


def _coarser(source: Container, delivered: Container) -> bool:
    """Tell whether every quantization step of the source is at least the new coding's."""
    tables = zip(source.component_tables, delivered.component_tables, strict=True)
    return all(old >= new for pair in tables for old, new in zip(*pair, strict=True))


def _unchanged(
    data: bytes, frame: Frame | None, status: Status, reason: str, detail: str
) -> Optimized:
    return Optimized(
        data=data,
        status=status,
        reason=reason,
        detail=detail,
        bytes_in=len(data),
        bytes_out=len(data),
        width=None if frame is None else frame.width,
        height=None if frame is None else frame.height,
        chroma_subsampling=None if frame is None else frame.chroma_subsampling,
    )
