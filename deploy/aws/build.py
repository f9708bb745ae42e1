#!/usr/bin/env python3
"""Build the zip package of the Lambda function: `python deploy/aws/build.py`.

Needs Linux or macOS, pip, and a C compiler for this machine's own architecture. For the other one
`pip install ziglang`, which compiles for any, or build in a container (see the Dockerfile beside
this file).
"""

import argparse
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = Path(__file__).resolve().with_name("function.zip")
PYTHONS = ("3.13", "3.12")

# As Lambda names them: what wheels, compilers and ELF headers call the same.
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
ELF_MACHINES = {"arm64": 183, "x86_64": 62}
# Amazon Linux 2023, under both runtimes, has glibc 2.34.
GLIBC = 34
WHEELS = [f"manylinux_2_{minor}_{{}}" for minor in range(GLIBC, 16, -1)] + ["manylinux2014_{}"]
# What Lambda takes unzipped.
LIMIT = 250 << 20
# Of the command line alone; the function imports none of them.
UNUSED = {"click", "platformdirs", "rich"}
# What else pyproject.toml makes conditions of.
THERE = {"implementation_name == 'cpython'", "sys_platform == 'linux'"}
# boto3 and what it needs are part of Lambda's runtime.
IN_RUNTIME = {"boto3", "botocore", "s3transfer"}
# Without the first another library encodes, with other bytes; without the second botocore takes
# what it reads unchecked, and says nothing.
NO_LESS = {
    "ajpegli": "results would be other ones than elsewhere",
    "awscrt": "what is read would be held to no CRC-64",
}
KERNEL = "jpegslim/engine/metric/_kernel.abi3.so"
NEEDED = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md")
# Nothing of these is read when the function runs.
STRIPPED_FOLDERS = {"__pycache__", "tests", "include", "bin"}
STRIPPED_ENDINGS = (".pyc", ".pyi", ".h", ".c", ".a", ".lib", ".pxd", ".pyx")
# Where Lambda unpacks it, as tracebacks say.
THERE_BELOW = "/var/task"
# The same sources and wheels give the same zip, whenever it is built.
EPOCH = (1980, 1, 1, 0, 0, 0)


class BuildError(Exception):
    """The package can't be built, or would not work."""


def main() -> int:
    """Build what the arguments ask for, and tell how large it became."""
    options = read_arguments()
    try:
        check_system()
        with tempfile.TemporaryDirectory(prefix="jpegslim-build-") as scratch:
            folder = Path(scratch)
            wheel = build_wheel(folder, options.architecture)
            package = folder / "package"
            install(package, wheel, options.architecture, options.python)
            strip(package)
            compiled = compile_ahead(package, options.python)
            check(package, options.architecture)
            write_zip(package, options.output)
            report(package, options.output)
    except (BuildError, subprocess.CalledProcessError) as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    if not compiled:
        print(
            f"no Python {options.python} here to compile for: each cold start will compile it all,"
            " which takes a few tenths of a second"
        )
    print(
        "deploy with the parameters"
        f" Architecture={options.architecture} Runtime=python{options.python}"
    )
    return 0


def read_arguments() -> argparse.Namespace:
    """Return architecture, python and output."""
    parser = argparse.ArgumentParser(description="Build the zip package of the Lambda function.")
    parser.add_argument(
        "--architecture",
        choices=sorted(MACHINES),
        default="arm64",
        help="of the function (default: %(default)s)",
    )
    parser.add_argument(
        "--python", choices=PYTHONS, default=PYTHONS[0], help="Lambda's (default: %(default)s)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=OUTPUT,
        metavar="FILE",
        help=f"the zip (default: {OUTPUT.relative_to(ROOT)}, which the templates name)",
    )
    return parser.parse_args()


def check_system() -> None:
    """Raise BuildError on Windows: setuptools asks Microsoft's compiler there, whatever CC says."""
    if sys.platform == "win32":
        raise BuildError(
            "on Windows nothing can be compiled for Lambda: run it in WSL, or build in a container"
            " as deploy/aws/Dockerfile says"
        )


