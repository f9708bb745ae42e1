"""Readers that share no code with the product: what they find in a file, before and after."""

import base64
import io
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import MpoImagePlugin

SOS, EOI = 0xDA, 0xD9
# TEM and RST carry no length (T.81 table B.1).
BARE = frozenset({0x01, *range(0xD0, 0xD8)})
METADATA = frozenset({*range(0xE0, 0xF0), 0xFE})
OURS = re.compile(rb"jpegslim/1 v=\S+ target=\S+ score=\S+ tables=[0-9a-f]{8} source=[0-9a-f]{16}")

needs_exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None,
    reason="needs the program exiftool (Debian: libimage-exiftool-perl)",
)

# -a: a tag that occurs twice is told twice. -u: tags exiftool has no name for as well; not -U,
# which guesses fields in binary tables whose bytes -b tells whole. -b: binary values as they are.
# -n: numbers as written, not their wording. -ee3: what the pictures and videos behind the first
# one hold. -G3:1:4: the document, the directory and the copy that a value comes from. The tags
# behind -all are whole blocks, which exiftool gives only to those who ask.
DUMP = ("-a", "-u", "-b", "-n", "-ee3", "-G3:1:4", "-json", "-charset", "filename=utf8")
BLOCKS = ("-all", "-xmp", "-icc_profile", "-iptc", "-jumbf", "-trailer")
_COPY = re.compile(r"(?<=:)Copy\d+:")


class Layout(NamedTuple):
    """The segments of the first image without SOI and EOI, and what follows the image."""

    segments: tuple[tuple[int, bytes], ...]
    behind: bytes


def layout(data):
    """Read markers by their lengths and scans by looking for a marker (T.81 B.1.1)."""
    assert data[:2] == b"\xff\xd8"
    found = []
    at = 2
    while True:
        at = data.index(b"\xff", at)
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker == EOI:
            return Layout(tuple(found), data[at:])
        if marker in BARE or marker == 0:
            # Stuffing and restart markers inside of a scan.
            continue
        size = int.from_bytes(data[at : at + 2])
        found.append((marker, data[at + 2 : at + size]))
        at += size


def metadata(data):
    """Every APPn and COM segment in order, jpegslim's own comment and the index left out."""
    return [
        (marker, payload)
        for marker, payload in layout(data).segments
        if marker in METADATA
        and not (marker == 0xFE and OURS.fullmatch(payload))
        and not (marker == 0xE2 and payload.startswith(b"MPF\0"))
    ]


def dumps(top, names):
    """Everything exiftool finds in files below a folder, by name: tags with all their values.

    exiftool reads what follows the picture once for each scan of a progressive file, so equal
    values of one tag count once; `metadata` counts the segments.
    """
    asked = "\n".join((*DUMP, *BLOCKS, *(f"./{name}" for name in names)))
    ran = subprocess.run(
        ["exiftool", "-@", "-"], cwd=top, input=asked.encode(), capture_output=True, check=False
    )
    assert ran.returncode == 0, ran.stderr.decode()
    read = {Path(found.pop("SourceFile")).as_posix(): found for found in json.loads(ran.stdout)}
    assert set(read) == set(names)
    return {name: _tags(found) for name, found in read.items()}


def _tags(found):
    tags = {}
    for key, value in found.items():
        values = tags.setdefault(_COPY.sub("", key), [])
        if value not in values:
            values.append(value)
    return tags


def binary(value):
    """The bytes of a value that exiftool had to write in Base64."""
    assert value.startswith("base64:")
    return base64.b64decode(value.removeprefix("base64:"))


def frames(data):
    """Every picture behind the first that Pillow's reader of multi-picture files finds.

    Asked by name: for Ultra HDR files `Image.open` leaves the index aside. None stands for a
    picture that the index names and the file lacks.
    """
    with MpoImagePlugin.MpoImageFile(io.BytesIO(data)) as image:
        found = []
        for number in range(1, image.n_frames):
            try:
                image.seek(number)
            except ValueError as error:
                if "No data found" not in str(error):
                    raise
                found.append(None)
                continue
            found.append((image.size, image.mode, image.tobytes()))
        return found


# The packet and its extension: some write the list into the second.
XMP = (b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0")
_ITEM = re.compile(rb"<[^<>]*\bItem:Semantic=[^<>]*>")
_PROPERTY = re.compile(rb'Item:(\w+)\s*=\s*"([^"]*)"')


def items(data):
    """What Google's list of items names behind the first picture, cut out in both ways.

    Gives (semantic, bytes counted from the first picture's end, bytes counted from the end of
    the file). Empty where the list names more than there is: somebody cut it off.
    """
    listed = [
        {name.decode(): value.decode() for name, value in _PROPERTY.findall(element)}
        for _marker, payload in metadata(data)
        if payload.startswith(XMP)
        for element in _ITEM.findall(payload)
    ]
    behind = layout(data).behind
    sizes = [int(item["Length"]) for item in listed[1:]]
    if not listed or sum(sizes) > len(behind):
        return []
    found = []
    at = int(listed[0].get("Padding", 0))
    back = len(data) - sum(sizes)
    for item, size in zip(listed[1:], sizes, strict=True):
        found.append((item["Semantic"], behind[at : at + size], data[back : back + size]))
        at, back = at + size, back + size
    return found


def hdr(data, *, boost=None):
    """What libultrahdr renders, in linear light; boost: of the display, 1 shows the SDR picture."""
    imagecodecs = pytest.importorskip(
        "imagecodecs", reason="needs the package imagecodecs", exc_type=ImportError
    )
    if not imagecodecs.ULTRAHDR.available:
        pytest.skip("needs imagecodecs with libultrahdr inside, which this wheel lacks")
    return imagecodecs.ultrahdr_decode(data, dtype="float16", boost=boost)
