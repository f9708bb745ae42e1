"""The page without a server, its HTTP side: who gets a ticket, how many, and what it opens."""

import base64
import json
import time

import pytest
from site_parts import http_event
from site_visits import LIMITS, MINE, ORIGIN, ask, send, state, ticket_for, upload, work

import jpegslim
from jpegslim.aws import desk
from jpegslim.aws.connection import connect_signer
from jpegslim.aws.desk import Desk, SiteConfiguration, read_site
from jpegslim.aws.quota import Limits, Quota, visitor_of
from jpegslim.aws.tickets import Refusal, Ticket, read_order
from jpegslim.errors import UsageError


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


def test_a_ticket_leads_from_a_photo_to_its_result(desk_of, studio, real_bucket, photo):
    data = photo(0)
    ticket = ticket_for(desk_of(), data, quality="web", metadata="strip")
    assert state(ticket)["state"] == "waiting"
    assert upload(ticket, data)[0] == 200
    work(studio, real_bucket, ticket)
    told = state(ticket)
    status, result = send(ticket["result"])
    settings = jpegslim.Settings(target=80, metadata="strip")
    assert status == 200
    assert result == jpegslim.optimize(data, settings).data
    assert (told["state"], told["bytes_in"], told["bytes_out"]) == (
        "optimized",
        len(data),
        len(result),
    )
    assert told["score"] >= 80
    assert told["worst_tile"]["width"] > 0


def test_a_result_is_never_shown_as_anything_but_a_photo(desk_of, studio, real_bucket, photo):
    data = photo(0)
    ticket = ticket_for(desk_of(), data)
    # Neither is signed, so a visitor may add them.
    extra = {"Content-Disposition": "inline; filename=a.html", "Cache-Control": "public"}
    assert upload(ticket, data, **extra)[0] == 200
    work(studio, real_bucket, ticket)
    head = real_bucket.head(Ticket(ticket["id"]).result)
    assert (head["ContentType"], head["ContentDisposition"]) == ("image/jpeg", "attachment")
    assert head["CacheControl"] == "private, no-store"


def test_a_ticket_is_good_for_one_upload(desk_of, photo):
    data = photo(0)
    ticket = ticket_for(desk_of(), data)
    assert upload(ticket, data)[0] == 200
    assert upload(ticket, data)[0] == 412


@pytest.mark.parametrize("without", ["If-None-Match", "Content-Type"])
def test_what_a_ticket_asks_for_can_not_be_left_out(desk_of, photo, without):
    data = photo(0)
    ticket = ticket_for(desk_of(), data)
    place = ticket["upload"]
    headers = {name: value for name, value in place["headers"].items() if name != without}
    assert send(place["url"], method="PUT", data=data, headers=headers)[0] == 403


def test_a_ticket_takes_as_many_bytes_as_were_said(desk_of, real_bucket, photo):
    data = photo(0)
    ticket = ticket_for(desk_of(), data)
    assert upload(ticket, data + b"\0")[0] == 403
    assert upload(ticket, data[:-1])[0] == 403
    assert upload(ticket, data, **{"Content-Type": "text/html"})[0] == 403
    assert real_bucket.stored() == [Ticket(ticket["id"]).state]


def test_a_ticket_expires(desk_of, photo, monkeypatch):
    monkeypatch.setattr(desk, "UPLOAD_SECONDS", 1)
    data = photo(0)
    ticket = ticket_for(desk_of(), data)
    time.sleep(2.1)
    status, words = upload(ticket, data)
    assert status == 403
    assert b"expired" in words


def test_a_ticket_opens_nothing_else(desk_of, photo):
    data = photo(0)
    mine, other = (ticket_for(desk_of(), data) for _ in range(2))
    stolen = mine["upload"]["url"].replace(mine["id"], other["id"])
    assert send(stolen, method="PUT", data=data, headers=mine["upload"]["headers"])[0] == 403
    assert send(mine["state"].replace(mine["id"], other["id"]))[0] == 403
    assert send(mine["state"], method="DELETE")[0] == 403
    assert send(mine["result"].replace("results/", "uploads/"))[0] == 403


