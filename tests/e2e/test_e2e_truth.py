"""What is said of each odd file is true: an independent, strict decoder is asked as well."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

# What the program says of coding it does not know: nothing about the file's soundness.
BEYOND_IT = re.compile(
    r"Unsupported JPEG (data precision|process)|Unsupported marker|DNL not supported"
    r"|Bogus sampling factors|Unsupported color conversion"
)
# Bytes between the header's segments; behind picture data the same words mean damage.
STRAY = re.compile(r"extraneous bytes before marker 0x(?!d9)")


@pytest.fixture(scope="module")
def djpeg():
    """Return a function that decodes with libjpeg-turbo's own program: None, or its complaint."""
    program = shutil.which("djpeg")
    if program is None:
        pytest.skip("needs djpeg (libjpeg-turbo-progs)")
    told = subprocess.run([program, "-help"], capture_output=True, text=True, check=False)
    if "-strict" not in told.stdout + told.stderr:
        pytest.skip("needs a djpeg that knows -strict")

    def complaint(path):
        ran = subprocess.run(
            [program, "-strict", "-outfile", os.devnull, os.fspath(path)],
            capture_output=True,
            timeout=120,
            check=False,
        )
        words = ran.stderr.decode(errors="replace")
        return None if ran.returncode == 0 else " ".join(words.split())

    return complaint


@pytest.fixture(params=["few", pytest.param("all", marks=pytest.mark.endurance)])
def weird(request, shared, tmp_path):
    """Return a folder of odd files: every tenth, or all."""
    files = sorted(
        path
        for path in (shared / "weird").rglob("*")
        if path.is_file() and path.name != "INDEX.tsv"
    )
    top = tmp_path / "weird"
    for path in files[::10] if request.param == "few" else files:
        place = top / path.relative_to(shared / "weird")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    return top


def verdicts(command, top):
    ran = command("optimize", top, "--dry-run", "--json")
    *files, _totals = map(json.loads, ran.stdout.splitlines())
    return files


def check(record, said):
    """Hold one record against what the other program said of the same file."""
    status, reason = record["status"], record["reason"]
    if status in ("optimized", "lossless"):
        assert said is None, record
    elif status == "failed" or reason == "not_a_jpeg":
        assert said is not None, record
    elif status == "kept" and said is not None:
        stray = reason == "junk_between_markers" and STRAY.search(said)
        assert stray or BEYOND_IT.search(said), (record, said)


def test_nothing_sound_is_called_broken_and_nothing_broken_sound(command, weird, djpeg):
    records = verdicts(command, weird)
    assert len(records) > 50
    for record in records:
        check(record, djpeg(record["path"]))


def test_every_reason_is_one_plain_line(command, weird):
    for record in verdicts(command, weird):
        message = record["message"]
        assert message, record
        assert message == " ".join(message.split())
        assert len(message) < 200, record


def broken(picture):
    """Return ways to break a photo, with a word the message must hold."""
    source = picture()
    half = source[: len(source) // 2]
    length = source.index(b"\xff\xdb") + 2
    return {
        "truncated.jpg": (half, "truncated"),
        "closed.jpg": (half + b"\xff\xd9", "Corrupt JPEG data: premature end of data segment"),
        "last_rows.jpg": (source[:-400] + b"\xff\xd9", "Corrupt JPEG data: premature end"),
        "length.jpg": (source[:length] + b"\0\1" + source[length + 2 :], "impossible length"),
        "longer.jpg": (source[:length] + b"\xff\xf0" + source[length + 2 :], "truncated"),
        "empty.jpg": (b"", "empty"),
        "png.jpg": (b"\x89PNG\r\n\x1a\n" + bytes(60), "looks like a PNG"),
    }


def test_what_is_wrong_is_told_in_one_line_and_the_file_stays(command, tmp_path, picture, contents):
    files = broken(picture)
    for name, (data, _) in files.items():
        (tmp_path / name).write_bytes(data)
    before = contents(tmp_path)
    ran = command("optimize", tmp_path)
    assert ran.returncode == 1
    assert contents(tmp_path) == before
    lines = ran.stderr.decode().splitlines()
    for name, (_, words) in files.items():
        if name not in ("png.jpg", "empty.jpg"):
            assert any(name in line and words in line for line in lines), (name, lines)
    records = {Path(record["path"]).name: record for record in verdicts(command, tmp_path)}
    for name, (_, words) in files.items():
        assert words in records[name]["message"]
        skipped = name in ("png.jpg", "empty.jpg")
        assert records[name]["status"] == ("skipped" if skipped else "failed")


def test_a_flipped_bit_is_noticed_or_harmless_never_fatal(command, tmp_path, picture, djpeg):
    source = picture(quality=85)
    scan = source.index(b"\xff\xda") + 14
    for number in range(24):
        at = scan + (len(source) - scan - 4) * number // 24
        flipped = bytearray(source)
        flipped[at] ^= 1 << (number % 8)
        (tmp_path / f"{number:02}.jpg").write_bytes(flipped)
    records = verdicts(command, tmp_path)
    assert len(records) == 24
    assert {record["status"] for record in records} <= {"failed", "optimized", "lossless", "kept"}
    for record in records:
        check(record, djpeg(record["path"]))
