"""`optimize s3://... --cluster` keeps the promises of a run without a cluster."""

import json
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="needs the extra: pip install 'jpegslim[cluster]'")

from cluster_parts import left_on, temporaries
from dask_parts import Dask
from PIL import Image

import jpegslim
from jpegslim.files.ledger import Ledger

HERE = Path(__file__).parent
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    """A cluster with two workers that stay whole."""
    cluster = Dask(tmp_path_factory.mktemp("dask"), HERE)
    cluster.start()
    for name in ("anna", "otto"):
        cluster.work(name)
    yield cluster
    cluster.close()


def told(done, bucket):
    """Return the records without what no two runs share."""
    *files, last = (json.loads(line) for line in done.stdout.splitlines())
    for each in files:
        each.pop("seconds")
    totals = {name: last["totals"][name] for name in ("files", "optimized", "failed", "bytes_out")}
    plain = json.dumps([sorted(files, key=lambda each: each["path"]), totals])
    return json.loads(plain.replace(bucket.name, "BUCKET"))


def fill(bucket, photo, count=6):
    photos = {f"in/day 1/{number} é+%25.jpg": photo(number) for number in range(count)}
    photos["in/broken.jpg"] = photo(20)[:5000]
    photos["in/none.jpg"] = b"GIF89a, really"
    for key, data in photos.items():
        bucket.put(key, data, Metadata={"album": "red"}, Tagging="a=b", CacheControl="max-age=5")
    return photos


def stored(bucket):
    """Return all that a bucket has, with what its objects are."""
    everything = {}
    for key in bucket.stored():
        head = bucket.head(key)
        tags = bucket.client.get_object_tagging(Bucket=bucket.name, Key=key)["TagSet"]
        names = ("Metadata", "CacheControl", "ContentType")
        everything[key] = bucket.get(key), {name: head.get(name) for name in names}, tags
    return everything


def tree(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in files
    }


@pytest.mark.parametrize("direction", ["in place", "to objects", "to files", "from files"])
def test_a_cluster_gives_the_bytes_and_the_report_of_a_run_without(
    command, two_workers, weed, *, bucket_at, photo, tmp_path, direction
):
    runs = {}
    for name, where in (("here", ()), ("there", ("--cluster", two_workers.address))):
        bucket = bucket_at(weed, name)
        photos = fill(bucket, photo)
        out = tmp_path / "out"
        source = f"s3://{bucket.name}/in"
        if direction == "from files":
            source = tmp_path / "in"
            for key, data in photos.items():
                (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / key).write_bytes(data)
        options = {
            "in place": (),
            "to objects": ("--output", f"s3://{bucket.name}/out"),
            "to files": ("--output", out),
            "from files": ("--output", f"s3://{bucket.name}/out"),
        }[direction]
        run = (bucket, source, *options, "--metadata", "safe", "--json", *where)
        ledger = "--ledger", tmp_path / f"{name}.sqlite"
        first = command(*run, *ledger)
        assert first.returncode == 1, first.stderr
        after = stored(bucket), tree(out) if out.exists() else {}
        second = command(*run, *ledger)
        assert (stored(bucket), tree(out) if out.exists() else {}) == after
        bytes_only = {key: data for key, (data, _) in after[1].items()}
        # The note tells by which address and ETag its source went.
        plain = {
            key: (data, without_origin(is_), tags) for key, (data, is_, tags) in after[0].items()
        }
        runs[name] = told(first, bucket), told(second, bucket), plain, bytes_only
        shutil.rmtree(out, ignore_errors=True)
    assert runs["there"] == runs["here"]
    assert {each["status"] for each in runs["there"][0][0]} == {"optimized", "skipped", "failed"}
    assert "optimized" not in {each["status"] for each in runs["there"][1][0]}
    assert left_on(two_workers) == []


def without_origin(is_):
    text = json.dumps(is_)
    return json.loads(re.sub(r" from=[0-9a-f-]+ tag=[0-9a-f-]+", "", text))


