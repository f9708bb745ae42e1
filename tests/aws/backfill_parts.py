"""What tests of backfills share: a function, a role, and what is asked for."""

from datetime import UTC, datetime

from jpegslim.aws.addresses import parse_address
from jpegslim.aws.backfill import Place, Wanted, job_request
from jpegslim.aws.objects import Listed

ACCOUNT, REGION = "123456789012", "eu-west-1"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:jpegslim-Backfill"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/jpegslim-Job"
PLACE = Place(function=FUNCTION, role=ROLE, report=parse_address("s3://reports/jobs/"))
OUTPUTS = {
    "BackfillFunctionArn": FUNCTION,
    "JobRoleArn": ROLE,
    "ReportsBucket": "reports",
    "Architecture": "arm64",
    "MemorySize": "1769",
    "BackfillConcurrency": "20",
}
NOON = datetime(2024, 6, 30, 12, tzinfo=UTC)


def listed(key="a.jpg", *, size=1000, modified=NOON):
    return Listed(parse_address(f"s3://photos/{key}"), size, '"e"', modified)


def wanted(top="s3://photos/2024", **filters):
    return Wanted(top=parse_address(top), **filters)


def request(of=None, **changes):
    options = {"ending": ".jpg", "priority": 10, "arguments": {}, "waits": False} | changes
    return job_request(of or wanted(), PLACE, **options)
