"""The real command on real files of every kind: it describes them all and changes none."""

import json

import pytest

PHOTOS = {
    # A gain map in MPF and XMP; a trailer of the phone's own behind it.
    "platform-samples__night_highrise.jpg": ["gain_map", "unknown"],
    "ultra-hdr-samples__Ultra_HDR_Samples_Originals_01.jpg": ["gain_map"],
    # Two previews behind the picture.
    "public-testfiles__nikon_20221019_building.jpg": ["zeros", "mpf_image", "zeros", "mpf_image"],
    "platform-samples__night_highrise_ad233a.jpg": ["samsung"],
    "cartridgeocr__IMG_5809.jpg": [],
    # Signed.
    "public-testfiles__truepic_20230212_camera.jpg": [],
}


def test_photos_of_every_kind_are_described(command, shared):
    paths = [shared / "photos" / name for name in PHOTOS]
    ran = command("inspect", "--json", "-q", "lossless", *paths)
    assert (ran.returncode, ran.stderr) == (0, b"")
    records = dict(zip(PHOTOS, map(json.loads, ran.stdout.splitlines()), strict=True))
    behind = {
        name: [part["kind"] for part in record["inspection"]["behind"]]
        for name, record in records.items()
    }
    assert behind == PHOTOS
    for record, path in zip(records.values(), paths, strict=True):
        found = record["inspection"]
        assert found["bytes"] == path.stat().st_size
        assert found["exif"]["model"] or "truepic" in path.name
        sizes = found["picture_bytes"] + found["metadata_bytes"]
        assert sizes + sum(part["size"] for part in found["behind"]) == found["bytes"]
    phone = records["cartridgeocr__IMG_5809.jpg"]["inspection"]
    assert phone["profile"]["gamut"] == "Display P3"
    signed = records["public-testfiles__truepic_20230212_camera.jpg"]
    assert signed["optimize"]["reason"] == "c2pa_signed"
    names = {stretch["name"] for stretch in signed["inspection"]["segments"]}
    assert "C2PA content credentials" in names


def test_a_photo_fits_a_terminal(command, shared):
    ran = command(
        "inspect", "-q", "lossless", shared / "photos" / "platform-samples__night_highrise.jpg"
    )
    path, *lines = ran.stdout.decode().splitlines()
    assert path.endswith("night_highrise.jpg")
    assert max(map(len, lines)) <= 80
    for text in ("Google Pixel 8", "Display P3", "gain-map", "extended XMP", "position"):
        assert text in ran.stdout.decode()


@pytest.mark.parametrize("options", [("--json",), ()], ids=["json", "text"])
@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.endurance)])
def test_no_odd_file_is_too_odd(command, shared, options, step):
    paths = sorted(path for path in (shared / "weird").rglob("*") if path.suffix != ".tsv")
    paths = [path for path in paths if path.is_file()][::step]
    ran = command("inspect", "-q", "lossless", *options, *paths)
    said, text = ran.stderr.decode(), ran.stdout.decode()
    # Some are broken or no JPEG.
    assert ran.returncode == 1
    assert "Traceback" not in said + text
    assert "internal error" not in said + text
    assert not [char for char in said + text if char != "\n" and not char.isprintable()]
    if not options:
        assert all(line.startswith("jpegslim: ") for line in said.splitlines())
        return
    assert said == ""
    records = [json.loads(line) for line in text.splitlines()]
    assert [record["path"] for record in records] == list(map(str, paths))
    for record in records:
        status = record["optimize"]["status"]
        assert record["sound"] == (status != "failed" and record["inspection"] is not None)
        assert record["sound"] or record["problem"]
        assert (record["inspection"] is None) == (record["optimize"]["reason"] == "not_a_jpeg")