def test_a_dry_run_writes_nothing(command, two_workers, real_bucket, photo, tmp_path):
    photos = fill(real_bucket, photo)
    for options in ((), ("--output", tmp_path / "out")):
        done = command(
            *(real_bucket, f"s3://{real_bucket.name}", "--dry-run", "--json", *options),
            *("--cluster", two_workers.address),
        )
        assert done.returncode == 1, done.stderr
        assert told(done, real_bucket)[1]["optimized"] == 6
        assert {key: real_bucket.get(key) for key in photos} == photos
    assert not (tmp_path / "out").exists()
    assert left_on(two_workers) == []


def test_workers_learn_what_only_the_ledger_knows(command, two_workers, real_bucket, photo):
    where = f"s3://{real_bucket.name}"
    described = Image.Exif()
    described[0x010E] = "A red balloon"
    real_bucket.put("a.jpg", photo(exif=described))
    run = real_bucket, where, "--no-marker", "--json", "--cluster", two_workers.address
    command(*run)
    # Without the marker and the note nothing but the ledger can tell that this is a result.
    real_bucket.put("copy.jpg", real_bucket.get("a.jpg"))
    before = real_bucket.get("copy.jpg")
    # Others are on their way when the worker that did not know it is told.
    for number in range(10, 22):
        real_bucket.put(f"{number}.jpg", photo(number))
    again = command(*run)
    assert again.returncode == 0, again.stderr
    files, totals = told(again, real_bucket)
    reasons = {each["path"][-8:]: each["reason"] for each in files}
    assert reasons["copy.jpg"] == "already_optimized"
    assert totals["optimized"] == 12
    assert real_bucket.get("copy.jpg") == before
    # What is to be written all the same is written by one who was told.
    stripped = command(*run, "--metadata", "strip")
    reasons = {each["path"][-8:]: each["reason"] for each in told(stripped, real_bucket)[0]}
    assert reasons["copy.jpg"] == "metadata_dropped"
    assert len(real_bucket.get("copy.jpg")) < len(before)


def test_a_lower_target_is_made_once_and_told_as_one_more_generation(
    command, two_workers, real_bucket, photo
):
    real_bucket.keep_versions().put("a.jpg", photo())
    where, cluster = f"s3://{real_bucket.name}", ("--cluster", two_workers.address)
    command(real_bucket, where, "-q", "90", *cluster)
    lower = command(real_bucket, where, "-q", "70", "--json", *cluster)
    (told_of,), _ = told(lower, real_bucket)
    assert told_of["reason"] == "another_generation"
    assert len(real_bucket.versions("a.jpg")) == 3


