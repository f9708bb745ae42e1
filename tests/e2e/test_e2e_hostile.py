"""Nothing in a name, in metadata or in a header reaches a shell, a terminal or another folder."""

import json
import os
import subprocess
import sys

import pytest

# Colours, the window's title, the cursor, a bell, a C1 sequence, text that runs backwards.
TERMINAL = "\x1b[31mred\x1b]0;title\x07\x1b[2J\x9b1m\u202egpj.exe\u2066\r"
NAMES = [
    "\x1b[31mred.jpg",
    "title\x1b]0;owned\x07.jpg",
    "two\nlines.jpg",
    "back\rward.jpg",
    "\u202egpj.exe.jpg",
    "\x9b31mred.jpg",
    "-rf.jpg",
    "--output=elsewhere.jpg",
    "$(touch pwned).jpg",
    "`touch pwned`.jpg",
    "; touch pwned ;.jpg",
    "a & touch pwned.jpg",
    "| touch pwned.jpg",
    "%s%n%x.jpg",
    "{0.__class__}.jpg",
    "[bold red]x[-].jpg",
    "~.jpg",
    "*.jpg",
    "x..jpg",
]
PRINTED = pytest.mark.parametrize("how", [(), ("--json",), ("--summary",)], ids=str)

_PEAK = """
import resource, sys
from pathlib import Path
import jpegslim
import ajpegli, mozjpeg_lossless_optimization, numpy, simplejpeg
from jpegslim.engine import metric
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
result = jpegslim.optimize(Path(sys.argv[1]).read_bytes())
unit = 1 << (20 if sys.platform == "darwin" else 10)
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit
print(result.status, result.reason, grown, result.detail, sep="\\t")
"""

posix_names = pytest.mark.skipif(os.name == "nt", reason="names hold no such characters there")


def with_segment(data, marker, payload):
    return data[:2] + bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload + data[2:]


def assert_harmless(*printed):
    for text in printed:
        for line in text.decode().splitlines():
            bad = [sign for sign in line if not sign.isprintable()]
            assert not bad, (bad, line)


@pytest.fixture
def hostile(tmp_path, picture):
    """A folder of photos, and of broken ones, under hostile names."""
    top = tmp_path / "photos"
    top.mkdir()
    for number, name in enumerate(NAMES):
        (top / name).write_bytes(picture(number % 6))
        (top / f"broken {name}").write_bytes(picture(number % 6)[:5000])
    return top


@posix_names
@PRINTED
def test_names_reach_no_terminal_and_no_shell(command, hostile, tmp_path, how):
    ran = command("optimize", ".", "--output", "../slim", *how, cwd=hostile)
    assert ran.returncode == 1
    assert_harmless(ran.stdout, ran.stderr)
    assert not list(tmp_path.rglob("pwned*"))
    assert not list(tmp_path.rglob("elsewhere*"))
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "slim"}
    made = {path.name for path in (tmp_path / "slim").rglob("*") if path.is_file()}
    assert made == {path.name for path in hostile.iterdir()}


@posix_names
def test_names_survive_a_list_and_a_backup(command, hostile, tmp_path, contents):
    before = contents(hostile)
    names = "\0".join(sorted(f"./{name}" for name in before)).encode()
    ran = command(
        "optimize", "--from-file", "-", "-0", "--backup", tmp_path / "kept", cwd=hostile,
        stdin=names,
    )  # fmt: skip
    assert ran.returncode == 1
    assert_harmless(ran.stdout, ran.stderr)
    after = contents(hostile)
    assert after.keys() == before.keys()
    assert all(len(after[name]) < len(before[name]) for name in NAMES)
    assert not list(tmp_path.rglob("pwned*"))


@pytest.mark.parametrize("listed", [True, False])
def test_a_path_upwards_stays_inside_the_output_folder(
    command, tmp_path, picture, contents, listed
):
    inside, outside = tmp_path / "home" / "photos", tmp_path / "home" / "other"
    for folder in (inside, outside):
        folder.mkdir(parents=True)
        (folder / "a.jpg").write_bytes(picture(1))
    (outside / "b.jpg").write_bytes(picture(2))
    before = contents(tmp_path / "home")
    slim = tmp_path / "slim"
    paths = ["a.jpg", "../other/b.jpg", "../../home/other/a.jpg"]
    if listed:
        ran = command(
            "optimize", "--from-file", "-", "--output", slim, cwd=inside,
            stdin="\n".join(paths).encode(),
        )  # fmt: skip
    else:
        ran = command("optimize", *paths, "--output", slim, cwd=inside)
    assert ran.returncode in (0, 1, 2), ran.stderr
    assert contents(tmp_path / "home") == before
    assert {path.name for path in tmp_path.iterdir()} <= {"home", "slim"}


def test_metadata_reaches_no_terminal(command, tmp_path, picture):
    words = TERMINAL.encode()
    exif = (
        b"Exif\0\0II*\0\x08\0\0\0\x02\0"
         b"\x0f\x01\x02\0" + len(words).to_bytes(4, "little") + (38).to_bytes(4, "little")
        + b"\x10\x01\x02\0" + len(words).to_bytes(4, "little") + (38).to_bytes(4, "little")
        + bytes(4) + words + bytes(8)
    )  # fmt: skip
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + words + b"</x:xmpmeta>"
    profile = b"ICC_PROFILE\0\1\1" + words * 10
    source = picture()
    for marker, payload in (
        (0xFE, words), (0xE1, exif), (0xE1, xmp), (0xE2, profile), (0xED, words), (0xE9, words),
    ):  # fmt: skip
        source = with_segment(source, marker, payload)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(source)
    assert_harmless(*(getattr(command("inspect", photo), each) for each in ("stdout", "stderr")))
    ran = command("inspect", photo, "--json")
    assert_harmless(ran.stdout, ran.stderr)
    json.loads(ran.stdout)
    ran = command("optimize", photo)
    assert_harmless(ran.stdout, ran.stderr)
    assert ran.returncode == 0


@pytest.mark.parametrize("size", [(65535, 65535), (40000, 40000), (65535, 5000)])
def test_a_bomb_is_refused_from_its_header(environment, tmp_path, picture, size):
    source = picture()
    at = source.index(b"\xff\xc0") + 5
    bomb = tmp_path / "bomb.jpg"
    bomb.write_bytes(source[:at] + size[1].to_bytes(2) + size[0].to_bytes(2) + source[at + 4 :])
    ran = subprocess.run(
        [sys.executable, "-c", _PEAK, bomb],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=True,
    )
    status, reason, grown, detail = ran.stdout.rstrip("\n").split("\t")
    assert (status, reason) == ("skipped", "too_big")
    assert f"{size[0] * size[1] / 1e6:.0f} megapixels, over the limit of 300" in detail
    # Its pixels would be 1 to 13 GB.
    assert float(grown) < 40


def test_the_limit_in_megapixels_is_the_user_s(command, tmp_path, picture):
    photo = tmp_path / "a.jpg"
    photo.write_bytes(picture())
    ran = command("optimize", photo, "--max-megapixels", "0.05", "--json", "--dry-run")
    record = json.loads(ran.stdout.splitlines()[0])
    assert (record["status"], record["reason"]) == ("skipped", "too_big")
    ran = command("optimize", photo, "--max-megapixels", "1", "--json", "--dry-run")
    assert json.loads(ran.stdout.splitlines()[0])["status"] == "optimized"
