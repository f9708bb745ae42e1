import io
import json
import time
import zipfile

import pytest

from jpegslim.settings import Settings
from jpegslim.web.batches import Batch, State
from jpegslim.web.views import batch_summary, totals_view


def finished(service, job, *, seconds=60):
    """Wait until the job is done and return its record."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        record = service.get(f"/v1/jobs/{job}").json()
        if record["done"]:
            return record
        time.sleep(0.05)
    raise AssertionError(record)


def opened(service, **options):
    answer = service.post("/v1/jobs", json=options)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    return answer.json()["id"]


def add(service, job, path, data):
    return service.put(f"/v1/jobs/{job}/files", params={"path": path}, content=data)


def test_a_job_becomes_a_zip_with_its_folders(service, photo):
    job = opened(service, quality=80)
    pictures = {"one.jpg": photo(0), "trip/two.jpg": photo(1), "trip/Día 2/三.jpg": photo(2)}
    for path, data in pictures.items():
        assert add(service, job, path, data).status_code == 202
    record = finished(service, job)
    assert record["target"] == 80
    assert record["totals"]["optimized"] == 3
    answer = service.get(f"/v1/jobs/{job}/zip")
    assert answer.headers["content-type"] == "application/zip"
    assert int(answer.headers["content-length"]) == len(answer.content)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted(pictures)
        for file in record["files"]:
            packed = archive.read(file["path"])
            assert len(packed) == file["bytes_out"] < file["bytes_in"]
            assert packed == service.get(f"/v1/jobs/{job}/files/{file['id']}").content


def test_a_broken_file_fails_alone_and_is_in_the_zip_as_it_came(service, photo):
    job = opened(service)
    broken = photo(1)[:4000]
    add(service, job, "good.jpg", photo(0))
    add(service, job, "bad.jpg", broken)
    refused = add(service, job, "text.jpg", b"not a photo")
    assert refused.status_code == 422
    record = finished(service, job)
    states = {file["path"]: file["state"] for file in record["files"]}
    assert states == {"good.jpg": "optimized", "bad.jpg": "failed", "text.jpg": "failed"}
    assert all(file["message"] for file in record["files"])
    with zipfile.ZipFile(io.BytesIO(service.get(f"/v1/jobs/{job}/zip").content)) as archive:
        assert sorted(archive.namelist()) == ["bad.jpg", "good.jpg", "jpegslim-failed.txt"]
        assert archive.read("bad.jpg") == broken
        told = archive.read("jpegslim-failed.txt").decode()
    assert "bad.jpg: " in told
    assert "text.jpg: the file is not a JPEG" in told


def test_the_original_can_be_had_beside_the_result(service, photo):
    job = opened(service)
    file = add(service, job, "a.jpg", photo(0)).json()["id"]
    finished(service, job)
    original = service.get(f"/v1/jobs/{job}/files/{file}?version=original")
    assert original.content == photo(0)
    result = service.get(f"/v1/jobs/{job}/files/{file}")
    assert len(result.content) < len(photo(0))
    assert 'filename="a.jpg"' in result.headers["content-disposition"]


def test_the_same_file_again_changes_nothing_and_another_under_its_name_is_refused(service, photo):
    job = opened(service)
    first = add(service, job, "a.jpg", photo(0))
    again = add(service, job, "a.jpg", photo(0))
    assert again.status_code == 200
    assert again.json()["id"] == first.json()["id"]
    other = add(service, job, "a.jpg", photo(1))
    assert other.status_code == 409
    assert other.json()["reason"] == "path_taken"
    assert finished(service, job)["totals"]["files"] == 1


def test_a_refused_file_may_be_brought_again(service, photo):
    job = opened(service)
    assert add(service, job, "a.jpg", b"no").status_code == 422
    assert add(service, job, "a.jpg", photo(0)).status_code == 202
    record = finished(service, job)
    assert [file["state"] for file in record["files"]] == ["optimized"]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../a.jpg",
        "a/../../b.jpg",
        "a/.. /b.jpg",
        "",
        "a\nb.jpg",
        "x" * 300,
        "\u202egpj.a",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(service, photo, path):
    answer = add(service, opened(service), path, photo(0))
    assert answer.status_code == 400
    assert answer.json()["reason"] == "bad_path"


def test_what_windows_takes_for_a_path_is_one_name_in_the_zip(service, photo):
    job = opened(service)
    add(service, job, "..\\..\\C:evil.jpg", photo(0))
    assert [file["path"] for file in finished(service, job)["files"]] == [".._.._C_evil.jpg"]


def test_the_list_of_what_failed_takes_no_photos_place_in_the_zip(service, photo):
    job = opened(service)
    add(service, job, "jpegslim-failed.txt", photo(0))
    add(service, job, "bad.jpg", photo(1)[:4000])
    finished(service, job)
    with zipfile.ZipFile(io.BytesIO(service.get(f"/v1/jobs/{job}/zip").content)) as archive:
        assert archive.namelist() == ["jpegslim-failed.txt", "bad.jpg", "_jpegslim-failed.txt"]
        assert archive.read("_jpegslim-failed.txt").count(b"bad.jpg") == 1


def test_names_of_clients_are_nowhere_on_the_disk(service, photo, stored):
    job = opened(service)
    add(service, job, "trip/secret name.jpg", photo(0))
    finished(service, job)
    names = [path.name for path in stored()]
    assert len(names) == 2
    assert all(len(name) == 32 and set(name) <= set("0123456789abcdef") for name in names)


def test_a_deleted_job_leaves_nothing(service, photo, stored):
    job = opened(service)
    for number in range(4):
        add(service, job, f"{number}.jpg", photo(number))
    assert service.delete(f"/v1/jobs/{job}").status_code == 204
    assert service.get(f"/v1/jobs/{job}").status_code == 404
    deadline = time.monotonic() + 30
    while stored() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stored() == []
    assert "jpegslim_stored_bytes 0" in service.get("/metrics").text


def test_a_job_is_deleted_when_its_time_is_over(open_service, photo, stored):
    service = open_service(keep_seconds=0.5)
    job = opened(service)
    add(service, job, "a.jpg", photo(0))
    deadline = time.monotonic() + 30
    while service.get(f"/v1/jobs/{job}").status_code == 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert service.get(f"/v1/jobs/{job}").json()["reason"] == "no_such_job"
    assert stored() == []


def test_the_zip_is_not_given_before_everything_is_done(open_service, photo):
    service = open_service(workers=1)
    job = opened(service)
    for number in range(3):
        add(service, job, f"{number}.jpg", photo(number))
    early = service.get(f"/v1/jobs/{job}/zip")
    assert early.status_code == 409
    assert early.json()["reason"] == "not_done"
    finished(service, job)
    assert service.get(f"/v1/jobs/{job}/zip").status_code == 200


def test_too_many_files_are_refused(open_service, photo):
    service = open_service(files=1)
    job = opened(service)
    assert add(service, job, "a.jpg", photo(0)).status_code == 202
    answer = add(service, job, "b.jpg", photo(1))
    assert answer.status_code == 422
    assert answer.json()["reason"] == "too_many_files"


def test_a_client_holds_a_bounded_number_of_jobs(open_service):
    service = open_service(batches=2)
    opened(service)
    opened(service)
    answer = service.post("/v1/jobs", json={})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", "bad_body"),
        (b"{", "bad_body"),
        (b"[" * 5000, "bad_body"),
        (b'{"quality": true}', "bad_parameter"),
        (b'{"quality": 1e9}', "bad_parameter"),
        (b'{"baseline": 1}', "bad_parameter"),
        (b'{"speed": 1}', "unknown_parameter"),
    ],
)
def test_options_that_make_no_sense_open_no_job(service, body, reason):
    headers = {"Content-Type": "application/json"}
    answer = service.post("/v1/jobs", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["reason"] == reason


def test_a_form_of_another_site_can_not_open_a_job(service):
    answer = service.post("/v1/jobs", content=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


def test_the_news_tell_every_change_and_go_on_where_they_broke_off(launch, photo):
    import httpx2

    running = launch()
    with httpx2.Client(base_url=running.url, timeout=30) as client:
        job = opened(client)
        for number in range(3):
            add(client, job, f"{number}.jpg", photo(number))
        states, last = follow(client, job, until=lambda states: len(final(states)) == 3)
        assert final(states) == {"0.jpg", "1.jpg", "2.jpg"}
        # Whoever saw everything hears nothing of it again.
        again, _ = follow(client, job, until=lambda _: True, last=last)
        assert again == {}
        client.delete(f"/v1/jobs/{job}")
    assert running.stop() == 0


def final(states):
    return {path for path, state in states.items() if state in ("optimized", "kept")}


def follow(client, job, *, until, last=None):
    """Read events until totals come and `until` holds; return states by path and the last id."""
    states, name = {}, ""
    headers = {} if last is None else {"Last-Event-ID": last}
    with client.stream("GET", f"/v1/jobs/{job}/events", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("id: "):
                last = line.removeprefix("id: ")
            elif line.startswith("data: ") and name == "file":
                file = json.loads(line.removeprefix("data: "))
                states[file["path"]] = file["state"]
            elif line.startswith("data: ") and name == "totals" and until(states):
                break
    return states, last


def test_totals_are_added_up_once_for_all_who_follow():
    batch = Batch(client="one", settings=Settings(), keep_seconds=60)
    file = batch.add("a.jpg")
    batch.change(file)
    first = totals_view(batch)
    assert totals_view(batch) is first
    assert batch_summary(batch)["done"] is False
    file.state = State.FAILED
    batch.change(file)
    assert totals_view(batch)["failed"] == 1
    assert batch_summary(batch)["done"] is True
