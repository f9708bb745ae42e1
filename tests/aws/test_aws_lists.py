"""Lists of names over S3: each name is one object, and costs only itself where it is wrong."""

import json
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

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

    def head_object(self, *, Bucket, Key):  # noqa: N803 - boto3's
        self.asked.append(Key)
        self._all_there.wait(30)
        return {"ContentLength": 1, "ETag": '"e"', "LastModified": datetime.now(UTC)}


def test_a_name_is_one_object_letter_by_letter(either_bucket):
    keys = ("a", "a.jpg", "a/b.jpg", "a b+c%25é.jpg", "//x.jpg", " .jpg ", "new\nline.jpg")
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
    file.write_bytes(
        b"\n".join(each if isinstance(each, bytes) else each.encode() for each in names)
    )
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
    listed = write(tmp_path, *(f"{where}/{key}" for key in GOOD), f"{where}/../evil.jpg")
    filled.put("../evil.jpg", filled.get("no-ending"))
    done = command(filled, "--from-file", listed, "-o", out, "--json")
    told, _ = outcomes(done)
    assert told[f"{where}/../evil.jpg"] == ("failed", "unsafe_name")
    files = {each.relative_to(out).as_posix() for each in out.rglob("*") if each.is_file()}
    assert files == set(GOOD)
    for key in GOOD:
        assert (out / key).read_bytes() == jpegslim.optimize(filled.get(key)).data


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
