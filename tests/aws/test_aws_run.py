"""`jpegslim optimize s3://...` as the real command on a real S3 server."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import jpegslim
from jpegslim.aws.note import read_note


def records(done):
    """Return the outcomes by key, and the totals."""
    told = [json.loads(line) for line in done.stdout.splitlines()]
    *files, last = told
    return {each["path"].split("/", 3)[3]: each for each in files}, last["totals"]


def outcomes(done):
    return {key: (each["status"], each["reason"]) for key, each in records(done)[0].items()}


def fill(bucket, photo):
    """Store a folder like a real one, and return its photos."""
    small = jpegslim.optimize(photo(9, quality=30), jpegslim.Settings(target=None, marker=False))
    photos = {
        "trip/one.jpg": photo(0),
        "trip/a+b é/100%25 two.JPEG": photo(1),
        "trip/deep/down/three.jpe": photo(2),
        "trip/small.jpg": small.data,
        "trip/broken.jpg": photo(4)[:5000],
    }
    others = {
        "trip/notes.txt": b"not a photo",
        "trip/.hidden/five.jpg": photo(5),
        "trip-old/six.jpg": photo(6),
        "seven.jpg": photo(7),
    }
    for key, data in {**photos, **others}.items():
        bucket.put(key, data, Metadata={"kept": "yes"}, Tagging="a=b")
    return photos, others


GOOD = ("trip/one.jpg", "trip/a+b é/100%25 two.JPEG", "trip/deep/down/three.jpe")


def test_a_prefix_is_optimized_in_place(command, real_bucket, photo):
    photos, others = fill(real_bucket, photo)
    done = command(real_bucket, f"s3://{real_bucket.name}/trip", "--json")
    assert done.returncode == 1, done.stderr
    told, totals = records(done)
    assert set(told) == set(photos)
    assert {told[key]["status"] for key in GOOD} == {"optimized"}
    assert told["trip/small.jpg"]["status"] == "kept"
    assert told["trip/broken.jpg"]["reason"] == "truncated"
    assert totals["files"] == len(photos)
    for key in GOOD:
        assert real_bucket.get(key) == jpegslim.optimize(photos[key]).data
        assert len(real_bucket.get(key)) == told[key]["bytes_out"]
        assert real_bucket.head(key)["Metadata"]["kept"] == "yes"
    for key in ("trip/small.jpg", "trip/broken.jpg"):
        assert real_bucket.get(key) == photos[key]
    for key, data in others.items():
        assert real_bucket.get(key) == data


def test_a_second_run_reads_nothing(command, bucket, photo, tmp_path):
    fill(bucket, photo)
    command(bucket, f"s3://{bucket.name}/trip")
    again = command(bucket, f"s3://{bucket.name}/trip", "--json")
    assert outcomes(again)["trip/one.jpg"] == ("skipped", "already_optimized")
    assert outcomes(again)["trip/small.jpg"][0] == "kept"
    assert {each["seconds"] for each in records(again)[0].values()} == {0.0}
    # The ledger knows an object by its key and its ETag: a new upload is new.
    bucket.put("trip/one.jpg", photo(20))
    third = command(bucket, f"s3://{bucket.name}/trip", "--json")
    assert outcomes(third)["trip/one.jpg"] == ("optimized", "target_met")
    with sqlite3.connect(tmp_path / "state" / "ledger.sqlite") as ledger:
        assert ledger.execute("SELECT count(*) FROM intents").fetchone() == (0,)
    ledger.close()


def test_without_a_ledger_objects_speak_for_themselves(command, real_bucket, photo):
    real_bucket.put("a.jpg", photo())
    where = f"s3://{real_bucket.name}"
    options = ("--no-ledger", "--no-marker", "--json")
    assert outcomes(command(real_bucket, where, *options))["a.jpg"][0] == "optimized"
    assert b"jpegslim/1 v=" not in real_bucket.get("a.jpg")
    again = command(real_bucket, where, *options)
    assert outcomes(again)["a.jpg"] == ("skipped", "already_optimized")
    totals = records(again)[1]
    assert totals["bytes_in"] == totals["bytes_out"] == len(real_bucket.get("a.jpg"))


def test_a_result_without_a_marker_is_known_wherever_it_goes(command, real_bucket, photo):
    real_bucket.put("a.jpg", photo())
    where = f"s3://{real_bucket.name}"
    command(real_bucket, where, "--no-marker")
    real_bucket.put("copy.jpg", real_bucket.get("a.jpg"))
    again = command(real_bucket, where, "--no-marker", "--json")
    assert outcomes(again)["copy.jpg"] == ("skipped", "already_optimized")


def test_results_go_to_another_prefix(command, real_bucket, photo):
    photos, others = fill(real_bucket, photo)
    where = f"s3://{real_bucket.name}"
    done = command(real_bucket, f"{where}/trip", "-o", f"{where}/out", "--json")
    told, _ = records(done)
    assert told["trip/one.jpg"]["output"] == f"{where}/out/trip/one.jpg"
    for key, data in {**photos, **others}.items():
        assert real_bucket.get(key) == data
    for key in GOOD:
        assert real_bucket.get(f"out/{key}") == jpegslim.optimize(photos[key]).data
        assert real_bucket.head(f"out/{key}")["Metadata"]["kept"] == "yes"
    for key in ("trip/small.jpg", "trip/broken.jpg"):
        assert real_bucket.get(f"out/{key}") == photos[key]
        assert read_note(real_bucket.head(f"out/{key}")["Metadata"]).copy
    assert told["trip/broken.jpg"]["message"].endswith("; copied as it is")
    made = {key: real_bucket.head(key)["LastModified"] for key in real_bucket.stored()}
    again = command(real_bucket, f"{where}/trip", "-o", f"{where}/out", "--json")
    assert again.returncode == 1
    assert outcomes(again) == {
        **dict.fromkeys(GOOD, ("skipped", "already_optimized")),
        **{key: outcomes(done)[key] for key in ("trip/small.jpg", "trip/broken.jpg")},
    }
    sizes = {key: len(data) for key, data in photos.items()}
    assert {key: each["bytes_in"] for key, each in records(again)[0].items()} == sizes
    # Without the ledger the copies say that they are some, and no more.
    third = command(real_bucket, f"{where}/trip", "-o", f"{where}/out", "--json", "--no-ledger")
    assert third.returncode == 0
    copied = ("skipped", "already_copied")
    assert outcomes(third)["trip/small.jpg"] == outcomes(third)["trip/broken.jpg"] == copied
    assert made == {key: real_bucket.head(key)["LastModified"] for key in real_bucket.stored()}


def test_the_output_is_not_walked(command, real_bucket, photo):
    real_bucket.put("a.jpg", photo())
    where = f"s3://{real_bucket.name}"
    for _ in range(2):
        done = command(real_bucket, where, "-o", f"{where}/out", "--json")
        assert set(records(done)[0]) == {"a.jpg"}
    assert sorted(real_bucket.stored()) == ["a.jpg", f"out/{real_bucket.name}/a.jpg"]


def test_objects_become_files(command, real_bucket, photo, tmp_path):
    photos, _ = fill(real_bucket, photo)
    where, out = f"s3://{real_bucket.name}/trip", tmp_path / "out"
    done = command(real_bucket, where, "-o", out, "--json")
    assert done.returncode == 1, done.stderr
    for key in GOOD:
        assert (out / key).read_bytes() == jpegslim.optimize(photos[key]).data
        there = real_bucket.head(key)["LastModified"].timestamp()
        assert (out / key).stat().st_mtime == there
    for key in ("trip/small.jpg", "trip/broken.jpg"):
        assert (out / key).read_bytes() == photos[key]
    files = {each.relative_to(out).as_posix() for each in out.rglob("*") if each.is_file()}
    assert files == set(photos)
    again = command(real_bucket, where, "-o", out, "--json")
    assert outcomes(again)["trip/one.jpg"] == ("skipped", "already_optimized")
    (out / "trip" / "one.jpg").write_bytes(b"somebody's")
    third = command(real_bucket, where, "-o", out, "--json")
    assert outcomes(third)["trip/one.jpg"] == ("failed", "exists")
    assert (out / "trip" / "one.jpg").read_bytes() == b"somebody's"


def test_a_key_never_leads_out_of_the_folder(command, bucket, photo, tmp_path):
    for key in ("in/../../evil.jpg", "in//double.jpg", "in/good.jpg"):
        bucket.put(key, photo())
    done = command(bucket, f"s3://{bucket.name}/in", "-o", tmp_path / "out", "--json")
    told = outcomes(done)
    assert told["in//double.jpg"] == ("failed", "unsafe_name")
    assert told["in/good.jpg"][0] == "optimized"
    files = [each.name for each in tmp_path.rglob("*.jpg")]
    assert files == ["good.jpg"]


def test_files_become_objects(command, real_bucket, photo, tmp_path):
    folder = tmp_path / "photos"
    (folder / "day 1").mkdir(parents=True)
    (folder / "one.jpg").write_bytes(photo(0))
    (folder / "day 1" / "é+.jpg").write_bytes(photo(1))
    (folder / "broken.jpg").write_bytes(photo(2)[:5000])
    where = f"s3://{real_bucket.name}/up"
    done = command(real_bucket, folder, "-o", where, "--json")
    assert done.returncode == 1, done.stderr
    assert real_bucket.get("up/photos/one.jpg") == jpegslim.optimize(photo(0)).data
    assert real_bucket.get("up/photos/day 1/é+.jpg") == jpegslim.optimize(photo(1)).data
    assert real_bucket.get("up/photos/broken.jpg") == photo(2)[:5000]
    assert real_bucket.head("up/photos/one.jpg")["ContentType"] == "image/jpeg"
    assert (folder / "one.jpg").read_bytes() == photo(0)
    again = command(real_bucket, folder, "-o", where, "--json")
    told = [json.loads(line) for line in again.stdout.splitlines()]
    assert {each["path"]: each["reason"] for each in told[:-1]} == {
        str(folder / "one.jpg"): "already_optimized",
        str(folder / "day 1" / "é+.jpg"): "already_optimized",
        str(folder / "broken.jpg"): "truncated",
    }


def test_a_dry_run_writes_nothing(command, real_bucket, photo):
    real_bucket.put("a.jpg", photo())
    done = command(real_bucket, f"s3://{real_bucket.name}", "-n", "--json")
    told, _ = records(done)
    assert told["a.jpg"]["bytes_out"] < told["a.jpg"]["bytes_in"]
    assert real_bucket.get("a.jpg") == photo()


def test_a_versioned_bucket_keeps_the_original_and_the_run_says_so(command, bucket, photo):
    bucket.keep_versions().put("a.jpg", photo())
    done = command(bucket, f"s3://{bucket.name}", "--json")
    told, totals = records(done)
    (note,) = [each for each in told["a.jpg"]["notes"] if "older version" in each]
    assert totals["notes"] == {note: 1}
    assert len(bucket.versions("a.jpg")) == 2


def test_an_object_named_by_its_key_is_taken_whatever_it_is_called(command, bucket, photo):
    bucket.put("no-ending", photo(0))
    bucket.put("no-ending-else.jpg", photo(1))
    done = command(bucket, f"s3://{bucket.name}/no-ending", "--json")
    assert outcomes(done) == {"no-ending": ("optimized", "target_met")}


def test_what_is_not_there_is_told(command, real_bucket):
    done = command(real_bucket, f"s3://{real_bucket.name}/nothing", "--json")
    assert done.returncode == 1
    assert outcomes(done) == {"nothing": ("failed", "not_found")}
    done = command(real_bucket, "s3://no-such-bucket-at-all")
    assert done.returncode == 3
    assert "s3://no-such-bucket-at-all: there is no such bucket" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_bucket_is_no_failure(command, real_bucket):
    done = command(real_bucket, f"s3://{real_bucket.name}")
    assert (done.returncode, "no JPEG files found" in done.stderr) == (0, True), done.stderr


def test_a_service_that_is_not_there_is_told(command, tmp_path):
    nowhere = SimpleNamespace(endpoint="http://127.0.0.1:9")
    (tmp_path / "list").write_text("s3://photos/a.jpg\n")
    for args in (("s3://photos",), ("--from-file", "list")):
        done = command(nowhere, *args)
        assert done.returncode == 3
        last = done.stderr.splitlines()[-1]
        assert last == (
            "stopped: S3 can't be reached at http://127.0.0.1:9:"
            " see to the network and --endpoint-url"
        )


def test_an_empty_object_is_copied_as_a_photo_that_is_none(command, real_bucket, tmp_path):
    real_bucket.put("empty.jpg", b"")
    where = f"s3://{real_bucket.name}"
    done = command(real_bucket, where, "--json")
    assert outcomes(done) == {"empty.jpg": ("skipped", "not_a_jpeg")}
    for output in (tmp_path / "out", f"{where}/out"):
        done = command(real_bucket, where, "-o", output, "--json")
        assert outcomes(done) == {"empty.jpg": ("skipped", "not_a_jpeg")}
    assert real_bucket.get(f"out/{real_bucket.name}/empty.jpg") == b""
    assert (tmp_path / "out" / real_bucket.name / "empty.jpg").read_bytes() == b""


def test_calls_that_make_no_sense_are_refused(command, bucket, tmp_path):
    where = f"s3://{bucket.name}"
    for args, words in (
        ((where, "--backup", "kept"), "--backup is not for S3"),
        ((where, tmp_path), "can't be mixed"),
        (("s3://",), "names no bucket"),
        ((f"{where}/a", f"{where}/b/a", "-o", tmp_path / "out"), "run them apart"),
        ((f"{where}/a", "-o", where), "onto itself"),
        ((f"{where}/a", "-o", f"{where}/a"), "lies in --output"),
        ((where, "--profile", "nobody"), "nobody"),
    ):
        done = command(bucket, *args)
        assert done.returncode == 2, (args, done.stderr)
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_the_options_of_s3_are_refused_without_it(command, bucket, tmp_path):
    done = command(bucket, tmp_path)
    assert done.returncode == 2
    assert "--endpoint-url is for PATHs or an --output that begin with s3://" in done.stderr


def test_an_interrupted_run_goes_on_where_it_stopped(command, real_bucket, photo):
    real_bucket.keep_versions()
    count = 24
    for number in range(count):
        real_bucket.put(f"{number:02}.jpg", photo(number))
    where = f"s3://{real_bucket.name}"
    started = command(real_bucket, where, "--json", "-j", "2", wait=False)
    for _ in range(3):
        assert started.stdout.readline()
    started.send_signal(signal.SIGINT)
    started.communicate(timeout=60)
    assert started.returncode == 130
    # Killed without a word, as by a power cut.
    started = command(real_bucket, where, "--json", "-j", "2", wait=False)
    assert started.stdout.readline()
    time.sleep(0.3)
    started.kill()
    started.communicate(timeout=60)
    done = command(real_bucket, where, "--json")
    assert done.returncode == 0, done.stderr
    assert set(records(done)[0]) == {f"{number:02}.jpg" for number in range(count)}
    for number in range(count):
        key = f"{number:02}.jpg"
        assert real_bucket.get(key) == jpegslim.optimize(photo(number)).data
        assert len(real_bucket.versions(key)) == 2


def test_a_report_holds_pictures_of_objects(command, real_bucket, photo, tmp_path):
    real_bucket.put("a.jpg", photo())
    report = tmp_path / "report.html"
    done = command(real_bucket, f"s3://{real_bucket.name}", "--report", report)
    assert done.returncode == 0, done.stderr
    page = report.read_text()
    assert f"s3://{real_bucket.name}/a.jpg" in page
    assert "data:image/" in page or "base64" in page


def test_a_run_ends_where_it_was_told_to(command, bucket, photo):
    for number in range(30):
        bucket.put(f"{number:02}.jpg", photo()[:5000])
    done = command(bucket, f"s3://{bucket.name}", "--max-errors", "2", "-j", "1", "--json")
    _, totals = records(done)
    assert done.returncode == 3
    assert 2 <= totals["failed"] < 15
    assert "--max-errors" in totals["stopped"]
    done = command(bucket, f"s3://{bucket.name}", "--time-limit", "0.001", "--no-ledger", "--json")
    assert "time limit" in records(done)[1]["cut_short"]


def test_a_run_is_told_of_again_with_its_addresses(command, bucket, photo, tmp_path):
    bucket.put("a+b//é.jpg", photo())
    where = f"s3://{bucket.name}/a+b"
    command(bucket, where, "-o", f"s3://{bucket.name}/out")
    remembered = [sys.executable, "-m", "jpegslim", "report"]
    ledger = ["--ledger", tmp_path / "state" / "ledger.sqlite"]
    environment = {**os.environ, "PYTHONPATH": str(Path(jpegslim.__file__).parents[1])}
    told = [
        subprocess.run(
            [*remembered, *more, *ledger, "--json"],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        ).stdout.splitlines()[0]
        for more in ([], ["last"])
    ]
    run, file = map(json.loads, told)
    assert (run["paths"], run["output"]) == ([where], f"s3://{bucket.name}/out/")
    assert file["path"] == f"{where}//é.jpg"
    assert file["output"] == f"s3://{bucket.name}/out/a+b//é.jpg"
