"""Lists of names over S3: each name is one object, and costs only itself where it is wrong."""

import csv
import gzip
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from aws_parts import variables

import jpegslim
from jpegslim.aws.addresses import Address
from jpegslim.aws.connection import connect
from jpegslim.aws.making import Job
from jpegslim.aws.named import AT_ONCE, UnderWay, find_named
from jpegslim.aws.wanted import Found
from jpegslim.errors import RunError
from jpegslim.files.selection import EVERYTHING, Selection
from jpegslim.results import FileResult, Status, Url
from jpegslim.settings import Settings


def found(client, *names, selection=EVERYTHING, output=None):
    return list(find_named(client, [names], selection, output=output))


def outcomes(done):
    """Return the outcomes by address, and the totals."""
    *files, last = [json.loads(line) for line in done.stdout.splitlines()]
    return {each["path"]: (each["status"], each["reason"]) for each in files}, last["totals"]


class Shop:
    """A client that knows every object, and counts how many are asked for at once."""

    def __init__(self, *, at_once=1):
        self.asked = []
        self._all_there = threading.Barrier(at_once)

    def head_object(self, *, Bucket, Key):  # noqa: ARG002, N803 - boto3's
        self.asked.append(Key)
        self._all_there.wait(30)
        return {"ContentLength": 1, "ETag": '"e"', "LastModified": datetime.now(UTC)}


def test_a_name_is_one_object_letter_by_letter(either_bucket):
    keys = ("a", "a.jpg", "a/b.jpg", "a b+c%25é.jpg", "a/.b")
    for key in keys:
        either_bucket.put(key, key.encode())
    listed = {
        each["Key"]: each
        for each in either_bucket.client.list_objects_v2(Bucket=either_bucket.name)["Contents"]
    }
    told = found(either_bucket.client, *(Address(either_bucket.name, key) for key in keys))
    assert [each.place for each in told] == list(keys)
    for each in told:
        there = listed[each.place]
        # As a listing shows it: the ledger knows it by these.
        assert (each.listed.etag, each.size) == (there["ETag"], there["Size"])
        assert abs((each.listed.modified - there["LastModified"]).total_seconds()) < 1


def test_what_is_missing_costs_only_itself(either_bucket):
    either_bucket.put("a.jpg", b"a")
    bad = FileResult(path=Url("s3://"), status=Status.FAILED, reason="not_an_object", message="!")
    missing, a, nowhere, handed_on = found(
        either_bucket.client,
        Address(either_bucket.name, "missing.jpg"),
        Address(either_bucket.name, "a.jpg"),
        Address("no-such-bucket-at-all", "a.jpg"),
        bad,
    )
    assert isinstance(a, Found)
    assert handed_on is bad
    for each, words in ((missing, "no such object"), (nowhere, "no such bucket")):
        assert (each.status, each.reason, each.message) == ("failed", "not_found", words)
    assert str(missing.path) == f"s3://{either_bucket.name}/missing.jpg"


