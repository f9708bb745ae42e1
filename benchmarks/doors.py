"""Hold the doors against each other: the same photos as files, in S3, by the function, a cluster.

    python benchmarks/doors.py PHOTOS [--count 200]

Where the folder has fewer, crops of its photos make up the number. Each door has a bucket of its
own on a real S3 server on loopback; the function runs in Lambda's runtime client and emulator, once
for each processor, and the cluster has as many Dask workers.
"""

import argparse
import hashlib
import io
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import quote_plus

from parts import ROOT, Dask, Lambda, cpus, emulator_in, s3
from PIL import Image
from record import record

CROP = (1200, 900)
CROP_QUALITY = 92
# What a queue hands over at once; see the template.
MESSAGES = 10
START_SECONDS = 60.0
QUIETLY = ("--no-ledger", "--json", "--quiet")


@dataclass(frozen=True)
class Passed:
    """What came out of a door: digests by name, outcomes, bytes, and how long it took."""

    digests: dict[str, str]
    statuses: Counter[str]
    size: int
    seconds: float


class Doors:
    """Sends the same photos through each; photos: bytes by name."""

    def __init__(self, photos: dict[str, bytes], folder: Path, client: Any, endpoint: str) -> None:
        self._photos = photos
        self._folder = folder
        self._client = client
        self._endpoint = endpoint

    def files(self) -> Passed:
        """The command over a folder."""
        there = self._folder / "files"
        there.mkdir()
        for name, data in self._photos.items():
            (there / name).write_bytes(data)
        began = time.perf_counter()
        statuses = optimize(str(there))
        seconds = time.perf_counter() - began
        return passed(
            {name: (there / name).read_bytes() for name in self._photos}, statuses, seconds
        )

    def command(self) -> Passed:
        """The command over a bucket."""
        bucket = self._bucket("command")
        began = time.perf_counter()
        statuses = optimize(f"s3://{bucket}", "--endpoint-url", self._endpoint)
        return self._fetched(bucket, statuses, time.perf_counter() - began)

    def function(self) -> Passed:
        """The function, one copy for each processor, with messages as a queue brings them."""
        bucket = self._bucket("function")
        program = emulator_in(self._folder / "rie")
        names = iter(self._photos)
        batches = iter(lambda: list(itertools.islice(names, MESSAGES)), [])
        idle: SimpleQueue[Lambda] = SimpleQueue()
        with ExitStack() as stack:
            began = time.perf_counter()
            functions = []
            for number in cpus():
                folder = self._folder / f"function-{number}"
                folder.mkdir()
                functions.append(Lambda(program, self._endpoint, folder, timeout=900))
                stack.callback(functions[-1].stop)
                idle.put(functions[-1])

            def invoke(event: dict[str, Any]) -> None:
                function = idle.get()
                try:
                    answer = function.invoke(event)
                finally:
                    idle.put(function)
                if answer != {"batchItemFailures": []}:
                    raise SystemExit(f"the function is not done: {answer}")

            with ThreadPoolExecutor(len(functions)) as pool:
                list(pool.map(invoke, (queued(bucket, batch) for batch in batches)))
            seconds = time.perf_counter() - began
            told = [line["photo"] for each in functions for line in each.lines() if "photo" in line]
        return self._fetched(bucket, Counter(each["status"] for each in told), seconds)

    def cluster(self) -> Passed:
        """The command over a bucket, with Dask workers that are there already."""
        from distributed import Client

        bucket = self._bucket("cluster")
        folder = self._folder / "dask"
        folder.mkdir()
        dask = Dask(folder)
        try:
            address = dask.start()
            for number in cpus():
                dask.work(str(number))
            with Client(address, set_as_default=False) as client:
                client.wait_for_workers(len(cpus()), timeout=START_SECONDS)
            began = time.perf_counter()
            options = ("--endpoint-url", self._endpoint, "--cluster", address)
            statuses = optimize(f"s3://{bucket}", *options)
            seconds = time.perf_counter() - began
        finally:
            dask.close()
        return self._fetched(bucket, statuses, seconds)

    def _bucket(self, name: str) -> str:
        self._client.create_bucket(Bucket=name)
        for key, data in self._photos.items():
            self._client.put_object(Bucket=name, Key=key, Body=data)
        return name

    def _fetched(self, bucket: str, statuses: Counter[str], seconds: float) -> Passed:
        results = {
            name: self._client.get_object(Bucket=bucket, Key=name)["Body"].read()
            for name in self._photos
        }
        return passed(results, statuses, seconds)


