"""The same photos through every door: files, the command over S3, a cluster, the function."""

import hashlib
import io
import itertools
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlencode

import makers
import pytest
from dask_parts import Dask
from PIL import Image, ImageCms

import jpegslim
from jpegslim.aws.note import KEY, read_note

COUNT = 200
# What Lambda hands over at once unless told otherwise.
MESSAGES = 10
STORM = 20
FOLDERS = ("day 1", "a+b é", "deep/er/100%25", "plain")


def saved(picture, **options):
    written = io.BytesIO()
    picture.save(written, "JPEG", **options)
    return written.getvalue()


def opened(data, mode):
    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert(mode)


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def kinds(data, number):
    """Return functions that make of a plain photo what cameras, editors and accidents leave."""
    colours = opened(data, "RGB")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return (
        lambda: data,
        lambda: saved(colours, quality=93, progressive=True),
        lambda: saved(opened(data, "L"), quality=90),
        lambda: saved(colours, quality=94, exif=turned(1 + number % 8)),
        lambda: saved(colours, quality=92, subsampling=number // 15 % 3),
        lambda: saved(colours, quality=88, comment=b"number %d" % number),
        lambda: saved(colours, quality=91, icc_profile=profile),
        lambda: saved(colours, quality=95, restart_marker_rows=1),
        lambda: makers.ultra_hdr(data, saved(opened(data, "L").resize((40, 30)))),
        lambda: makers.motion_photo(data, makers.mp4(3000 + number)),
        # The rest stays as it is, or is packed better at the most.
        lambda: saved(colours, quality=20),
        lambda: saved(opened(data, "CMYK"), quality=90),
        lambda: jpegslim.optimize(data).data,
        lambda: data[: len(data) // 2],
        lambda: b"not a photo: %d" % number,
    )


@pytest.fixture(scope="module")
def photos(photo):
    """Photos by key, each different, of all kinds and sizes."""
    made = {}
    for number in range(COUNT):
        size = (128 + 8 * (number % 25), 96 + 4 * (number % 25))
        data = photo(number % 60, quality=80 + number % 17, size=size)
        key = f"{FOLDERS[number % len(FOLDERS)]}/{number:03}.jpg"
        ways = kinds(data, number)
        made[key] = ways[number % len(ways)]()
    assert len(set(made.values())) == COUNT
    return made


@pytest.fixture(scope="module")
def files(photos, tmp_path_factory):
    """What the command makes of them as files: bytes and outcomes by key."""
    folder = tmp_path_factory.mktemp("files")
    for key, data in photos.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)
    line = ["-m", "jpegslim", "optimize", folder, "--no-ledger", "--json"]
    done = subprocess.run(
        [sys.executable, *map(str, line)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(jpegslim.__file__).parents[1])},
    )
    # Some are broken.
    assert done.returncode == 1, done.stderr
    told = outcomes(done, folder)
    made = {key: (folder / key).read_bytes() for key in photos}
    # Else they would be alike because nothing happens to any of them.
    counts = Counter(status for status, _ in told.values())
    assert counts["optimized"] > COUNT / 3
    assert all(counts[each] for each in ("lossless", "skipped", "failed"))
    assert sum(made[key] != photos[key] for key in photos) == (
        counts["optimized"] + counts["lossless"]
    )
    return made, told


def outcomes(done, where):
    """Return status and reason by key, of a run over a folder or bucket that told in JSON."""
    start = f"{where}/" if isinstance(where, Path) else f"s3://{where.name}/"
    *told, _ = (json.loads(line) for line in done.stdout.splitlines())
    return {each["path"].removeprefix(start): (each["status"], each["reason"]) for each in told}


def told_by(function, bucket):
    """Return key, status and reason of each photo a function told of, as often as it did."""
    start = f"s3://{bucket.name}/"
    told = (each["photo"] for each in function.lines() if "photo" in each)
    return [(each["path"].removeprefix(start), each["status"], each["reason"]) for each in told]


