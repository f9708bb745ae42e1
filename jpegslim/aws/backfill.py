"""Photos that are there already: jobs of S3 Batch Operations that call the function for each.

S3 lists the photos itself, by filters, calls the function for as many at once as Lambda lets it,
tries again what failed in passing, and writes a report of every photo. Its filters know case and
take one ending each, so every ending has a job of its own.
"""

import re
import secrets
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from jpegslim.aws.addresses import Address, as_folder
from jpegslim.aws.objects import Listed
from jpegslim.aws.troubles import translated
from jpegslim.errors import FileError, RunError, UsageError
from jpegslim.files.selection import EXTENSIONS

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

    suffixes: of keys, as they are written; empty for the endings of photos, in whatever letters.
    larger, smaller: than so many bytes. after, before: when they were stored, with a time zone.
    """

    top: Address
    suffixes: tuple[str, ...] = ()
    larger: int | None = None
    smaller: int | None = None
    after: datetime | None = None
    before: datetime | None = None

    def jobs(self) -> tuple[str, ...]:
        """Return the suffixes that were asked for, without those that another one includes."""
        return tuple(
            each
            for each in dict.fromkeys(self.suffixes)
            if not any(each != other and each.endswith(other) for other in self.suffixes)
        )

    def ending_of(self, listed: Listed) -> str | None:
        """Return the ending whose job will take an object, by S3's filters, or None."""
        if not self._fits(listed):
            return None
        if self.suffixes:
            met = [each for each in self.suffixes if listed.address.key.endswith(each)]
            return min(met, key=len, default=None)
        _, dot, last = listed.address.name.rpartition(".")
        return dot + last if dot + last.lower() in EXTENSIONS else None

    def _fits(self, listed: Listed) -> bool:
        return (
            (self.larger is None or listed.size > self.larger)
            and (self.smaller is None or listed.size < self.smaller)
            and (self.after is None or listed.modified > self.after)
            and (self.before is None or listed.modified < self.before)
        )

    def filters(self, ending: str) -> dict[str, Any]:
        """Return the same for S3. ending: of the keys, empty for any."""
        below = as_folder(self.top)
        names: dict[str, list[str]] = {}
        if below.key:
            names["MatchAnyPrefix"] = [below.key]
        if ending:
            # S3's reference lets each of these lists have one string.
            names["MatchAnySuffix"] = [ending]
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
class Share:
    """What one ending has of a listing."""

    photos: int
    size: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What a listing showed. complete: it came to its end.

    endings: each that needs a job, most photos first. Where the listing was cut short, those that
    were asked for and not met are among them.
    """

    photos: int
    size: int
    listed: int
    complete: bool
    endings: Mapping[str, Share] = field(default_factory=dict)

    def scaled(self, photos: int) -> "Survey":
        """Return what so many photos of the same kind come to; as it is where none was seen.

        The endings stay as they were seen.
        """
        if not self.photos:
            return self
        factor = photos / self.photos
        return Survey(
            photos,
            round(self.size * factor),
            round(self.listed * factor),
            complete=True,
            endings=self.endings,
        )


def survey(objects: Iterable[Listed], wanted: Wanted, *, limit: int) -> Survey:
    """Count the photos of a listing by their endings, up to `limit` objects of any kind."""
    photos: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    listed, complete = 0, True
    for each in objects:
        if listed == limit:
            complete = False
            # Nobody knows yet that there is none of them.
            photos.update(dict.fromkeys(wanted.jobs(), 0))
            break
        listed += 1
        ending = wanted.ending_of(each)
        if ending is not None:
            photos[ending] += 1
            sizes[ending] += each.size
    endings = {ending: Share(number, sizes[ending]) for ending, number in photos.most_common()}
    return Survey(photos.total(), sizes.total(), listed, complete=complete, endings=endings)


def job_request(
    wanted: Wanted,
    place: Place,
    *,
    ending: str,
    priority: int,
    arguments: Mapping[str, str],
    waits: bool,
) -> dict[str, Any]:
    """Return the arguments of CreateJob for the keys of one ending, empty for any.

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
                "Filter": wanted.filters(ending),
            }
        },
        "Description": f"jpegslim: {f'{ending} below ' if ending else ''}{wanted.top}"[:256],
        "Priority": priority,
        "RoleArn": place.role,
        # The same request twice, as after an answer that was lost, is one job.
        "ClientRequestToken": secrets.token_hex(16),
    }


def submit(client: Any, request: Mapping[str, Any], *, ending: str = "") -> str:
    """Create the job; return its id. client: for S3 Control. Raises RunError."""
    doing = "creating the job (s3:CreateJob, and iam:PassRole for its role)"
    account = Address(str(request["AccountId"]), "")
    try:
        with translated(account, doing):
            return str(client.create_job(**request)["JobId"])
    except FileError as error:
        which = f" for {ending}" if ending else ""
        raise RunError(f"no job was created{which}: {error}") from error


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


def stopping(place: Place, job: str, *, profile: str | None = None) -> Sequence[str]:
    """Return what to type to see a job, and to stop it. profile: of the AWS configuration."""
    which = f"--region {place.region} --account-id {place.account} --job-id {job}"
    if profile is not None:
        which = f"--profile {shlex.quote(profile)} {which}"
    return (
        f"aws s3control describe-job {which}",
        f"aws s3control update-job-status {which} --requested-job-status Cancelled",
    )
