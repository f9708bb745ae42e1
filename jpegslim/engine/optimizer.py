"""One picture in, the smallest one out that keeps the promise: bytes to bytes."""

from collections.abc import Callable
from dataclasses import replace

from jpegslim.engine import verify
from jpegslim.engine.codecs import whole
from jpegslim.engine.container.marker import Marker
from jpegslim.engine.container.policy import policy_of
from jpegslim.engine.container.roles import may_hold_metadata
from jpegslim.engine.container.segments import parse, peek
from jpegslim.engine.ladder import Ladder, unchanged
from jpegslim.errors import UnsupportedJpeg
from jpegslim.results import METADATA_LEFT, Optimized, Reason, Status
from jpegslim.settings import Settings


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
    return _optimize(data, settings, admit, made=None)


def drop_metadata(
    data: bytes,
    settings: Settings,
    made: Marker,
    *,
    admit: Callable[[float], None] | None = None,
) -> Optimized:
    """Do to a result of ours what `settings` ask of metadata, and nothing to its picture.

    made: how it was made; for results that carry no marker. Raises what `optimize` does.
    """
    return _optimize(data, settings, admit, made=made)


def _optimize(
    data: bytes,
    settings: Settings,
    admit: Callable[[float], None] | None,
    *,
    made: Marker | None,
) -> Optimized:
    frame = None
    try:
        frame = peek(data)
        if frame.megapixels > settings.max_megapixels:
            refused = unchanged(
                data,
                frame,
                Status.SKIPPED,
                Reason.TOO_BIG,
                f"{frame.megapixels:.0f} megapixels, over the limit of {settings.max_megapixels:g}",
            )
            return _with_metadata_left(refused, settings)
        if admit is not None:
            admit(frame.megapixels)
        return Ladder(parse(data), settings, made).climb()
    except (UnsupportedJpeg, verify.PromiseBroken) as error:
        if frame is not None and isinstance(error, UnsupportedJpeg):
            whole.refuse_damaged(data, frame, error)
        refused = unchanged(data, frame, Status.KEPT, error.reason, str(error))
        return _with_metadata_left(refused, settings)


def _with_metadata_left(refused: Optimized, settings: Settings) -> Optimized:
    """Say of a file that stays as it is that nothing was dropped where that was asked for."""
    if not (policy_of(settings).drops and may_hold_metadata(refused.data)):
        return refused
    detail = f"{refused.detail}; {METADATA_LEFT}"
    return replace(refused, detail=detail, metadata_left=True)
