"""What a run tells scripts: JSON lines on stdout, a report file, the same figures dry or wet."""

import csv
import json
from types import SimpleNamespace

import pytest

KEYS = {
    "schema",
    "path",
    "output",
    "status",
    "reason",
    "message",
    "bytes_in",
    "bytes_out",
    "score",
    "worst_tile",
    "target",
    "encoder",
    "chroma_subsampling",
    "megapixels",
    "metadata_dropped",
    "metadata_left",
    "gain_map",
    "notes",
    "seconds",
}


def parsed(text):
    *files, last = [json.loads(line) for line in text.splitlines()]
    return files, last["totals"]


@pytest.fixture(scope="module")
def run(tmp_path_factory, command, fill):
    """One run that tells everything in every way."""
    top = fill(tmp_path_factory.mktemp("reports") / "photos")
    lines, table = top.parent / "report.jsonl", top.parent / "report.csv"
    dry = command("optimize", top, "--json", "--dry-run", "--report", table)
    real = command("optimize", top, "--json", "--report", lines)
    return SimpleNamespace(**locals())


def test_json_is_one_object_a_file_and_the_totals(run):
    files, totals = parsed(run.real.stdout)
    assert len(files) == 6
    for record in files:
        assert set(record) == KEYS
        assert record["schema"] == 1
        assert record["message"]
        assert record["seconds"] >= 0
    assert totals["files"] == 6
    assert (totals["optimized"], totals["kept"], totals["failed"]) == (4, 1, 1)
    assert totals["exit_code"] == run.real.returncode == 1
    for side in ("bytes_in", "bytes_out"):
        assert totals[side] == sum(record[side] for record in files)
    lowest = min(record["score"] for record in files if record["score"] is not None)
    assert totals["lowest"]["score"] == lowest


def test_what_json_says_of_a_photo_is_so(run):
    photo = run.top / "one.jpg"
    (record,) = [each for each in parsed(run.real.stdout)[0] if each["path"] == str(photo)]
    assert record["output"] == str(photo)
    assert (record["status"], record["reason"]) == ("optimized", "target_met")
    assert record["bytes_out"] == photo.stat().st_size
    assert record["megapixels"] == pytest.approx(320 * 240 / 1e6)
    assert record["chroma_subsampling"] in ("4:2:0", "4:2:2", "4:4:4")
    assert record["target"] == 85 <= record["score"]
    tile = record["worst_tile"]
    assert set(tile) == {"x", "y", "width", "height", "score"}
    assert (tile["x"], tile["y"], tile["width"], tile["height"]) == (0, 0, 320, 240)


def comparable(ran):
    files, totals = parsed(ran.stdout)
    for record in files:
        del record["seconds"], record["output"]
    for key in ("seconds", "dry_run"):
        del totals[key]
    return sorted(files, key=lambda record: record["path"]), totals


def test_a_dry_run_reports_the_same_figures_in_place(run):
    assert comparable(run.dry) == comparable(run.real)


def test_a_dry_run_reports_the_same_figures_for_an_output_folder(command, folder, tmp_path):
    out = ("--output", tmp_path / "slim")
    dry = command("optimize", folder, "--json", "--dry-run", *out)
    assert comparable(dry) == comparable(command("optimize", folder, "--json", *out))


def test_a_dry_run_says_so_and_names_no_output(run):
    files, totals = parsed(run.dry.stdout)
    assert totals["dry_run"] is True
    assert {record["output"] for record in files} == {None}


def test_a_report_in_json_lines_says_what_stdout_says(run):
    assert run.lines.read_bytes() == run.real.stdout


def test_a_report_as_a_table_has_a_row_a_file(run):
    files, _ = parsed(run.dry.stdout)
    with run.table.open(newline="", encoding="utf-8") as lines:
        rows = {row["path"]: row for row in csv.DictReader(lines)}
    assert set(rows) == {record["path"] for record in files}
    for record in files:
        row = rows[record["path"]]
        assert row["status"] == record["status"]
        assert int(row["bytes_out"]) == record["bytes_out"]
        if record["score"] is not None:
            assert float(row["score"]) == record["score"]
            assert int(row["worst_tile_width"]) == record["worst_tile"]["width"]


def test_odd_names_stay_one_line_of_json(command, tmp_path, picture):
    path = tmp_path / "new\nline \x1b[31m.jpg"
    path.write_bytes(picture())
    ran = command("optimize", path, "--json")
    files, _ = parsed(ran.stdout)
    assert files[0]["path"] == str(path)
    assert b"\x1b[31m" not in ran.stderr


def test_quiet_says_nothing_where_all_is_well(command, tmp_path, picture):
    (tmp_path / "a.jpg").write_bytes(picture())
    ran = command("optimize", tmp_path / "a.jpg", "--quiet")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")


def test_quiet_still_names_failures(command, folder):
    ran = command("optimize", folder, "--quiet")
    (line,) = ran.stderr.decode().splitlines()
    assert line.startswith(f"failed: {folder / 'broken.jpg'}: ")


def test_several_jobs_tell_the_same(command, folder, tmp_path):
    told = []
    for jobs in (1, 3):
        out = tmp_path / f"slim{jobs}"
        files, _ = parsed(
            command("optimize", folder, "--output", out, "--json", "--jobs", jobs).stdout
        )
        told.append({record["path"]: record["bytes_out"] for record in files})
    assert told[0] == told[1]
