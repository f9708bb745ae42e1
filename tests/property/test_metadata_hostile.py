"""Metadata of any bytes: nothing crashes, nothing secret is left, twice is once."""

import io
from contextlib import suppress

from hypothesis import example, given, settings
from hypothesis import strategies as st
from metadata_samples import (
    NAMESPACES,
    SECRET_NOTE,
    SECRET_PLACE,
    dataset,
    exif_payload,
    packet,
    resource,
)
from PIL import Image

from jpegslim.engine.container.assemble import carried
from jpegslim.engine.container.exif_reduced import Needs, fields, orientation, reduce_exif
from jpegslim.engine.container.irb import HEADER, reduce_resources
from jpegslim.engine.container.policy import Policy
from jpegslim.engine.container.retain import retain
from jpegslim.engine.container.segments import parse
from jpegslim.engine.container.xmp import properties, reduce_packet
from jpegslim.errors import FileError, UnsupportedJpeg
from jpegslim.settings import Metadata

SEEDS = [
    exif_payload(order=order, adobe_rgb=adobe, orientation=number)
    for order in "<>"
    for adobe in (False, True)
    for number in (1, 6)
]
XMP_SEED = packet(
    f'exif:GPSLatitude="{SECRET_PLACE.decode()}" dc:format="image/jpeg" hdrgm:Version="1.0"',
    f"<drone:Place drone:Longitude='{SECRET_NOTE.decode()}'/><dc:rights>Ada</dc:rights>",
    NAMESPACES,
)
IRB_SEED = resource(0x0409, b"thumbnail") + resource(0x0404, dataset(2, 120, b"caption"))
METADATA = st.sampled_from([Metadata.SAFE, Metadata.STRIP])


@st.composite
def mutated(draw, seeds):
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 8))):
        at = draw(st.integers(6, len(data) - 1))
        data[at] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(6, len(data)))])


def small():
    written = io.BytesIO()
    Image.linear_gradient("L").resize((24, 20)).save(written, "JPEG")
    return written.getvalue()


PICTURE = small()


@given(payload=mutated(SEEDS), metadata=METADATA)
@settings(max_examples=600, deadline=None)
def test_mutated_exif_is_reduced_or_dropped_and_twice_is_once(payload, metadata):
    once = reduce_exif(payload, metadata, Needs())
    assert orientation(payload) == (1 if once is None else orientation(once))
    if once is not None:
        assert len(once) <= len(payload)
        assert reduce_exif(once, metadata, Needs()) == once
        after = fields(once)
        assert not [path for path in after if 0x8825 in path or 0x927C in path or -1 in path]


@given(at=st.integers(0, len(SEEDS[0]) - 1), value=st.integers(0, 255), seed=st.sampled_from(SEEDS))
# The date made 100 bytes long: it runs into the position behind it.
@example(at=SEEDS[0].index(b"\x03\x90\x02\0") + 4, value=100, seed=SEEDS[0])
@settings(max_examples=600, deadline=None)
def test_no_position_is_left_of_exif_with_a_wrong_byte(at, value, seed):
    # Where the pointer itself is hit, nobody can tell any more that it is a position.
    known = {path for path in fields(seed) if 0x8825 in path}
    payload = seed[:at] + bytes((value,)) + seed[at + 1 :]
    if not known <= set(fields(payload)):
        return
    reduced = reduce_exif(payload, Metadata.SAFE, Needs())
    assert reduced is None or SECRET_PLACE not in reduced


@given(data=mutated([XMP_SEED]), metadata=METADATA)
@settings(max_examples=600, deadline=None)
def test_mutated_xmp_is_reduced_or_dropped_and_twice_is_once(data, metadata):
    once = reduce_packet(data, metadata)
    if once is not None:
        assert reduce_packet(once, metadata) == once
        assert not properties(once) - properties(data)


@given(data=st.one_of(mutated([IRB_SEED]), st.binary(max_size=200)))
@settings(max_examples=600, deadline=None)
def test_mutated_resources_are_reduced_or_dropped_and_twice_is_once(data):
    once = reduce_resources([HEADER + data])
    assert sum(map(len, once)) <= len(HEADER) + len(data)
    assert not once or reduce_resources(once) == once


@given(
    blocks=st.lists(
        st.tuples(
            st.sampled_from([0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE, 0xFE]),
            st.one_of(
                mutated(SEEDS),
                mutated([b"http://ns.adobe.com/xap/1.0/\0" + XMP_SEED]),
                mutated([HEADER + IRB_SEED]),
                st.binary(max_size=60),
                st.sampled_from([b"JFIF\0\1\1\0\0\1\0\1\0\0", b"MPF\0", b"ICC_PROFILE\0\1\1x"]),
            ),
        ),
        max_size=5,
    ),
    trailer=st.binary(max_size=40),
    metadata=METADATA,
)
@example(blocks=[(0xE1, SEEDS[1])], trailer=b"", metadata=Metadata.SAFE)
@settings(max_examples=400, deadline=None)
def test_a_whole_file_is_reduced_or_refused_and_twice_is_once(blocks, trailer, metadata):
    head = b"".join(
        bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload
        for marker, payload in blocks
    )
    policy = Policy(metadata)
    try:
        source = parse(PICTURE[:2] + head + PICTURE[2:] + trailer)
        once = retain(source, policy).container
    except FileError:
        return
    assert retain(once, policy).container is once
    # Where fields run into what is dropped and go with it, the check says so: kept whole.
    with suppress(UnsupportedJpeg):
        carried(source, once, recoded=False, policy=policy)
