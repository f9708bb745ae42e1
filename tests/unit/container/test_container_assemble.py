from dataclasses import replace

import numpy as np
import pytest
from container_samples import (
    EOI,
    SOI,
    adobe,
    app,
    com,
    inserted,
    mpf,
    noise,
    odd_files,
    photo,
    photo_names,
    saved,
    segment,
    without_jfif,
)
from PIL import Image

from jpegslim.engine.container.assemble import admit, assemble, carried
from jpegslim.engine.container.marker import (
    Marker,
    encode_marker,
    read_marker,
    source_digest,
    tables_digest,
)
from jpegslim.engine.container.segments import ColorSpace, parse
from jpegslim.errors import BrokenJpeg, FileError, UnsupportedJpeg

METADATA = (
    app(0, b"JFXX\0\x13" + bytes(9))
    + app(1, b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    + app(1, b"http://ns.adobe.com/xap/1.0/\0<x/>")
    + app(2, b"ICC_PROFILE\0\x02\x02second")
    + app(2, b"ICC_PROFILE\0\x01\x02first")
    + app(11, b"JP\0\x01" + bytes(40))
    + app(13, b"Photoshop 3.0\x008BIM")
    + app(15, b"")
    + com(b"a comment")
    + com(b"")
)
PICTURE = saved(noise(), quality=92)
SOURCE = inserted(PICTURE, METADATA) + b"motion video" * 50
CODED = inserted(saved(noise(), quality=50, progressive=True, comment=b"drop me"), adobe(1))
MARKER = Marker(version="0.1.0", target=85.0, score=85.23, tables="", source=source_digest(SOURCE))


def metadata(data):
    container = parse(data)
    return [data[part.start : part.end] for part in container.segments if part.is_metadata]


def coded_part(data):
    """Everything a decoder of coefficients reads, in order."""
    container = parse(data)
    behind = [part.start for part in container.segments[1:]] + [container.image_end]
    return b"".join(
        data[part.start : following]
        for part, following in zip(container.segments, behind, strict=True)
        if not part.is_metadata
    )


def assembled(source=SOURCE, coded=CODED, *, marker=None, recoded=True):
    delivered = assemble(parse(source), coded, marker=marker, recoded=recoded)
    carried(parse(source), parse(delivered), recoded=recoded)
    return delivered


def test_everything_but_the_picture_is_carried_byte_for_byte():
    delivered = assembled()
    assert metadata(delivered) == metadata(SOURCE)
    assert bytes(parse(delivered).trailer) == bytes(parse(SOURCE).trailer)
    assert coded_part(delivered) == coded_part(CODED)


def test_the_order_of_segments_stays_with_jfif_first_or_not():
    jfif_first = saved()[:20] + METADATA + saved()[20:]
    for source in (jfif_first, SOURCE):
        assert metadata(assembled(source)) == metadata(source)


def test_the_marker_stands_in_front_of_the_tables_and_names_the_new_ones():
    delivered = assembled(marker=MARKER)
    expected = replace(MARKER, tables=tables_digest(parse(CODED)))
    assert read_marker(parse(delivered)) == expected
    assert metadata(delivered) == [*metadata(SOURCE), encode_marker(expected)]


def test_an_older_marker_goes_and_comments_like_it_stay():
    old = encode_marker(replace(MARKER, tables="01234567"))
    comment = com(b"jpegslim/1 is a fine tool")
    source = inserted(SOURCE, old + comment + old)
    assert metadata(assembled(source)) == [comment, *metadata(SOURCE)]
    renewed = assembled(source, marker=MARKER)
    assert len(metadata(renewed)) == len(metadata(SOURCE)) + 2


def test_segments_behind_the_frame_header_are_moved_in_front_in_order():
    container = parse(SOURCE)
    scan = next(part for part in container.segments if part.marker == 0xDA)
    late = app(13, b"late") + com(b"later")
    source = SOURCE[: scan.start] + late + SOURCE[scan.start : container.image_end - 2]
    source += com(b"latest") + SOURCE[container.image_end - 2 :]
    assert metadata(assembled(source)) == [
        *metadata(SOURCE),
        app(13, b"late"),
        com(b"later"),
        com(b"latest"),
    ]


def test_metadata_between_the_scans_of_the_new_coding_is_dropped():
    scan = [part for part in parse(CODED).segments if part.marker == 0xDA][3]
    coded = CODED[: scan.start] + com(b"drop me too") + CODED[scan.start :]
    assert metadata(assembled(coded=coded)) == metadata(SOURCE)
    assert parse(assembled(coded=coded)).scans == parse(CODED).scans


def test_an_adobe_rgb_flag_goes_when_the_new_coding_is_ycbcr():
    source = inserted(without_jfif(PICTURE), adobe(0))
    assert parse(source).color_space is ColorSpace.RGB
    delivered = assembled(source)
    assert metadata(delivered) == []
    assert parse(delivered).color_space is ColorSpace.YCBCR


def test_an_adobe_flag_that_stays_true_stays():
    source = inserted(without_jfif(PICTURE), adobe(1) + app(14, b"not Adobe's"))
    assert metadata(assembled(source)) == metadata(source)


def test_a_lossless_result_keeps_the_adobe_flag_whatever_it_says():
    source = inserted(without_jfif(PICTURE), adobe(0))
    assert metadata(assembled(source, PICTURE, recoded=False)) == metadata(source)


def test_grey_pictures_keep_their_segments():
    grey = saved(noise(channels=1))
    source = inserted(grey, adobe(0))
    delivered = assembled(source, saved(noise(channels=1), quality=30))
    assert metadata(delivered) == metadata(source)
    assert parse(delivered).color_space is ColorSpace.GRAY


def test_rgb_component_ids_give_way_to_ycbcr_ones():
    source = saved(noise(), keep_rgb=True, quality=95)
    bare = source.replace(metadata(source)[0], b"")
    assert parse(bare).color_space is ColorSpace.RGB
    assert parse(assembled(bare)).color_space is ColorSpace.YCBCR


@pytest.mark.parametrize(
    ("coded", "recoded", "reason"),
    [
        (saved(noise(40, 40)), True, "size_changed"),
        (saved(noise(channels=1)), True, "component_count"),
        (saved(noise(), keep_rgb=True), True, "component_ids"),
        (saved(noise(), keep_rgb=True), False, "component_ids"),
        (saved(noise(), subsampling=0, quality=92), False, "component_ids"),
        (saved(noise(), quality=91), False, "tables_changed"),
    ],
)
def test_a_coder_that_returns_another_picture_is_not_trusted(coded, recoded, reason):
    with pytest.raises(UnsupportedJpeg) as caught:
        assembled(coded=coded, recoded=recoded)
    assert caught.value.reason == reason


def test_a_coder_that_returns_half_a_picture_is_not_trusted():
    with pytest.raises(BrokenJpeg):
        assembled(coded=CODED[:-2])


def test_assembling_again_changes_nothing_but_the_coding():
    once = assembled(marker=MARKER)
    assert assembled(once, CODED, marker=MARKER) == once


def broken_deliveries():
    good = assemble(parse(SOURCE), CODED, marker=MARKER, recoded=True)
    pieces = metadata(good)
    return {
        "a comment lost": good.replace(com(b"a comment"), b""),
        "a comment changed": good.replace(b"a comment", b"A comment"),
        "a segment added": inserted(good, com(b"new")),
        "two segments swapped": good.replace(pieces[0] + pieces[1], pieces[1] + pieces[0]),
        "another kind of segment": good.replace(app(15, b""), app(9, b"")),
        "the trailer cut": good[:-1],
        "the trailer changed": good[:-1] + b"!",
        "the trailer grown": good + b"!",
        "another marker": inserted(good, pieces[-1]),
        "another size": assemble(
            parse(inserted(saved(noise(40, 40)), METADATA) + bytes(parse(SOURCE).trailer)),
            saved(noise(40, 40)),
            marker=None,
            recoded=True,
        ),
        "another colour space": inserted(good.replace(metadata(PICTURE)[0], b""), adobe(0)),
    }


@pytest.mark.parametrize(("what", "bad"), broken_deliveries().items(), ids=broken_deliveries())
def test_the_self_check_notices(what, bad):
    with pytest.raises(UnsupportedJpeg) as caught:
        carried(parse(SOURCE), parse(bad))
    assert caught.value.reason == "not_carried"


def test_the_self_check_misses_an_adobe_flag_only_where_ycbcr_was_coded_anew():
    source = parse(inserted(without_jfif(PICTURE), adobe(0)))
    bare = parse(without_jfif(PICTURE))
    carried(source, bare)
    with pytest.raises(UnsupportedJpeg):
        carried(source, bare, recoded=False)
    with pytest.raises(UnsupportedJpeg):
        carried(parse(inserted(without_jfif(PICTURE), adobe(1))), bare)


@pytest.mark.parametrize("name", photo_names())
def test_a_recoded_photo_keeps_all_that_is_not_the_picture(name):
    ajpegli = pytest.importorskip("ajpegli", reason="needs ajpegli, which has no wheel here")
    data = photo(name)
    source = parse(data)
    grey = source.color_space is ColorSpace.GRAY
    shape = (source.frame.height, source.frame.width)
    pixels = np.full(shape if grey else (*shape, 3), 99, np.uint8)
    coded = ajpegli.encode(pixels, distance=3.0, progressive=2)
    marker = replace(MARKER, source=source_digest(data))
    delivered = parse(assemble(source, coded, marker=marker, recoded=True))
    carried(source, delivered)
    assert read_marker(delivered) == replace(marker, tables=tables_digest(parse(coded)))
    is_index = {part for part in metadata(data) if part[4:8] == b"MPF\0"}
    kept = [part for part in metadata(delivered.data) if part in set(metadata(data))]
    assert kept == [
        part for part in metadata(data) if part not in is_index or part in metadata(delivered.data)
    ]
    assert delivered.trailer == source.trailer


def test_odd_files_are_carried_or_kept(capsys):
    done = 0
    for _name, _row, data in odd_files():
        try:
            source = parse(data)
            admit(source)
        except FileError:
            continue
        frame = source.frame
        if frame.megapixels > 2 or len(frame.components) == 4:
            continue
        mode = "L" if len(frame.components) == 1 else "RGB"
        coded = saved(Image.new(mode, (frame.width, frame.height), 7))
        assembled(data, coded)
        done += 1
    assert done > 250
    assert capsys.readouterr() == ("", "")


def test_a_multi_picture_file_with_later_segments_stays_true():
    source = mpf(inserted(PICTURE, METADATA), [saved(noise(16, 16))])
    assembled(source, CODED, marker=MARKER)
    assembled(inserted(source, b""), CODED)


def test_coded_data_without_any_metadata_is_taken_whole():
    bare = SOI + coded_part(CODED)
    assert bare.endswith(EOI)
    assert coded_part(assembled(coded=bare)) == coded_part(CODED)
    assert segment(0xDB) not in bare
