"""Photos that are there already: a job of S3 Batch Operations that calls the function for each.

S3 lists the photos itself, by filters, calls the function for as many at once as Lambda lets it,
tries again what failed in passing, and writes a report of every photo.
"""

import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

from jpegslim.aws.addresses import Address, as_folder
from jpegslim.aws.objects import Listed
from jpegslim.aws.troubles import translated
from jpegslim.errors import FileError, RunError, UsageError
from jpegslim.files.selection import EXTENSIONS

# Filters of S3 know case.
ENDINGS = tuple(each for name in EXTENSIONS for each in (name, name.upper()))
# The list that S3 writes, and its report.
_LIST_FORMAT = "S3InventoryReport_CSV_20211130"
_REPORT_FORMAT = "Report_CSV_20180820"
# Names the bucket instead of its ARN, and hands over the job's own arguments.
_SCHEMA = "2.0"

_ROLE = re.compile(r"arn:([^:]+):iam::([0-9]{12}):role/.+")
_FUNCTION = re.compile(r"arn:[^:]+:lambda:([a-z0-9-]+):[0-9]{12}:function:[^:]+(:[^:]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which objects below an address; None and empty stand for any.

    endings: of keys, as they are written. larger, smaller: than so many bytes. after, before: when
    they were stored, with a time zone.
    """

    top: Address
    endings: tuple[str, ...] = ENDINGS
    larger: int | None = None
    smaller: int | None = None
    after: datetime | None = None
    before: datetime | None = None

    def takes(self, listed: Listed) -> bool:
        """Judge an object as S3's own filters will."""
        return listed.address.key.endswith(self.endings or "") and self._fits(listed)

    def misses(self, listed: Listed) -> str | None:
        """Return the ending of a photo that is left out for its mixed letters alone, as in .Jpg.

        None for all others, and where the endings were chosen.
        """
        ending = PurePosixPath(listed.address.name).suffix
        mixed = ending.lower() in EXTENSIONS and not self.takes(listed)
        return ending if mixed and self.endings == ENDINGS and self._fits(listed) else None

    def _fits(self, listed: Listed) -> bool:
        return (
            (self.larger is None or listed.size > self.larger)
            and (self.smaller is None or listed.size < self.smaller)
            and (self.after is None or listed.modified > self.after)
            and (self.before is None or listed.modified < self.before)
        )

    def filters(self) -> dict[str, Any]:
        """Return the same for S3."""
        below = as_folder(self.top)
        names: dict[str, list[str]] = {}
        if below.key:
            names["MatchAnyPrefix"] = [below.key]
        if self.endings:
            names["MatchAnySuffix"] = list(self.endings)
        filters = {
            "KeyNameConstraint": names or None,
            "ObjectSizeGreaterThanBytes": self.larger,
            "ObjectSizeLessThanBytes": self.smaller,
            "CreatedAfter": self.after,
            "CreatedBefore": self.before,
        }
        return {name: value for name, value in filters.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a job runs.

    function: its ARN; it has to be one for S3 Batch Operations alone. role: what the job may do,
    an ARN. report: where its list and its report are kept.
    """

    function: str
    role: str
    report: Address

    def __post_init__(self) -> None:
        """Raise UsageError for what is no ARN of its kind."""
        if not _FUNCTION.fullmatch(self.function):
            raise UsageError(f"{self.function!r} is no ARN of a Lambda function")
        if not _ROLE.fullmatch(self.role):
            raise UsageError(f"{self.role!r} is no ARN of an IAM role")

    @property
    def account(self) -> str:
        """The account that the job belongs to."""
        return str(self.role.split(":")[4])

    @property
    def region(self) -> str:
        """Where the function is, and so the job."""
        return str(self.function.split(":")[3])

    @property
    def partition(self) -> str:
        """Which of AWS's worlds: `aws` for most of the globe."""
        return str(self.role.split(":")[1])


@dataclass(frozen=True, slots=True)
class Survey:
    """What a listing showed. complete: it came to its end.

    missed: photos that S3's filters leave out, by the ending that only they have.
    """

    photos: int
    size: int
    listed: int
    complete: bool
    missed: Mapping[str, int] = field(default_factory=dict)

    def scaled(self, photos: int) -> "Survey":
        """Return what so many photos of the same kind come to; as it is where none was seen."""
        if not self.photos:
            return self
        factor = photos / self.photos
        return Survey(
            photos,
            round(self.size * factor),
            round(self.listed * factor),
            complete=True,
            missed=self.missed,
        )


def survey(objects: Iterable[Listed], wanted: Wanted, *, limit: int) -> Survey:
    """Count the photos of a listing, up to `limit` objects of any kind."""
    photos = size = listed = 0
    missed: Counter[str] = Counter()
    for each in objects:
        if listed == limit:
            return Survey(photos, size, listed, complete=False, missed=missed)
        listed += 1
        if wanted.takes(each):
            photos += 1
            size += each.size
        elif ending := wanted.misses(each):
            missed[ending] += 1
    return Survey(photos, size, listed, complete=True, missed=missed)


def job_request(
    wanted: Wanted,
    place: Place,
    *,
    priority: int,
    arguments: Mapping[str, str],
    waits: bool,
) -> dict[str, Any]:
    """Return the arguments of CreateJob.

    arguments: the function's own, for this job alone (`quality`, `metadata`). waits: the job is
    made ready and begins only when somebody confirms it in the console.
    """
    bucket = f"arn:{place.partition}:s3:::"
    # S3 takes no empty one.
    prefix = place.report.key.rstrip("/") or "jpegslim"
    report_bucket = f"{bucket}{place.report.bucket}"
    invoke: dict[str, Any] = {
        "FunctionArn": place.function,
        "InvocationSchemaVersion": _SCHEMA,
    }
    if arguments:
        invoke["UserArguments"] = dict(arguments)
    return {
        "AccountId": place.account,
        "ConfirmationRequired": waits,
        "Operation": {"LambdaInvoke": invoke},
        "Report": {
            "Enabled": True,
            "Bucket": report_bucket,
            "Prefix": prefix,
            "Format": _REPORT_FORMAT,
            "ReportScope": "AllTasks",
        },
        "ManifestGenerator": {
            "S3JobManifestGenerator": {
                "SourceBucket": f"{bucket}{wanted.top.bucket}",
                "EnableManifestOutput": True,
                "ManifestOutputLocation": {
                    "Bucket": report_bucket,
                    "ManifestPrefix": f"{prefix}/lists",
                    "ManifestFormat": _LIST_FORMAT,
                },
                "Filter": wanted.filters(),
            }
        },
        "Description": f"jpegslim: {wanted.top}"[:256],
        "Priority": priority,
        "RoleArn": place.role,
        # The same request twice, as after an answer that was lost, is one job.
        "ClientRequestToken": secrets.token_hex(16),
    }


def submit(client: Any, request: Mapping[str, Any]) -> str:
    """Create the job; return its id. client: for S3 Control. Raises RunError."""
    doing = "creating the job (s3:CreateJob, and iam:PassRole for its role)"
    account = Address(str(request["AccountId"]), "")
    try:
        with translated(account, doing):
            return str(client.create_job(**request)["JobId"])
    except FileError as error:
        raise RunError(f"no job was created: {error}") from error


def read_stack(client: Any, name: str) -> dict[str, str]:
    """Return the outputs of a stack made from our template. client: for CloudFormation.

    Raises UsageError where there is none of this name, RunError where it can't be read.
    """
    try:
        with translated(Address(name, ""), "reading the stack (cloudformation:DescribeStacks)"):
            try:
                (stack,) = client.describe_stacks(StackName=name)["Stacks"]
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "ValidationError":
                    text = f"there is no stack {name!r} in {client.meta.region_name}: see --region"
                    raise UsageError(text) from error
                raise
    except FileError as error:
        raise RunError(f"stack {name}: {error}") from error
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}


def stopping(place: Place, job: str) -> Sequence[str]:
    """Return what to type to see a job, and to stop it."""
    which = f"--region {place.region} --account-id {place.account} --job-id {job}"
    return (
        f"aws s3control describe-job {which}",
        f"aws s3control update-job-status {which} --requested-job-status Cancelled",
    )
