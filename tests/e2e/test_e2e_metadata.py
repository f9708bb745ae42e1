"""`--metadata`: what is to go is gone after one run, a second one changes nothing."""

import json
import shutil
import subprocess

import pytest
from metadata_samples import SECRETS, exif_payload

SIGNED = b"\xff\xeb\0\x2aJP\0\x01" + bytes(4) + b"\0\0\0\x80jumb\0\0\0\x20jumdc2pa" + bytes(12)

needs_exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None,
    reason="needs the program exiftool (Debian: libimage-exiftool-perl)",
)


@pytest.fixture(scope="module")
def photos(picture):
    """Photos that are optimized, packed losslessly, and kept, all with secrets."""
    payload = exif_payload()
    head = b"\xff\xe1" + (len(payload) + 2).to_bytes(2) + payload

    def with_secrets(data, more=b""):
        return data[:2] + head + more + data[2:]

    return {
        "lossy.jpg": with_secrets(picture(0)),
        "lossless.jpg": with_secrets(picture(1, quality=40)),
        "signed.jpg": with_secrets(picture(2), SIGNED),
        "plain.jpg": picture(3),
    }


@pytest.fixture
def folder(tmp_path, photos):
    top = tmp_path / "photos"
    top.mkdir()
    for name, data in photos.items():
        (top / name).write_bytes(data)
    return top


def has_secrets(path):
    data = path.read_bytes()
    return any(secret in data for secret in SECRETS)


def records(run):
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    files = {line["path"].rpartition("/")[2]: line for line in lines[:-1]}
    return files, lines[-1]["totals"]


@pytest.fixture(params=["marker and ledger", "--no-ledger", "--no-marker"])
def options(request, tmp_path, folder):
    """How results are known again."""
    known = [request.param] if request.param.startswith("--") else []
    ledger = [] if "--no-ledger" in known else ["--ledger", tmp_path / "ledger.sqlite"]
    return [folder, *known, *ledger, "--json"]


@pytest.mark.parametrize("policy", ["safe", "strip"])
def test_what_was_optimized_before_loses_its_metadata_once(
    command, folder, contents, options, policy
):
    command("optimize", *options)
    assert has_secrets(folder / "lossy.jpg")
    files, totals = records(command("optimize", *options, "--metadata", policy))
    assert files["lossy.jpg"]["reason"] == "metadata_dropped"
    assert not has_secrets(folder / "lossy.jpg")
    assert not has_secrets(folder / "lossless.jpg")
    assert has_secrets(folder / "signed.jpg")
    assert files["signed.jpg"]["metadata_left"] is True
    assert files["signed.jpg"]["message"].endswith("its metadata was not dropped")
    assert totals["metadata_left"] == 1
    assert totals["metadata_dropped"] == totals["bytes_in"] - totals["bytes_out"] > 0
    before = contents(folder)
    again, totals = records(command("optimize", *options, "--metadata", policy))
    assert contents(folder) == before
    assert totals["metadata_dropped"] == 0
    assert again["signed.jpg"]["metadata_left"] is True


def test_every_photo_in_an_output_folder_is_under_the_policy_of_the_last_run(
    command, folder, tmp_path
):
    options = ["optimize", folder, "-o", tmp_path / "slim", "--ledger", tmp_path / "l.sqlite"]
    result = tmp_path / "slim" / "photos" / "lossy.jpg"
    for policy, secret in (("keep", True), ("safe", False), ("keep", True), ("strip", False)):
        command(*options, "--metadata", policy)
        assert has_secrets(result) == secret
        before = result.stat().st_mtime_ns, result.stat().st_ino
        command(*options, "--metadata", policy)
        assert (result.stat().st_mtime_ns, result.stat().st_ino) == before


def test_the_summary_names_the_photo_that_stays_as_it_is(command, folder, tmp_path):
    run = command("optimize", folder, "--no-ledger", "--metadata", "safe", "--quiet")
    told = run.stderr.decode().splitlines()
    assert run.returncode == 0
    assert len(told) == 2
    assert str(folder / "signed.jpg") in told[0]
    assert told[1] == "metadata was not dropped from 1 file"