def build_wheel(folder: Path, architecture: str) -> Path:
    """Build jpegslim's own wheel, with its kernel compiled for `architecture`.

    Raises BuildError where it can't be compiled: without the kernel a photo takes 30 to 60 times
    as long, and nobody would see why.
    """
    # In a copy: what an earlier build for another machine left in the tree stays out of it.
    source = folder / "source"
    source.mkdir()
    for name in NEEDED:
        shutil.copy(ROOT / name, source)
    unwanted = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
    shutil.copytree(ROOT / "jpegslim", source / "jpegslim", ignore=unwanted)
    run_pip(
        ["wheel", "--no-deps", "--no-cache-dir", "--wheel-dir", str(folder), str(source)],
        compiler(architecture),
    )
    (wheel,) = folder.glob("jpegslim-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        if KERNEL not in archive.namelist():
            raise BuildError("the metric's kernel could not be compiled: is a C compiler there?")
    return wheel


def compiler(architecture: str) -> dict[str, str]:
    """Return the environment in which setuptools compiles for `architecture`."""
    machine = MACHINES[architecture]
    if sys.platform == "linux" and platform.machine() == machine:
        return {}
    zig = find_spec("ziglang")
    if zig is None or zig.origin is None:
        raise BuildError(
            f"this is no Linux on {machine}, so its kernel needs a compiler for it:"
            " pip install ziglang, or build in a container as deploy/aws/Dockerfile says"
        )
    # By its own path: pip builds where this interpreter's packages are not seen.
    program = shlex.quote(str(Path(zig.origin).with_name("zig")))
    command = f"{program} cc -target {machine}-linux-gnu.2.{GLIBC}"
    return {
        "CC": command,
        "LDSHARED": f"{command} -shared",
        # Else flags of this machine's own Python would be meant for its own compiler.
        "CFLAGS": "-fPIC",
        "_PYTHON_HOST_PLATFORM": f"linux-{machine}",
    }


def install(package: Path, wheel: Path, architecture: str, python: str) -> None:
    """Unpack our wheel and those it needs, for Lambda's machine and not for this one."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(package)
    platforms = [each.format(MACHINES[architecture]) for each in WHEELS]
    run_pip(
        [
            "install",
            f"--target={package}",
            f"--python-version={python}",
            "--implementation=cp",
            "--only-binary=:all:",
            "--no-compile",
            *(f"--platform={each}" for each in platforms),
            *requirements(python),
        ]
    )


def requirements(python: str) -> list[str]:
    """Return what the function needs of what pyproject.toml asks for, on Lambda's Python.

    pip would judge the conditions by the Python that it runs on.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["aws"]]
    found = []
    for each in asked:
        wanted, _, condition = each.partition(";")
        name = re.split(r"[^A-Za-z0-9-]", wanted, maxsplit=1)[0].lower()
        if name not in UNUSED | IN_RUNTIME and holds(condition.strip(), python):
            found.append(wanted.strip())
    return found


def holds(condition: str, python: str) -> bool:
    """Tell whether a requirement's condition holds there. Raises BuildError for one not known."""
    for part in condition.split(" and ") if condition else ():
        version = re.fullmatch(r"python_version (<|>=) '([0-9.]+)'", part)
        if version is not None:
            ours, theirs = (tuple(map(int, each.split("."))) for each in (python, version[2]))
            if (ours < theirs) is not (version[1] == "<"):
                return False
        elif part not in THERE:
            raise BuildError(f"pyproject.toml has a condition that is new here: {part}")
    return True


def strip(package: Path) -> None:
    """Remove what never runs there: tests, headers, byte code of another Python."""
    for path in sorted(package.rglob("*"), reverse=True):
        if path.is_dir() and path.name in STRIPPED_FOLDERS:
            shutil.rmtree(path)
        elif path.name.endswith(STRIPPED_ENDINGS) or path.name == "RECORD":
            path.unlink()