def passed(results: dict[str, bytes], statuses: Counter[str], seconds: float) -> Passed:
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in results.items()}
    return Passed(digests, statuses, sum(map(len, results.values())), seconds)


def optimize(*arguments: str) -> Counter[str]:
    """Run the command; return how many photos had which outcome."""
    done = subprocess.run(
        [sys.executable, "-m", "jpegslim", "optimize", *arguments, *QUIETLY],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    # 1: some photos failed, which the outcomes tell.
    if done.returncode not in (0, 1):
        raise SystemExit(f"the command ended with {done.returncode}")
    *told, _ = map(json.loads, done.stdout.splitlines())
    return Counter(each["status"] for each in told)


def queued(bucket: str, names: list[str]) -> dict[str, Any]:
    """Return a queue's event with one of S3's a message."""
    records = []
    for name in names:
        place = {"bucket": {"name": bucket}, "object": {"key": quote_plus(name)}}
        event = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": place}
        body = json.dumps({"Records": [event]})
        records.append({"eventSource": "aws:sqs", "messageId": name, "body": body})
    return {"Records": records}


def gathered(folder: Path, count: int) -> tuple[dict[str, bytes], int]:
    """Return so many different photos by name, and how many of them are crops."""
    paths = sorted(folder.glob("*.jpg"))[:count]
    photos = {path.name: path.read_bytes() for path in paths}
    whole = len(photos)
    for path, data in itertools.islice(crops(paths), count - whole):
        number = len(photos) - whole
        photos[f"crop-{number:03}-{path.name}"] = data
    if len(set(photos.values())) != count:
        raise SystemExit(f"{folder} has no {count} different photos and crops of them")
    return photos, count - whole


def crops(paths: list[Path]) -> Iterator[tuple[Path, bytes]]:
    """Yield a crop of each photo in turn, over and over, each from another place."""
    for step in itertools.count(1):
        for path in paths:
            with Image.open(path) as picture:
                # Of a small photo three quarters, so that there are many places for it.
                sides = (side * 3 // 4 for side in picture.size)
                width, height = map(min, sides, CROP)
                left = 97 * step % (picture.width - width + 1)
                top = 61 * step % (picture.height - height + 1)
                crop = picture.crop((left, top, left + width, top + height))
            written = io.BytesIO()
            crop.save(written, "JPEG", quality=CROP_QUALITY)
            yield path, written.getvalue()


def row(name: str, door: Passed, files: Passed) -> str:
    different = sum(door.digests[each] != digest for each, digest in files.digests.items())
    counts = ", ".join(f"{count} {status}" for status, count in sorted(door.statuses.items()))
    identical = f"no, {different} differ" if different else "yes"
    return f"| {name} | {counts} | {door.size:,} | {identical} | {door.seconds:.1f} s |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=200)
    given = parser.parse_args()
    photos, cropped = gathered(given.photos, given.count)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    with tempfile.TemporaryDirectory() as name, s3(Path(name) / "s3") as (client, endpoint):
        doors = Doors(photos, Path(name), client, endpoint)
        files = doors.files()
        through = {
            "the command, files": files,
            "the command, S3": doors.command(),
            f"the function, {len(cpus())} copies": doors.function(),
            f"a cluster of {len(cpus())} workers, S3": doors.cluster(),
        }
    sizes = f"of at most {CROP[0]} × {CROP[1]} pixels"
    record(
        "Doors",
        f"python benchmarks/doors.py PHOTOS --count {given.count}",
        f"{len(photos)} different photos, {cropped} of them crops {sizes},"
        f" {sum(map(len, photos.values())):,} bytes, in place. Seconds from start to end of the"
        " program, or of the function's copies; the cluster's workers were there before.\n\n"
        "| door | outcomes | bytes in the end | the same as files, byte for byte | took |\n"
        "|---|---|---|---|---|\n"
        + "\n".join(row(name, door, files) for name, door in through.items()),
    )
    if any(door.digests != files.digests for door in through.values()):
        sys.exit("the doors differ")


if __name__ == "__main__":
    main()