def test_a_photo_of_another_format_under_a_jpeg_s_name_is_told_of(command, folder, tmp_path):
    (folder / "really.jpg").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    (folder / "empty.jpg").write_bytes(b"")
    options = (folder, "--output", tmp_path / "out", "--metadata", "safe", "--json")
    for _ in range(2):
        files, totals = records(command("optimize", *options))
        assert files["really.jpg"]["metadata_left"]
        assert "was not dropped" in files["really.jpg"]["message"]
        assert not files["empty.jpg"]["metadata_left"]
        assert totals["metadata_left"] == 2
    files, _ = records(command("optimize", folder, "--output", tmp_path / "kept", "--json"))
    assert not files["really.jpg"]["metadata_left"]


def test_a_signature_that_may_be_broken_does_not_hold_metadata(command, folder):
    command("optimize", folder, "--no-ledger", "--metadata", "safe", "--break-signatures")
    assert not has_secrets(folder / "signed.jpg")
    assert b"c2pa" not in (folder / "signed.jpg").read_bytes()


def test_one_photo_through_a_pipe(command, photos):
    run = command("optimize", "-", "--metadata", "strip", stdin=photos["lossy.jpg"])
    assert not any(secret in run.stdout for secret in SECRETS)
    assert "of metadata dropped" in run.stderr.decode()
    signed = command("optimize", "-", "--metadata", "strip", stdin=photos["signed.jpg"])
    assert signed.stdout == photos["signed.jpg"]
    assert "its metadata was not dropped" in signed.stderr.decode()


def exiftool(*args):
    told = subprocess.run(
        ["exiftool", "-json", "-a", "-u", "-n", "-G1", *args],
        capture_output=True,
        check=False,
        timeout=600,
    )
    return {each["SourceFile"].rpartition("/")[2]: each for each in json.loads(told.stdout)}


@pytest.fixture(scope="module")
def shared_photos(shared, tmp_path_factory):
    """Every shared photo by the policies, its picture as it was, and what exiftool says of it."""
    from jpegslim.engine.container.policy import Policy
    from jpegslim.engine.container.retain import retain
    from jpegslim.engine.container.segments import parse
    from jpegslim.settings import Metadata

    folder = tmp_path_factory.mktemp("policies")
    read = {"keep": exiftool(shared / "photos", "-ext", "jpg")}
    for metadata in (Metadata.SAFE, Metadata.STRIP):
        (folder / metadata).mkdir()
        for path in sorted((shared / "photos").glob("*.jpg")):
            policy = Policy(metadata, break_signatures=True)
            reduced = retain(parse(path.read_bytes()), policy)
            (folder / metadata / path.name).write_bytes(reduced.container.data)
        read[metadata] = exiftool(folder / metadata, "-ext", "jpg")
    return read


PRIVATE = ("GPS:", "IFD1:", "MakerNotes:", "Canon", "Nikon", "Sony:", "Apple:", "PrintIM:")
PERSONAL = ("Orientation", "Copyright", "Artist", "DateTimeOriginal", "CreateDate", "ModifyDate")


@needs_exiftool
def test_exiftool_finds_nothing_private_in_a_safe_photo_and_all_that_is_personal(shared_photos):
    before, after = shared_photos["keep"], shared_photos["safe"]
    assert len(after) == len(before) > 40
    for name, tags in after.items():
        found = [tag for tag in tags if tag.startswith(PRIVATE) or "ThumbnailImage" in tag]
        assert found == [], name
        assert not [tag for tag in tags if "Latitude" in tag or "Longitude" in tag], name
        kept = {f"IFD0:{tag}" for tag in PERSONAL} | {f"ExifIFD:{tag}" for tag in PERSONAL}
        for tag in kept & before[name].keys():
            assert tags[tag] == before[name][tag], name
        profile = "ICC_Profile:ProfileDescription"
        assert tags.get(profile) == before[name].get(profile)


@needs_exiftool
def test_exiftool_finds_only_what_display_needs_in_a_stripped_photo(shared_photos):
    allowed = ("ICC", "XMP-x:", "XMP-hdrgm:", "XMP-Container:", "XMP-xmpNote:", "MPF", "MPImage")
    # Facts of the file and its coding, and what exiftool itself works out.
    always = ("SourceFile", "ExifTool:", "System:", "File:", "Composite:", "JFIF:", "Adobe:")
    for name, tags in shared_photos["strip"].items():
        found = [tag for tag in tags if not tag.startswith((*allowed, *always))]
        assert set(found) <= {"IFD0:Orientation"}, name
        orientation = shared_photos["keep"][name].get("IFD0:Orientation", 1)
        assert tags.get("IFD0:Orientation", 1) == orientation
