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

import jpegslim

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy" / "aws" / "build.py"
HERE = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine())
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# What Lambda's runtime brings: the SDK, and the client that calls the handler.
SDK = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six.py")
CLIENT = ("awslambdaric", "runtime_client*", "simplejson", "snapshot_restore_py.py")

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
    for name in build.NO_LESS:
        (folder / name).mkdir()
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


def test_windows_is_told_at_once_where_to_build_instead(build, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["build.py"])
    monkeypatch.setattr(build.sys, "platform", "win32")
    monkeypatch.setattr(build, "build_wheel", None)
    assert build.main() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("build.py: on Windows ")
    assert "WSL" in line
    assert "Dockerfile" in line


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


def test_byte_code_comes_along_and_is_never_held_against_its_source(build, package):
    (package / "numpy" / "__init__.py").write_text("A = {'one', 'two', 'three'}\n")
    assert build.compile_ahead(package, PYTHON)
    (compiled,) = (package / "numpy" / "__pycache__").iterdir()
    data = compiled.read_bytes()
    # PEP 552: hash-based, and not to be checked.
    assert data[4:8] == b"\x01\0\0\0"
    assert b"/var/task/numpy/__init__.py" in data
    compiled.unlink()
    assert build.compile_ahead(package, PYTHON)
    assert compiled.read_bytes() == data


def test_without_lambdas_own_python_there_is_no_byte_code(build, package, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert not build.compile_ahead(package, "3.99")
    assert not list(package.rglob("*.pyc"))


@pytest.mark.parametrize("script", ["exit 127", "echo 3.98", "echo 3.99; exit 1"])
def test_a_name_without_its_python_is_not_taken_for_it(
    build, package, tmp_path, monkeypatch, script
):
    program = tmp_path / "python3.99"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not build.compile_ahead(package, "3.99")


def test_the_same_package_gives_the_same_zip(build, package, tmp_path):
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    build.write_zip(package, first)
    for path in build.files(package):
        os.utime(path, (1, 1))
    build.write_zip(package, second)
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.getinfo(build.KERNEL).external_attr >> 16 == 0o755


@pytest.mark.parametrize("name", ["ajpegli", "awscrt"])
def test_a_package_without_what_botocore_or_we_do_without_in_silence_is_refused(
    build, package, name
):
    (package / name).rmdir()
    with pytest.raises(build.BuildError, match=f"{name} is missing: "):
        build.check(package, "arm64")


def test_what_is_needed_is_judged_by_lambdas_python_and_not_by_this_one(build):
    for python in build.PYTHONS:
        asked = build.requirements(python)
        for name in build.NO_LESS:
            assert any(each.startswith(name) for each in asked)
        assert not any(each.startswith("pyjpegli") or ";" in each for each in asked)
    assert any(each.startswith("pyjpegli") for each in build.requirements("3.14"))


@pytest.mark.parametrize(
    ("condition", "python", "needed"),
    [
        ("", "3.13", True),
        ("python_version < '3.14'", "3.13", True),
        ("python_version < '3.13'", "3.13", False),
        ("python_version < '3.9'", "3.13", False),
        ("python_version >= '3.13'", "3.13", True),
        ("python_version >= '3.14'", "3.13", False),
        ("python_version < '3.14' and implementation_name == 'cpython'", "3.12", True),
        ("sys_platform == 'linux' and python_version >= '3.13'", "3.12", False),
    ],
)
def test_conditions_hold_or_do_not(build, condition, python, needed):
    assert build.holds(condition, python) is needed


def test_a_condition_nobody_thought_of_is_told(build):
    with pytest.raises(build.BuildError, match="new here: platform_machine"):
        build.holds("platform_machine == 'x86_64'", "3.13")


def test_the_package_needs_neither_the_command_lines_libraries_nor_the_runtimes(build):
    asked = " ".join(build.requirements("3.13"))
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
@pytest.fixture(scope="module")
def built(build, tmp_path_factory):
    """The package for this machine and this Python, as build.py makes it."""
    folder = tmp_path_factory.mktemp("built")
    wheel = build.build_wheel(folder, HERE)
    package = folder / "package"
    build.install(package, wheel, HERE, PYTHON)
    build.strip(package)
    build.check(package, HERE)
    return package


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A Python that has nothing but what Lambda's runtime brings, and the path to that."""
    folder = tmp_path_factory.mktemp("bare")
    runtime = folder / "runtime"
    runtime.mkdir()
    site = Path(boto3.__file__).parents[1]
    for pattern in (*SDK, *CLIENT):
        for found in site.glob(pattern):
            (runtime / found.name).symlink_to(found)
    venv.create(folder / "venv", symlinks=True)
    return folder / "venv" / "bin" / "python", runtime


@pytest.fixture
def stored(bucket, photo):
    """What EventBridge tells of a photo in a bucket."""
    bucket.put("a.jpg", photo(0))
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": bucket.name}, "object": {"key": "a.jpg"}},
    }


@pytest.mark.endurance
@pytest.mark.skipif(HERE is None or sys.platform != "linux", reason="needs Linux")
def test_a_photo_is_optimized_with_nothing_but_the_package(built, bare, bucket, photo, stored):
    python, runtime = bare
    ended = subprocess.run(
        [python, "-c", CALL],
        input=json.dumps(stored),
        env={
            **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
            "AWS_ENDPOINT_URL": bucket.endpoint,
            "PYTHONPATH": f"{built}{os.pathsep}{runtime}",
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


@pytest.mark.endurance
@pytest.mark.skipif(HERE is None or sys.platform != "linux", reason="needs Linux")
def test_the_package_runs_in_lambdas_own_runtime(  # noqa: PLR0917 - fixtures
    build, built, bare, bucket, photo, stored, deploy, tmp_path, monkeypatch
):
    python, runtime = bare
    # As Lambda does: what was zipped, unpacked where nobody can write.
    build.write_zip(built, tmp_path / "function.zip")
    task = tmp_path / "task"
    with zipfile.ZipFile(tmp_path / "function.zip") as archive:
        archive.extractall(task)
    subprocess.run(["chmod", "-R", "a-w", task], check=True)
    monkeypatch.setattr(sys, "executable", str(python))
    function = deploy(
        bucket.endpoint,
        PYTHONPATH=f"{task}{os.pathsep}{runtime}",
        LAMBDA_TASK_ROOT=str(task),
    )
    (told,) = function.invoke(stored)["photos"]
    subprocess.run(["chmod", "-R", "u+w", task], check=True)
    assert (told["status"], told["reason"]) == ("optimized", "target_met"), function.log.read_text()
    assert bucket.get("a.jpg") == jpegslim.optimize(photo(0)).data
