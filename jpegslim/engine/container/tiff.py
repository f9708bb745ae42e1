"""Read TIFF directories out of EXIF and MPF segments, whatever they hold."""

import struct
from dataclasses import dataclass

# TIFF 6.0 section 2: the types that hold offsets and counts.
_SHORT, _LONG = 3, 4
_FORMATS = {_SHORT: "H", _LONG: "I"}
# Bytes a value takes: TIFF 6.0 section 2, IFD (13) of its supplement 1, UTF-8 (129) of Exif 3.0.
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
_HEADER_SIZE, _FIELD_SIZE = 8, 12
# Cameras write some 60 fields; a hostile count would only cost time.
_MAX_FIELDS = 1024
# A value of four bytes or fewer stands in the field itself.
_INLINE = 4


@dataclass(frozen=True, slots=True)
class Field:
    """A directory field: its type, count, and the offset of its four value bytes."""

    kind: int
    count: int
    at: int


@dataclass(frozen=True, slots=True)
class Tiff:
    """A TIFF block: all offsets count from its first byte. order: "<" or ">"."""

    block: bytes
    order: str

    def number(self, at: int) -> int | None:
        """Return the 32-bit number at an offset, None where the block ends before."""
        if at < 0 or at + 4 > len(self.block):
            return None
        (value,) = struct.unpack_from(f"{self.order}I", self.block, at)
        return int(value)

    def directory(self, at: int) -> tuple[dict[int, Field], int]:
        """Return the fields of a directory by tag, and the offset of the next one (0: none).

        Whatever lies outside the block is left out. A directory that stands in the header is
        none: some readers would take it, others not.
        """
        if at < _HEADER_SIZE or at + 2 > len(self.block):
            return {}, 0
        (count,) = struct.unpack_from(f"{self.order}H", self.block, at)
        fields: dict[int, Field] = {}
        start = at + 2
        end = min(start + min(count, _MAX_FIELDS) * _FIELD_SIZE, len(self.block))
        for here in range(start, end - _FIELD_SIZE + 1, _FIELD_SIZE):
            tag, kind, values = struct.unpack_from(f"{self.order}HHI", self.block, here)
            fields.setdefault(tag, Field(kind, values, here + 8))
        return fields, self.number(start + count * _FIELD_SIZE) or 0

    def extent(self, field: Field) -> tuple[int, int] | None:
        """Return where a field's value begins and ends, None where that can't be told.

        That is so for types TIFF does not know, and for values out of the block.
        """
        size = field.count * SIZES.get(field.kind, 0)
        at = field.at if size <= _INLINE else self.number(field.at)
        if field.kind not in SIZES or at is None or at + size > len(self.block):
            return None
        return at, at + size

    def numbers(self, field: Field | None) -> tuple[int, ...]:
        """Return a field's SHORT or LONG values; () for another type or values out of the block."""
        if field is None or field.kind not in _FORMATS:
            return ()
        code = _FORMATS[field.kind]
        at: int | None = field.at
        size = field.count * struct.calcsize(f"={code}")
        if size > _INLINE:
            at = self.number(field.at)
        if at is None or at + size > len(self.block):
            return ()
        return struct.unpack_from(f"{self.order}{field.count}{code}", self.block, at)


def read_tiff(block: bytes) -> tuple[Tiff, int] | None:
    """Return a TIFF block and its first directory's offset, None for anything else."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return None
    tiff = Tiff(block, order)
    first = tiff.number(4)
    return None if first is None or first < _HEADER_SIZE else (tiff, first)
