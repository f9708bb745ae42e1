"""Apple's maker note, as far as its HDR gain maps need it."""

from jpegslim.engine.container.ifd import Directory, Value, write
from jpegslim.engine.container.tiff import Tiff

_START = b"Apple iOS\0"
# The name, a version, the byte order; offsets count from the name's first byte.
_HEADER_SIZE = 14
_ORDERS = {b"II": "<", b"MM": ">"}
# HDRHeadroom and HDRGain: how bright a viewer shows the gain map's lights.
_HEADROOM, _GAIN = 0x0021, 0x0030


def reduce_note(note: bytes) -> bytes | None:
    """Return a maker note with the two fields that the gain map needs, None without them.

    Everything else in it (identifiers of the device and the moment, faces, positions) is gone.
    """
    order = _ORDERS.get(note[_HEADER_SIZE - 2 : _HEADER_SIZE])
    if order is None or not note.startswith(_START):
        return None
    tiff = Tiff(note, order)
    found, _ = tiff.directory(_HEADER_SIZE)
    kept = {}
    for tag in (_HEADROOM, _GAIN):
        extent = tiff.extent(found[tag]) if tag in found else None
        if extent is not None:
            kept[tag] = Value(found[tag].kind, note[slice(*extent)])
    if not kept:
        return None
    return note[:_HEADER_SIZE] + write(order, Directory(kept), at=_HEADER_SIZE)
