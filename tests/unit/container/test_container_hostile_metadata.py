"""What the fuzz harnesses found in metadata, each as the least bytes that show it."""

import io
import struct
import time

from PIL import Image

from jpegslim.engine.container.exif_reduced import Needs, fields, reduce_exif
from jpegslim.engine.container.segments import parse
from jpegslim.engine.container.tiff import read_tiff
from jpegslim.engine.container.trailer import Kind, parts
from jpegslim.engine.container.xmp import properties, reduce_packet
from jpegslim.engine.inspecting import inspect
from jpegslim.settings import Metadata

DESCRIPTION = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description'
    b' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:z="http://maker.example/"'
    b' dc:format="image/jpeg" z:secret="1"/></rdf:RDF></x:xmpmeta>'
)
END = b'<?xpacket end="w"?>'


def test_white_space_that_leads_to_no_end_of_a_packet_costs_no_time():
    packet = DESCRIPTION + b" " * 60_000
    began = time.thread_time()
    reduced = reduce_packet(packet, Metadata.SAFE)
    assert time.thread_time() - began < 1  # 17 s by a pattern that tried every place
    assert reduced is not None
    assert b"secret" not in reduced


def test_a_reduced_packet_loses_its_padding_and_nothing_else():
    padded = DESCRIPTION + b"\n" * 31 + b" " * 2000 + END
    reduced = reduce_packet(padded, Metadata.SAFE)
    assert reduced == DESCRIPTION.replace(b' z:secret="1"', b"") + b"\n" + END
    assert [path[0][1] for path, _ in properties(reduced)] == ["format"]


def test_a_directory_that_stands_in_the_header_is_none():
    # "II*\0", then offset 0: the header's own bytes would be a directory of 18,761 fields.
    for first in (0, 4, 7):
        assert read_tiff(b"II*\0" + struct.pack("<I", first) + bytes(600)) is None
    assert read_tiff(b"II*\0" + struct.pack("<I", 8) + bytes(600)) is not None


def test_what_no_reader_finds_is_not_brought_into_a_reduced_block():
    # The header points at itself, and the fields of the directory that begins there are sound.
    field = struct.pack("<HHII", 0x0103, 3, 1, 6)
    block = b"II*\0" + bytes(10) + field * 2000
    assert fields(b"Exif\0\0" + block) == {}
    assert reduce_exif(b"Exif\0\0" + block, Metadata.SAFE, Needs()) is None


def test_a_file_that_breaks_at_its_first_segment_is_told_of_and_not_raised():
    for data in (
        b"\xff\xd8\xff\xd8",
        b"\xff\xd8\xff\xe0\0",
        b"\xff\xd8\xff\x11\0\2",
        b"\xff\xd8\xff",
    ):
        found = inspect(data)
        assert found.problem
        assert found.image_end is None


def test_a_video_behind_zeros_is_found_though_its_size_begins_with_zeros():
    video = struct.pack(">I8sI", 16, b"ftypisom", 0x200) + struct.pack(">I4s", 8, b"mdat")
    written = io.BytesIO()
    Image.new("L", (8, 8)).save(written, "JPEG")
    for zeros in (0, 1, 13, 14, 16, 17, 40):
        source = parse(written.getvalue() + bytes(zeros) + video)
        *_, last = parts(source)
        assert (last.kind, last.size) == (Kind.VIDEO, len(video))


def test_a_pointer_back_to_its_own_directory_brings_no_field_twice():
    date = b"2026:11:23 12:00:00\0"
    entries = (0x8769, 4, 1, 8), (0x9003, 2, len(date), 38)
    block = b"II*\0" + struct.pack("<IH", 8, 2)
    block += b"".join(struct.pack("<HHII", *each) for each in entries) + bytes(4) + date
    reduced = reduce_exif(b"Exif\0\0" + block + bytes(100), Metadata.SAFE, Needs())
    assert reduced is None or fields(reduced).keys() <= fields(b"Exif\0\0" + block).keys()


def test_a_pointer_into_the_header_names_no_directory():
    value = b"2026:11:23 10:00:00\0"
    entries = struct.pack("<HHII", 0x9003, 2, 20, 38) + struct.pack("<HHII", 0x8769, 4, 1, 0)
    block = b"II*\0\x08\0\0\0\x02\0" + entries + bytes(4) + value
    # Read as a directory, the header holds more entries than fit: whatever follows it.
    tiff, first = read_tiff(block + bytes(65_536))
    assert sorted(tiff.directory(first)[0]) == [0x8769, 0x9003]
    assert tiff.directory(0) == ({}, 0)
    payload = b"Exif\0\0" + block
    assert fields(reduce_exif(payload, Metadata.SAFE, Needs())) == {(0x9003,): (2, value)}