def test_a_photo_that_is_too_large_gets_no_ticket(desk_of, real_bucket):
    status, told, _ = ask(desk_of(largest=2_000_000), size=2_000_001)
    assert (status, told["reason"]) == (413, "too_large")
    assert told["detail"] == "the photo is too large: this page takes up to 2 MB"
    assert real_bucket.stored() == []


def test_a_size_that_no_float_holds_is_too_large_and_no_more():
    with pytest.raises(Refusal) as refused:
        read_order(b'{"size":1' + b"0" * 309 + b"}", largest=10)
    assert refused.value.status == 413


def test_what_nobody_thought_of_is_logged_and_answered_as_the_page_can_read_it(caplog):
    class Broken:
        def take(self, _):
            raise LookupError("a detail of ours")

    site = SiteConfiguration(origin=ORIGIN, bucket="b", table="t", limits=LIMITS, largest=9)
    status, told, headers = ask(Desk(site, None, Broken()), size=1)
    assert (status, told["reason"]) == (500, "internal_error")
    assert (headers["access-control-allow-origin"], headers["vary"]) == (ORIGIN, "origin")
    assert headers["content-type"] == "application/json"
    assert "LookupError" not in json.dumps(told)
    assert "a detail of ours" not in json.dumps(told)
    assert "LookupError: a detail of ours" in caplog.text


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"size": 0},
        {"size": -1},
        {"size": True},
        {"size": 1.5},
        {"size": "100"},
        {"size": 100, "quality": "85"},
        {"size": 100, "quality": ["high"]},
        {"size": 100, "quality": "../../secret"},
        {"size": 100, "metadata": "none"},
        {"size": 100, "metadata": {}},
        {"size": 100, "baseline": "yes"},
        {"size": 100, "key": "index.html"},
        {"size": 100, "quality": "x" * 2000},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(desk_of, real_bucket, order):
    status, told, _ = ask(desk_of(), **order)
    assert status == 400
    assert told["detail"]
    assert real_bucket.stored() == []


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "1", "[" * 1000, "\udcff", '"é"'])
def test_a_body_that_is_no_order_is_refused(body):
    with pytest.raises(Refusal) as refused:
        read_order(body.encode("utf-8", "surrogatepass"), largest=10)
    assert refused.value.status == 400


def test_a_body_may_come_in_base_64(desk_of):
    event = http_event("POST", desk.PATH, headers=MINE)
    event["isBase64Encoded"] = True
    event["body"] = base64.b64encode(b'{"size": 100}').decode()
    assert desk_of().serve(event)["statusCode"] == 201
    event["body"] = "not base 64!"
    assert desk_of().serve(event)["statusCode"] == 400


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", f"{ORIGIN}.evil.example", ORIGIN.upper()]
)
def test_no_other_page_gets_a_ticket(desk_of, real_bucket, origin):
    headers = {**MINE, "origin": origin} if origin else {"content-type": "application/json"}
    for method in ("POST", "OPTIONS"):
        status, told, answered = ask(desk_of(), method=method, headers=headers, size=100)
        assert (status, told["reason"]) == (403, "foreign_page")
        assert answered["access-control-allow-origin"] == ORIGIN
    assert real_bucket.stored() == []


def test_a_preflight_allows_what_the_page_needs_and_no_more(desk_of):
    status, body, headers = ask(desk_of(), method="OPTIONS", headers={"Origin": ORIGIN})
    assert (status, body) == (204, None)
    assert headers["access-control-allow-origin"] == ORIGIN
    assert headers["access-control-allow-methods"] == "POST"
    assert headers["access-control-allow-headers"] == "content-type"
    assert "access-control-allow-credentials" not in headers


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"method": "GET"}, 405),
        ({"method": "DELETE"}, 405),
        ({"path": "/"}, 404),
        ({"path": "/v1/photos/../../x"}, 404),
        ({"headers": {"origin": ORIGIN}}, 415),
        ({"headers": {"origin": ORIGIN, "content-type": "text/plain"}}, 415),
    ],
)
def test_anything_but_a_request_for_a_ticket_is_refused(desk_of, change, status):
    assert ask(desk_of(), **change, size=100)[0] == status


