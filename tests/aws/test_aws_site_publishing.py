"""The script that puts the page in its bucket."""

import json
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber
from site_parts import Stacks, load_publisher


def test_a_stack_of_another_template_is_told():
    publisher = load_publisher()
    with pytest.raises(publisher.PublishingError, match="no output 'PageBucketName'"):
        publisher.read_stack(Stacks({"Other": "1"}), "mine")


def test_a_stack_that_is_not_there_is_told():
    client = boto3.client("cloudformation", region_name="eu-west-1")
    with Stubber(client) as stubber:
        stubber.add_client_error("describe_stacks", "ValidationError", "does not exist", 400)
        publisher = load_publisher()
        with pytest.raises(publisher.PublishingError, match="no stack 'nope' in eu-west-1"):
            publisher.read_stack(client, "nope")


def test_without_the_library_the_script_says_what_to_install(tmp_path):
    script = Path(load_publisher().__file__)
    # Isolated, and without this environment's packages.
    command = [sys.executable, "-I", "-S", script, "mine"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr == (
        "publish_site.py: needs boto3: pip install '.[aws]' in the repository\n"
    )


def test_the_page_may_ask_its_function_and_its_bucket_alone(bucket):
    publisher = load_publisher()
    site = publisher.Site(
        bucket=bucket.name,
        endpoint="https://api.example",
        photos_origin="https://photos.example",
        largest=1_000_000,
    )
    publisher.publish(bucket.client, site)
    page = bucket.get("index.html").decode()
    assert "connect-src 'self' https://api.example https://photos.example;" in page
    assert page.index("Content-Security-Policy") < page.index("<script")
    config = json.loads(bucket.get("config.json"))
    assert (config["endpoint"], config["file_bytes"]) == ("https://api.example", 1_000_000)
    # Every part that the page and its scripts name.
    named = {"static/page.css", "static/main.js", "static/bucket.js", "static/viewer.js"}
    assert named | {"static/viewer.css", "static/icon.svg"} <= set(bucket.stored())
    assert bucket.head("static/main.js")["ContentType"] == "text/javascript; charset=utf-8"


def test_the_script_says_what_it_needs():
    script = Path(load_publisher().__file__)
    told = subprocess.run(
        [sys.executable, script, "--help"], check=True, capture_output=True, text=True
    ).stdout
    assert "STACK" in told
