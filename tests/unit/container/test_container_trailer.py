import struct
import time

import pytest
from container_samples import app, inserted, mpf, noise, odd_files, photo, photo_names, saved

from jpegslim.engine.container.claims import Source
from jpegslim.engine.container.segments import parse
from jpegslim.engine.container.trailer import Kind, gain_map_bytes, parts
from jpegslim.errors import FileError

PICTURE = saved(noise(24, 16), quality=60)
XMP = b"http://ns.adobe.com/xap/1.0/\0"
GAIN_MAP_XMP = XMP + (
    b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"'
    b' hdrgm:Version="1.0" hdrgm:GainMapMax="2.0"/>'
)
ISO = b"urn:iso:std:iso:ts:21496:-1\0"
GAIN_MAP = inserted(PICTURE, app(1, GAIN_MAP_XMP))
BOXES = (
    struct.pack(">I4s4sI", 16, b"ftyp", b"mp42", 0)
    + struct.pack(">I4sQ", 1, b"mdat", 16 + 30)
    + b"\xff\xd8\xff\xe0" * 7
    + b"\0\0"
    + struct.pack(">I4s", 8, b"free")
)


def behind(data):
    """Return kind and bytes of every part, once they are seen to cover the trailer."""
    container = parse(data)
    found = parts(container)
    at = container.image_end
    for part in found:
        assert part.start == at
        assert part.size > 0
        at = part.end
    assert at == len(data)
    return [(part.kind, data[part.start : part.end], part.named_by) for part in found]


def item(semantic, length, mime="image/jpeg", padding=0):
    return (
        f'<rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="{mime}"'
        f' Item:Semantic="{semantic}" Item:Length="{length}" Item:Padding="{padding}"/></rdf:li>'
    ).encode()


def container_xmp(*items, signature=XMP):
    return app(1, signature + b"<Container:Directory>" + b"".join(items))


def samsung(video):
    """Build Samsung's trailer: a note, a video, the directory."""
    note = struct.pack("<HHI", 0, 0x0A01, 4) + b"Note" + b"1689918357365"
    clip = struct.pack("<HHI", 0, 0x0A30, 16) + b"MotionPhoto_Data" + video
    blocks = note + clip
    directory = b"SEFH" + struct.pack("<II", 107, 2)
    directory += struct.pack("<HHII", 0, 0x0A01, len(blocks), len(note))
    directory += struct.pack("<HHII", 0, 0x0A30, len(clip), len(clip))
    return blocks + directory + struct.pack("<I", len(directory)) + b"SEFT"


def test_a_file_that_ends_with_its_image_has_no_parts():
    assert behind(PICTURE) == []


def test_images_of_the_index_are_told_with_their_type():
    assert behind(mpf(PICTURE, [PICTURE, PICTURE])) == [
        (Kind.MPF_IMAGE, PICTURE, (Source.MPF,)),
        (Kind.MPF_IMAGE, PICTURE, (Source.MPF,)),
    ]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("number", "label", "kind"),
    [
        (0x010001, "thumbnail-vga", Kind.MPF_IMAGE),
        (0x010002, "thumbnail-full-hd", Kind.MPF_IMAGE),
        (0x020001, "panorama", Kind.MPF_IMAGE),
        (0x020002, "disparity", Kind.DEPTH_MAP),
        (0x020003, "multi-angle", Kind.MPF_IMAGE),
        (0x000000, "undefined", Kind.MPF_IMAGE),
        (0x7F7F7F, "undefined", Kind.MPF_IMAGE),
    ],
)
def test_the_types_of_the_index_have_names(order, number, label, kind):
    data = bytearray(mpf(PICTURE, [PICTURE], order=order))
    # The second entry's attribute, with the flag of a dependent image.
    struct.pack_into(f"{order}I", data, 2 + 4 + 4 + 8 + 2 + 36 + 4 + 16, 0x40000000 | number)
    (part,) = parts(parse(bytes(data)))
    assert (part.kind, part.label) == (kind, label if kind is Kind.MPF_IMAGE else "depth-map")


