"""A policy drops what it names of a whole file, and the coded picture stays as it is."""

import base64
import struct

import pytest
from container_samples import (
    EOI,
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
    without_jfif,
)
from metadata_samples import (
    NAMESPACES,
    SECRET_NOTE,
    SECRET_PLACE,
    SECRET_THUMBNAIL,
    SECRETS,
    XMP,
    dataset,
    exif_payload,
    extension_parts,
    packet,
    resource,
)

from jpegslim.engine.container.assemble import carried
from jpegslim.engine.container.marker import Marker, encode_marker
from jpegslim.engine.container.policy import KEEP_ALL, Policy
from jpegslim.engine.container.retain import retain
from jpegslim.engine.container.segments import parse
from jpegslim.engine.container.upright import orientation_of
from jpegslim.engine.container.xmp import extension_digits
from jpegslim.errors import FileError, UnsupportedJpeg
from jpegslim.settings import Metadata

SAFE, STRIP = Policy(Metadata.SAFE), Policy(Metadata.STRIP)
BOTH = pytest.mark.parametrize("policy", [SAFE, STRIP], ids=["safe", "strip"])
PICTURE = saved(noise(), quality=92)
PROFILE = app(2, b"ICC_PROFILE\0\x01\x01profile")
ISO = app(2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0")
C2PA = app(11, b"JP\0\x01" + bytes(4) + b"\0\0\0\x80jumb\0\0\0\x20jumdc2pa" + SECRET_NOTE)
C2PA_MORE = app(11, b"JP\0\x01\0\0\0\x02\0\0\0\x80jumb" + SECRET_NOTE)
MARKER = encode_marker(
    Marker(version="0.1", target=85.0, score=85.5, tables="0" * 8, source="0" * 16)
)


def reduced(data, policy):
    """Apply a policy, hold the outcome to the independent check, and apply it again."""
    source = parse(data)
    result = retain(source, policy)
    carried(source, result.container, recoded=False, policy=policy)
    assert retain(result.container, policy).container is result.container
    assert result.dropped == len(data) - len(result.container.data)
    assert coded(result.container) == coded(source)
    return result


def coded(container):
    return [
        container.data[each.start : each.end] for each in container.segments if not each.is_metadata
    ], container.data[container.image_end - 200 : container.image_end]


def pieces(container):
    return [container.data[s.start : s.end] for s in container.segments if s.is_metadata]


def test_keep_is_the_file_itself():
    source = parse(inserted(PICTURE, app(1, exif_payload())))
    assert retain(source, KEEP_ALL).container is source


@BOTH
def test_no_secret_is_left_of_a_camera_s_metadata(policy):
    head = (
        app(1, exif_payload())
        + app(1, XMP + packet(f'exif:GPSLatitude="{SECRET_PLACE.decode()}"', "", NAMESPACES))
        + app(13, b"Photoshop 3.0\0" + resource(0x040C, SECRET_THUMBNAIL))
        + app(0, b"JFXX\0\x10" + SECRET_THUMBNAIL)
        + app(7, SECRET_NOTE)
        + app(1, exif_payload())
        + com(b"\xff\xfe" + SECRET_NOTE)
        + PROFILE
        + ISO
    )
    result = reduced(inserted(PICTURE, head) + b"\0" * 40, policy)
    assert not [secret for secret in SECRETS if secret in result.container.data]
    kept = pieces(result.container)
    assert PROFILE in kept
    assert ISO in kept
    assert orientation_of(result.container.data) == 6
    assert result.container.trailer == b"\0" * 40


def test_a_comment_that_a_person_wrote_is_safe_and_does_not_survive_strip():
    data = inserted(PICTURE, com("Grüße\n".encode()) + com(b"\x01\x02"))
    assert com("Grüße\n".encode()) in pieces(reduced(data, SAFE).container)
    assert com(b"\x01\x02") not in pieces(reduced(data, SAFE).container)
    assert pieces(reduced(data, STRIP).container) == pieces(parse(PICTURE))


@BOTH
def test_our_marker_stays(policy):
    assert MARKER in pieces(reduced(inserted(PICTURE, MARKER + app(5, b"x")), policy).container)


@BOTH
def test_a_thumbnail_in_the_jfif_segment_is_cut_off(policy):
    jfif = b"JFIF\0\1\1\0\0\1\0\1"
    data = inserted(without_jfif(PICTURE), app(0, jfif + b"\2\1" + b"pixels"))
    assert pieces(reduced(data, policy).container) == [app(0, jfif + b"\0\0")]


@BOTH
def test_the_adobe_flag_stays_as_long_as_readers_look_at_it(policy):
    data = inserted(without_jfif(PICTURE), adobe(1)[:-1] + b"\1")
    assert pieces(reduced(data, policy).container) == [adobe(1)]
    long = app(14, adobe(1)[4:] + SECRET_NOTE)
    assert pieces(reduced(inserted(without_jfif(PICTURE), long), policy).container) == [adobe(1)]


def thumbnails(count=1):
    data = mpf(inserted(PICTURE, app(1, exif_payload())), [saved(noise(16, 16))] * count)
    index = data.index(b"MPF\0") + 4
    entries = index + 8 + 2 + 3 * 12 + 4
    for number in range(1, count + 1):
        at = entries + 16 * number
        data = data[:at] + struct.pack("<I", 0x010001) + data[at + 4 :]
    return data


@BOTH
def test_large_thumbnails_go_with_their_index_where_nothing_else_follows(policy):
    for data in (thumbnails(), thumbnails(2)):
        container = reduced(data, policy).container
        assert not container.trailer
        assert not [each for each in pieces(container) if b"MPF\0" in each]


@BOTH
def test_other_pictures_stay_with_a_true_index(policy):
    other = saved(noise(16, 16))
    container = reduced(mpf(inserted(PICTURE, app(5, b"x" * 99)), [other]), policy).container
    assert container.trailer == other


@BOTH
def test_a_thumbnail_beside_something_unknown_stays_with_it(policy):
    result = reduced(thumbnails() + b"unknown bytes", policy)
    assert bytes(result.container.trailer).endswith(b"unknown bytes")
    assert any("can't be told apart" in note for note in result.notes)


@BOTH
def test_a_picture_behind_the_first_with_exif_of_its_own_is_told_of(policy):
    other = inserted(saved(noise(16, 16)), app(1, exif_payload()))
    assert any("metadata of their own" in note for note in reduced(PICTURE + other, policy).notes)


INNER = {
    "XMP": app(1, XMP + packet('exif:GPSLatitude="1"', "", NAMESPACES)),
    "captions": app(13, b"Photoshop 3.0\0" + resource(0x040C, SECRET_NOTE)),
    "a comment": com(b"\xff" + SECRET_NOTE),
    "EXIF far behind": app(15, bytes(60_000)) * 2 + app(1, exif_payload()),
}


@BOTH
@pytest.mark.parametrize("what", INNER)
def test_whatever_metadata_a_picture_behind_the_first_has_is_told_of(policy, what):
    other = inserted(saved(noise(16, 16)), INNER[what])
    assert any("metadata of their own" in note for note in reduced(PICTURE + other, policy).notes)


@BOTH
def test_a_picture_behind_the_first_with_nothing_to_drop_is_not_told_of(policy):
    gain_map = packet('hdrgm:Version="1.0" hdrgm:GainMapMax="2"', "", NAMESPACES)
    other = inserted(saved(noise(16, 16)), app(1, XMP + gain_map))
    assert not reduced(PICTURE + other, policy).notes


@BOTH
def test_a_picture_inside_of_xmp_with_metadata_of_its_own_is_told_of(policy):
    def notes(picture):
        data = base64.b64encode(picture).decode()
        named = f'xmlns:GImage="http://ns.google.com/photos/1.0/image/" GImage:Data="{data}"'
        return reduced(inserted(PICTURE, app(1, XMP + packet(named))), policy).notes

    small = saved(noise(16, 16))
    assert any("inside of the XMP" in each for each in notes(inserted(small, INNER["XMP"])))
    assert not notes(small)


@BOTH
def test_motion_video_stays_with_the_xmp_that_names_it(policy):
    video = b"\0\0\0\x14ftypmp42\0\0\0\0mp42" + b"\0\0\0\x10mdat" + bytes(8)
    named = packet(
        f'GCamera:MicroVideo="1" GCamera:MicroVideoOffset="{len(video)}"'
        f' GCamera:HdrPlusMakernote="{SECRET_NOTE.decode()}"',
        "",
        NAMESPACES,
    )
    result = reduced(inserted(PICTURE, app(1, XMP + named)) + video, policy)
    assert result.container.trailer == video
    assert f'MicroVideoOffset="{len(video)}"'.encode() in result.container.data
    assert SECRET_NOTE not in result.container.data
    assert any("motion video" in note for note in result.notes)


def extended(extension, *, digits=None):
    digits = extension_digits(extension) if digits is None else digits
    main = packet(f'xmpNote:HasExtendedXMP="{digits.decode()}"', "", NAMESPACES)
    parts = b"".join(app(1, part) for part in extension_parts(extension, digits))
    return inserted(PICTURE, app(1, XMP + main) + parts)


@BOTH
def test_an_extension_that_display_needs_stays_and_loses_the_rest(policy):
    kept = packet('hdrgm:Version="1.0"', "", NAMESPACES)
    assert reduced(extended(kept), policy).container.data == extended(kept)
    mixed = packet(
        f'hdrgm:Version="1.0" GCamera:HdrPlusMakernote="{SECRET_NOTE.decode() * 200}"',
        "",
        NAMESPACES,
    )
    container = reduced(extended(mixed), policy).container
    assert SECRET_NOTE not in container.data
    assert b'hdrgm:Version="1.0"' in container.data


@BOTH
def test_an_extension_of_notes_only_goes_with_its_name(policy):
    notes = packet(f'GCamera:HdrPlusMakernote="{SECRET_NOTE.decode() * 200}"', "", NAMESPACES)
    assert pieces(reduced(extended(notes), policy).container) == pieces(parse(PICTURE))


@BOTH
def test_an_extension_with_a_part_missing_goes(policy):
    kept = packet('hdrgm:Version="1.0"', "<dc:x/>" * 200, NAMESPACES)
    data = extended(kept)
    part = parse(data).segments[2]
    cut = data[: part.start] + data[part.end :]
    assert pieces(reduced(cut, policy).container) == pieces(parse(PICTURE))


@pytest.mark.parametrize("metadata", Metadata)
def test_credentials_go_whole_where_they_may_be_broken(metadata):
    policy = Policy(metadata, break_signatures=True)
    result = reduced(inserted(PICTURE, C2PA + C2PA_MORE + com(b"hello")), policy)
    assert SECRET_NOTE not in result.container.data
    assert "content credentials" in result.notes[0]


@BOTH
def test_a_signed_file_is_refused_where_its_signature_may_not_be_broken(policy):
    with pytest.raises(UnsupportedJpeg) as caught:
        retain(parse(inserted(PICTURE, C2PA)), policy)
    assert caught.value.reason == "c2pa_signed"


def test_breaking_signatures_alone_drops_nothing_else():
    data = inserted(PICTURE, app(1, exif_payload()) + C2PA)
    container = reduced(data, Policy(Metadata.KEEP, break_signatures=True)).container
    assert container.data == inserted(PICTURE, app(1, exif_payload()))


@BOTH
def test_a_layer_of_the_picture_is_no_metadata(policy):
    layer = app(11, b"JP\0\1\0\0\0\1\0\0\0\x10RESI" + bytes(8))
    assert layer in pieces(reduced(inserted(PICTURE, layer), policy).container)


@BOTH
def test_thermal_measurements_are_not_touched(policy):
    with pytest.raises(UnsupportedJpeg) as caught:
        retain(parse(inserted(PICTURE, app(1, b"FLIR\0" + bytes(50)))), policy)
    assert caught.value.reason == "measurements_inside"


def test_only_the_first_exif_block_counts():
    data = inserted(
        PICTURE, app(1, exif_payload(orientation=3)) + app(1, exif_payload(orientation=6))
    )
    for policy in (SAFE, STRIP):
        container = reduced(data, policy).container
        assert orientation_of(container.data) == 3
        assert sum(b"Exif" in each for each in pieces(container)) == 1


def test_captions_stay_safe():
    caption = resource(0x0404, dataset(2, 120, b"A caption"))
    head = app(13, b"Photoshop 3.0\0" + resource(0x0409, SECRET_THUMBNAIL) + caption)
    kept = pieces(reduced(inserted(PICTURE, head), SAFE).container)
    assert app(13, b"Photoshop 3.0\0" + caption) in kept
    assert pieces(reduced(inserted(PICTURE, head), STRIP).container) == pieces(parse(PICTURE))


def damaged_deliveries():
    full = inserted(PICTURE, app(1, exif_payload()) + PROFILE + com(b"hello"))
    good = retain(parse(full), SAFE).container.data
    exif = pieces(parse(good))[0]
    return full, {
        "the profile lost": good.replace(PROFILE, b""),
        "the comment lost": good.replace(com(b"hello"), b""),
        "the artist lost": good.replace(b"Ada Lovelace", b"Eve Lovelace"),
        "all EXIF lost": good.replace(exif, b""),
        "the orientation changed": good.replace(
            b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06",
            b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x08",
        ),
        "something added": inserted(good, app(9, b"new")),
        "a second EXIF block": inserted(good, exif),
        "the trailer grown": good + EOI,
    }


@pytest.mark.parametrize("what", damaged_deliveries()[1])
def test_the_self_check_lets_nothing_else_go(what):
    full, cases = damaged_deliveries()
    assert cases[what] != retain(parse(full), SAFE).container.data
    with pytest.raises(UnsupportedJpeg) as caught:
        carried(parse(full), parse(cases[what]), recoded=False, policy=SAFE)
    assert caught.value.reason == "not_carried"


def test_the_self_check_of_keep_lets_nothing_go_that_another_policy_drops():
    full = inserted(PICTURE, app(1, exif_payload()))
    with pytest.raises(UnsupportedJpeg):
        carried(parse(full), retain(parse(full), SAFE).container, recoded=False)
    with pytest.raises(UnsupportedJpeg):
        carried(parse(full), retain(parse(full), STRIP).container, recoded=False, policy=SAFE)


@pytest.mark.parametrize("name", photo_names())
def test_a_photo_loses_only_what_is_asked(name):
    data = photo(name)
    for metadata in (Metadata.SAFE, Metadata.STRIP):
        reduced(data, Policy(metadata, break_signatures=True))


def test_odd_files_lose_only_what_is_asked_or_are_refused():
    done = 0
    for _name, _row, data in odd_files():
        try:
            source = parse(data)
            results = [retain(source, policy) for policy in (SAFE, STRIP)]
        except FileError:
            continue
        for policy, result in zip((SAFE, STRIP), results, strict=True):
            carried(source, result.container, recoded=False, policy=policy)
            assert retain(result.container, policy).container is result.container
        stripped = results[1].container
        assert retain(stripped, SAFE).container is stripped
        done += 1
    assert done > 300
