"""One photo through a pipe, and judging pictures on their own."""

import io
import json

import numpy as np
from PIL import Image

import jpegslim


def test_a_photo_goes_through_the_pipe(command, picture):
    ran = command("optimize", "-", stdin=picture())
    assert ran.returncode == 0
    assert ran.stdout == jpegslim.optimize(picture()).data
    assert "optimized" in ran.stderr.decode()


def test_a_photo_that_is_not_made_smaller_comes_out_unchanged(command, picture):
    done = jpegslim.optimize(picture()).data
    ran = command("optimize", "-", stdin=done)
    assert (ran.returncode, ran.stdout) == (0, done)


def test_a_broken_photo_gives_no_output_and_exit_code_1(command, picture):
    ran = command("optimize", "-", stdin=picture()[:5000])
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert "truncated" in ran.stderr.decode()
    assert "Traceback" not in ran.stderr.decode()


def test_nothing_and_other_formats_through_the_pipe_are_refused(command, picture):
    for data in (b"", b"\x89PNG\r\n\x1a\n" + bytes(30)):
        ran = command("optimize", "-", stdin=data)
        assert (ran.returncode, ran.stdout) == (1, b"")


def test_quality_counts_in_the_pipe(command, picture):
    small = command("optimize", "-", "-q", "small", "--quiet", stdin=picture())
    assert (small.returncode, small.stderr) == (0, b"")
    assert small.stdout == jpegslim.optimize(picture(), jpegslim.Settings(target=70)).data


def test_two_pictures_are_compared_and_the_score_explained(command, tmp_path, picture):
    a, b = tmp_path / "a.jpg", tmp_path / "b.png"
    a.write_bytes(picture())
    with Image.open(io.BytesIO(picture(quality=60))) as image:
        image.save(b)
    expected = jpegslim.compare(a.read_bytes(), b.read_bytes())
    plain = command("compare", a, b)
    assert plain.returncode == 0
    assert f"{expected.score:.2f}" in plain.stdout.decode()
    told = json.loads(command("compare", a, b, "--json").stdout)
    assert set(told) == {"score", "worst_tile", "tiles"}
    assert told["score"] == expected.score
    assert told["worst_tile"]["score"] == expected.worst_tile.score
    assert len(told["tiles"]) == len(expected.tiles)


def test_a_finished_run_is_audited_folder_by_folder(command, folder, tmp_path):
    (folder / "broken.jpg").unlink()
    out = tmp_path / "slim"
    report = tmp_path / "r.jsonl"
    assert command("optimize", folder, "--output", out, "--report", report).returncode == 0
    *records, totals = map(json.loads, report.read_bytes().splitlines())
    ran = command("compare", folder, out / "photos", "--json")
    assert ran.returncode == 0
    *pairs, judged = map(json.loads, ran.stdout.splitlines())
    delivered = {
        record["path"].removeprefix(f"{folder}/"): record["score"]
        for record in records
        if record["score"] is not None
    }
    audited = {pair["path"]: pair["score"] for pair in pairs if pair["status"] == "compared"}
    assert audited == delivered
    assert judged["totals"]["lowest"]["score"] == totals["totals"]["lowest"]["score"]
    assert judged["totals"]["bytes_out"] == totals["totals"]["bytes_out"]


def test_a_photo_missing_from_a_finished_run_is_found(command, folder, tmp_path):
    out = tmp_path / "slim"
    command("optimize", folder, "--output", out)
    (out / "photos" / "one.jpg").unlink()
    ran = command("compare", folder, out / "photos")
    assert ran.returncode == 1
    assert "one.jpg" in ran.stdout.decode()


def test_pictures_that_differ_in_size_or_do_not_exist_are_refused(command, tmp_path, picture):
    a, b = tmp_path / "a.jpg", tmp_path / "b.jpg"
    a.write_bytes(picture())
    b.write_bytes(picture(size=(300, 240)))
    ran = command("compare", a, b)
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert "320×240 and 300×240" in ran.stderr.decode()
    assert command("compare", a, tmp_path / "none.jpg").returncode == 2


def test_grey_against_colour_is_compared(command, tmp_path, picture):
    a, b = tmp_path / "a.png", tmp_path / "b.png"
    grey = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    Image.fromarray(grey).save(a)
    Image.fromarray(np.repeat(grey[..., np.newaxis], 3, axis=2)).save(b)
    assert json.loads(command("compare", a, b, "--json").stdout)["score"] == 100