@linux_only
def test_a_killed_worker_costs_nothing(command, dask, real_bucket, photo, tmp_path):
    real_bucket.keep_versions()
    count = 24
    for number in range(count):
        real_bucket.put(f"{number:02}.jpg", photo(number))
    dask.start()
    first = dask.work("first")
    started = command(
        *(real_bucket, f"s3://{real_bucket.name}", "--json", "--cluster", dask.address),
        wait=False,
    )
    lines = [started.stdout.readline() for _ in range(3)]
    first.kill()
    dask.work("second")
    rest, err = started.communicate(timeout=120)
    assert started.returncode == 0, err
    *files, last = map(json.loads, [*lines, *rest.splitlines()])
    assert len({each["path"] for each in files}) == len(files) == count
    assert last["totals"]["optimized"] == count
    with Ledger(tmp_path / "state" / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.intents() == []
    for number in range(count):
        key = f"{number:02}.jpg"
        assert real_bucket.get(key) == jpegslim.optimize(photo(number)).data
        assert len(real_bucket.versions(key)) == 2


@linux_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_ended_run_leaves_nothing_and_goes_on_where_it_stopped(
    command, two_workers, real_bucket, *, photo, tmp_path, number
):
    real_bucket.keep_versions()
    count = 16
    for each in range(count):
        real_bucket.put(f"{each:02}.jpg", photo(each))
    where = f"s3://{real_bucket.name}"
    cluster = "--cluster", two_workers.address
    for run in (
        (real_bucket, where, "--json", *cluster),
        (real_bucket, where, "--output", tmp_path / "out", "--json", *cluster),
    ):
        started = command(*run, wait=False)
        for _ in range(2):
            assert started.stdout.readline()
        started.send_signal(number)
        _, err = started.communicate(timeout=60)
        assert started.returncode == (130 if number == signal.SIGINT else -number)
        assert "Traceback" not in err
        assert left_on(two_workers) == []
        done = command(*run)
        assert done.returncode == 0, done.stderr
        assert temporaries(tmp_path) == []
    for each in range(count):
        key = f"{each:02}.jpg"
        assert real_bucket.get(key) == jpegslim.optimize(photo(each)).data
        assert len(real_bucket.versions(key)) == 2
        assert (tmp_path / "out" / real_bucket.name / key).read_bytes() == real_bucket.get(key)


def test_a_lost_scheduler_is_one_line(command, dask, real_bucket, photo):
    for number in range(30):
        real_bucket.put(f"{number:02}.jpg", photo(number))
    dask.start()
    dask.work("only")
    run = real_bucket, f"s3://{real_bucket.name}", "--json"
    started = command(*run, "--cluster", dask.address, wait=False)
    assert started.stdout.readline()
    dask.scheduler.kill()
    _, err = started.communicate(timeout=60)
    assert started.returncode == 3
    line = f"stopped: lost the Dask scheduler {dask.address}: run again to go on with what is left"
    assert line in err.splitlines()
    assert "Traceback" not in err
    assert left_on(dask) == []
    assert command(*run).returncode == 0


def test_what_a_worker_lacks_is_told_before_any_work(command, dask, real_bucket, photo):
    real_bucket.put("a.jpg", photo())
    run = real_bucket, f"s3://{real_bucket.name}", "--cluster", dask.start()
    bare = dask.work("bare", "--preload", "no_boto3")
    done = command(*run)
    assert done.returncode == 3
    assert re.search(
        r"the Dask worker bare \(tcp://127.0.0.1:\d+\) has no boto3:"
        rf" install jpegslim\[cluster,aws\] {jpegslim.__version__} there",
        done.stderr,
    )
    assert "Traceback" not in done.stderr
    bare.kill()
    bare.wait()
    dask.work("old", "--preload", "old_version")
    done = command(*run)
    assert done.returncode == 3
    assert f"runs jpegslim 0.0.1, and this is {jpegslim.__version__}" in done.stderr
    assert real_bucket.get("a.jpg") == photo()


def test_a_worker_that_may_not_reach_the_bucket_is_named(command, dask, real_bucket, photo):
    real_bucket.put("a.jpg", photo())
    dask.start()
    dask.work("stranger", "--preload", "stranger")
    done = command(real_bucket, f"s3://{real_bucket.name}", "--cluster", dask.address)
    assert done.returncode == 3
    assert "see to your credentials (on the Dask worker stranger (tcp://" in done.stderr
    assert real_bucket.get("a.jpg") == photo()


@linux_only
def test_a_file_that_workers_do_not_see_is_told(command, dask, real_bucket, photo, tmp_path):
    # /proc/self/cwd leads each process elsewhere, like a path that only one machine mounts.
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(photo())
    (tmp_path / "far").mkdir()
    dask.start()
    dask.work("far", cwd=tmp_path / "far")
    cluster = "--cluster", dask.address
    here = "/proc/self/cwd/in"
    done = command(real_bucket, here, "--output", f"s3://{real_bucket.name}/out", *cluster)
    assert done.returncode == 3
    assert f"has no folder {here}: share it there under the same name" in done.stderr
    real_bucket.put("a.jpg", photo())
    (tmp_path / "far" / "out").mkdir()
    out = "/proc/self/cwd/out"
    done = command(real_bucket, f"s3://{real_bucket.name}/a.jpg", "--output", out, *cluster)
    assert done.returncode == 3
    assert f"wrote into {out} is not to be seen here: share one folder" in done.stderr
    assert temporaries(tmp_path) == []
