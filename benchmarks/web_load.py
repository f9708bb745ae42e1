"""What `jpegslim serve` does under many clients at once, on this machine alone.

    python benchmarks/web_load.py [--clients 200] [--seconds 120]

Each client asks over and over, one of: a good photo, one too large, a broken one, one that is no
photo, an upload that trickles in, one that is broken off, a small job that becomes a zip. Good
results are decoded and scored again against what was sent. In the end it is asked: was any answer
wrong, did memory, files or processes stay behind, how late did the event loop wake.
"""

import argparse
import asyncio
import hashlib
import io
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from record import record

import jpegslim

EXAMPLES = Path(__file__).parents[1] / "examples" / "photos"
SIDES = ((320, 240), (640, 480), (900, 600))
FILE_LIMIT = 2_000_000
KEEP_SECONDS = 5
# A fifth of the queue's wait is over by then; see Retry-After.
LONGEST_PAUSE = 3.0
# Each client has an address of its own, as far as loopback's network goes, so that the bounds for
# one client don't stop the test before the service is loaded.
CLIENTS_AN_ADDRESS = 10
LOOP_LIMIT = 0.1
MEMORY_SLACK = 60 << 20


@dataclass
class Tally:
    """What happened. wrong: answers that should not have been."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    results: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """HTTP/1.1 over a connection of its own for every request; no more than the test needs."""

    def __init__(self, port: int, number: int) -> None:
        self._port = port
        self._address = f"127.0.0.{2 + number // CLIENTS_AN_ADDRESS}"

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        pause: float = 0.0,
        content_type: str = "image/jpeg",
    ) -> Answer:
        """Return the answer. pause: between the pieces of the body, in seconds."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, local_addr=(self._address, 0)
        )
        try:
            writer.write(
                f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            )
            step = 64_000 if not pause else max(1, len(body) // 20)
            for at in range(0, len(body), step):
                writer.write(body[at : at + step])
                # Refused while it still sends: the answer is there to be read all the same.
                if reader.at_eof():
                    break
                await writer.drain()
                await asyncio.sleep(pause)
            return _parse(await reader.read())
        finally:
            writer.close()


def _parse(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        pieces = []
        while body:
            size, _, body = body.partition(b"\r\n")
            pieces.append(body[: int(size, 16)])
            body = body[int(size, 16) + 2 :]
        body = b"".join(pieces)
    return Answer(int(lines[0].split()[1]), headers, body)


def photos() -> list[bytes]:
    """Return crops of the example photos, different ones."""
    made = []
    for number, path in enumerate(sorted(EXAMPLES.glob("*.jpg")) * 6):
        width, height = SIDES[number % len(SIDES)]
        with Image.open(path) as whole:
            left, top = 7 * number, 3 * number
            crop = whole.convert("RGB").crop((left, top, left + width, top + height))
        written = io.BytesIO()
        crop.save(written, "JPEG", quality=94)
        made.append(written.getvalue())
    return made


async def good(client: Client, tally: Tally, data: bytes, *, pause: float = 0.0) -> int:
    answer = await client.ask("PUT", "/v1/optimize?quality=high", data, pause=pause)
    if answer.status == 200:
        known = tally.results.setdefault(hashlib.sha256(data).digest(), (data, answer.body))
        if known[1] != answer.body:
            tally.wrong.append("one photo, two results")
        if int(answer.headers["content-length"]) != len(answer.body):
            tally.wrong.append("a result was cut short")
        if int(answer.headers["jpegslim-bytes-out"]) != len(answer.body):
            tally.wrong.append("a result is not what its figures speak of")
    elif answer.status == 429:
        await _come_again(tally, answer)
    else:
        tally.wrong.append(f"a good photo was answered {answer.status}: {answer.body[:200]!r}")
    return answer.status


async def _come_again(tally: Tally, answer: Answer) -> None:
    if int(answer.headers.get("retry-after", 0)) < 1:
        tally.wrong.append("429 without Retry-After")
    await asyncio.sleep(random.uniform(0.2, LONGEST_PAUSE))  # noqa: S311 - a pause, no secret


async def refused(
    client: Client, tally: Tally, data: bytes, *, status: int, reason: set[str]
) -> int:
    answer = await client.ask("PUT", "/v1/optimize", data)
    if answer.status == 429:
        await _come_again(tally, answer)
    elif answer.status != status or json.loads(answer.body)["reason"] not in reason:
        tally.wrong.append(f"{reason} was answered {answer.status}: {answer.body[:200]!r}")
    return answer.status


async def job(client: Client, tally: Tally, pictures: list[bytes]) -> int:
    opened = await client.ask("POST", "/v1/jobs", b"{}", content_type="application/json")
    if opened.status == 429:
        await _come_again(tally, opened)
        return 429
    name = json.loads(opened.body)["id"]
    for number, data in enumerate(pictures):
        path = f"/v1/jobs/{name}/files?path=trip/{number}.jpg"
        added = await client.ask("PUT", path, data)
        if added.status not in (202, 429):
            tally.wrong.append(f"a file of a job was answered {added.status}")
    while True:
        shown = await client.ask("GET", f"/v1/jobs/{name}")
        if shown.status != 200 or json.loads(shown.body)["done"]:
            break
        await asyncio.sleep(0.3)
    if shown.status == 200:
        packed = await client.ask("GET", f"/v1/jobs/{name}/zip")
        with zipfile.ZipFile(io.BytesIO(packed.body)) as archive:
            if archive.testzip() or int(packed.headers["content-length"]) != len(packed.body):
                tally.wrong.append("a zip is damaged")
        deleted = await client.ask("DELETE", f"/v1/jobs/{name}")
        if deleted.status != 204:
            tally.wrong.append(f"deleting a job was answered {deleted.status}")
    else:
        tally.wrong.append(f"a job vanished: {shown.status}")
    return 200


async def behave(number: int, port: int, tally: Tally, made: list[bytes], until: float) -> None:
    """Be one client."""
    client, chance = Client(port, number), random.Random(number)  # noqa: S311 - not for secrets
    huge = b"\xff\xd8\xff" + bytes(3 * FILE_LIMIT)
    while time.monotonic() < until:
        data = chance.choice(made)
        kind = chance.choices(
            ("good", "huge", "broken", "text", "slow", "leaves", "job"), (8, 2, 2, 1, 2, 1, 1)
        )[0]
        start = time.monotonic()
        try:
            if kind == "good":
                status = await good(client, tally, data)
            elif kind == "huge":
                status = await refused(client, tally, huge, status=413, reason={"too_large"})
            elif kind == "broken":
                cut = data[: len(data) // 2]
                reason = {"truncated", "broken"}
                status = await refused(client, tally, cut, status=422, reason=reason)
            elif kind == "text":
                text = b"not a photo " * 5000
                status = await refused(client, tally, text, status=422, reason={"not_a_jpeg"})
            elif kind == "slow":
                status = await good(client, tally, data, pause=0.3)
            elif kind == "leaves":
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await client.ask("PUT", "/v1/optimize", data, pause=0.05)
                status = 0
            else:
                status = await job(client, tally, [chance.choice(made) for _ in range(3)])
        except (OSError, IndexError, ValueError) as error:
            tally.wrong.append(f"{kind}: {type(error).__name__}: {error}")
            continue
        tally.answers[kind, status] += 1
        if status == 200 and kind == "good":
            tally.took.append(time.monotonic() - start)


def look(pid: int) -> tuple[int, int, int]:
    """Return memory, open files and children of the service."""
    folder = Path(f"/proc/{pid}")
    memory = int((folder / "statm").read_text().split()[1]) * 4096
    children = (folder / "task" / str(pid) / "children").read_text().split()
    return memory, len(list((folder / "fd").iterdir())), len(children)


def lag(text: str) -> tuple[float, float, int]:
    """Return the 99th percentile, as the bound of its bucket, and the bound no wake was beyond."""
    found = re.findall(r'lag_seconds_bucket\{le="([^"]+)"\} (\d+)', text)
    total = int(found[-1][1])
    at = next(bound for bound, count in found if int(count) >= 0.99 * total)
    most = next(bound for bound, count in found if int(count) == total)
    return float(at), float(most), total


async def settle(port: int, spool: Path) -> str:
    """Wait until the service has nothing to do and has forgotten everything."""
    client = Client(port, 0)
    for _ in range(600):
        text = (await client.ask("GET", "/metrics")).body.decode()
        idle = all(
            f"\njpegslim_{name} 0\n" in text
            for name in ("waiting", "working", "jobs", "stored_bytes")
        )
        if idle and not list(spool.iterdir()):  # noqa: ASYNC240 - nothing runs beside it
            return text
        await asyncio.sleep(0.2)
    raise SystemExit(f"the service does not come to rest: {list(spool.iterdir())}\n{text}")  # noqa: ASYNC240 - nothing runs beside it


async def run(
    options: argparse.Namespace, process: "subprocess.Popen[str]", port: int, spool: Path
) -> tuple[Tally, tuple[int, int, int], tuple[int, int, int], tuple[float, float, int]]:
    made, tally = photos(), Tally()
    # Once through, so that every worker and library has what it keeps.
    warm = Client(port, 0)
    await asyncio.gather(*(good(warm, Tally(), data) for data in made[:4]))
    before = look(process.pid)
    until = time.monotonic() + options.seconds
    await asyncio.gather(
        *(behave(number, port, tally, made, until) for number in range(options.clients))
    )
    text = await settle(port, spool)
    after = look(process.pid)
    for data, result in tally.results.values():
        if jpegslim.compare(data, result).score < 85 and len(result) < len(data):
            tally.wrong.append("a result is worse than promised")
    return tally, before, after, lag(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--no-record", action="store_true", help="only print")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "jpegslim", "serve", "--port", "0"]
        bounds = ["--max-size", str(FILE_LIMIT), "--keep", str(KEEP_SECONDS)]
        process = subprocess.Popen(
            [*command, *bounds, "--store-in", folder], stderr=subprocess.PIPE, text=True
        )
        port = int(re.search(r":(\d+)/", process.stderr.readline())[1])
        (spool,) = Path(folder).iterdir()
        try:
            tally, before, after, (p99, most, wakes) = asyncio.run(
                run(options, process, port, spool)
            )
            process.send_signal(signal.SIGTERM)
            code = process.wait(60)
        finally:
            process.kill()
        left = list(Path(folder).iterdir())
        said = process.stderr.read()
    rows = ["| asked | answered | times |", "|---|---|---|"]
    rows += [f"| {kind} | {status} | {n} |" for (kind, status), n in sorted(tally.answers.items())]
    took = sorted(tally.took) or [0.0]
    checks = {
        f"wrong answers: {len(tally.wrong)}": not tally.wrong,
        f"event loop late by at most {1000 * p99:g} ms at the 99th percentile of {wakes} wakes,"
        f" {1000 * most:g} ms ever": p99 <= LOOP_LIMIT,
        f"memory {before[0] / 1e6:.0f} MB before, {after[0] / 1e6:.0f} MB after": after[0]
        <= before[0] + MEMORY_SLACK,
        f"open files {before[1]} before, {after[1]} after": after[1] <= before[1] + 4,
        f"processes {before[2]} before, {after[2]} after": after[2] <= before[2],
        f"files left on the disk: {len(left)}": not left,
        f"exit code {code}, {len(said.splitlines())} lines said": code == 0 and not said,
    }
    rows += ["", *(f"- {'' if held else '**NO** '}{words}" for words, held in checks.items())]
    rows += [f"- a good photo took {took[len(took) // 2]:.1f} s at the median, waiting included"]
    text = "\n".join(rows)
    for words in sorted(set(tally.wrong))[:20]:
        print("wrong:", words, file=sys.stderr)
    if said:
        print(said[-3000:], file=sys.stderr)
    if options.no_record:
        print(text)
    else:
        arguments = f"--clients {options.clients} --seconds {options.seconds:g}"
        record("Web service under load", f"python benchmarks/web_load.py {arguments}", text)
    sys.exit(0 if all(checks.values()) else 1)


if __name__ == "__main__":
    main()
