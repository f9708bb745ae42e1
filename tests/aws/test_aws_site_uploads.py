"""The page without a server: what becomes of an upload."""

import json

import pytest
from site_parts import allow_page, context, created_event, http_event, make_table
from site_visits import MINE, ORIGIN, send, state, ticket_for, upload, work

import jpegslim
from jpegslim.aws import desk, uploads
from jpegslim.aws.answers import UnfinishedError
from jpegslim.aws.environment import read_environment
from jpegslim.aws.objects import Objects
from jpegslim.aws.telling import Teller
from jpegslim.aws.tickets import Ticket, ticket_of
from jpegslim.aws.uploads import Studio

# SOI, and an SOF0 that is cut off.
BEGINNING = bytes.fromhex("ffd8ffc0001108")


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"<html>" * 100, "not_a_jpeg"), (b"x", "not_a_jpeg"), (BEGINNING, "truncated")],
    ids=["page", "byte", "beginning"],
)
def test_an_upload_that_is_no_photo_is_told_in_words(desk_of, studio, real_bucket, data, reason):
    ticket = ticket_for(desk_of(), data)
    assert upload(ticket, data)[0] == 200
    work(studio, real_bucket, ticket)
    told = state(ticket)
    assert (told["state"], told["reason"]) == ("failed", reason)
    assert told["message"]
    assert Ticket(ticket["id"]).result not in real_bucket.stored()


def test_a_photo_that_can_not_get_smaller_is_handed_out_as_it_is(
    desk_of, studio, real_bucket, photo
):
    data = jpegslim.optimize(photo(0)).data
    ticket = ticket_for(desk_of(), data)
    upload(ticket, data)
    work(studio, real_bucket, ticket)
    told = state(ticket)
    assert (told["state"], told["reason"]) == ("skipped", "already_optimized")
    assert send(ticket["result"])[1] == data
    assert told["bytes_out"] == len(data)


