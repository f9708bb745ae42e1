"""Tell whether the scans of a progressive JPEG add up to the whole picture."""

from jpegslim.engine.container.segments import Container
from jpegslim.engine.container.walk import SOS
from jpegslim.errors import UnsupportedJpeg

_COEFFICIENTS = 64


def refuse_missing_scans(source: Container) -> None:
    """Raise UnsupportedJpeg where a progressive picture ends before its last bits came.

    Decoders make up for them, libjpeg by smoothing across blocks, others not at all: as soon as
    the scans are rearranged, the same coefficients show as another picture.
    """
    if not source.frame.progressive:
        return
    missing = {component.id: set(range(_COEFFICIENTS)) for component in source.frame.components}
    for segment in source.segments:
        if segment.marker != SOS:
            continue
        header = segment.payload(source.data)
        # Behind the components (T.81 B.2.3): first and last coefficient, and in the lower half of
        # the last byte how many bits are left for later scans.
        first, last, left = *header[-3:-1], header[-1] & 15
        if left == 0:
            for component in header[1:-3:2]:
                missing[component].difference_update(range(first, last + 1))
    if any(missing.values()):
        raise UnsupportedJpeg(
            "the last scans of the picture are missing, and viewers differ in how they fill in",
            reason="scans_missing",
        )
