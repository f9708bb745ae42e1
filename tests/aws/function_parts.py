"""A function in the test's own process, and the events of those who call it."""

import json
import time

from jpegslim.aws.answers import answer
from jpegslim.aws.events import read_event


class Deployed:
    """A function and what it told."""

    def __init__(self, function):
        self.function = function

    def __call__(self, event, *, seconds=120.0):
        delivery = read_event(event)
        end = time.monotonic() + seconds
        self.function.teller.begin("request")
        try:
            outcomes = self.function.treat(delivery, lambda: end - time.monotonic())
        finally:
            self.function.teller.end()
        self.outcomes = {notice.address.key: each for notice, each in outcomes.items()}
        return answer(delivery, outcomes, event)

    def reasons(self):
        return {
            key: (str(each.result.status), str(each.result.reason))
            for key, each in self.outcomes.items()
        }


def queued(*events):
    return {
        "Records": [
            {"eventSource": "aws:sqs", "messageId": f"m{number}", "body": json.dumps(event)}
            for number, event in enumerate(events)
        ]
    }


def tasks(bucket, *keys, schema="1.0", **job):
    name = (
        {"s3BucketArn": f"arn:aws:s3:::{bucket.name}"}
        if schema == "1.0"
        else {"s3Bucket": bucket.name}
    )
    return {
        "invocationSchemaVersion": schema,
        "invocationId": "invocation",
        "job": {"id": "job", **job},
        "tasks": [
            {"taskId": f"t{number}", "s3Key": key, "s3VersionId": None, **name}
            for number, key in enumerate(keys)
        ],
    }
