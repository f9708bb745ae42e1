"""The command `backfill`: photos that are in a bucket already, by S3 Batch Operations."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from jpegslim.cli.parameters import debug_option, read_quality, read_size
from jpegslim.cli.remote import check_remote, s3_options
from jpegslim.cli.sections import Sectioned
from jpegslim.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from jpegslim.aws.addresses import Address
    from jpegslim.aws.backfill import Place, Survey, Wanted

_HELP = """Let the function in AWS Lambda optimize the photos that are in a bucket already.

S3 Batch Operations lists the photos below s3://BUCKET/PREFIX, calls the function for each and
writes a report. What it will take and cost is estimated first, from a listing; nothing is
submitted before you agree. S3 takes one ending a job, so each that is found has its own. --stack
names the stack deployed from deploy/aws/template.yaml, which knows everything else.

\b
  jpegslim backfill s3://photos/2019 --stack jpegslim --dry-run
  jpegslim backfill s3://photos/2019 --stack jpegslim
"""

_SECTIONS = {
    "Which photos": ("suffix", "larger_than", "smaller_than", "stored_after", "stored_before"),
    "What becomes of them, where not as deployed": ("quality", "metadata"),
    "What works on them": ("stack", "function", "role", "report"),
    "How the jobs go": ("priority", "hold", "dry_run", "yes", "as_json"),
    "What the estimate assumes": ("count_limit", "photos", "copies", "memory", "architecture"),
    "Where S3 is": ("endpoint_url", "profile", "region"),
}
# Lambda's own, of an account; those of new accounts are lower.
_COPIES = 1000


def _read_time(_: click.Context, __: click.Parameter, value: str | None) -> datetime | None:
    """Turn a date, or a date and a time, into a moment; UTC where it names no zone."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        text = f"{value!r} is no date: write 2024-06-30, or 2024-06-30T12:00"
        raise click.BadParameter(text) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _check_quality(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """Refuse what is no quality before a job is full of it."""
    if value is not None:
        read_quality(context, parameter, value)
    return value


@click.command(
    cls=Sectioned,
    sections=_SECTIONS,
    help=_HELP,
    short_help="Optimize what is in a bucket already, in AWS.",
)
@click.argument("source", metavar="s3://BUCKET/PREFIX")
@click.option(
    "--suffix",
    multiple=True,
    metavar="TEXT",
    help="Only keys that end like this, in this very case; may be given again, for a job each; ''"
    " for one job over all.  [default: .jpg .jpeg .jpe .jfif, in whatever letters they are found]",
)
@click.option("--larger-than", callback=read_size, metavar="SIZE", help="As in 200k or 1.5M.")
@click.option("--smaller-than", callback=read_size, metavar="SIZE", help="As in 200k or 1.5M.")
@click.option("--stored-after", callback=_read_time, metavar="DATE", help="As in 2024-06-30; UTC.")
@click.option("--stored-before", callback=_read_time, metavar="DATE", help="As in 2024-06-30; UTC.")
@click.option(
    "-q",
    "--quality",
    callback=_check_quality,
    metavar="PRESET|NUMBER",
    help="A preset's name or a score from 1 to 100, for these jobs alone.",
)
@click.option(
    "--metadata",
    type=click.Choice(["keep", "safe", "strip"], case_sensitive=False),
    help="What becomes of the metadata inside photos, for these jobs alone.",
)
@click.option("--stack", metavar="NAME", help="The stack in CloudFormation that knows the rest.")
@click.option("--function", metavar="ARN", help="The function, without --stack.")
@click.option("--role", metavar="ARN", help="What the jobs may do, without --stack.")
@click.option(
    "--report", metavar="s3://BUCKET/PREFIX", help="Where the jobs' lists and reports are kept."
)
@click.option(
    "--priority",
    type=click.IntRange(0, 2147483647),
    default=10,
    show_default=True,
    help="Among the jobs of the account; the highest goes first.",
)
@click.option(
    "--hold", is_flag=True, help="Submit the jobs, but let them wait for a click in the console."
)
@click.option("-n", "--dry-run", is_flag=True, help="Estimate, show the requests, submit nothing.")
@click.option("-y", "--yes", is_flag=True, help="Submit without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--count-limit",
    type=click.IntRange(min=1),
    default=1_000_000,
    show_default=True,
    help="List so many objects at most; 1,000 are one request.",
)
@click.option(
    "--photos",
    type=click.IntRange(min=1),
    help="How many photos there are, where you know it and listing them all would take long.",
)
@click.option(
    "--copies",
    type=click.IntRange(min=1),
    help=f"Copies of the function at work at once.  [default: as deployed, else {_COPIES}]",
)
@click.option(
    "--memory",
    type=click.IntRange(128, 10240),
    metavar="MB",
    help="Of the function.  [default: as deployed, else 1769]",
)
@click.option(
    "--architecture",
    type=click.Choice(["arm64", "x86_64"]),
    help="Of the function.  [default: as deployed, else arm64]",
)
@s3_options
@debug_option
def backfill(
    *,
    source: str,
    suffix: tuple[str, ...],
    larger_than: int,
    smaller_than: int,
    stored_after: datetime | None,
    stored_before: datetime | None,
    quality: str | None,
    metadata: str | None,
    stack: str | None,
    function: str | None,
    role: str | None,
    report: str | None,
    priority: int,
    hold: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    count_limit: int,
    photos: int | None,
    copies: int | None,
    memory: int | None,
    architecture: str | None,
    endpoint_url: str | None,
    profile: str | None,
    region: str | None,
    debug: bool,  # noqa: ARG001 - noted by the option's callback
) -> ExitCode:
    """Estimate, ask, submit."""
    check_remote([])
    from jpegslim.aws import backfill as work
    from jpegslim.aws import connection
    from jpegslim.aws.addresses import parse_address
    from jpegslim.aws.prices import MEGABYTES_PER_CORE, estimate
    from jpegslim.cli import backfilled
    from jpegslim.cli.printer import Printer

    if as_json and not (yes or dry_run):
        raise UsageError("--json asks nobody: give --yes or --dry-run with it")
    where = {"endpoint_url": endpoint_url, "profile": profile, "region": region}
    wanted = work.Wanted(
        top=parse_address(source),
        suffixes=suffix,
        larger=larger_than or None,
        smaller=smaller_than or None,
        after=stored_after,
        before=stored_before,
    )
    outputs = _outputs(stack, where)
    place = _place(outputs, function, role, report)
    _check_source(wanted.top, outputs)
    seen = _count(wanted, where, count_limit)
    found = seen if photos is None else seen.scaled(photos)
    expected = estimate(
        photos=found.photos,
        size=found.size,
        listed=found.listed,
        jobs=len(found.endings),
        architecture=architecture or outputs.get("Architecture", "arm64"),
        memory=memory or int(outputs.get("MemorySize", MEGABYTES_PER_CORE)),
        copies=copies or int(outputs.get("BackfillConcurrency", 0)) or _COPIES,
    )
    arguments = {"quality": quality, "metadata": metadata and metadata.lower()}
    requests = {
        ending: work.job_request(
            wanted,
            place,
            ending=ending,
            priority=priority,
            arguments={name: value for name, value in arguments.items() if value},
            waits=hold,
        )
        # Where none was met nothing can be said of what a job would cost.
        for ending in (seen.endings if seen.photos else ())
    }
    if not as_json:
        for line in backfilled.estimate_lines(wanted, seen, expected):
            Printer().line(line)
    jobs: dict[str, str] = {}
    try:
        if requests and not dry_run and (yes or _agrees(len(requests))):
            where["region"] = region or place.region
            client = connection.connect_service("s3control", **where)
            for ending, request in requests.items():
                jobs[ending] = work.submit(client, request, ending=ending)
    finally:
        # Also where a later one was refused: the first are there, and somebody has to know.
        if as_json:
            Printer().json(backfilled.record(seen, expected, requests, jobs))
        else:
            how = {job: work.stopping(place, job, profile=profile) for job in jobs.values()}
            for line in (
                *backfilled.request_lines(requests if dry_run else {}),
                *backfilled.submitted_lines(requests, jobs, how, waits=hold),
            ):
                Printer().line(line)
    return ExitCode.OK


def _outputs(stack: str | None, where: dict[str, Any]) -> dict[str, str]:
    """Return what a stack knows, nothing where there is none."""
    from jpegslim.aws.backfill import read_stack
    from jpegslim.aws.connection import connect_service

    return {} if stack is None else read_stack(connect_service("cloudformation", **where), stack)


def _place(
    outputs: dict[str, str], function: str | None, role: str | None, report: str | None
) -> "Place":
    """Return where the jobs run. Raises UsageError where something of it is not known."""
    from jpegslim.aws.addresses import Address, parse_address
    from jpegslim.aws.backfill import Place

    function = function or outputs.get("BackfillFunctionArn")
    role = role or outputs.get("JobRoleArn")
    if report is not None:
        kept = parse_address(report)
    else:
        kept = Address(outputs.get("ReportsBucket", ""), "")
    for name, value in (("--function", function), ("--role", role), ("--report", kept.bucket)):
        if not value:
            raise UsageError(f"give --stack, or {name} to name it yourself")
    return Place(function=str(function), role=str(role), report=kept)


def _check_source(top: "Address", outputs: dict[str, str]) -> None:
    """Raise UsageError for photos that the function was told to leave alone."""
    from jpegslim.aws.addresses import as_folder, parse_address

    source = outputs.get("Source")
    if source is not None and not parse_address(source).holds(as_folder(top)):
        raise UsageError(f"{top} is not below {source}, which the stack was deployed for")


def _count(wanted: "Wanted", where: dict[str, Any], limit: int) -> "Survey":
    """List the photos, up to a limit."""
    import tempfile
    from pathlib import Path

    from jpegslim.aws.addresses import as_folder
    from jpegslim.aws.backfill import survey
    from jpegslim.aws.connection import connect
    from jpegslim.aws.content import Shelf
    from jpegslim.aws.objects import Objects

    objects = Objects(connect(**where), Shelf(Path(tempfile.gettempdir())))
    return survey(objects.below(as_folder(wanted.top)), wanted, limit=limit)


def _agrees(jobs: int) -> bool:
    """Ask on the terminal. Raises UsageError where nobody is there."""
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to ask: give --yes, or --dry-run to submit nothing")
    agreed = click.confirm(f"Submit {'this job' if jobs == 1 else 'these jobs'}?", err=True)
    if not agreed:
        click.echo("jpegslim: nothing was submitted", err=True)
    return agreed