def test_storage_that_is_out_of_order_is_told_so(desk_of, table, real_bucket):
    table[0].delete_table(TableName=table[1])
    status, told, headers = ask(desk_of(), size=100)
    assert (status, told["reason"], headers["retry-after"]) == (503, "unavailable", "60")
    assert real_bucket.stored() == []


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "ap-southeast-2"])
def test_urls_name_the_bucket_at_home_in_its_region(monkeypatch, region):
    # The global host answers a preflight with a redirect, which browsers refuse.
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    url = connect_signer().generate_presigned_url(
        "put_object", Params={"Bucket": "photos", "Key": "a", "ContentLength": 1}
    )
    assert url.startswith(f"https://photos.s3.{region}.amazonaws.com/a?")
    assert "SignedHeaders=content-length%3Bhost" in url


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ORIGIN": ""}, "ORIGIN is not set"),
        ({"ORIGIN": "https://page.example/"}, "no origin"),
        ({"ORIGIN": "*"}, "no origin"),
        ({"TABLE": ""}, "TABLE is not set"),
        ({"HOURLY": "0"}, "no number above 0"),
        ({"DAILY": "many"}, "no number above 0"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_told(changes, words):
    good = {"ORIGIN": ORIGIN, "BUCKET": "photos", "TABLE": "visitors"}
    given = {f"{desk.PREFIX}{name}": value for name, value in {**good, **changes}.items()}
    with pytest.raises(UsageError, match=words):
        read_site(given)


# How many


def test_a_visitor_is_turned_away_until_the_hour_is_over(table):
    clock = Clock()
    quota = Quota(*table, Limits(hourly=2, daily=100), clock=clock)
    clock.now += 600 - clock.now % 3600
    for _ in range(2):
        quota.take("192.0.2.1")
    quota.take("192.0.2.2")
    with pytest.raises(Refusal) as refused:
        quota.take("192.0.2.1")
    assert (refused.value.status, refused.value.retry_after) == (429, 3000)
    assert str(refused.value) == (
        "this page takes 2 photos an hour from one visitor: try again in 50 minutes"
    )
    clock.now += 3001
    quota.take("192.0.2.1")


def test_all_visitors_together_are_bounded_by_the_day(table):
    clock = Clock()
    quota = Quota(*table, Limits(hourly=100, daily=3), clock=clock)
    for number in range(3):
        quota.take(f"192.0.2.{number}")
    with pytest.raises(Refusal, match="its 3 photos for today"):
        quota.take("192.0.2.9")
    clock.now += 24 * 3600
    quota.take("192.0.2.9")


def test_a_household_is_one_visitor():
    assert visitor_of("2001:db8:1:2::1") == visitor_of("2001:db8:1:2:ffff::9")
    assert visitor_of("2001:db8:1:2::1") != visitor_of("2001:db8:1:3::1")
    assert visitor_of("::ffff:192.0.2.1") == visitor_of("192.0.2.1") == "192.0.2.1"


def test_counts_are_forgotten_after_their_time(table):
    clock = Clock()
    client, name = table
    Quota(client, name, LIMITS, clock=clock).take("192.0.2.1")
    ends = [int(item["ends"]["N"]) for item in client.scan(TableName=name)["Items"]]
    assert len(ends) == 2
    assert all(clock.now < each <= clock.now + 24 * 3600 for each in ends)


def test_the_network_and_not_a_header_says_who_a_visitor_is(desk_of):
    side = desk_of(limits=Limits(hourly=1, daily=100))
    forged = {**MINE, "x-forwarded-for": "198.51.100.7"}
    assert ask(side, size=100)[0] == 201
    status, told, headers = ask(side, size=100, headers=forged)
    assert (status, told["reason"]) == (429, "too_many_photos")
    assert int(headers["retry-after"]) > 0
    assert ask(side, size=100, address="198.51.100.7")[0] == 201


def test_what_is_refused_costs_nothing_of_the_quota(desk_of):
    side = desk_of(limits=Limits(hourly=1, daily=1))
    for _ in range(3):
        assert ask(side, size=0)[0] == 400
    assert ask(side, size=100)[0] == 201
