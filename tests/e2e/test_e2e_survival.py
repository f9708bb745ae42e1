"""Nothing is lost: readers that are not ours find in the new file what they found in the old."""

import json
import os
from pathlib import Path

import pytest
import readers
from readers import needs_exiftool
from survivors import changed_pairs, differences, hold_hdr, without_untrue_adobe

CHANGED = ("optimized", "lossless")
# A gain map and an extended XMP; Samsung's trailer; makers' bytes behind the picture; 4:4:4.
FEW_PHOTOS = (
    "ultra-hdr-samples__Ultra_HDR_Samples_Originals_05.jpg",
    "platform-samples__night_highrise_ad233a.jpg",
    "lepton__slrindoor.jpg",
    "exif-py__jolla.jpg",
)
FEW_BYTES = 2_000_000


def few(shared):
    """Choose some photos, and of the odd files the smallest of every kind in its index."""
    odd = [path for path in (shared / "weird").rglob("*") if path.is_file()]
    lines = (shared / "weird" / "INDEX.tsv").read_text(encoding="utf-8").splitlines()
    kinds = {line.split("\t")[0]: line.split("\t")[13] for line in lines[1:]}
    smallest = {}
    for path in sorted(odd, key=lambda path: (path.stat().st_size, path), reverse=True):
        kind = kinds.get(path.relative_to(shared / "weird").as_posix())
        if kind is not None and path.stat().st_size < FEW_BYTES:
            smallest[kind] = path
    return [shared / "photos" / name for name in FEW_PHOTOS] + sorted(smallest.values())


def everything(shared):
    found = [*(shared / "photos").rglob("*"), *(shared / "weird").rglob("*")]
    return sorted(path for path in found if path.is_file() and path.name != "INDEX.tsv")


@pytest.fixture(scope="module", params=["few", pytest.param("all", marks=pytest.mark.endurance)])
def run(request, shared, command, tmp_path_factory):
    """Run the command once over the chosen files: the two folders, and each file's status."""
    top = tmp_path_factory.mktemp("survival")
    for path in few(shared) if request.param == "few" else everything(shared):
        place = top / "before" / path.relative_to(shared)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
        os.utime(place, ns=(10**18, 10**18))
    ran = command("optimize", top / "before", "--output", top / "after", "--json")
    *files, _totals = map(json.loads, ran.stdout.splitlines())
    before, after = top / "before", top / "after" / "before"
    told = {Path(record["path"]).relative_to(before).as_posix(): record for record in files}
    return request.param, before, after, told


@pytest.fixture(scope="module")
def pairs(run):
    """Every file of the run that changed, with what exiftool finds in both."""
    _form, before, after, told = run
    names = sorted(name for name, record in told.items() if record["status"] in CHANGED)
    return changed_pairs(before, after, names)


@needs_exiftool
def test_exiftool_finds_nothing_else_changed(run, pairs):
    found = {name: differences(pair) for name, pair in pairs.items()}
    assert {name: tags for name, tags in found.items() if tags} == {}
    # What was looked at; both forms have lossy and lossless results among them.
    assert len(pairs) >= (40 if run[0] == "few" else 180)
    assert {run[3][name]["status"] for name in pairs} == set(CHANGED)


@needs_exiftool
@pytest.mark.parametrize(
    "tag",
    [
        "MPImage2:MPImage2",
        "IFD1:ThumbnailImage",
        "File:Trailer",
        "Samsung:TimeStamp",
        "ICC_Profile:ICC_Profile",
        "XMP:XMP",
    ],
)
def test_what_exiftool_extracts_is_identical(pairs, tag):
    holders = {name: pair for name, pair in pairs.items() if tag in pair.old}
    assert holders
    for name, pair in holders.items():
        assert pair.new.get(tag) == pair.old[tag], name


@needs_exiftool
def test_every_segment_and_every_byte_behind_the_picture_is_carried(pairs):
    for name, pair in pairs.items():
        carried = without_untrue_adobe(pair.before, pair.after)
        assert readers.metadata(pair.after) == carried, name
        assert readers.layout(pair.after).behind == readers.layout(pair.before).behind, name
    assert any(readers.layout(pair.after).behind for pair in pairs.values())


@needs_exiftool
def test_pillow_reads_the_same_pictures_behind_the_first(pairs):
    found = 0
    for name, pair in pairs.items():
        if "MPF0:MPFVersion" not in pair.old:
            continue
        pictures = readers.frames(pair.after)
        assert pictures == readers.frames(pair.before), name
        found += sum(picture is not None for picture in pictures)
    assert found


@needs_exiftool
def test_googles_items_still_count_from_both_ends(pairs):
    found = 0
    for name, pair in pairs.items():
        items = readers.items(pair.after)
        assert items == readers.items(pair.before), name
        for _semantic, from_first, from_end in items:
            # Pixel phones append notes of their own that their list does not name.
            assert any(is_media(data) for data in (from_first, from_end)), name
            found += 1
    assert found


def is_media(data):
    return data[:3] == b"\xff\xd8\xff" or data[4:8] == b"ftyp"


@needs_exiftool
def test_motion_video_is_identical_from_its_first_box_on(run, pairs):
    found = 0
    for name, pair in pairs.items():
        at = readers.layout(pair.before).behind.find(b"ftyp")
        if at < 4:
            continue
        for tag in ("File:EmbeddedVideo", "Samsung:EmbeddedVideoFile"):
            assert pair.new.get(tag) == pair.old.get(tag), name
        assert (
            pair.before[pair.before.rindex(b"ftyp") :] == pair.after[pair.after.rindex(b"ftyp") :]
        )
        found += 1
    assert found


def test_signed_files_are_left_as_they_are(run):
    _form, before, after, told = run
    signed = [name for name, record in told.items() if record["reason"] == "c2pa_signed"]
    assert signed
    for name in signed:
        assert (after / name).read_bytes() == (before / name).read_bytes()
    for name, record in told.items():
        if record["status"] in CHANGED:
            segments = readers.metadata((before / name).read_bytes())
            assert not any(mark == 0xEB and b"c2pa" in data for mark, data in segments), name


@pytest.mark.endurance
@needs_exiftool
def test_the_hdr_picture_stays(pairs):
    found = 0
    for pair in pairs.values():
        if "XMP-hdrgm:Version" in pair.old and readers.layout(pair.before).behind:
            hold_hdr(pair.before, pair.after)
            found += 1
    assert found
