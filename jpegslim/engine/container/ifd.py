"""Write a TIFF block anew from some of another one's fields, kept byte for byte."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from jpegslim.engine.container.tiff import SIZES

_HEADER_SIZE, _FIELD_SIZE, _INLINE = 8, 12, 4
_LONG = 4
_MAGIC = {"<": b"II*\0", ">": b"MM\0*"}


@dataclass(frozen=True, slots=True)
class Value:
    """A field's type, and its values as they were written, in the block's byte order."""

    kind: int
    data: bytes

    @property
    def count(self) -> int:
        """How many values there are."""
        return len(self.data) // SIZES[self.kind]


@dataclass(frozen=True, slots=True)
class Directory:
    """Fields by tag, and the directories that tags of this one point at."""

    values: Mapping[int, Value] = field(default_factory=dict)
    below: Mapping[int, "Directory"] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is any field in it or below."""
        return bool(self.values) or any(self.below.values())


def write_block(order: str, first: Directory) -> bytes:
    """Return a whole TIFF block of one directory and what is below; order: "<" or ">"."""
    return _MAGIC[order] + struct.pack(f"{order}I", _HEADER_SIZE) + write(order, first)


def write(order: str, directory: Directory, *, at: int = _HEADER_SIZE) -> bytes:
    """Return a directory that begins at offset `at`, with everything it points at behind it.

    Empty directories below are left out, tags come in order and values at even offsets
    (TIFF 6.0 section 2).
    """
    below = {tag: each for tag, each in directory.below.items() if each}
    tags = sorted({*directory.values, *below})
    fields = struct.pack(f"{order}H", len(tags))
    behind = bytearray()
    start = at + len(fields) + _FIELD_SIZE * len(tags) + 4
    for tag in tags:
        behind += bytes((start + len(behind)) % 2)
        here = start + len(behind)
        if tag in below:
            behind += write(order, below[tag], at=here)
            fields += struct.pack(f"{order}HHII", tag, _LONG, 1, here)
            continue
        value = directory.values[tag]
        fields += struct.pack(f"{order}HHI", tag, value.kind, value.count)
        if len(value.data) <= _INLINE:
            fields += value.data.ljust(_INLINE, b"\0")
        else:
            fields += struct.pack(f"{order}I", here)
            behind += value.data
    return fields + bytes(4) + bytes(behind)
