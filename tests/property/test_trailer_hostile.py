import io
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jpegslim.engine.container.segments import parse
from jpegslim.engine.container.trailer import parts, read_parts
from jpegslim.errors import FileError

SIZE = (24, 16)
XMP = b"http://ns.adobe.com/xap/1.0/\0"


def image(color="red"):
    written = io.BytesIO()
    Image.new("RGB", SIZE, color).save(written, "JPEG")
    return written.getvalue()


def with_segment(jpeg, number, payload):
    head = bytes((0xFF, 0xE0 + number)) + (len(payload) + 2).to_bytes(2)
    return jpeg[:2] + head + payload + jpeg[2:]


def several():
    written = io.BytesIO()
    Image.new("RGB", SIZE).save(
        written, "MPO", save_all=True, append_images=[Image.new("RGB", SIZE, "blue")]
    )
    return written.getvalue()


VIDEO = (
    struct.pack(">I4s4sI", 16, b"ftyp", b"mp42", 0) + struct.pack(">I4s", 40, b"mdat") + bytes(32)
)
ITEMS = b"".join(
    b'<rdf:li><Container:Item Item:Semantic="%s" Item:Mime="%s" Item:Length="%d"/></rdf:li>' % each
    for each in (
        (b"Primary", b"image/jpeg", 0),
        (b"GainMap", b"image/jpeg", len(image())),
        (b"MotionPhoto", b"video/mp4", len(VIDEO)),
    )
)
CLIP = struct.pack("<HHI", 0, 0x0A30, 16) + b"MotionPhoto_Data" + VIDEO
DIRECTORY = b"SEFH" + struct.pack("<IIHHII", 107, 1, 0, 0x0A30, len(CLIP), len(CLIP))
SEEDS = [
    several() + VIDEO,
    with_segment(image(), 1, XMP + ITEMS) + image() + VIDEO,
    with_segment(image(), 1, XMP + b'GCamera:MicroVideoOffset="%d"' % len(VIDEO)) + VIDEO,
    several() + CLIP + DIRECTORY + struct.pack("<I", len(DIRECTORY)) + b"SEFT",
    image() + bytes(20) + image() + b"text",
]


def check(data, segments, end):
    at = end
    for part in read_parts(data, segments, end):
        assert part.start == at
        assert part.size > 0
        at = part.end
    assert at == len(data)


@settings(max_examples=300)
@given(st.data())
def test_mutated_files_have_their_trailer_covered_whatever_is_in_them(draw):
    data = bytearray(draw.draw(st.sampled_from(SEEDS)))
    for _ in range(draw.draw(st.integers(1, 12))):
        at = draw.draw(st.integers(0, len(data) - 1))
        change = draw.draw(st.sampled_from(("set", "cut", "double")))
        if change == "set":
            data[at] = draw.draw(st.integers(0, 255))
        elif change == "cut":
            del data[at : at + draw.draw(st.integers(1, 40))]
            data = data or bytearray(b"\xff")
        else:
            data[at:at] = data[at : at + draw.draw(st.integers(1, 400))]
    whole = bytes(data)
    try:
        container = parse(whole)
    except FileError:
        return
    assert sum(part.size for part in parts(container)) == len(container.trailer)
    check(whole, container.segments, container.image_end)


@settings(max_examples=200)
@given(st.integers(0, len(SEEDS) - 1), st.binary(max_size=300), st.data())
def test_an_index_of_one_file_in_front_of_the_bytes_of_another_does_no_harm(number, rest, draw):
    source = parse(SEEDS[number])
    data = SEEDS[number][: source.image_end] + rest + SEEDS[draw.draw(st.integers(0, 4))]
    check(data, source.segments, source.image_end)