def traits(number):
    """What an object of the user's is besides its bytes and tags."""
    return {
        "ContentType": ("image/jpeg", "image/pjpeg", "binary/octet-stream")[number % 3],
        "CacheControl": f"max-age={number}",
        "ContentDisposition": f'inline; filename="{number}.jpg"',
        "Metadata": {"album": f"no. {number}", "taken-by": "somebody"},
    }


def tags(number):
    return {"year": str(2000 + number % 30), "kept": "a+b"}


def tags_of(bucket, key):
    answer = bucket.client.get_object_tagging(Bucket=bucket.name, Key=key)
    return {each["Key"]: each["Value"] for each in answer["TagSet"]}


def fill(bucket, photos, folder=""):
    for number, (key, data) in enumerate(photos.items()):
        bucket.put(folder + key, data, **traits(number), Tagging=urlencode(tags(number)))


def bridged(bucket, key):
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": bucket.name}, "object": {"key": key}},
    }


def queued(*events):
    return {
        "Records": [
            {"eventSource": "aws:sqs", "messageId": f"m{number}", "body": json.dumps(event)}
            for number, event in enumerate(events)
        ]
    }


class Containers:
    """Copies of the function, each taking one event at a time, as Lambda's do."""

    def __init__(self, functions):
        self.functions = functions
        self._locks = [threading.Lock() for _ in functions]

    def invoke(self, at, event):
        with self._locks[at % len(self.functions)]:
            return self.functions[at % len(self.functions)].invoke(event)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The address of a Dask scheduler with two workers, each a process of its own."""
    pytest.importorskip("distributed", reason="needs the extra: pip install 'jpegslim[cluster]'")
    dask = Dask(tmp_path_factory.mktemp("dask"))
    try:
        address = dask.start()
        for name in ("anna", "otto"):
            dask.work(name)
        yield address
    finally:
        dask.close()


@pytest.fixture
def through_the_command(command):
    def run(bucket, *options):
        done = command(bucket, f"s3://{bucket.name}", *options, "--json")
        assert done.returncode == 1, done.stderr
        return outcomes(done, bucket)

    return run


@pytest.fixture
def through_the_cluster(through_the_command, cluster):
    return lambda bucket: through_the_command(bucket, "--cluster", cluster)


@pytest.fixture
def through_the_function(deploy, notification):
    def run(bucket):
        containers = Containers([deploy(bucket.endpoint) for _ in range(2)])
        keys = bucket.stored()
        alone, together = keys[: COUNT // 2], keys[COUNT // 2 :]
        events = [notification(bucket, key) for key in alone]
        # Half of the messages are S3's own, half EventBridge's.
        kinds = itertools.cycle((notification, bridged))
        events += [
            queued(*(kind(bucket, key) for kind, key in zip(kinds, batch, strict=False)))
            for batch in (together[at : at + MESSAGES] for at in range(0, len(together), MESSAGES))
        ]
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(containers.invoke, range(len(events)), events))
        assert [len(each["photos"]) for each in answers[: len(alone)]] == [1] * len(alone)
        assert answers[len(alone) :] == [{"batchItemFailures": []}] * (len(events) - len(alone))
        told = [each for function in containers.functions for each in told_by(function, bucket)]
        assert len(told) == len(keys)
        return {key: (status, reason) for key, status, reason in told}

    return run


@pytest.mark.parametrize("door", ["command", "cluster", "function"])
def test_every_door_makes_the_same_of_the_same_photos(request, real_bucket, photos, files, door):
    fill(real_bucket, photos)
    told = request.getfixturevalue(f"through_the_{door}")(real_bucket)
    made, told_of_files = files
    assert told == told_of_files
    assert set(real_bucket.stored()) == set(photos)
    different = []
    for number, (key, data) in enumerate(photos.items()):
        there = real_bucket.client.get_object(Bucket=real_bucket.name, Key=key)
        note = read_note(there["Metadata"])
        there["Metadata"].pop(KEY, None)
        assert {name: there[name] for name in traits(number)} == traits(number), key
        assert tags_of(real_bucket, key) == tags(number), key
        if made[key] == data:
            assert note is None, key
        else:
            source = hashlib.sha256(data).hexdigest()
            assert (note.source, note.size) == (source[:16], len(made[key])), key
        if there["Body"].read() != made[key]:
            different.append(key)
    assert different == []


@pytest.fixture
def copies(notification):
    """Return a function that tells of a photo six times, by every way there is."""

    def build(bucket, key):
        told = notification(bucket, key)
        return (
            told,
            bridged(bucket, key),
            {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(told)}}]},
            queued(told),
            queued(bridged(bucket, key)),
            {
                "invocationSchemaVersion": "2.0",
                "invocationId": "i",
                "job": {"id": "j"},
                "tasks": [{"taskId": "t", "s3Key": quote(key), "s3Bucket": bucket.name}],
            },
        )

    return build


def is_to_come_again(answer):
    """Tell whether AWS would send the event another time."""
    codes = {each["resultCode"] for each in answer.get("results", ())}
    return bool(
        "errorType" in answer or answer.get("batchItemFailures") or "TemporaryFailure" in codes
    )


@pytest.fixture
def storm(deploy, command, cluster, copies):
    """Return a function that lets all doors loose on the same photos, and returns what they told.

    options: of the command; variables: of the function.
    """

    def run(bucket, folder, keys, *options, **variables):
        started = [
            command(bucket, folder, *options, *more, "--json", wait=False)
            for more in ((), ("--cluster", cluster))
        ]
        containers = Containers([deploy(bucket.endpoint, **variables) for _ in range(3)])

        def deliver(at, event):
            for _ in range(10):
                if not is_to_come_again(containers.invoke(at, event)):
                    return
            pytest.fail(f"never done with: {event}")

        # All copies of a photo's event before the next photo's: as close together as can be.
        events = [event for key in keys for event in copies(bucket, key)]
        with ThreadPoolExecutor(2 * len(containers.functions)) as pool:
            list(pool.map(deliver, range(len(events)), events))
        told = [each for function in containers.functions for each in told_by(function, bucket)]
        assert len(told) >= len(events)
        for each in started:
            out, err = each.communicate(timeout=120)
            assert each.returncode == 0, err
            done = subprocess.CompletedProcess((), 0, out, err)
            told += [(key, *outcome) for key, outcome in outcomes(done, bucket).items()]
        return told

    return run


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_storm_at_every_door_gives_one_write_each(storm, real_bucket, photo, elsewhere):
    real_bucket.keep_versions()
    photos = {f"{number:02} a+b.jpg": photo(number, size=(200, 150)) for number in range(STORM)}
    fill(real_bucket, photos, "in/")
    where, keys = f"s3://{real_bucket.name}", [f"in/{key}" for key in photos]
    if elsewhere:
        # The command keeps the last folder's name.
        variables = {"JPEGSLIM_SOURCE": f"{where}/in", "JPEGSLIM_OUTPUT": f"{where}/out/in"}
        told = storm(real_bucket, f"{where}/in", keys, "-o", f"{where}/out", **variables)
    else:
        told = storm(real_bucket, f"{where}/in", keys)
    # What failed came again.
    final = [(key, (status, reason)) for key, status, reason in told if status != "failed"]
    made = ("optimized", "target_met")
    assert Counter(key for key, each in final if each == made) == dict.fromkeys(keys, 1)
    assert {each for _, each in final} == {made, ("skipped", "already_optimized")}
    for number, (key, data) in enumerate(photos.items()):
        there = f"out/in/{key}" if elsewhere else f"in/{key}"
        assert len(real_bucket.versions(there)) == (1 if elsewhere else 2)
        assert real_bucket.get(there) == jpegslim.optimize(data).data
        assert tags_of(real_bucket, there) == tags(number)
