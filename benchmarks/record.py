"""Keep RESULTS.md: each benchmark owns one section and writes it anew."""

import platform
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
_HEAD = "# Results\n\nWritten by the benchmarks in this folder; each section names its command.\n"


def machine() -> str:
    """Name the processor and the interpreter, nothing else of the machine."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        if names:
            model = f"{names[0]}, {len(names)} cores"
    return f"{model}; Python {platform.python_version()}"


def record(title: str, command: str, body: str) -> None:
    """Replace the section `title` of RESULTS.md, and print it."""
    stamp = datetime.now(UTC).date().isoformat()
    section = f"## {title}\n\n`{command}`, {stamp}, {machine()}\n\n{body.strip()}\n"
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else _HEAD
    head, *sections = old.split("\n## ")
    kept = [f"## {each.strip()}\n" for each in sections if each.split("\n", 1)[0] != title]
    RESULTS.write_text("\n".join([head.strip() + "\n", *kept, section]), encoding="utf-8")
    print(section)
