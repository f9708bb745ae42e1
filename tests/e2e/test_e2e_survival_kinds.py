"""Photos of every kind that phones and cameras write, made by hand: each stays what it is."""

import base64
import io
import os
import re
import zipfile

import makers
import pytest
import readers
from PIL import Image, ImageCms
from readers import needs_exiftool
from survivors import changed_pairs, differences, hold_hdr

import jpegslim


@pytest.fixture(scope="module")
def small(picture):
    """Return a function that makes a gray or a coloured small JPEG."""

    def make(mode="RGB", size=(80, 60)):
        with Image.open(io.BytesIO(picture(3))) as image:
            written = io.BytesIO()
            image.convert(mode).resize(size).save(written, "JPEG", quality=85)
        return written.getvalue()

    return make


GDEPTH = 'xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/"'
VIDEO = makers.mp4()


def depth_map(small):
    """A depth map of several chunks, padded so that each is full."""
    data = base64.b64encode(small("L") + bytes(9000)).decode()
    return f"<GDepth:Format>RangeInverse</GDepth:Format><GDepth:Data>{data}</GDepth:Data>"


# What each maker builds, and the tags that show that exiftool took it for what it is.
KINDS = {
    "ultra hdr": (
        lambda photo, small: makers.ultra_hdr(photo, small("L")),
        ["XMP-hdrgm:Version", "XMP-hdrgm:GainMapMax", "MPImage2:MPImage2"],
    ),
    "ultra hdr with motion": (
        lambda photo, small: makers.ultra_hdr(photo, small("L"), VIDEO),
        ["XMP-hdrgm:Version", "MPImage2:MPImage2", "XMP-GCamera:MotionPhoto"],
    ),
    "apple gain map": (
        lambda photo, small: makers.apple_gain_map(photo, small("L")),
        ["MPImage2:MPImage2", "XMP-HDRGainMap:HDRGainMapVersion"],
    ),
    "micro video": (
        lambda photo, _small: makers.micro_video(photo, VIDEO),
        ["XMP-GCamera:MicroVideoOffset", "File:EmbeddedVideo"],
    ),
    "motion photo": (
        lambda photo, _small: makers.motion_photo(photo, VIDEO, padding=bytes(24)),
        ["XMP-GCamera:MotionPhoto", "XMP-Container:DirectoryItemPadding"],
    ),
    "samsung motion photo": (
        lambda photo, _small: makers.samsung_motion_photo(photo, VIDEO),
        ["Samsung:EmbeddedVideoFile", "Samsung:TimeStamp"],
    ),
    "stereo pair": (
        lambda photo, small: makers.pair(photo, small(size=(320, 240)), makers.DISPARITY),
        ["MPImage2:MPImage2", "MPF0:NumberOfImages"],
    ),
    "panorama pair": (
        lambda photo, small: makers.pair(photo, small(size=(320, 240)), makers.PANORAMA),
        ["MPImage2:MPImage2", "MPF0:NumberOfImages"],
    ),
    "three pictures": (
        lambda photo, small: makers.mpf(photo, [small(), small("L")], order="<"),
        ["MPImage2:MPImage2", "MPImage3:MPImage3"],
    ),
    "profile out of order": (
        lambda photo, _small: makers.icc_in_pieces(photo, profile(), order=(3, 1, 2)),
        ["ICC_Profile:ICC_Profile", "ICC_Profile:ProfileDescription"],
    ),
    "depth map in extended xmp": (
        lambda photo, small: makers.extended_xmp(photo, depth_map(small), GDEPTH, chunk=4000),
        ["XMP-xmpNote:HasExtendedXMP", "XMP-GDepth:DepthImage"],
    ),
    "thermal camera": (
        lambda photo, _small: makers.flir(photo),
        ["FLIR:RawThermalImage", "FLIR:RawThermalImageWidth"],
    ),
    "thumbnails": (
        lambda photo, small: makers.thumbnails(photo, small()),
        ["IFD1:ThumbnailImage", "JFXX:ThumbnailImage"],
    ),
    "zeros behind": (lambda photo, _small: photo + bytes(4096), ["File:Trailer"]),
    "another jpeg behind": (lambda photo, small: photo + small(), ["File:Trailer"]),
}


# Of what stands behind the picture, exiftool gives the number in front of the tag.
IN_DOCUMENT = re.compile(r"^Doc[\d-]+:")


def profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="module", params=["optimized", "lossless"])
def built(request, picture, small, tmp_path_factory):
    """Every kind before and after, read by exiftool at once."""
    settings = jpegslim.Settings(target=85 if request.param == "optimized" else None)
    top = tmp_path_factory.mktemp("kinds")
    for folder in ("before", "after"):
        (top / folder).mkdir()
    for kind, (make, _tags) in KINDS.items():
        photo = make(picture(1, size=(480, 360), quality=96), small)
        result = jpegslim.optimize(photo, settings)
        assert result.status == request.param, (kind, result)
        for folder, data in (("before", photo), ("after", result.data)):
            write(top / folder / f"{kind}.jpg", data)
    read = changed_pairs(top / "before", top / "after", [f"{kind}.jpg" for kind in KINDS])
    return {name.removesuffix(".jpg"): pair for name, pair in read.items()}


def write(path, data):
    """Write a file that exiftool dates like every other one."""
    path.write_bytes(data)
    os.utime(path, ns=(10**18, 10**18))


@needs_exiftool
@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_of_every_kind_stays_one(built, kind):
    pair = built[kind]
    assert {*KINDS[kind][1]} <= {IN_DOCUMENT.sub("", tag) for tag in pair.old}
    assert differences(pair) == {}
    assert readers.metadata(pair.after) == readers.metadata(pair.before)
    assert readers.layout(pair.after).behind == readers.layout(pair.before).behind
    if "MPF0:MPFVersion" in pair.old:
        assert readers.frames(pair.after) == readers.frames(pair.before) != []
    assert readers.items(pair.after) == readers.items(pair.before)


def turned(data, what, instead):
    assert data.count(what) == 1
    return data.replace(what, instead)


# What would be a loss, by the kind it is done to.
LOSSES = {
    "a gain map's pixels": ("apple gain map", lambda data: data[:-20] + b"\0" + data[-19:]),
    "where the gain map is": (
        "apple gain map",
        lambda data: data[:68] + bytes((data[68] ^ 1,)) + data[69:],
    ),
    "the end of a video": ("micro video", lambda data: data[:-1]),
    "the distance of a video": (
        "micro video",
        lambda data: turned(data, b'MicroVideoOffset="', b'MicroVideoOffset="1'),
    ),
    "a comment": ("zeros behind", lambda data: turned(data, b"jpegslim/1 v", b"jpegslim/2 v")),
    "a comment more": ("zeros behind", lambda data: data[:2] + b"\xff\xfe\0\4hi" + data[2:]),
    "the profile": (
        "profile out of order",
        lambda data: turned(data, "t-in".encode("utf-16-be"), "t-on".encode("utf-16-be")),
    ),
    "a thermal value": (
        "thermal camera",
        lambda data: turned(data, b"\xe8\3\xe9\3", b"\xe8\3\xe9\4"),
    ),
}


@needs_exiftool
def test_every_loss_would_be_noticed(built, tmp_path):
    for loss, (kind, lose) in LOSSES.items():
        for folder, data in (("before", built[kind].before), ("after", lose(built[kind].after))):
            (tmp_path / folder).mkdir(exist_ok=True)
            write(tmp_path / folder / f"{loss}.jpg", data)
    names = [f"{loss}.jpg" for loss in LOSSES]
    lossy = changed_pairs(tmp_path / "before", tmp_path / "after", names)
    assert [name for name in names if not differences(lossy[name])] == []


@needs_exiftool
@pytest.mark.parametrize("kind", ["ultra hdr", "ultra hdr with motion"])
def test_the_hdr_picture_of_an_ultra_hdr_photo_stays(built, kind):
    hold_hdr(built[kind].before, built[kind].after)


def test_a_preview_that_a_maker_note_finds_behind_the_picture_keeps_the_file(picture, small):
    result = jpegslim.optimize(makers.preview_behind(picture(1), small()))
    assert (result.status, result.reason) == (jpegslim.Status.KEPT, "exif_points_beyond")


@pytest.mark.parametrize("order", ["<", ">"])
def test_an_archives_notes_that_count_from_the_start_keep_the_file(picture, order):
    result = jpegslim.optimize(makers.afcp(picture(1), order=order))
    assert (result.status, result.reason) == (jpegslim.Status.KEPT, "afcp_offsets")
    # The sign alone, pointing at nothing, is nobody's notes.
    stray = picture(1) + b"AXS!" + bytes(8)
    assert jpegslim.optimize(stray).status is jpegslim.Status.OPTIMIZED


def test_an_archive_behind_the_picture_is_still_read(picture):
    written = io.BytesIO(picture(1))
    with zipfile.ZipFile(written, "a") as archive:
        archive.writestr("notes.txt", "kept")
    result = jpegslim.optimize(written.getvalue())
    assert result.status is jpegslim.Status.OPTIMIZED
    with zipfile.ZipFile(io.BytesIO(result.data)) as archive:
        assert archive.read("notes.txt") == b"kept"
