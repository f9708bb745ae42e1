"""Peak memory of a process that optimizes one photo, as a worker does.

python benchmarks/memory.py PHOTO...
"""

import argparse
import subprocess
import sys
from pathlib import Path

from record import record

_CHILD = """
import resource, sys
from pathlib import Path
from jpegslim import Settings, optimize
result = optimize(Path(sys.argv[1]).read_bytes(), Settings(target=float(sys.argv[2])))
unit = 1 << (20 if sys.platform == "darwin" else 10)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
print(result.width * result.height / 1e6, peak, result.status, result.chroma_subsampling)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, nargs="+")
    options = parser.parse_args()
    rows = ["| megapixels | target | outcome | peak memory |", "|---|---|---|---|"]
    for photo in options.photos:
        for target in ("90", "85", "75"):
            command = [sys.executable, "-c", _CHILD, str(photo), target]
            words = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            size, peak, status, chroma = words.split()
            rows.append(
                f"| {float(size):.1f} | {target} | {status}, {chroma} | {float(peak):.0f} MB |"
            )
    record("Memory", "python benchmarks/memory.py PHOTO...", "\n".join(rows))


if __name__ == "__main__":
    main()