def test_credentials_that_are_wrong_end_the_run_with_the_first_name(real_bucket, monkeypatch):
    real_bucket.put("a.jpg", b"a")
    for variable, words in (
        ("AWS_ACCESS_KEY_ID", "access key is not known"),
        ("AWS_SECRET_ACCESS_KEY", "secret key is wrong"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(variable, "wrong")
            client = connect(endpoint_url=real_bucket.endpoint)
        with pytest.raises(RunError, match=words):
            found(client, Address(real_bucket.name, "a.jpg"))


def test_sizes_and_ages_choose(bucket):
    bucket.put("a.jpg", b"x" * 10)
    name = Address(bucket.name, "a.jpg")
    for selection, reason in (
        (Selection(min_size=11), "too_small"),
        (Selection(min_age=600), "too_young"),
    ):
        (told,) = found(bucket.client, name, selection=selection)
        assert (told.status, told.reason, told.bytes_in) == ("skipped", reason, 10)
    # Patterns are for what is found below folders.
    (taken,) = found(bucket.client, name, selection=Selection(exclude=("*.jpg",)))
    assert isinstance(taken, Found)


def test_what_lies_in_the_output_is_left_alone():
    shop = Shop()
    names = [Address("b", "a.jpg"), Address("b", "out/a.jpg"), Address("c", "out/a.jpg")]
    a, result, other = found(shop, *names, output=Address("b", "out/"))
    assert isinstance(a, Found)
    assert isinstance(other, Found)
    assert (result.status, result.reason) == ("skipped", "in_output")
    onto_itself, _ = found(shop, names[0], names[2], output=Address("b", ""))
    assert (onto_itself.status, onto_itself.reason) == ("failed", "exists")
    assert "onto itself" in onto_itself.message


def test_names_that_came_together_are_looked_up_at_once_and_stay_in_order():
    shop = Shop(at_once=AT_ONCE)
    names = [Address("b", f"{number}.jpg") for number in range(2 * AT_ONCE)]
    assert [each.source for each in found(shop, *names)] == names
    assert len(shop.asked) == len(names)


def test_a_list_that_waits_says_so():
    pieces = [[Address("b", "a.jpg")], [], [Address("b", "b.jpg")]]
    told = list(find_named(Shop(), pieces, EVERYTHING, output=None))
    assert [each and each.place for each in told] == ["a.jpg", None, "b.jpg"]


def test_a_list_is_read_no_further_than_it_is_used():
    def endless():
        for number in range(1000):
            assert number < 3, "read ahead"
            yield [Address("b", f"{number}.jpg")]

    told = find_named(Shop(), endless(), EVERYTHING, output=None)
    assert [next(told).place for _ in range(3)] == ["0.jpg", "1.jpg", "2.jpg"]


def test_one_place_is_for_one_photo_at_a_time():
    def job(source, destination=None, landing=None):
        return Job(source=source, destination=destination, landing=landing, settings=Settings())

    one, two, there = (Address(name, "a.jpg") for name in ("b", "c", "d"))
    for first, again, other in (
        (job(one, there), job(one, there), job(two, there)),
        (job(one, landing=Path("a")), job(one, landing=Path("a")), job(two, landing=Path("a"))),
        (job(Path("a"), there), job(Path("a"), there), job(Path("b"), there)),
    ):
        under_way = UnderWay()
        assert under_way.enter(first) is None
        assert under_way.enter(again).reason == "listed_twice"
        clash = under_way.enter(other)
        assert (clash.status, clash.reason) == ("failed", "name_clash")
        assert str(first.shown) in clash.message
        under_way.leave(first)
        assert under_way.enter(other) is None
    in_place = UnderWay()
    assert in_place.enter(job(one)) is None
    assert in_place.enter(job(one)).reason == "listed_twice"
    assert in_place.enter(job(two)) is None


GOOD = ("2024/a.jpg", "2024/a+b é/100%25 b.JPEG", "no-ending")


@pytest.fixture
def filled(real_bucket, photo):
    for number, key in enumerate((*GOOD, "2024/a.jpg.jpg", "2024/not-listed.jpg")):
        real_bucket.put(key, photo(number), Metadata={"kept": "yes"})
    real_bucket.put("2024/", b"")
    real_bucket.put("2024/notes.txt", b"not a photo")
    return real_bucket


def write(tmp_path, *names):
    """Write a list; return its file."""
    file = tmp_path / "list"
    lines = [each if isinstance(each, bytes) else each.encode() for each in names]
    file.write_bytes(b"\n".join(lines))
    return file


def test_a_list_in_place(command, filled, photo, tmp_path):
    where = f"s3://{filled.name}"
    before = {key: filled.get(key) for key in filled.stored()}
    listed = write(
        tmp_path,
        *(f"{where}/{key}" for key in GOOD),
        "",
        f"{where}/2024/notes.txt",
        f"{where}/2024/",
        f"{where}/2024",
        where,
        "s3://",
        f"{where}/".encode() + b"\xff.jpg",
        f"{where}/{'k' * 1025}",
        "2024/a.jpg",
    )
    done = command(filled, "--from-file", listed, "--json")
    assert done.returncode == 1, done.stderr
    told, totals = outcomes(done)
    assert told == {
        **{f"{where}/{key}": ("optimized", "target_met") for key in GOOD},
        f"{where}/2024/notes.txt": ("skipped", "not_a_jpeg"),
        f"{where}/2024/": ("skipped", "folder"),
        f"{where}/2024": ("failed", "not_found"),
        where: ("failed", "not_an_object"),
        "s3://": ("failed", "not_an_object"),
        rf"{where}/\xff.jpg": ("failed", "not_an_object"),
        f"{where}/{'k' * 1025}": ("failed", "not_an_object"),
        "2024/a.jpg": ("failed", "mixed"),
    }
    assert totals["files"] == len(told)
    for key, data in before.items():
        expected = jpegslim.optimize(data).data if key in GOOD else data
        assert filled.get(key) == expected
    again = command(filled, "--from-file", listed, "--json")
    assert {outcomes(again)[0][f"{where}/{key}"] for key in GOOD} == {
        ("skipped", "already_optimized")
    }
    times = [json.loads(line).get("seconds") for line in again.stdout.splitlines()[:-1]]
    assert set(times) == {0.0}


def test_a_list_to_another_place_keeps_the_keys_whole(command, filled, tmp_path):
    where = f"s3://{filled.name}"
    listed = write(tmp_path, *(f"{where}/{key}" for key in GOOD), f"{where}/out/2024/a.jpg")
    for expected in ("optimized", "skipped"):
        done = command(filled, "--from-file", listed, "-o", f"{where}/out", "--json")
        told, _ = outcomes(done)
        assert {told[f"{where}/{key}"][0] for key in GOOD} == {expected}
        assert told[f"{where}/out/2024/a.jpg"] == ("skipped", "in_output")
    for key in GOOD:
        assert filled.get(f"out/{key}") == jpegslim.optimize(filled.get(key)).data
        assert filled.head(f"out/{key}")["Metadata"]["kept"] == "yes"


def test_a_list_to_a_folder_keeps_the_keys_whole(command, filled, tmp_path):
    where, out = f"s3://{filled.name}", tmp_path / "out"
    listed = write(tmp_path, *(f"{where}/{key}" for key in GOOD))
    done = command(filled, "--from-file", listed, "-o", out, "--json")
    assert done.returncode == 0, done.stderr
    files = {each.relative_to(out).as_posix() for each in out.rglob("*") if each.is_file()}
    assert files == set(GOOD)
    for key in GOOD:
        assert (out / key).read_bytes() == jpegslim.optimize(filled.get(key)).data


def test_a_listed_key_never_leads_out_of_the_folder(command, bucket, photo, tmp_path):
    keys = ("../evil.jpg", "in/../../evil.jpg", "in//double.jpg")
    for key in keys:
        bucket.put(key, photo())
    names = [f"s3://{bucket.name}/{key}" for key in keys]
    out = tmp_path / "deep" / "out"
    done = command(bucket, "--from-file", write(tmp_path, *names), "-o", out, "--json")
    assert outcomes(done)[0] == dict.fromkeys(names, ("failed", "unsafe_name"))
    assert list(tmp_path.rglob("*.jpg")) == []


@pytest.mark.parametrize("output", ["bucket", "folder"])
def test_two_buckets_never_meet_unnoticed(command, filled, photo, tmp_path, output):
    other = f"{filled.name}-other"
    filled.client.create_bucket(Bucket=other)
    filled.client.put_object(Bucket=other, Key="2024/a.jpg", Body=photo(11))
    where = tmp_path / "out" if output == "folder" else f"s3://{filled.name}/out"
    names = [f"s3://{filled.name}/2024/a.jpg", f"s3://{other}/2024/a.jpg"]
    done = command(filled, "--from-file", write(tmp_path, *names), "-o", where, "--json")
    assert done.returncode == 1
    told, _ = outcomes(done)
    assert told[names[0]][0] == "optimized"
    assert told[names[1]] == ("failed", "name_clash")
    # The same when the one is finished before the other is begun.
    done = command(filled, "--from-file", write(tmp_path, names[1]), "-o", where, "--json")
    assert outcomes(done)[0] == {names[1]: ("failed", "exists")}


def test_listed_files_become_objects(command, real_bucket, photo, tmp_path):
    names = ["day 1/a.jpg", "day 2/é+.jpg", "whatever"]
    for number, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(photo(number))
    absolute = tmp_path / "day 1" / "b.jpg"
    absolute.write_bytes(photo(7))
    where = f"s3://{real_bucket.name}"
    listed = write(tmp_path, *names, str(absolute), "gone.jpg", f"{where}/up/day 1/a.jpg")
    done = command(real_bucket, "--from-file", listed, "-o", f"{where}/up", "--json")
    told, _ = outcomes(done)
    assert told == {
        **dict.fromkeys([*names, str(absolute)], ("optimized", "target_met")),
        "gone.jpg": ("failed", "not_found"),
        f"{where}/up/day 1/a.jpg": ("failed", "mixed"),
    }
    assert sorted(real_bucket.stored()) == sorted(f"up/{name}" for name in (*names, "b.jpg"))
    for name in names:
        optimized = jpegslim.optimize((tmp_path / name).read_bytes()).data
        assert real_bucket.get(f"up/{name}") == optimized


def test_standard_input_may_be_separated_by_nul_characters(command, real_bucket, photo):
    key = "new\nline.jpg"
    real_bucket.put(key, photo())
    names = f"s3://{real_bucket.name}/{key}\0"
    done = command(real_bucket, "-0", "--from-file", "-", "--json", stdin=names)
    assert outcomes(done)[0] == {f"s3://{real_bucket.name}/{key}": ("optimized", "target_met")}
    done = command(real_bucket, "--from-file", "-", stdin=names)
    assert done.returncode == 2
    assert "add -0" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows can't tell of a pipe")
@pytest.mark.parametrize("of", ["objects", "files"])
def test_a_photo_is_finished_while_the_list_waits_for_more(
    command, real_bucket, photo, tmp_path, of
):
    names = ["a.jpg", "b.jpg"]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(photo(number))
        real_bucket.put(name, photo(number))
    if of == "objects":
        names = [f"s3://{real_bucket.name}/{name}" for name in names]
    output = f"s3://{real_bucket.name}/out"
    args = ("--from-file", "-", "-o", output, "--json")
    started = command(real_bucket, *args, stdin="", wait=False)
    limit = threading.Timer(60, started.kill)
    limit.start()
    for name in names:
        started.stdin.write(f"{name}\n")
        started.stdin.flush()
        told = json.loads(started.stdout.readline())
        assert (told["path"], told["status"]) == (name, "optimized")
        assert real_bucket.get(told["output"].removeprefix(f"s3://{real_bucket.name}/"))
    out, _ = started.communicate(timeout=60)
    limit.cancel()
    assert json.loads(out)["totals"]["files"] == 2


def test_the_first_name_says_what_kind_of_run_it_is(command, bucket, photo, tmp_path):
    (tmp_path / "a.jpg").write_bytes(photo())
    bucket.put("a.jpg", photo())
    names = ["a.jpg", f"s3://{bucket.name}/a.jpg"]
    done = command(bucket, "--from-file", write(tmp_path, *names))
    assert done.returncode == 2
    assert "--endpoint-url is for" in done.stderr
    done = command(bucket, "--from-file", write(tmp_path, *reversed(names)), "--backup", "kept")
    assert done.returncode == 2
    assert "--backup is not for S3" in done.stderr
    done = command(bucket, "--from-file", write(tmp_path, *reversed(names)), "--json")
    told, _ = outcomes(done)
    assert told == {names[1]: ("optimized", "target_met"), "a.jpg": ("failed", "mixed")}
    assert (tmp_path / "a.jpg").read_bytes() == photo()


def test_an_empty_list_to_s3_is_nothing_to_do(command, bucket, tmp_path):
    done = command(bucket, "--from-file", write(tmp_path), "-o", f"s3://{bucket.name}/out")
    assert done.returncode == 0
    assert "no JPEG files found" in done.stderr


def recipe(heading):
    """Return the block of code below a heading of the page with recipes."""
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    (block,) = re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return block


@pytest.fixture
def shell(weed, tmp_path):
    """Return a function that runs a recipe on the real server, with the program at hand."""
    program = tmp_path / "bin" / "jpegslim"
    program.parent.mkdir()
    package = Path(jpegslim.__file__).parents[1]
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH="{package}" exec "{sys.executable}" -m jpegslim "$@" --json\n'
    )
    program.chmod(0o755)

    def run(script):
        return subprocess.run(
            ["/bin/sh", "-c", script],
            env={
                **os.environ,
                **variables(weed),
                "PATH": f"{program.parent}:{os.environ['PATH']}",
                "XDG_STATE_HOME": str(tmp_path / "state"),
            },
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )

    return run


@pytest.mark.skipif(
    shutil.which("aws") is None or shutil.which("jq") is None, reason="needs the AWS CLI and jq"
)
def test_the_recipe_with_the_aws_cli(shell, weed, photo):
    client = connect(endpoint_url=weed)
    client.create_bucket(Bucket="my-photos")
    large = photo(1, quality=100, size=(1200, 1000))
    assert len(large) > 500_000 > len(photo())
    for key, data in (
        ("holidays/a+b é.JPG", large),
        ("holidays/small.jpg", photo()),
        ("holidays/large.txt", large),
        ("other.jpg", large),
    ):
        client.put_object(Bucket="my-photos", Key=key, Body=data)
    done = shell(recipe("Only some photos of a bucket, with the AWS CLI"))
    assert outcomes(done)[0] == {"s3://my-photos/holidays/a+b é.JPG": ("optimized", "target_met")}


def test_the_recipe_for_an_inventory(shell, real_bucket, photo, tmp_path):
    keys = ('2024/a+b é, "c".jpg', "d e.JPEG", "notes.txt")
    rows = io.StringIO()
    for number, key in enumerate(keys):
        real_bucket.put(key, photo(number))
        csv.writer(rows, quoting=csv.QUOTE_ALL).writerow([real_bucket.name, quote_plus(key), 1])
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "1.csv.gz").write_bytes(gzip.compress(rows.getvalue().encode()))
    done = shell(recipe("A whole bucket, from its inventory"))
    assert outcomes(done)[0] == {
        f"s3://{real_bucket.name}/{key}": ("optimized", "target_met") for key in keys[:2]
    }


def test_an_interrupted_list_goes_on_where_it_stopped(command, real_bucket, photo, tmp_path):
    real_bucket.keep_versions()
    keys = [f"{number:02}.jpg" for number in range(24)]
    for number, key in enumerate(keys):
        real_bucket.put(key, photo(number))
    listed = write(tmp_path, *(f"s3://{real_bucket.name}/{key}" for key in keys))
    started = command(real_bucket, "--from-file", listed, "--json", "-j", "2", wait=False)
    for _ in range(3):
        assert started.stdout.readline()
    started.send_signal(signal.SIGINT)
    started.communicate(timeout=60)
    assert started.returncode == 130
    done = command(real_bucket, "--from-file", listed, "--json")
    assert done.returncode == 0, done.stderr
    assert outcomes(done)[1]["files"] == len(keys)
    for number, key in enumerate(keys):
        assert real_bucket.get(key) == jpegslim.optimize(photo(number)).data
        assert len(real_bucket.versions(key)) == 2
