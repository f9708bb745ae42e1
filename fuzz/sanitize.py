"""Run the metric's C kernel under AddressSanitizer and UndefinedBehaviorSanitizer.

Builds it with the sanitizers into a temporary folder, and exercises it in a child process that has
their runtime loaded: `python -m fuzz.sanitize --minutes 5`. Needs gcc or clang on Linux.
"""

import argparse
import importlib.util
import os
import random
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fuzz.laws import require

ROOT = Path(__file__).parents[1]
MODULE = "jpegslim.engine.metric._kernel"
FLAGS = (
    *("-O1", "-g", "-fPIC", "-shared", "-fno-omit-frame-pointer", "-Wall", "-Wextra"),
    *("-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all"),
    "-DPy_LIMITED_API=0x030B0000",
)
# Around the kernel's blocks of 128, 256 and 512 pixels and groups of eight rows; 113 is the least
# side with six scales; slivers; and as wide as a JPEG gets in practice.
SIZES = (
    *((1, 1), (1, 700), (700, 1), (7, 9), (8, 8), (9, 127), (12, 129), (13, 255), (16, 257)),
    *((31, 511), (33, 512), (67, 513), (113, 113), (130, 1029), (600, 17), (1030, 130)),
    *((16, 65_500), (65_500, 16)),
)
TILE_SIZES = (64, 128, 512, 1 << 30)
# float32 against float64, as tests/unit/metric holds it.
RELATIVE, ABSOLUTE = 2e-4, 2e-6
REFUSALS = (ValueError, TypeError, OverflowError, BufferError)

Picture = NDArray[np.uint8]


def main() -> None:
    """Build and start the child, or be the child."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.sanitize", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="of random calls (default: 5)")
    parser.add_argument("--compiler", default="gcc", help="gcc or clang (default: gcc)")
    parser.add_argument(
        "--no-vector-types",
        action="store_const",
        const=("-DNO_VECTOR_TYPES",),
        default=(),
        help="build the plain path as compilers do that lack them",
    )
    parser.add_argument("--exercise", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.exercise:
        exercise(options.exercise, seconds=60 * options.minutes)
        return
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "_kernel.abi3.so"
        build(options.compiler, built, more=options.no_vector_types)
        child = [sys.executable, "-m", "fuzz.sanitize", "--exercise", str(built)]
        outcome = subprocess.run(
            [*child, "--minutes", str(options.minutes)],
            check=False,
            cwd=ROOT,
            env=environment(options.compiler),
        )
    sys.exit(outcome.returncode)


def build(compiler: str, built: Path, *, more: tuple[str, ...] = ()) -> None:
    """Compile the kernel with the sanitizers; any finding of theirs ends the process."""
    include = sysconfig.get_paths()["include"]
    source = ROOT / "jpegslim/engine/metric/kernel.c"
    command = [compiler, *FLAGS, *more, f"-I{include}", str(source), "-o", str(built)]
    if compiler.endswith("clang"):
        command.append("-shared-libasan")
    subprocess.run(command, check=True)


def environment(compiler: str) -> dict[str, str]:
    """Return the environment of a process whose memory AddressSanitizer watches."""
    name = "libclang_rt.asan-x86_64.so" if compiler.endswith("clang") else "libasan.so"
    found = subprocess.run(
        [compiler, f"-print-file-name={name}"], check=True, capture_output=True, text=True
    )
    return {
        **os.environ,
        "LD_PRELOAD": found.stdout.strip(),
        # The interpreter itself keeps memory until its end.
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


def exercise(built: Path, *, seconds: float) -> None:
    """Call the kernel in every way there is; a sanitizer's finding ends the process."""
    kernel = load(built)
    calls: Counter[str] = Counter()
    for height, width in SIZES:
        for channels in (1, 3):
            pair = pictures(np.random.default_rng(0), height, width, channels)
            # The reference takes a minute for the tall and the wide ones at every tile size.
            large = height * width > 1 << 19
            for tile_size in TILE_SIZES[1:2] if large else TILE_SIZES:
                compare_paths(pair, tile_size, None, calls)
    refuse_wrong_calls(kernel, calls)
    run_threads(calls)
    generator = random.Random(4)
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        generator.choice((random_picture, random_colour, random_call))(generator, kernel, calls)
    print(f"paths {', '.join(kernel.paths())}: no findings")
    for kind, count in sorted(calls.items()):
        print(f"  {kind}: {count:,}")


