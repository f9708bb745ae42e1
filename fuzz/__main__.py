"""Run a harness under atheris, or once over a file that it found: `python -m fuzz --help`."""

import argparse
import hashlib
import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from fuzz.laws import SMALL

HARNESSES = ("container", "mpf", "icc", "metadata", "inspecting")


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("harness", choices=HARNESSES)
    parser.add_argument("--corpus", type=Path, help="folder that the seeds go to and that grows")
    parser.add_argument("--more", type=Path, help="folder of further files to start from")
    parser.add_argument("--minutes", type=float, default=20.0, help="how long (default: 20)")
    parser.add_argument("--replay", type=Path, nargs="+", help="run these inputs once, no fuzzing")
    options = parser.parse_args()
    if options.replay:
        harness = importlib.import_module(f"fuzz.{options.harness}")
        for path in options.replay:
            harness.check(path.read_bytes())
    elif options.corpus:
        _fuzz(options.harness, options.corpus, more=options.more, minutes=options.minutes)
    else:
        parser.error("give a folder with --corpus, or inputs with --replay")


def _fuzz(name: str, corpus: Path, *, more: Path | None, minutes: float) -> None:
    import atheris

    with atheris.instrument_imports(include=["jpegslim"]):
        harness = importlib.import_module(f"fuzz.{name}")
    corpus.mkdir(parents=True, exist_ok=True)
    _plant(corpus, harness.seeds())
    if more is not None:
        small = (path for path in sorted(more.rglob("*.jp*g")) if path.stat().st_size <= SMALL)
        _plant(corpus, (path.read_bytes() for path in small))
    words = corpus.with_name(f"{corpus.name}.dict")
    words.write_text(_dictionary(harness), encoding="ascii")
    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-dict={words}",
            f"-artifact_prefix={corpus.with_name(corpus.name)}-found-",
            f"-max_total_time={round(60 * minutes)}",
            f"-max_len={SMALL}",
            "-timeout=20",
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
        ],
        harness.check,
    )
    atheris.Fuzz()


def _plant(corpus: Path, seeds: Iterable[bytes]) -> None:
    for seed in seeds:
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)


def _dictionary(harness: ModuleType) -> str:
    """Return the harness's words as libFuzzer reads them."""
    quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in harness.DICTIONARY)
    return "".join(f'"{word}"\n' for word in quoted)


if __name__ == "__main__":
    main()
