"""How much longer `jpegslim --version` takes than starting the interpreter.

python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import time

from record import record

_ROUNDS = 15


def seconds(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    plain, version = [], []
    for _ in range(_ROUNDS):
        plain.append(seconds("-c", "pass"))
        version.append(seconds("-m", "jpegslim", "--version"))
    extra = [ours - bare for ours, bare in zip(version, plain, strict=True)]
    record(
        "Start",
        "python benchmarks/startup.py",
        f"`jpegslim --version` takes {statistics.median(extra) * 1000:.0f} ms more than"
        f" `python -c pass` ({statistics.median(plain) * 1000:.0f} ms); median of {_ROUNDS} pairs.",
    )


if __name__ == "__main__":
    main()