def load(built: Path) -> ModuleType:
    """Put the sanitized build in the place of the installed one."""
    spec = importlib.util.spec_from_file_location(MODULE, built)
    require(spec is not None and spec.loader is not None, f"no extension module: {built}")
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    sys.modules[MODULE] = module
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    from jpegslim.engine.metric import ssimulacra2

    require(ssimulacra2.kernel_paths() == module.paths(), "another kernel is in use")
    require(vars(ssimulacra2)["_kernel"] is module, "another kernel is in use")
    return module


def pictures(
    generator: np.random.Generator, height: int, width: int, channels: int
) -> tuple[Picture, Picture]:
    """Return noise and a copy of it with more noise, both at least eight pixels each way."""
    shape = (max(8, height), max(8, width), *((3,) if channels == 3 else ()))
    reference = generator.integers(0, 256, shape, dtype=np.uint8)
    noise = np.rint(generator.normal(0, generator.choice([0.0, 2.0, 40.0]), shape))
    return reference, np.clip(reference + noise, 0, 255).astype(np.uint8)


def compare_paths(
    pair: tuple[Picture, Picture], tile_size: int, colour: Any, calls: Counter[str]
) -> None:
    """Hold every instruction set to the NumPy reference."""
    from jpegslim.engine.metric import SRGB, pixel_counts, reference, ssimulacra2

    colour = colour or SRGB
    height, width = pair[0].shape[:2]
    means = np.maximum(pixel_counts(width, height, tile_size), 1)[..., None, None]
    wanted = reference.tile_sums(*pair, colour, tile_size) / means
    for path in ssimulacra2.kernel_paths():
        got = ssimulacra2.kernel_sums(*pair, colour, tile_size, path) / means
        close = np.allclose(got, wanted, rtol=RELATIVE, atol=ABSOLUTE)
        require(close, f"{path} differs: {pair[0].shape}, tiles of {tile_size}")
        calls["compared with the reference"] += 1


def random_picture(generator: random.Random, _: ModuleType, calls: Counter[str]) -> None:
    """Compare on noise of any size, in the colours of any sound matrix profile."""
    from jpegslim.engine.metric import Colour

    numpy_generator = np.random.default_rng(generator.getrandbits(32))
    height, width = (generator.choice((8, 40, 140, 600)) + generator.randrange(40) for _ in "hw")
    pair = pictures(numpy_generator, height, width, generator.choice((1, 3)))
    ramp = np.linspace(0, 1, 256)
    curves = np.stack([ramp ** generator.uniform(1.0, 2.6) for _ in range(3)])
    # Rows sum to one, as those of real spaces do: white stays white.
    mix = numpy_generator.uniform(-0.25, 0.25, (3, 3)) * (1 - np.eye(3))
    matrix = np.eye(3) + mix - np.diag(mix.sum(axis=1))
    colour = Colour(curves.astype(np.float32), matrix.astype(np.float32))
    compare_paths(pair, generator.choice(TILE_SIZES), colour, calls)


def random_colour(generator: random.Random, kernel: ModuleType, calls: Counter[str]) -> None:
    """Give curves and matrices that no picture has: no answer is wrong, but none may crash."""
    from jpegslim.engine.metric import Colour, ssimulacra2

    numpy_generator = np.random.default_rng(generator.getrandbits(32))
    pair = pictures(numpy_generator, 8 + generator.randrange(60), 8 + generator.randrange(600), 3)
    curves = numpy_generator.normal(0, 1, (3, 256)).astype(np.float32)
    matrix = numpy_generator.normal(0, 1, (3, 3)).astype(np.float32)
    wild = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, -0.0], np.float32)
    for values in (curves, matrix):
        for _ in range(generator.randrange(40)):
            values.flat[generator.randrange(values.size)] = generator.choice(wild)
    with np.errstate(all="ignore"):
        for path in kernel.paths():
            ssimulacra2.kernel_sums(*pair, Colour(curves, matrix), 64, path)
            calls["colours of no picture"] += 1


def sound_call() -> list[Any]:
    """Return arguments that the kernel takes."""
    picture = np.zeros((72, 600, 3), np.uint8)
    curves, cones = np.zeros((3, 256), np.float32), np.zeros((3, 3), np.float32)
    sums = np.zeros((1, 9, 6, 3, 6))
    return [picture, picture, 600, 72, 3, 5, curves, cones, 64, 1, 9, sums, ""]


