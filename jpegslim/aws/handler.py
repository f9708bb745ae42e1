"""The Lambda function: `jpegslim.aws.handler.handler`.

Called by S3, EventBridge, SNS, SQS or S3 Batch Operations; see docs/aws.md. What is wrong with its
configuration shows when it starts cold, before any photo is touched.
"""

import os
from functools import cache
from typing import Any

from jpegslim.aws.answers import answer
from jpegslim.aws.connection import connect
from jpegslim.aws.content import Shelf
from jpegslim.aws.environment import read_environment
from jpegslim.aws.events import NotUnderstoodError, read_event
from jpegslim.aws.function import Function
from jpegslim.aws.objects import Objects
from jpegslim.aws.scratch import own_folder
from jpegslim.aws.telling import Teller


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Optimize the photos an event tells of, and answer whoever sent it.

    Raises UnfinishedError where an event is to be sent again, NotUnderstoodError for one that is
    none of S3's.
    """
    teller = _teller()
    teller.begin(context.aws_request_id)
    try:
        try:
            delivery = read_event(event)
        except NotUnderstoodError as error:
            teller.not_understood("", str(error))
            raise
        for record in delivery.records:
            if record.trouble is not None:
                teller.not_understood(record.name, record.trouble)
        outcomes = _function().treat(
            delivery, lambda: context.get_remaining_time_in_millis() / 1000
        )
        return answer(delivery, outcomes, event)
    finally:
        teller.end()


@cache
def _teller() -> Teller:
    return Teller(os.environ)


@cache
def _function() -> Function:
    configuration = read_environment(os.environ)
    shelf = Shelf(own_folder())
    client = connect(transfers=2 * configuration.jobs + 2)
    # A photo too large for /tmp is so each time it is tried.
    objects = Objects(client, shelf, largest=min(configuration.largest, shelf.room()))
    return Function(configuration, objects, shelf, _teller())


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    _function().warm_up()
