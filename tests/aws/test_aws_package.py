"""The zip package of the function: what is in it, and that it works with nothing beside it."""

import importlib.util
import json
import os
import platform
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import boto3
import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy" / "aws" / "build.py"
HERE = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine())
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# What Lambda's runtime brings.
SDK = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six.py")

CALL = """
import json, sys
from types import SimpleNamespace
from jpegslim.aws.handler import handler
from jpegslim.engine.metric import implementation
context = SimpleNamespace(aws_request_id="1", get_remaining_time_in_millis=lambda: 120_000)
answer = handler(json.load(sys.stdin), context)
print(json.dumps({"answer": answer, "metric": implementation()}))
"""


@pytest.fixture(scope="module")
def build():
    """deploy/aws/build.py as a module."""
    spec = importlib.util.spec_from_file_location("build_package", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_library(path, machine, *, needs=b""):
    """Write what looks like a shared library for a machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00" + bytes([machine, 0])
    path.write_bytes(header + needs)


@pytest.fixture
def package(build, tmp_path):
    """A package that is in order, as far as can be seen from outside."""
    folder = tmp_path / "package"
    write_library(folder / build.KERNEL, build.ELF_MACHINES["arm64"], needs=b"GLIBC_2.17\0")
    (folder / "numpy").mkdir()
    (folder / "numpy" / "__init__.py").write_text("")
    return folder


def test_a_package_in_order_passes(build, package):
    build.check(package, "arm64")


def test_a_package_without_the_kernel_is_refused(build, package):
    (package / build.KERNEL).unlink()
    with pytest.raises(build.BuildError, match="kernel is missing"):
        build.check(package, "arm64")


def test_a_library_for_another_machine_is_refused(build, package):
    write_library(package / "numpy" / "core.so", build.ELF_MACHINES["x86_64"])
    with pytest.raises(build.BuildError, match=r"numpy/core\.so is not for arm64"):
        build.check(package, "arm64")


def test_a_library_that_needs_a_newer_glibc_is_refused(build, package):
    write_library(
        package / "libs" / "libx.so.5", build.ELF_MACHINES["arm64"], needs=b"GLIBC_2.38\0"
    )
    with pytest.raises(build.BuildError, match=r"needs glibc 2.38; Lambda has 2.34"):
        build.check(package, "arm64")


def test_a_package_with_what_the_runtime_brings_is_refused(build, package):
    (package / "boto3").mkdir()
    with pytest.raises(build.BuildError, match="boto3 is part of Lambda's runtime"):
        build.check(package, "arm64")


def test_a_package_beyond_lambdas_limit_is_refused(build, package):
    with (package / "large").open("wb") as file:
        file.truncate(build.LIMIT)
    with pytest.raises(build.BuildError, match="unzipped"):
        build.check(package, "arm64")


def test_tests_headers_and_byte_code_are_stripped(build, package):
    for name in ("numpy/tests/test_a.py", "numpy/__pycache__/a.pyc", "numpy/a.h", "x/RECORD"):
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    build.strip(package)
    left = {path.relative_to(package).as_posix() for path in build.files(package)}
    assert left == {build.KERNEL, "numpy/__init__.py"}


def test_the_same_package_gives_the_same_zip(build, package, tmp_path):
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    build.write_zip(package, first)
    for path in build.files(package):
        os.utime(path, (1, 1))
    build.write_zip(package, second)
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.getinfo(build.KERNEL).external_attr >> 16 == 0o755


def test_the_package_needs_neither_the_command_lines_libraries_nor_the_runtimes(build):
    asked = " ".join(build.requirements())
    assert "numpy" in asked
    assert "aws-lambda-powertools" in asked
    assert not any(name in asked for name in ("boto3", "click", "rich", "platformdirs"))


@pytest.mark.skipif(HERE is None or sys.platform != "linux", reason="needs Linux")
def test_another_machine_needs_a_compiler_that_is_named(build, monkeypatch):
    other = next(each for each in build.MACHINES if each != HERE)
    assert build.compiler(HERE) == {}
    monkeypatch.setattr(build, "find_spec", lambda _: None)
    with pytest.raises(build.BuildError, match="pip install ziglang"):
        build.compiler(other)


# Downloads 20 MB of wheels and compiles: a minute.
@pytest.mark.endurance
@pytest.mark.skipif(HERE is None or sys.platform != "linux", reason="needs Linux")
def test_a_photo_is_optimized_with_nothing_but_the_package(build, bucket, photo, tmp_path):
    wheel = build.build_wheel(tmp_path, HERE)
    package = tmp_path / "package"
    build.install(package, wheel, HERE, PYTHON)
    build.strip(package)
    build.check(package, HERE)

    sdk = tmp_path / "sdk"
    sdk.mkdir()
    for name in SDK:
        (sdk / name).symlink_to(Path(boto3.__file__).parents[1] / name)
    venv.create(tmp_path / "bare", symlinks=True)
    bucket.put("a.jpg", photo(0))
    event = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": bucket.name}, "object": {"key": "a.jpg"}},
    }
    ended = subprocess.run(
        [tmp_path / "bare" / "bin" / "python", "-c", CALL],
        input=json.dumps(event),
        env={
            **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
            "AWS_ENDPOINT_URL": bucket.endpoint,
            "PYTHONPATH": f"{package}{os.pathsep}{sdk}",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert told["answer"]["photos"][0]["status"] == "optimized"
    assert "C kernel" in told["metric"]
    assert len(bucket.get("a.jpg")) < len(photo(0))