def refuse_wrong_calls(kernel: ModuleType, calls: Counter[str]) -> None:
    """Hold the kernel's door to refusing every single wrong argument."""
    small = np.zeros((8, 8), np.uint8)
    frozen = np.zeros((1, 9, 6, 3, 6))
    frozen.flags.writeable = False
    crooked = np.zeros(8 + 1 * 9 * 6 * 3 * 6 * 8, np.uint8)[1:-7].view(np.float64)
    wrong: dict[int, tuple[Any, ...]] = {
        0: (small, None, "text", b"", 5, np.zeros((72, 1200, 3), np.uint8)[:, ::2]),
        1: (small, None, "text", b"", 5, np.zeros((72, 1200, 3), np.uint8)[:, ::2]),
        2: (0, -1, -600, 599, 7, 1 << 24, (1 << 31) - 1, 1 << 31, -(1 << 31), 1 << 70, 6.0, None),
        3: (0, -1, -72, 71, 7, 1 << 24, (1 << 31) - 1, 1 << 31, -(1 << 31), 1 << 70, 6.0, None),
        4: (0, -1, 1, 2, 4, -3, 1 << 30, 1 << 31, "3", None),
        5: (0, -1, 7, 1 << 30, -(1 << 31), 1 << 31, 5.0, None),
        6: (np.zeros((3, 255), np.float32), np.zeros((3, 256)), None, b""),
        7: (np.zeros((3, 2), np.float32), np.zeros((3, 3)), np.zeros(9, np.float16), None, b""),
        8: (0, -64, 63, 65, 96 + 1, -(1 << 31), 1 << 31, 64.0, None),
        9: (0, -1, 2, 1 << 30, (1 << 31) - 1, -(1 << 31), 1 << 31, 1.0, None),
        10: (0, -1, 8, 10, 1 << 30, (1 << 31) - 1, -(1 << 31), 1 << 31, 9.0, None),
        11: (frozen, bytes(7776), np.zeros((1, 8, 6, 3, 6)), crooked, np.zeros(3888), None),
        12: ("abacus", "avx", "plain ", "\0", "plain\0x", b"plain", None, 3, "x" * 100_000),
    }
    for place, values in wrong.items():
        for value in values:
            arguments = sound_call()
            arguments[place] = value
            require_refused(kernel, arguments, f"argument {place} = {value!r:.80}", calls)
    for count in (0, 1, 12, 14):
        require_refused(kernel, [*sound_call(), 0][:count], f"{count} arguments", calls)
    # 2^59 tiles of 864 bytes are 0 bytes to 64 bits.
    overflowing = sound_call()
    overflowing[9:12] = [1 << 30, 1 << 29, np.zeros(0)]
    require_refused(kernel, overflowing, "more tiles than 64 bits can count the bytes of", calls)


def require_refused(
    kernel: ModuleType, arguments: list[Any], what: str, calls: Counter[str]
) -> None:
    """Hold the kernel to refusing these arguments."""
    try:
        kernel.tile_sums(*arguments)
    except REFUSALS:
        calls["wrong calls refused"] += 1
    else:
        require(holds=False, law=f"not refused: {what}")


def random_call(generator: random.Random, kernel: ModuleType, calls: Counter[str]) -> None:
    """Change up to three arguments at once; a call may go through where they fit again."""
    arguments = sound_call()
    for _ in range(generator.randint(1, 3)):
        place = generator.randrange(len(arguments))
        if isinstance(arguments[place], int):
            near = arguments[place] + generator.randint(-2, 2)
            far = generator.choice((1, -1)) << generator.randrange(33)
            arguments[place] = generator.choice((near, far, 8, 64, 72, 600))
        elif place == len(arguments) - 1:
            arguments[place] = generator.choice((*kernel.paths(), "", "none"))
        else:
            size = len(memoryview(arguments[place]).cast("B"))
            arguments[place] = bytearray(max(0, size + generator.choice((-8, -1, 0, 1, 8))))
    try:
        kernel.tile_sums(*arguments)
    except REFUSALS:
        calls["random calls refused"] += 1
    else:
        calls["random calls taken"] += 1


def run_threads(calls: Counter[str]) -> None:
    """Run all paths at once on pictures of many sizes."""
    from jpegslim.engine.metric import SRGB, ssimulacra2

    generator = np.random.default_rng(1)
    pairs = [pictures(generator, 100, 70 * count, 3) for count in range(1, 12)]

    def job(pair: tuple[Picture, Picture]) -> Callable[[str], NDArray[np.float64]]:
        return lambda path: ssimulacra2.kernel_sums(*pair, SRGB, 64, path)

    with ThreadPoolExecutor(4) as threads:
        for path in ssimulacra2.kernel_paths():
            jobs = [job(pair) for pair in pairs]
            alone = [each(path) for each in jobs]
            running = [threads.submit(each, path) for each in jobs]
            together = [each.result() for each in running]
            same = all(np.array_equal(*each) for each in zip(alone, together, strict=True))
            require(same, f"{path} gives another answer beside itself")
            calls["calls beside each other"] += len(jobs)


if __name__ == "__main__":
    main()