@pytest.mark.parametrize(
    "segment",
    [
        app(1, GAIN_MAP_XMP),
        app(2, ISO + bytes(60)),
        app(1, XMP + b"<apdi:AuxiliaryImageType>urn:com:apple:photo:2020:aux:hdrgainmap<"),
    ],
    ids=["adobe", "iso", "apple"],
)
def test_a_gain_map_is_known_by_what_it_says_of_itself(segment):
    image = inserted(PICTURE, segment)
    data = mpf(PICTURE, [PICTURE, image])
    assert [kind for kind, *_ in behind(data)] == [Kind.MPF_IMAGE, Kind.GAIN_MAP]
    assert gain_map_bytes(parts(parse(data))) == len(image)
    assert [kind for kind, *_ in behind(PICTURE + image)] == [Kind.GAIN_MAP]


def test_the_picture_that_has_a_gain_map_is_none_itself():
    # It says which version of the scheme its gain map has, and no more.
    base = inserted(PICTURE, app(1, XMP + b'hdrgm:Version="1.0"') + app(2, ISO + bytes(4)))
    assert [kind for kind, *_ in behind(PICTURE + base)] == [Kind.JPEG]


@pytest.mark.parametrize(
    "signature", [XMP, b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + bytes(8)]
)
def test_a_gain_map_is_known_by_the_container_directory(signature):
    segment = container_xmp(item("Primary", 0), item("GainMap", len(PICTURE)), signature=signature)
    found = behind(inserted(PICTURE, segment) + PICTURE)
    assert found == [(Kind.GAIN_MAP, PICTURE, (Source.CONTAINER,))]


def test_index_and_container_directory_may_name_the_same_image():
    data = mpf(PICTURE, [GAIN_MAP])
    with_xmp = mpf(
        inserted(PICTURE, container_xmp(item("Primary", 0), item("GainMap", len(GAIN_MAP)))),
        [GAIN_MAP],
    )
    assert behind(data) == [(Kind.GAIN_MAP, GAIN_MAP, (Source.MPF,))]
    assert behind(with_xmp) == [(Kind.GAIN_MAP, GAIN_MAP, (Source.MPF, Source.CONTAINER))]


def test_items_follow_each_other_behind_the_padding():
    items = (
        item("Primary", 0, padding=5),
        item("GainMap", len(PICTURE)),
        item("MotionPhoto", len(BOXES), "video/mp4"),
    )
    data = inserted(PICTURE, container_xmp(*items)) + b"\x01" * 5 + PICTURE + BOXES
    assert behind(data) == [
        (Kind.UNKNOWN, b"\x01" * 5, ()),
        (Kind.GAIN_MAP, PICTURE, (Source.CONTAINER,)),
        (Kind.VIDEO, BOXES, (Source.CONTAINER,)),
    ]


def test_items_count_back_from_the_end_where_they_fit_only_there():
    items = (item("Primary", 0), item("MotionPhoto", len(BOXES), "video/mp4"))
    data = inserted(PICTURE, container_xmp(*items)) + b"maker's notes" + BOXES
    assert [kind for kind, *_ in behind(data)] == [Kind.UNKNOWN, Kind.VIDEO]


def test_properties_may_be_elements():
    segment = app(
        1,
        XMP + b"<rdf:li><Item:Semantic>Primary</Item:Semantic></rdf:li><rdf:li>"
        b"<Item:Semantic>GainMap</Item:Semantic><Item:Mime>image/jpeg</Item:Mime>"
        b"<Item:Length>%d</Item:Length></rdf:li>" % len(PICTURE),
    )
    assert [kind for kind, *_ in behind(inserted(PICTURE, segment) + PICTURE)] == [Kind.GAIN_MAP]


@pytest.mark.parametrize("form", [b'="%d"', b">%d<"])
def test_a_micro_video_is_found_from_the_end(form):
    segment = app(1, XMP + b"GCamera:MicroVideoOffset" + form % (len(BOXES) + 40))
    tail = BOXES + bytes(40)
    assert behind(inserted(PICTURE, segment) + b"debug" + tail) == [
        (Kind.UNKNOWN, b"debug", ()),
        (Kind.VIDEO, tail, (Source.MICRO_VIDEO,)),
    ]


def test_a_video_that_nothing_names_reaches_as_far_as_its_boxes():
    found = behind(PICTURE + b"noise" + BOXES + b"rest of it")
    assert found == [
        (Kind.UNKNOWN, b"noise", ()),
        (Kind.VIDEO, BOXES, ()),
        (Kind.UNKNOWN, b"rest of it", ()),
    ]


