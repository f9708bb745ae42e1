"""What stands around the page without a server, on loopback: CloudFront, the API, EventBridge.

Each is the thinnest thing that does the same: objects of a bucket over HTTP, requests turned into
events of payload format 2.0, uploads told to the function. The functions are the real ones.
"""

import importlib.util
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from jpegslim.aws.connection import connect_counter
from jpegslim.aws.tickets import UPLOADS

ROOT = Path(__file__).parents[2]
SECONDS = 120


def load_publisher():
    """Return deploy/aws/publish_site.py as a module."""
    path = ROOT / "deploy" / "aws" / "publish_site.py"
    spec = importlib.util.spec_from_file_location("publish_site", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def http_event(method, path, *, body=None, headers=None, address="192.0.2.1"):
    """Return what a function URL or an HTTP API calls its function with."""
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers or {},
        "requestContext": {"http": {"method": method, "path": path, "sourceIp": address}},
        "body": body,
        "isBase64Encoded": False,
    }


def created_event(bucket, key):
    """Return what EventBridge tells of an upload."""
    return {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {"bucket": {"name": bucket}, "object": {"key": key}},
    }


def context(seconds=SECONDS):
    """Return what Lambda hands to a function beside the event."""
    ends = time.monotonic() + seconds
    left = lambda: int(1000 * (ends - time.monotonic()))  # noqa: E731
    return SimpleNamespace(aws_request_id="test", get_remaining_time_in_millis=left)


class _Silent(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def respond(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server:
    """An HTTP server on a port of its own."""

    def __init__(self, handler):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def page_server(bucket):
    """Serve a bucket's objects as CloudFront does."""

    class Handler(_Silent):
        def do_GET(self):
            key = urlsplit(self.path).path.removeprefix("/") or "index.html"
            status = 200
            try:
                found = bucket.client.get_object(Bucket=bucket.name, Key=key)
            except ClientError:
                status = 404
                found = bucket.client.get_object(Bucket=bucket.name, Key="index.html")
            headers = {"Content-Type": found["ContentType"], "Cache-Control": found["CacheControl"]}
            self.respond(status, headers, found["Body"].read())

    return Server(Handler)


def api_server(call):
    """Serve a function as an HTTP API does. call: takes an event, returns the answer."""

    class Handler(_Silent):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            event = http_event(
                self.command,
                urlsplit(self.path).path,
                body=body,
                headers=headers,
                address=self.client_address[0],
            )
            answer = call(event)
            self.respond(answer["statusCode"], answer["headers"], answer.get("body", "").encode())

        do_GET = do_POST = do_OPTIONS = answer  # noqa: N815 - as http.server calls them

    return Server(Handler)


class Bridge:
    """Tells a function of each upload once it is there, as EventBridge does."""

    def __init__(self, bucket, call):
        self._bucket, self._call = bucket, call
        self._told = set()
        self._ended = threading.Event()
        self.troubles = []
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._ended.wait(0.1):
            there = {key for key in self._bucket.stored() if key.startswith(UPLOADS)}
            for key in there - self._told:
                self._told.add(key)
                try:
                    self._call(created_event(self._bucket.name, key), context())
                except Exception as error:  # noqa: BLE001 - a test asks for it
                    self.troubles.append(error)

    def stop(self):
        self._ended.set()
        self._thread.join()


def make_table(name, endpoint):
    """Make the table of visitors as the template does; return a client for it."""
    client = connect_counter(endpoint_url=endpoint)
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "visitor", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "visitor", "KeyType": "HASH"}],
    )
    return client


def allow_page(bucket, origin):
    """Let a page use a bucket as the template does."""
    rule = {
        "AllowedOrigins": [origin],
        "AllowedMethods": ["GET", "PUT"],
        "AllowedHeaders": ["content-type", "if-none-match"],
        "MaxAgeSeconds": 7200,
    }
    bucket.client.put_bucket_cors(Bucket=bucket.name, CORSConfiguration={"CORSRules": [rule]})


class Stacks:
    """Answers as CloudFormation does, for one stack with these outputs."""

    def __init__(self, outputs):
        self._outputs = [{"OutputKey": key, "OutputValue": text} for key, text in outputs.items()]

    def describe_stacks(self, *, StackName):  # noqa: N803 - boto3's
        return {"Stacks": [{"StackName": StackName, "Outputs": self._outputs}]}
