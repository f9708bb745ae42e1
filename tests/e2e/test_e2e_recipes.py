"""The recipes of docs/recipes.md, taken from the page and run as they stand there."""

import configparser
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
PHOTOS = {"Pictures/a.jpg": 0, "Pictures/trip, day 1/it's \u00e9\n.JPEG": 1}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="recipes for a POSIX shell")


def recipe(heading, language, number=0):
    """Return a block of code below a heading of the page."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)[number]


@pytest.fixture
def home(tmp_path, picture, environment):
    """A home folder with photos in Pictures, and the program in .local/bin."""
    program = tmp_path / ".local" / "bin" / "jpegslim"
    program.parent.mkdir(parents=True)
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH="{environment["PYTHONPATH"]}" '
        f'exec "{sys.executable}" -m jpegslim "$@"\n'
    )
    program.chmod(0o755)
    for name, number in PHOTOS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(picture(number))
    return tmp_path


@pytest.fixture
def shell(home):
    """Return a function that runs a command with an environment as bare as cron's."""

    def run(command, *, path="/usr/bin:/bin", cwd=home):
        return subprocess.run(
            ["/bin/sh", "-c", command],
            env={"HOME": str(home), "PATH": path, "LOGNAME": "ana", "SHELL": "/bin/sh"},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def with_program(home):
    """A PATH on which the program is found."""
    return f"{home}/.local/bin:/usr/bin:/bin"


def make_old(home):
    for name in PHOTOS:
        subprocess.run(["touch", "-d", "2 hours ago", home / name], check=True)


def sizes(home):
    return [(home / name).stat().st_size for name in PHOTOS]


def test_the_cron_line_works_in_silence(home, shell):
    minute, hour, *days, command = recipe("Every night, with cron", "crontab").split(maxsplit=5)
    assert 0 <= int(minute) < 60
    assert 0 <= int(hour) < 24
    assert days == ["*"] * 3
    assert "%" not in command, "cron ends the command there"
    before = sizes(home)
    done = shell(command)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sizes(home) == before, "just written: left for later"
    make_old(home)
    done = shell(command)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert all(now < then for now, then in zip(sizes(home), before, strict=True))


def test_cron_has_something_to_mail_when_a_photo_is_broken(home, shell):
    make_old(home)
    broken = home / "Pictures" / "a.jpg"
    broken.write_bytes(broken.read_bytes()[:5000])
    make_old(home)
    command = recipe("Every night, with cron", "crontab").split(maxsplit=5)[5]
    done = shell(command)
    assert done.returncode == 1
    assert done.stderr.startswith("failed: ")
    assert done.stderr.count("\n") == 1


def units():
    heading = "Every night, with systemd"
    return {
        "jpegslim.service": recipe(heading, "systemd", 0),
        "jpegslim.timer": recipe(heading, "systemd", 1),
    }


def test_the_systemd_units_hold_together():
    read = {}
    for name, text in units().items():
        read[name] = configparser.RawConfigParser(strict=True)
        read[name].optionxform = str
        read[name].read_string(text)
        assert f"user/{name}`" in PAGE
    assert read["jpegslim.service"]["Service"]["Type"] == "oneshot"
    assert read["jpegslim.timer"]["Install"]["WantedBy"] == "timers.target"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_finds_nothing_wrong_with_the_units(home):
    for name, text in units().items():
        # Without a session %h is the home that the user database knows.
        (home / name).write_text(text.replace("%h", str(home)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(home / name for name in units())],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "jpegslim" in line]
    assert (done.returncode, ours) == (0, [])


def test_what_the_systemd_service_runs_works(home, shell):
    make_old(home)
    before = sizes(home)
    (command,) = re.findall(r"^ExecStart=(.*)$", units()["jpegslim.service"], re.MULTILINE)
    done = shell(command.replace("%h", str(home)))
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("2 files: 2 ")
    assert done.stderr.count("\n") == 1
    assert all(now < then for now, then in zip(sizes(home), before, strict=True))


def test_find_sends_its_photos_through_the_pipe(home, shell, with_program, picture):
    command = recipe("Only some photos, with find", "sh")
    make_old(home)
    small = sizes(home)
    large = home / "Pictures" / "new\nlarge.jpg"
    large.write_bytes(picture(2, size=(640, 480), scale=4, quality=97))
    assert large.stat().st_size > 501 * 1024
    subprocess.run(["touch", "-d", "1 day ago", large], check=True)
    done = shell(command, path=with_program)
    assert done.returncode == 0, done.stderr
    assert "1 file: 1 " in done.stderr
    assert large.stat().st_size < 501 * 1024
    assert sizes(home) == small


@pytest.fixture
def repository(home, shell, with_program):
    """A repository with the hook of the page, and a function that runs git in it."""
    folder = home / "repository"
    folder.mkdir()

    def git(arguments):
        return shell(f"git {arguments}", path=with_program, cwd=folder)

    assert git("init").returncode == 0
    for name, value in (("user.name", "Ana"), ("user.email", "ana@example.org")):
        git(f"config {name} {value}")
    hook = folder / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(recipe("Before every commit, with git", "bash"))
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    return folder, git


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@needs_git
def test_the_git_hook_commits_the_smaller_photos(home, repository, picture):
    folder, git = repository
    odd = "*[\u00e9] :(top).JPG"
    for name, number in (("a.jpg", 0), (odd, 1), ("c.jpg", 2)):
        (folder / name).write_bytes(picture(number))
    (folder / "notes.txt").write_text("text")
    assert git(f"add a.jpg './{odd}' notes.txt").returncode == 0
    done = git("commit -m photos")
    assert done.returncode == 0, done.stderr
    assert git("status --porcelain").stdout == "?? c.jpg\n"
    for name, number in (("a.jpg", 0), (odd, 1)):
        committed = int(git(f"cat-file -s 'HEAD:{name}'").stdout)
        assert committed == (folder / name).stat().st_size < len(picture(number))
    assert (folder / "c.jpg").read_bytes() == picture(2)

    # Again, through -a, and with nothing to do.
    (folder / "a.jpg").write_bytes(picture(3))
    assert git("commit -a -m other").returncode == 0
    assert int(git("cat-file -s HEAD:a.jpg").stdout) < len(picture(3))
    (folder / "notes.txt").write_text("more")
    assert git("commit -a -m text").returncode == 0
    assert git("status --porcelain").stdout == "?? c.jpg\n"


@needs_git
def test_the_git_hook_stops_at_what_it_must_not_touch(home, repository, picture):
    folder, git = repository
    photo = folder / "a.jpg"
    photo.write_bytes(picture(0)[:5000])
    git("add a.jpg")
    done = git("commit -m broken")
    assert done.returncode != 0
    assert "failed: a.jpg: " in done.stderr
    photo.write_bytes(picture(0))
    git("add a.jpg")
    photo.write_bytes(picture(1))
    done = git("commit -m half")
    assert done.returncode != 0
    assert "has further changes" in done.stderr
    assert photo.read_bytes() == picture(1)
    assert git("log").returncode != 0, "nothing was committed"
