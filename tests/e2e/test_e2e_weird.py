"""The folder of odd files: the run ends, says why, and changes nothing it did not verify."""

import io
import json
import os
import warnings

import pytest
from PIL import Image

import jpegslim

# What a person should not have to read.
JARGON = ("Traceback", "Error(", "Exception", "None", "<class", "internal error")


def odd_files(shared):
    top = shared / "weird"
    return sorted(path for path in top.rglob("*") if path.is_file() and path.name != "INDEX.tsv")


def few(shared):
    """Choose some 70 files, from every folder, the same each time; none that takes a second."""
    names = [path for path in odd_files(shared) if path.stat().st_size < 300_000]
    return names[::10] + [path for path in names if path.parent.name == "synth"][::7]


@pytest.fixture(params=["few", pytest.param("all", marks=pytest.mark.endurance)])
def weird(request, shared, tmp_path):
    top = tmp_path / "weird"
    chosen = few(shared) if request.param == "few" else odd_files(shared)
    for path in chosen:
        place = top / path.relative_to(shared / "weird")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
        os.utime(place, ns=(10**18, 10**18))
    return top


def records(ran):
    *files, last = map(json.loads, ran.stdout.splitlines())
    return files, last["totals"]


def check_manners(ran):
    assert ran.returncode == 1
    files, totals = records(ran)
    assert totals["exit_code"] == 1
    for record in files:
        message = record["message"]
        assert message
        assert not any(word in message for word in JARGON), record
        assert "\n" not in message
        assert message == "".join(sign for sign in message if sign.isprintable())
    assert "Traceback" not in ran.stderr.decode()
    assert totals["bytes_out"] < totals["bytes_in"]
    return files


def size_of(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            return image.size


def test_into_another_folder_every_odd_file_ends_up_whole(
    command, weird, tmp_path, contents, looks
):
    before = contents(weird), looks(weird)
    ran = command("optimize", weird, "--output", tmp_path / "slim", "--json")
    files = check_manners(ran)
    assert (contents(weird), looks(weird)) == before
    made = contents(tmp_path / "slim" / "weird")
    for record in files:
        name = os.path.relpath(record["path"], weird)
        source = before[0][name]
        assert len(made[name]) == record["bytes_out"] <= len(source)
        if record["status"] not in ("optimized", "lossless"):
            assert made[name] == source
    assert len(made) == len(files)


def test_in_place_only_verified_files_change_and_only_once(command, weird, contents, looks):
    before = contents(weird)
    ran = command("optimize", weird, "--json")
    files = check_manners(ran)
    after = contents(weird)
    assert after.keys() == before.keys()
    told = {os.path.relpath(record["path"], weird): record for record in files}
    for name, source in before.items():
        status = told[name]["status"] if name in told else "not picked"
        if status not in ("optimized", "lossless"):
            assert after[name] == source, name
            continue
        assert len(after[name]) < len(source)
        assert size_of(after[name]) == size_of(source)
        if status == "optimized":
            assert jpegslim.compare(source, after[name]).score >= 85
        elif told[name]["reason"] != "not_measurable":
            assert jpegslim.compare(source, after[name]).score == 100
    done = looks(weird)
    again = command("optimize", weird, "--json")
    assert (contents(weird), looks(weird)) == (after, done)
    assert again.returncode == 1
