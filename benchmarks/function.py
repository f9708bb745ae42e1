"""What the function takes, from its cold start to each photo, with what Lambda gives at 1,769 MB.

    python benchmarks/function.py PHOTOS [--count N] [--starts N] [--package FILE.zip]

It runs in Lambda's runtime client and emulator, on one processor, from its package: the zip that is
given, or one built for this Python as deploy/aws/build.py builds it. The photos lie on a real S3
server on loopback, which has the other processors.
"""

import argparse
import importlib.util
import json
import os
import re
import statistics
import sys
import tempfile
import threading
import time
import venv
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType
from typing import Any, Self
from urllib.parse import quote_plus

from parts import ROOT, Lambda, cpus, emulator_in, pinned, s3
from PIL import Image
from record import record

MEGABYTES = 1769
BUCKET = "photos"
FIRST = "first.jpg"
# What a queue hands over at once; see the template.
MESSAGES = 10
SAMPLE_SECONDS = 0.02
MACHINE = {"x86_64": "x86_64", "aarch64": "arm64"}
# Of Lambda's runtime, and so not in the package.
RUNTIME = ("awslambdaric", "boto3", "botocore", "jmespath", "python-dateutil", "s3transfer")
RUNTIME += ("simplejson", "six", "snapshot-restore-py", "urllib3")
# Lambda's package is read-only, so each start compiles anew what has no byte code in it.
READ_ONLY = {"PYTHONDONTWRITEBYTECODE": "1"}

_INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)")
_CALL = re.compile(r"INVOKE RTDONE\(status: success,.* duration: ([\d.]+)ms")


@dataclass(frozen=True)
class Place:
    """Where the function is to run: its interpreter, what it can import, and on which processor."""

    program: Path
    endpoint: str
    python: Path
    path: str
    processor: int


@dataclass(frozen=True)
class Start:
    """Seconds of one cold start: from nothing to the first answer, of its parts, and when warm."""

    answer: float
    init: float
    first: float
    warm: float


@contextmanager
def running(place: Place, folder: Path) -> Iterator[Lambda]:
    """Start the function; it is not there yet."""
    folder.mkdir()
    with pinned(place.processor):
        function = Lambda(
            place.program,
            place.endpoint,
            folder,
            memory=MEGABYTES,
            timeout=300,
            python=str(place.python),
            PYTHONPATH=place.path,
            **READ_ONLY,
        )
    try:
        yield function
    finally:
        function.stop()


def milliseconds(pattern: re.Pattern[str], function: Lambda) -> list[float]:
    """Return what the emulator measured, in seconds, in the order of the calls."""
    return [float(each) / 1000 for each in pattern.findall(function.log.read_text())]


def cold_start(place: Place, folder: Path, client: Any, photo: Path) -> Start:
    """Start the function, and have it optimize the same photo twice."""
    data = photo.read_bytes()
    client.put_object(Bucket=BUCKET, Key=FIRST, Body=data)
    began = time.perf_counter()
    with running(place, folder) as function:
        check(function.invoke(notice(FIRST)))
        answer = time.perf_counter() - began
        client.put_object(Bucket=BUCKET, Key=FIRST, Body=data)
        check(function.invoke(notice(FIRST)))
        first, warm = milliseconds(_CALL, function)
        (init,) = milliseconds(_INIT, function)
    return Start(answer, init, first, warm)


def check(answer: dict[str, Any]) -> None:
    if [each["status"] for each in answer.get("photos", ())] != ["optimized"]:
        raise SystemExit(f"the first photo was not optimized: {answer}")


def notice(*keys: str) -> dict[str, Any]:
    """Return S3's own event."""
    return {
        "Records": [
            {
                "eventSource": "aws:s3",
                "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": BUCKET}, "object": {"key": quote_plus(key)}},
            }
            for key in keys
        ]
    }


def queued(keys: Sequence[str]) -> dict[str, Any]:
    """Return a queue's event with one of S3's a message."""
    return {
        "Records": [
            {"eventSource": "aws:sqs", "messageId": key, "body": json.dumps(notice(key))}
            for key in keys
        ]
    }


class Watch:
    """Watches the memory of all processes below one, in a thread of its own."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while not self._over.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, page * sum(map(resident_pages, below(self._pid))))


def below(pid: int) -> list[int]:
    """Return the processes that this one started, and those that they did."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                # It ended meanwhile.
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found[1:]


def resident_pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0


@dataclass(frozen=True)
class Calls:
    """A pass over the photos: seconds a call, in the workers, outcomes, and peak memory."""

    seconds: list[float]
    work: list[float]
    statuses: Counter[str]
    peak: int

    @property
    def each(self) -> float:
        """Seconds of the function a photo."""
        return sum(self.seconds) / sum(self.statuses.values())


def calls(place: Place, folder: Path, client: Any, photos: Iterable[Path], batch: int) -> Calls:
    """Have all photos optimized, `batch` a call, by a function that is warm."""
    names = []
    for photo in photos:
        client.put_object(Bucket=BUCKET, Key=photo.name, Body=photo.read_bytes())
        names.append(photo.name)
    with running(place, folder) as function:
        function.invoke({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET})
        with Watch(function.pid) as watch:
            for at in range(0, len(names), batch):
                keys = names[at : at + batch]
                answer = function.invoke(notice(*keys) if batch == 1 else queued(keys))
                if answer.get("batchItemFailures") or "errorType" in answer:
                    raise SystemExit(f"not all photos were done with: {answer}")
        _, *seconds = milliseconds(_CALL, function)
        told = [each["photo"] for each in function.lines() if "photo" in each]
    return Calls(
        seconds,
        [each["seconds"] for each in told],
        Counter(each["status"] for each in told),
        watch.peak,
    )


