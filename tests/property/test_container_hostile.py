import io

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jpegslim.engine.container.assemble import admit, assemble, carried
from jpegslim.engine.container.marker import is_marker, read_marker, tables_digest
from jpegslim.engine.container.segments import parse, peek
from jpegslim.errors import FileError

SIZE = (24, 20)


def small(**options):
    written = io.BytesIO()
    image = Image.linear_gradient("L").resize(SIZE).convert("RGB")
    image.save(written, "JPEG", **options)
    return written.getvalue()


def several():
    written = io.BytesIO()
    images = [Image.new("RGB", SIZE, color) for color in ("red", "blue")]
    images[0].save(written, "MPO", save_all=True, append_images=images[1:])
    return written.getvalue()


CODED = small(quality=40)
EXIF = Image.Exif()
EXIF[0x0112] = 6
SEEDS = [
    small(),
    small(progressive=True, comment=b"jpegslim/1 v=0.1.0 target=85 score=85.00"),
    small(restart_marker_blocks=1, exif=EXIF) + b"trailer",
    several(),
]


def check(data):
    """Do all that is done with a file of unknown origin; only FileError may come out."""
    try:
        assert peek(data).width
        source = parse(data)
    except FileError:
        return
    assert source.image_end <= len(data)
    assert len(tables_digest(source)) == 8
    read_marker(source)
    try:
        admit(source)
        delivered = assemble(source, CODED, marker=None, recoded=True)
    except FileError:
        return
    carried(source, parse(delivered))


@given(st.binary(max_size=400))
def test_random_bytes_are_refused_with_a_reason(data):
    check(data)
    check(b"\xff\xd8\xff" + data)


@settings(max_examples=300)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_changed_bytes_are_read_or_refused_with_a_reason(seed, changes):
    data = bytearray(seed)
    for at, value in changes:
        data[at % len(data)] = value
    check(bytes(data))


@given(
    st.sampled_from(SEEDS),
    st.integers(0, 2000),
    st.integers(0, 40),
    st.binary(max_size=40),
)
def test_cut_and_filled_files_are_read_or_refused_with_a_reason(seed, at, cut, filling):
    at %= len(seed)
    check(seed[:at] + filling + seed[at + cut :])


@given(st.binary(max_size=300), st.binary(max_size=60))
def test_any_comment_is_told_from_a_marker(start, end):
    is_marker(start)
    is_marker(b"jpegslim/1 v=" + start[:20] + b" target=" + end)


@given(st.lists(st.tuples(st.sampled_from([0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xFE]), st.binary())))
def test_any_metadata_is_carried_in_order(segments):
    extra = b"".join(
        bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload
        for marker, payload in segments
    )
    data = SEEDS[0][:2] + extra + SEEDS[0][2:]
    source = parse(data)
    delivered = parse(assemble(source, CODED, marker=None, recoded=True))
    carried(source, delivered)
    assert delivered.data.startswith(data[: 2 + len(extra)])