def test_a_picture_with_too_many_pixels_is_told_in_words(desk_of, real_bucket, shelf, photo):
    small = read_environment({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"})
    studio = Studio(small, Objects(real_bucket.client, shelf), shelf, Teller({}))
    data = photo(0, size=(1300, 900))
    ticket = ticket_for(desk_of(), data)
    upload(ticket, data)
    try:
        work(studio, real_bucket, ticket)
    finally:
        studio.close()
    told = state(ticket)
    assert (told["state"], told["reason"]) == ("failed", "too_big")
    assert told["message"].startswith("the picture has ")


def test_an_event_that_comes_twice_changes_nothing(desk_of, studio, real_bucket, photo):
    data = photo(0)
    ticket = ticket_for(desk_of(), data)
    upload(ticket, data)
    assert work(studio, real_bucket, ticket) is not None
    keys = [Ticket(ticket["id"]).result, Ticket(ticket["id"]).state]
    before = [real_bucket.head(key)["LastModified"] for key in keys]
    assert work(studio, real_bucket, ticket) is None
    assert [real_bucket.head(key)["LastModified"] for key in keys] == before


def test_an_upload_without_a_ticket_is_left_alone(studio, real_bucket, photo):
    real_bucket.put(f"uploads/{'0' * 32}", photo(0))
    real_bucket.put("uploads/index.html", photo(0))
    assert work(studio, real_bucket, {"id": "0" * 32}) is None
    assert work(studio, real_bucket, {"id": "index.html"}) is None
    assert len(real_bucket.stored()) == 2


@pytest.mark.parametrize(
    "key", ["uploads/", "uploads/x", f"states/{'0' * 32}", f"uploads/{'A' * 32}"]
)
def test_only_keys_of_tickets_are_uploads(key):
    assert ticket_of(key) is None


def test_an_event_without_time_left_comes_again(desk_of, studio, real_bucket, photo):
    data = photo(0)
    ticket = ticket_for(desk_of(), data)
    upload(ticket, data)
    with pytest.raises(UnfinishedError):
        work(studio, real_bucket, ticket, seconds=5)
    assert state(ticket)["state"] == "waiting"
    work(studio, real_bucket, ticket)
    assert state(ticket)["state"] == "optimized"


def test_a_photo_that_kills_its_worker_is_told(desk_of, real_bucket, shelf, photo):
    studio = Studio(
        read_environment({}),
        Objects(real_bucket.client, shelf),
        shelf,
        Teller({}),
        entry="aws_entries:run",
    )
    data = photo(0) + b"POISON"
    ticket = ticket_for(desk_of(), data)
    upload(ticket, data)
    try:
        work(studio, real_bucket, ticket)
    finally:
        studio.close()
    assert (state(ticket)["state"], state(ticket)["reason"]) == ("failed", "worker_died")


def test_the_page_may_reach_its_photos_and_no_other_page(desk_of, real_bucket):
    allow_page(real_bucket, ORIGIN)
    place = ticket_for(desk_of(), b"x")["upload"]["url"]
    asked = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type,if-none-match",
    }
    assert send(place, method="OPTIONS", headers={"Origin": ORIGIN, **asked})[0] == 200
    foreign = {"Origin": "https://evil.example", **asked}
    assert send(place, method="OPTIONS", headers=foreign)[0] == 403


def test_the_handlers_find_all_they_need_in_their_environment(
    monkeypatch, moto, real_bucket, photo, tmp_path
):
    make_table("visitors-of-handlers", moto)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", real_bucket.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", moto)
    monkeypatch.setenv("JPEGSLIM_SITE_ORIGIN", ORIGIN)
    monkeypatch.setenv("JPEGSLIM_SITE_BUCKET", real_bucket.name)
    monkeypatch.setenv("JPEGSLIM_SITE_TABLE", "visitors-of-handlers")
    data = photo(0)
    event = http_event("POST", desk.PATH, body=json.dumps({"size": len(data)}), headers=MINE)
    try:
        ticket = json.loads(desk.handler(event, None)["body"])
    finally:
        desk._desk.cache_clear()
    assert upload(ticket, data)[0] == 200
    for name in ("ORIGIN", "BUCKET", "TABLE"):
        monkeypatch.delenv(f"JPEGSLIM_SITE_{name}")
    monkeypatch.setattr(uploads, "own_folder", lambda: tmp_path)
    try:
        key = Ticket(ticket["id"]).upload
        answer = uploads.handler(created_event(real_bucket.name, key), context())
    finally:
        uploads._studio().close()
        uploads._studio.cache_clear()
        uploads._teller.cache_clear()
    assert answer == {"photos": ["optimized"]}
    assert state(ticket)["state"] == "optimized"


def test_both_functions_work_in_the_runtime_they_are_deployed_to(deploy, moto, real_bucket, photo):
    make_table("visitors-of-runtime", moto)
    front = deploy(
        real_bucket.endpoint,
        handler="jpegslim.aws.desk.handler",
        memory=512,
        AWS_ENDPOINT_URL_DYNAMODB=moto,
        JPEGSLIM_SITE_ORIGIN=ORIGIN,
        JPEGSLIM_SITE_BUCKET=real_bucket.name,
        JPEGSLIM_SITE_TABLE="visitors-of-runtime",
    )
    back = deploy(
        real_bucket.endpoint,
        handler="jpegslim.aws.uploads.handler",
        JPEGSLIM_SOURCE=f"s3://{real_bucket.name}/uploads/",
    )
    data = photo(0)
    answer = front.invoke(
        http_event("POST", desk.PATH, body=json.dumps({"size": len(data)}), headers=MINE)
    )
    assert answer["statusCode"] == 201, front.log.read_text()
    ticket = json.loads(answer["body"])
    assert upload(ticket, data)[0] == 200
    event = created_event(real_bucket.name, Ticket(ticket["id"]).upload)
    assert back.invoke(event) == {"photos": ["optimized"]}, back.log.read_text()
    assert back.invoke(event) == {"photos": []}
    assert send(ticket["result"])[1] == jpegslim.optimize(data).data
    (told,) = [line for line in back.lines() if "photo" in line]
    assert told["photo"]["status"] == "optimized"