def built(folder: Path) -> Path:
    """Build the package for this interpreter and machine."""
    build = load(ROOT / "deploy" / "aws" / "build.py")
    folder.mkdir()
    architecture = MACHINE[os.uname().machine]
    wheel = build.build_wheel(folder, architecture)
    package, output = folder / "package", folder / "function.zip"
    build.install(package, wheel, architecture, "{}.{}".format(*sys.version_info))
    build.strip(package)
    build.compile_ahead(package, "{}.{}".format(*sys.version_info))
    build.check(package, architecture)
    build.write_zip(package, output)
    return output


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_package", path)
    assert spec is not None  # noqa: S101 - it is a file of Python
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def unpacked(archive: Path, folder: Path) -> tuple[Path, int]:
    """Unpack the package, and return its folder and its size there."""
    with zipfile.ZipFile(archive) as package:
        package.extractall(folder)
        size = sum(each.file_size for each in package.infolist())
    tag = "cpython-{}{}-".format(*sys.version_info)
    libraries = [each.name for each in folder.rglob("*.cpython-*.so")]
    if not any(tag in each for each in libraries):
        raise SystemExit(f"{archive} is for another Python than this: {libraries[0]}")
    return folder, size


def runtime(folder: Path) -> tuple[Path, Path]:
    """Make what Lambda's runtime is: an interpreter, and a folder with the SDK and the client."""
    venv.create(folder / "bare", symlinks=True)
    libraries = folder / "runtime"
    libraries.mkdir()
    for name in RUNTIME:
        found = distribution(name)
        tops = {each.parts[0] for each in found.files or () if not each.parts[0].startswith(".")}
        for top in sorted(tops - {"__pycache__"}):
            (libraries / top).symlink_to(Path(str(found.locate_file(top))))
    return folder / "bare" / "bin" / "python", libraries


def pixels(photo: Path) -> float:
    with Image.open(photo) as picture:
        return picture.width * picture.height / 1e6


def spread(seconds: Sequence[float]) -> str:
    """Return median, 90th percentile and most."""
    deciles = statistics.quantiles(seconds, n=10, method="inclusive")
    return f"{statistics.median(seconds):.2f} s | {deciles[-1]:.2f} s | {max(seconds):.2f} s"


def report(
    starts: list[Start], first: float, single: Calls, together: Calls, photos: Sequence[Path]
) -> str:
    """Return the section's tables."""
    rows = (
        ("cold, from starting the emulator to the first answer", [each.answer for each in starts]),
        ("its init phase: interpreter, imports, configuration", [each.init for each in starts]),
        (f"its first call, a photo of {first:.1f} MP", [each.first for each in starts]),
        ("the same photo again, warm", [each.warm for each in starts]),
        (f"each of {len(photos)} photos, one a call, warm", single.seconds),
        ("of which the worker was busy", single.work),
    )
    table = "\n".join(f"| {name} | {spread(seconds)} |" for name, seconds in rows)
    total = sum(map(pixels, photos))
    size = sum(photo.stat().st_size for photo in photos) / 1e6
    lines = []
    for name, done in (("one a call", single), (f"{MESSAGES} a call", together)):
        cost = MEGABYTES * done.each
        counts = ", ".join(f"{count} {status}" for status, count in sorted(done.statuses.items()))
        lines.append(
            f"| {name} | {done.each:.2f} s | {cost:,.0f} |"
            f" {cost * len(photos) / total:,.0f} | {cost * len(photos) / size:,.0f} |"
            f" {done.peak / 1e6:.0f} MB | {counts} |"
        )
    return (
        "| | median | 90th percentile | most |\n|---|---|---|---|\n"
        f"{table}\n\n{len(photos)} photos, {size:.0f} MB, {total:.0f} MP:\n\n"
        "| | mean a photo | MB-seconds a photo | a megapixel | a megabyte | peak memory |"
        " outcomes |\n|---|---|---|---|---|---|---|\n" + "\n".join(lines)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=43)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--package", type=Path)
    given = parser.parse_args()
    if given.count < 2 or given.starts < 2:
        parser.error("one of a kind has no median")
    photos = sorted(given.photos.glob("*.jpg"))[: given.count]
    example = min((ROOT / "examples" / "photos").glob("*.jpg"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = given.package or built(folder / "build")
        package, unzipped = unpacked(archive, folder / "package")
        zipped = archive.stat().st_size
        ahead = "with" if any(package.rglob("*.pyc")) else "without"
        python, libraries = runtime(folder)
        path = f"{package}{os.pathsep}{libraries}"
        one, *others = cpus()
        with pinned(*others or [one]), s3(folder / "s3") as (client, endpoint):
            client.create_bucket(Bucket=BUCKET)
            place = Place(emulator_in(folder / "rie"), endpoint, python, path, one)
            starts = [
                cold_start(place, folder / f"start-{number}", client, example)
                for number in range(given.starts)
            ]
            single = calls(place, folder / "single", client, photos, 1)
            together = calls(place, folder / "together", client, photos, MESSAGES)
    record(
        "Function",
        f"python benchmarks/function.py PHOTOS --count {given.count} --starts {given.starts}",
        f"On one processor, as with {MEGABYTES:,} MB, in Lambda's runtime client and emulator; the"
        " S3 server beside it, on loopback. Package: "
        f"{zipped / 1e6:.1f} MB zipped, {unzipped / 1e6:.1f} MB unzipped, {ahead} byte code,"
        " on this machine's disk, which has it in its cache.\n\n"
        f"{report(starts, pixels(example), single, together, photos)}\n\n"
        "Memory: of all processes of the function together, sampled every"
        f" {SAMPLE_SECONDS * 1000:.0f} ms; pages they share count in each.",
    )


if __name__ == "__main__":
    main()
