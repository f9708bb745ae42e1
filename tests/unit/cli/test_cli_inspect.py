import json

import pytest

from jpegslim.errors import ExitCode

HOSTILE = "\x1b[2J\x1b]0;title\x07\u202e\x9b31m\r\nfake line".encode()


def segment(marker, payload=b""):
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload


def inserted(jpeg, extra):
    return jpeg[:2] + extra + jpeg[2:]


@pytest.fixture(scope="module")
def photo(photograph):
    return photograph(1, size=(320, 240))


@pytest.fixture
def file(tmp_path, photo):
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo)
    return path


def said(text, label):
    """Return what stands behind a label, its lines joined."""
    lines = text.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"  {label} "))
    found = [lines[at][14:]]
    for line in lines[at + 1 :]:
        if not line.startswith(" " * 14):
            break
        found.append(line[14:])
    return " ".join(found)


def test_a_photo_is_described_in_sections(invoke, file):
    outcome = invoke("inspect", file)
    assert outcome.exit_code == ExitCode.OK
    text = outcome.stdout
    assert text.splitlines()[0] == str(file)
    assert said(text, "size") == "320 × 240 pixels, 0.08 megapixels"
    assert said(text, "quality") == "96 (standard tables)"
    assert said(text, "colour") == "YCbCr, 4:2:0"
    assert said(text, "optimize").startswith("would make it ")
    assert "target 85" in said(text, "why")
    assert "Segments" in text
    assert max(map(len, text.splitlines()[1:])) <= 80
    assert outcome.stderr == ""


def test_what_optimize_would_do_is_what_it_does(invoke, file):
    record = json.loads(invoke("inspect", file, "--json", "-q", "70").stdout)
    expected = json.loads(
        invoke("optimize", file, "-q", "70", "--json", "--no-ledger").stdout.splitlines()[0]
    )
    told = record["optimize"]
    for key in ("status", "reason", "message", "bytes_in", "bytes_out", "score", "target"):
        assert told[key] == expected[key]
    # The first of the two wrote nothing; now the file is a result.
    again = invoke("inspect", file, "-q", "70").stdout
    assert said(again, "optimize") == "would leave it as it is (skipped: already optimized)"
    assert said(again, "marker").startswith("made by jpegslim ")


def test_json_has_every_segment_and_the_tables(invoke, file, photo):
    record = json.loads(invoke("inspect", file, "--json").stdout)
    assert record["schema"] == 1
    assert (record["path"], record["sound"], record["problem"]) == (str(file), True, None)
    found = record["inspection"]
    assert found["bytes"] == len(photo)
    assert found["frame"]["chroma_subsampling"] == "4:2:0"
    assert found["quality"] == {"luma": 96, "chroma": 96, "standard": True}
    assert [len(table["rows"]) for table in found["quantization_tables"]] == [8, 8]
    assert found["segments"][0]["marker"] == "SOI"
    last = found["segments"][-1]
    assert (last["marker"], last["offset"] + last["size"]) == ("EOI", len(photo))


def test_a_broken_file_is_shown_up_to_the_break(invoke, file, photo):
    file.write_bytes(photo[:4000])
    outcome = invoke("inspect", file)
    assert outcome.exit_code == ExitCode.SOME_FAILED
    assert "truncated" in said(outcome.stdout, "problem")
    assert said(outcome.stdout, "size").startswith("320 × 240")
    assert "failed" in said(outcome.stdout, "optimize")
    record = json.loads(invoke("inspect", file, "--json").stdout)
    assert record["sound"] is False
    assert record["optimize"]["status"] == "failed"
    assert record["optimize"]["reason"] == "truncated"
    assert "truncated" in record["problem"]


def test_damage_that_only_the_decoder_sees_is_a_problem_too(invoke, file, photo):
    file.write_bytes(photo[: len(photo) // 2] + b"\xff\xd9")
    outcome = invoke("inspect", file)
    assert outcome.exit_code == ExitCode.SOME_FAILED
    assert said(outcome.stdout, "problem")


def test_one_line_for_what_is_no_jpeg_or_not_there_and_the_rest_goes_on(invoke, file, tmp_path):
    (tmp_path / "picture.jpg").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(30))
    names = (tmp_path / "picture.jpg", tmp_path / "none.jpg", tmp_path, file)
    outcome = invoke("inspect", *names)
    assert outcome.exit_code == ExitCode.SOME_FAILED
    first, second, third = outcome.stderr.splitlines()
    assert first == f"jpegslim: {names[0]}: not a JPEG: it looks like a PNG"
    assert second == f"jpegslim: {names[1]}: no such file"
    assert third == f"jpegslim: {names[2]}: is not a regular file"
    assert outcome.stdout.splitlines()[0] == str(file)
    records = [json.loads(line) for line in invoke("inspect", *names, "--json").stdout.splitlines()]
    assert [record["optimize"]["status"] for record in records][:3] == [
        "skipped",
        "failed",
        "failed",
    ]
    assert [record["inspection"] is None for record in records] == [True, True, True, False]


def test_nothing_of_a_file_reaches_the_terminal_as_it_is(invoke, tmp_path, photo):
    icc = b"ICC_PROFILE\0\x01\x01" + HOSTILE
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0"
    exif += len(HOSTILE).to_bytes(4, "little") + (26).to_bytes(4, "little") + bytes(4) + HOSTILE
    extra = (
        segment(0xFE, HOSTILE)
        + segment(0xE1, exif)
        + segment(0xE2, icc)
        + segment(0xE7, b"Word" + HOSTILE)
    )
    path = tmp_path / "\x1b[31mred\n.jpg"
    path.write_bytes(inserted(photo, extra))
    for options in ((), ("--json",)):
        outcome = invoke("inspect", path, *options)
        assert outcome.exit_code == ExitCode.OK
        text = outcome.stdout
        assert not [char for char in text if char != "\n" and not char.isprintable()]
        assert "fake line" not in text.splitlines()
        assert outcome.stderr == ""
    assert "\\x1b[2J" in invoke("inspect", path).stdout


def test_runs_of_segments_are_shortened_for_people_only(invoke, file, photo):
    file.write_bytes(inserted(photo, segment(0xFE, b"again") * 500))
    text = invoke("inspect", file).stdout
    assert "497 more of this kind" in text
    assert len(text.splitlines()) < 60
    record = json.loads(invoke("inspect", file, "--json").stdout)
    names = [stretch["name"] for stretch in record["inspection"]["segments"]]
    assert names.count("comment") == 500


def test_a_list_of_odd_segments_has_an_end(invoke, file, photo):
    extra = b"".join(segment(0xE7, b"Maker%04d" % number) for number in range(300))
    file.write_bytes(inserted(photo, extra))
    text = invoke("inspect", file).stdout
    assert "more lines (--json has all)" in text
    assert len(text.splitlines()) < 100


def test_several_files_are_kept_apart(invoke, file):
    lines = invoke("inspect", file, file).stdout.splitlines()
    at = [number for number, line in enumerate(lines) if line == str(file)]
    assert len(at) == 2
    assert lines[at[1] - 1] == ""


@pytest.mark.parametrize("arguments", [(), ("",), ("x.jpg", "-q", "best")])
def test_wrong_usage_is_told(invoke, arguments):
    outcome = invoke("inspect", *arguments)
    assert outcome.exit_code == ExitCode.USAGE
    assert outcome.stderr.startswith("jpegslim: ")
