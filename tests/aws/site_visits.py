"""A visitor of the page without a server: asks for a ticket, uploads, and looks at the state."""

import json
import urllib.error
import urllib.request

from site_parts import created_event, http_event

from jpegslim.aws import desk, uploads
from jpegslim.aws.quota import Limits
from jpegslim.aws.tickets import Ticket

ORIGIN = "https://page.example"
MINE = {"origin": ORIGIN, "content-type": "application/json"}
LIMITS = Limits(hourly=1000, daily=1000)


def ask(side, *, headers=MINE, method="POST", path=desk.PATH, address="192.0.2.1", **order):
    answer = side.serve(
        http_event(method, path, body=json.dumps(order), headers=headers, address=address)
    )
    return answer["statusCode"], json.loads(answer.get("body") or "null"), answer["headers"]


def ticket_for(side, data, **order):
    status, ticket, _ = ask(side, size=len(data), **order)
    assert status == 201, ticket
    return ticket


def send(url, *, method="GET", data=None, headers=None):
    request = urllib.request.Request(url, data, headers or {}, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def upload(ticket, data, **headers):
    place = ticket["upload"]
    return send(place["url"], method="PUT", data=data, headers={**place["headers"], **headers})


def work(studio, bucket, ticket, *, seconds=120):
    notice = uploads.read_event(created_event(bucket.name, Ticket(ticket["id"]).upload))
    return studio.treat(notice.records[0].notices[0].address, lambda: seconds)


def state(ticket):
    status, body = send(ticket["state"])
    assert status == 200
    return json.loads(body)
