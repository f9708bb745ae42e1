"""Find an archive's trailer (AFCP) that counts from the start of the file."""

from typing import Literal

from jpegslim.engine.container.segments import Container
from jpegslim.errors import UnsupportedJpeg

# The file's last twelve bytes: a sign, where the trailer starts, four bytes unused. The trailer
# starts with the same sign, which says the order of bytes too.
_SIGNS: dict[bytes, Literal["big", "little"]] = {b"AXS!": "big", b"AXS*": "little"}
_SIGN, _END = 4, 12


def refuse_afcp(container: Container) -> None:
    """Raise UnsupportedJpeg where an AFCP trailer stands at the end of the file.

    It names itself and its captions, thumbnails and previews by their distance from the start of
    the file, so it would point at nothing once the picture changes size.
    """
    data = container.data
    order = _SIGNS.get(data[-_END : _SIGN - _END])
    if order is None or len(container.trailer) < _END:
        return
    start = int.from_bytes(data[_SIGN - _END : 2 * _SIGN - _END], order)
    if container.image_end <= start and data.startswith(data[-_END : _SIGN - _END], start):
        raise UnsupportedJpeg(
            "an archive's notes behind the picture (AFCP) say where they are from the start of the"
            " file, and would be lost",
            reason="afcp_offsets",
        )
