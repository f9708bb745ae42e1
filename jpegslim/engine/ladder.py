"""The ladder: lossy where it pays and holds, else lossless, else the file as it is."""

from dataclasses import replace
from functools import cached_property

from jpegslim.engine import metric, verify
from jpegslim.engine.codecs import mozjpeg
from jpegslim.engine.container.assemble import assemble, carried
from jpegslim.engine.container.marker import Marker, read_marker
from jpegslim.engine.container.segments import Container, Frame, parse
from jpegslim.engine.container.trailer import gain_map_bytes, parts
from jpegslim.engine.original import Original
from jpegslim.engine.trials import Candidate, Trials
from jpegslim.errors import FileError
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

_SDR_ONLY = "the score speaks of the picture without its HDR gain map, which is carried as it was"

# Why lossy does not pay: where lossless does not either, the file is kept for lack of gain. Any
# other reason is worth telling of a kept file too.
_OF_GAIN = (
    Reason.LOSSLESS_ASKED,
    Reason.GENERATION_PRICE,
    Reason.SOURCE_COARSE,
    Reason.TARGET_OUT_OF_REACH,
)


class Ladder:
    """One picture and the rungs it may stand on."""

    def __init__(self, whole: Container, settings: Settings, made: Marker | None) -> None:
        """Take the file as it came. made: how it was made, where that is known without a marker."""
        self._original = Original(whole, settings)
        self._settings = settings
        self._made = made if made is not None else _made(whole, settings)
        self._trace = SearchTrace()
        self._encoder: str | None = None
        self._ignored: tuple[str, ...] = ()

    def climb(self) -> Optimized:
        """Take the first rung that holds."""
        marker = self._made
        if marker is not None and not self._original.has_to_drop:
            score = "" if marker.score is None else f", score {marker.score:.2f}"
            aim = "losslessly" if marker.target is None else f"at {marker.target:g}{score}"
            return self._stay(
                Status.SKIPPED,
                Reason.ALREADY_OPTIMIZED,
                f"jpegslim {marker.version} optimized it before, {aim}",
            )
        # A source that does not decode is broken; what fails from here on is our own coding.
        self._original.refuse_unfit()
        if marker is not None:
            return self._only_metadata("its picture was optimized before")
        return self._recompress()

    def _recompress(self) -> Optimized:
        target = self._settings.target
        if target is None:
            return self._lossless(Reason.LOSSLESS_ASKED, "lossless recompression asked")
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
        frame = self._original.source.frame
        if self._original.components not in _MEASURABLE:
            return "ink colours (CMYK) can't be measured"
        if not metric.is_meaningful(frame.width, frame.height):
            return "the picture is too small to be measured"
        return None

    @cached_property
    def _recoded(self) -> bytes | None:
        """The source with its entropy coding optimized, verified; None where not to be had."""
        if not self._settings.progressive or self._original.source.frame.arithmetic:
            # The optimizer writes progressive scans only, and reads Huffman codes only.
            return None
        if self._original.is_large:
            self._original.forget_pixels()
        data = assemble(
            self._original.source,
            mozjpeg.recode(self._original.source.data[: self._original.source.image_end]),
            marker=self._marker(self._settings.target),
            recoded=False,
        )
        if self._original.is_large:
            verify.same_picture(
                data, self._original.source.data, components=self._original.components
            )
        else:
            verify.same_pixels(data, self._original.pixels, components=self._original.components)
        return data

    def _search(self, target: float) -> Candidate | None:
        trials = Trials(
            self._original.canvas,
            self._original.canvas_pixels,
            view=self._original.view,
            settings=self._settings,
            target=target,
            # The marker's score is as long as the real one, so that offsets stay where they are.
            marker=self._marker(target, target),
        )
        if self._original.view.note is not None:
            self._ignored = (self._original.view.note,)
        try:
            candidate = trials.smallest()
        finally:
            self._trace, self._encoder = trials.trace, trials.encoder.name
        if candidate is None or not (self._original.is_large and self._settings.progressive):
            return candidate
        del trials
        self._original.forget_pixels()
        data = assemble(
            self._original.canvas,
            mozjpeg.recode(candidate.data),
            marker=self._marker(target, target),
            recoded=True,
        )
        verify.same_picture(data, candidate.data, components=self._original.components)
        return replace(candidate, data=data)

    def _weigh(self, candidate: Candidate, target: float) -> Optimized:
        """Deliver the lossy candidate if it is worth a generation, else fall to lossless."""
        size = len(self._original.source.data)
        if _coarser(self._original.canvas, parse(candidate.data)):
            return self._lossless(
                Reason.SOURCE_COARSE, "the source is quantized as coarsely already"
            )
        price = 1 - self._settings.generation_saving
        worth = len(candidate.data) <= price * size
        if worth and not self._is_clear(candidate):
            worth = len(candidate.data) <= price * len(self._recoded or self._original.source.data)
        if not worth:
            return self._lossless(
                Reason.GENERATION_PRICE,
                f"lossy at {target:g} would save less than"
                f" {self._settings.generation_saving:.0%} more than lossless",
            )
        return self._deliver(candidate, target)

    def _is_clear(self, candidate: Candidate) -> bool:
        """Tell whether lossless can't come near the candidate, without trying it."""
        source = self._original.source
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
        data = assemble(self._original.canvas, candidate.data, marker=marker, recoded=True)
        # A score of more digits than the target's moves what an index of pictures points at.
        if not verify.same_but_marker(data, candidate.data):
            verify.same_picture(data, candidate.data, components=self._original.components)
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
        size = len(self._original.source.data)
        if self._original.source.frame.arithmetic:
            return self._stay(
                Status.KEPT,
                "arithmetic_coding",
                f"{detail}, and arithmetic coding can't be optimized losslessly",
            )
        if recoded is None or len(recoded) > (1 - self._settings.minimum_saving) * size:
            return self._stay(
                Status.KEPT,
                Reason.TOO_LITTLE_TO_GAIN if reason in _OF_GAIN else reason,
                f"{detail}, and {self._why_not_lossless()}",
            )
        return self._result(recoded, Status.LOSSLESS, reason, detail)

    def _why_not_lossless(self) -> str:
        if self._recoded is None:
            return "lossless recompression writes progressive scans only"
        least = self._settings.minimum_saving
        return f"lossless saves under {100 * least:g}%" if least else "lossless saves nothing"

    def _stay(self, status: Status, reason: str, detail: str) -> Optimized:
        """Leave the picture as it is; metadata that is to go does so all the same."""
        if status is Status.KEPT and self._original.has_to_drop:
            return self._only_metadata(detail)
        carried_along = self._original.retained.notes if self._original.policy.drops else ()
        return replace(
            unchanged(
                self._original.whole.data, self._original.whole.frame, status, reason, detail
            ),
            target=self._settings.target,
            notes=(*self._ignored, *carried_along),
            trace=self._trace,
        )

    def _only_metadata(self, why: str) -> Optimized:
        """Deliver the source's own coded data without the metadata that is to go."""
        data = self._original.source.data
        made = self._made or read_marker(self._original.whole)
        marker = self._marker(self._settings.target)
        if marker is not None:
            if made is not None:
                marker = replace(made, source=self._original.digest)
            marked = assemble(
                self._original.source,
                data[: self._original.source.image_end],
                marker=marker,
                recoded=False,
            )
            data = marked if len(marked) <= len(self._original.whole.data) else data
        verify.same_picture(data, self._original.whole.data, components=self._original.components)
        result = self._result(
            data,
            Status.LOSSLESS,
            Reason.METADATA_DROPPED,
            f"metadata dropped, nothing else: {why}",
        )
        return replace(
            result, encoder=None, target=self._settings.target if made is None else made.target
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
        turned = candidate is not None and self._original.is_turned
        carried(
            self._original.whole,
            delivered,
            recoded=candidate is not None,
            policy=self._original.policy,
            turned=turned,
        )
        verify.shown_alike(delivered, self._original.view)
        gain_map = gain_map_bytes(parts(delivered))
        return Optimized(
            data=data,
            status=status,
            reason=reason,
            detail=detail,
            bytes_in=len(self._original.whole.data),
            bytes_out=len(data),
            width=delivered.frame.width,
            height=delivered.frame.height,
            score=candidate.measured.score if candidate else None,
            worst_tile=candidate.measured.worst_tile if candidate else None,
            target=self._settings.target,
            encoder=self._encoder if candidate else mozjpeg.name(),
            chroma_subsampling=delivered.frame.chroma_subsampling,
            metadata_dropped=self._original.retained.dropped,
            gain_map=gain_map,
            notes=(
                *((_SDR_ONLY,) if gain_map and candidate else ()),
                *self._ignored,
                *self._original.retained.notes,
            ),
            trace=self._trace,
        )

    def _marker(self, target: float | None, score: float | None = None) -> Marker | None:
        if not self._settings.marker:
            return None
        return Marker(
            version=VERSION, target=target, score=score, tables="", source=self._original.digest
        )


def _made(whole: Container, settings: Settings) -> Marker | None:
    """Return the marker of a file that already is what the settings ask for."""
    marker = read_marker(whole)
    return marker if marker is not None and _covers(marker, settings) else None


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


def unchanged(
    data: bytes, frame: Frame | None, status: Status, reason: str, detail: str
) -> Optimized:
    """Return the outcome of a file that stays as it is."""
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