def check(package: Path, architecture: str) -> None:
    """Raise BuildError for a package that Lambda would not take or that would not load there."""
    if not (package / KERNEL).is_file():
        raise BuildError("the metric's kernel is missing")
    for name, why in NO_LESS.items():
        if not (package / name).is_dir():
            raise BuildError(f"{name} is missing: {why}")
    strangers = sorted(name for name in IN_RUNTIME if (package / name).exists())
    if strangers:
        raise BuildError(f"{strangers[0]} is part of Lambda's runtime and has no place here")
    for library in (path for path in files(package) if re.search(r"\.so(\.|$)", path.name)):
        name, data = library.relative_to(package), library.read_bytes()
        if data[:4] != b"\x7fELF" or data[18] != ELF_MACHINES[architecture]:
            raise BuildError(f"{name} is not for {architecture}")
        newest = max((int(each) for each in re.findall(rb"GLIBC_2\.(\d+)", data)), default=0)
        if newest > GLIBC:
            raise BuildError(f"{name} needs glibc 2.{newest}; Lambda has 2.{GLIBC}")
    size = sum(path.stat().st_size for path in files(package))
    if size > LIMIT:
        raise BuildError(f"{size:,} bytes unzipped, and Lambda takes {LIMIT:,}")


def compile_ahead(package: Path, python: str) -> bool:
    """Add byte code for Lambda's Python; tell whether there is one of its kind to compile with.

    Nothing can be written beside the package there: without it every cold start compiles anew,
    measured 0.91 s rather than 0.63 s until the function is ready.
    """
    program = next(filter(partial(is_python, python), (sys.executable, f"python{python}")), None)
    if program is None:
        return False
    # Unchecked: the times in a zip say nothing. Seeded: the order of sets goes into the code.
    how = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    names = ["-s", str(package), "-p", THERE_BELOW, str(package)]
    subprocess.run(
        [program, "-P", *how, *names], check=True, env={**os.environ, "PYTHONHASHSEED": "0"}
    )
    return True


def is_python(version: str, program: str) -> bool:
    """Tell whether a program is a Python of a version; version managers have names for none."""
    asked = [program, "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
    try:
        done = subprocess.run(asked, check=False, capture_output=True, text=True)
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.strip() == version


def write_zip(package: Path, output: Path) -> None:
    """Write the package, whole or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f"{output.name}.part")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files(package):
            entry = zipfile.ZipInfo(path.relative_to(package).as_posix(), EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Lambda runs as a user of its own, who must be able to read it.
            entry.external_attr = (0o755 if ".so" in path.name else 0o644) << 16
            archive.writestr(entry, path.read_bytes())
    temporary.replace(output)


def report(package: Path, output: Path) -> None:
    """Print the sizes, the largest parts first."""
    parts: dict[str, int] = {}
    for path in files(package):
        top = path.relative_to(package).parts[0].removesuffix(".libs")
        parts[top] = parts.get(top, 0) + path.stat().st_size
    for name, size in sorted(parts.items(), key=lambda each: -each[1])[:6]:
        print(f"{size / 1e6:8.1f} MB  {name}")
    total = sum(parts.values())
    print(f"{total / 1e6:8.1f} MB  unzipped, {total / LIMIT:.0%} of what Lambda takes")
    print(f"{output.stat().st_size / 1e6:8.1f} MB  {output}")


def files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, always in the same order."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def run_pip(arguments: list[str], environment: Mapping[str, str] | None = None) -> None:
    """Run pip quietly. Raises CalledProcessError."""
    command = [sys.executable, "-m", "pip", *arguments, "--quiet", "--disable-pip-version-check"]
    subprocess.run(command, check=True, env={**os.environ, **(environment or {})})


if __name__ == "__main__":
    sys.exit(main())
