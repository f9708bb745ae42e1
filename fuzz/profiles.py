"""Small colour profiles, written by hand: matrix and curves, grey, and tables of both kinds."""

import struct
from collections.abc import Iterable, Mapping
from functools import partial

SRGB_PRIMARIES = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139))
WIDE_PRIMARIES = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
_D50 = (0.9642, 1.0, 0.8249)


def fixed(values: Iterable[float]) -> bytes:
    """Return s15Fixed16Numbers."""
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def xyz(values: Iterable[float]) -> bytes:
    """Return an XYZ tag."""
    return b"XYZ \0\0\0\0" + fixed(values)


def table(values: Iterable[int]) -> bytes:
    """Return a "curv" tag: none for a line, one for a gamma in 1/256, more for samples."""
    numbers = list(values)
    return b"curv\0\0\0\0" + struct.pack(f">I{len(numbers)}H", len(numbers), *numbers)


def function(kind: int, parameters: Iterable[float]) -> bytes:
    """Return a "para" tag."""
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + fixed(parameters)


def description(text: str, version: int) -> bytes:
    """Return a "desc" tag as version 2 or 4 writes it."""
    if version == 2:
        return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text.encode("ascii") + bytes(79)
    written = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(written), 28) + written


def profile(
    tags: Mapping[bytes, bytes],
    *,
    kind: bytes = b"mntr",
    space: bytes = b"RGB ",
    connection: bytes = b"XYZ ",
    version: int = 2,
) -> bytes:
    """Return a profile of these tags, equal ones shared as makers do."""
    places: dict[bytes, int] = {}
    values = bytearray()
    begin = 132 + 12 * len(tags)
    listed = struct.pack(">I", len(tags))
    for name, value in tags.items():
        if value not in places:
            places[value] = begin + len(values)
            values += value + bytes(-len(value) % 4)
        listed += struct.pack(">4sII", name, places[value], len(value))
    header = struct.pack(
        ">I4sB3s4s4s4s12s4s28x12s48x",
        begin + len(values),
        *(b"none", version, bytes(3), kind, space, connection),
        *(struct.pack(">6H", 2026, 11, 23, 12, 0, 0), b"acsp"),
        fixed(_D50),
    )
    return header + listed + bytes(values)


def matrix(primaries: Iterable[Iterable[float]], curve: bytes, *, version: int = 2) -> bytes:
    """Return a profile of primaries, each with the same curve."""
    tags = {b"desc": description("by hand", version), b"wtpt": xyz(_D50)}
    tags |= {name: xyz(each) for name, each in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries)}  # noqa: B905
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return profile(tags, version=version)


def lut8() -> bytes:
    """Return a version 2 table of eight bits from RGB to Lab, two points to an axis."""
    ramp = bytes(range(256))
    points = bytearray()
    for corner in range(8):
        red, green, blue = corner >> 2 & 1, corner >> 1 & 1, corner & 1
        lightness = 54 * red + 182 * green + 18 * blue
        points += bytes([min(255, lightness), 128 + 60 * (red - green), 128 + 60 * (green - blue)])
    head = b"mft1\0\0\0\0\3\3\2\0" + fixed((1, 0, 0, 0, 1, 0, 0, 0, 1))
    return head + ramp * 3 + bytes(points) + ramp * 3


def lut_ab() -> bytes:
    """Return a version 4 table: curves alone, from RGB to Lab."""
    curves = table([]) * 3
    return b"mAB \0\0\0\0\3\3\0\0" + struct.pack(">5I", 32, 0, 0, 0, 0) + curves


def profiles() -> list[bytes]:
    """Return a profile of every kind that the reader tells apart."""
    srgb = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    grey = partial(profile, space=b"GRAY")
    printer = partial(profile, kind=b"prtr", connection=b"Lab ")
    return [
        matrix(SRGB_PRIMARIES, table([563])),
        matrix(WIDE_PRIMARIES, function(3, srgb), version=4),
        matrix(WIDE_PRIMARIES, table(range(0, 65536, 4369))),
        matrix(WIDE_PRIMARIES, table([])),
        *(
            matrix(SRGB_PRIMARIES, function(kind, parameters), version=4)
            for kind, parameters in (
                (0, (2.2,)),
                (1, (2.2, 1.0, 0.0)),
                (2, (2.2, 0.9, 0.05, 0.02)),
                (4, (*srgb, 0.001, 0.002)),
            )
        ),
        grey({b"kTRC": table([461])}),
        grey({b"kTRC": table([]), b"desc": description("grey", 2)}, connection=b"Lab "),
        printer({b"A2B0": lut8(), b"desc": description("table", 2)}),
        printer({b"A2B0": lut_ab()}, version=4),
        profile({b"A2B0": lut8()}, kind=b"link", space=b"CMYK", connection=b"Lab "),
    ]