def test_a_last_box_without_a_size_is_the_rest():
    data = BOXES + struct.pack(">I4s", 0, b"mdat") + b"to the end"
    assert behind(PICTURE + data) == [(Kind.VIDEO, data, ())]


def test_samsungs_trailer_holds_its_video():
    found = behind(PICTURE + samsung(BOXES))
    assert [kind for kind, *_ in found] == [Kind.SAMSUNG, Kind.VIDEO, Kind.SAMSUNG]
    assert found[1][1:] == (BOXES, (Source.SAMSUNG,))
    assert b"".join(data for _, data, _ in found) == samsung(BOXES)


def test_samsungs_trailer_may_stand_behind_a_gain_map():
    found = behind(mpf(PICTURE, [GAIN_MAP]) + samsung(BOXES))
    kinds = [kind for kind, *_ in found]
    assert kinds == [Kind.GAIN_MAP, Kind.SAMSUNG, Kind.VIDEO, Kind.SAMSUNG]


def test_zeros_other_jpegs_and_unknown_bytes_are_told_apart():
    data = PICTURE + bytes(4096) + PICTURE + b"<!-- note -->" + PICTURE + b"\0\0"
    assert [(kind, len(part)) for kind, part, _ in behind(data)] == [
        (Kind.ZEROS, 4096),
        (Kind.JPEG, len(PICTURE)),
        (Kind.UNKNOWN, 13),
        (Kind.JPEG, len(PICTURE)),
        (Kind.ZEROS, 2),
    ]


def test_what_is_named_and_not_there_is_not_told():
    stale = inserted(PICTURE, container_xmp(item("Primary", 0), item("GainMap", 4)))
    assert behind(stale + b"text") == [(Kind.UNKNOWN, b"text", ())]
    segment = app(1, XMP + b'GCamera:MicroVideoOffset="999999999999"')
    assert behind(inserted(PICTURE, segment) + b"text") == [(Kind.UNKNOWN, b"text", ())]


def test_a_jpeg_that_is_cut_short_is_unknown():
    assert [kind for kind, *_ in behind(PICTURE + PICTURE[:-9])] == [Kind.UNKNOWN]


@pytest.mark.parametrize("name", photo_names(with_images=True))
def test_the_gain_maps_and_previews_of_real_photos_are_found(name):
    found = behind(photo(name))
    if "nikon" in name:
        assert [part.label for part in parts(parse(photo(name)))] == [
            "zeros",
            "thumbnail-vga",
            "zeros",
            "thumbnail-full-hd",
        ]
    else:
        assert found[0][0] is Kind.GAIN_MAP
        assert found[0][2] == (Source.MPF, Source.CONTAINER)


def test_the_trailers_of_odd_files_are_named():
    expected = {
        "synth/motion_photo_microvideo_mp4.jpg": [Kind.VIDEO],
        "synth/motion_photo_samsung_sef.jpg": [Kind.SAMSUNG, Kind.VIDEO, Kind.SAMSUNG],
        "synth/trailing_second_jpeg_no_mpf.jpg": [Kind.JPEG],
        "synth/trailing_zeros_4k.jpg": [Kind.ZEROS],
        "synth/trailing_text.jpg": [Kind.UNKNOWN],
    }
    seen = set()
    for name, _, data in odd_files():
        try:
            container = parse(data)
        except FileError:
            continue
        if name in expected:
            assert [part.kind for part in parts(container)] == expected[name], name
            seen.add(name)
        behind(data)
    assert seen == set(expected)


@pytest.mark.parametrize(
    "unit",
    [
        b"\xff\xd8\xff\xe0",
        b"\xff\xd8\xff\xe0\xff\xff",
        b"\xff\xd8\xff\xda\0\2",
        b"\xff\xd8\xff\xd9",
        b"\0\0\0\x08ftyp",
        b"SEFHSEFT",
        bytes(9) + b"x",
    ],
)
def test_time_grows_with_the_trailer_and_no_faster(unit):
    def seconds(size):
        container = parse(PICTURE + unit * (size // len(unit)))
        start = time.perf_counter()
        assert parts(container)
        return time.perf_counter() - start

    # A box of 8 bytes costs most: 45 ms a megabyte. Four times the bytes would take 16 times as
    # long if time grew with their square.
    small, large = min(seconds(1 << 20) for _ in range(3)), seconds(4 << 20)
    assert large < 10 * small + 0.05
