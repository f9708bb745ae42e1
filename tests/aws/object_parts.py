"""What tests of objects share: a result to write, keys that are hard on somebody, odd clients."""

import http.client
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from botocore.exceptions import ClientError

from jpegslim.aws.addresses import Address
from jpegslim.aws.content import held
from jpegslim.aws.note import make_note
from jpegslim.aws.objects import Objects
from jpegslim.settings import Settings

SETTINGS = Settings()
NEW = held(b"\xff\xd8 a result")
ODD_KEYS = [
    "a+b.jpg",
    "100%25 %.jpg",
    "with space/and  two.jpg",
    " outside .jpg ",
    "é/日本/👩‍👩‍👧.jpg",
    "e\u0301 is not \xe9.jpg",
    "quote'\"<&>.jpg",
    "?x=1#~!*()[]{}|^`;,:@=$.jpg",
    "tab\tand\rreturn\x01\x7f\x85\u2028.jpg",
    "plain",
]


def note_for(fetched, content=NEW):
    return make_note(
        SETTINGS,
        size=content.size,
        digest=content.digest,
        source=fetched.content.digest,
        origin=fetched.origin,
        etag=fetched.etag,
        score=85.5,
        copy=False,
    )


def fetch(objects, bucket, key="a.jpg", **options):
    return objects.fetch(
        Address(bucket.name, key), options.pop("settings", SETTINGS), in_place=True, **options
    )


def trusted(client, shelf):
    """Return the objects of a service that is not asked whether it heeds conditions."""
    objects = Objects(client, shelf)
    objects.conditions.check = lambda *_, **__: None
    return objects


class Between:
    """A client with some operations of its own."""

    def __init__(self, client, **operations):
        self._client, self._operations = client, operations

    def __getattr__(self, name):
        return self._operations.get(name) or getattr(self._client, name)


def refusal(code, status, message="", operation="Operation"):
    """Return what boto3 raises for such an answer."""
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },
        operation,
    )


def refusing(*answer):
    """Return an operation that is refused."""

    def refused(**_):
        raise refusal(*answer)

    return refused


class Meddler(ThreadingHTTPServer):
    """Stands between a client and a server, and changes the bodies of its answers to GET.

    meddle: gets a body and returns what is sent of it.
    """

    daemon_threads = True

    def __init__(self, endpoint, meddle):
        super().__init__(("127.0.0.1", 0), _Passing)
        self.behind = endpoint.removeprefix("http://")
        self.meddle = meddle
        self.endpoint = f"http://127.0.0.1:{self.server_port}"


class _Passing(BaseHTTPRequestHandler):
    def do_GET(self):
        with closing(http.client.HTTPConnection(self.server.behind, timeout=30)) as line:
            line.request("GET", self.path, headers=dict(self.headers))
            answer = line.getresponse()
            body = answer.read()
        self.send_response(answer.status)
        for name, text in answer.getheaders():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(self.server.meddle(body))
        self.close_connection = True

    def log_message(self, *_):
        pass
