"""What `backfill` says: its estimate, its requests, and how to stop what it submitted."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jpegslim.reports.wording import count, duration, percent, printable, size

if TYPE_CHECKING:
    from jpegslim.aws.backfill import Survey, Wanted
    from jpegslim.aws.prices import Estimate


def estimate_lines(wanted: "Wanted", seen: "Survey", expected: "Estimate") -> Iterator[str]:
    """Say what the jobs would take, for a person."""
    from jpegslim.aws.prices import AS_OF, LEFT, REGION

    where = printable(str(wanted.top))
    if not expected.photos:
        if seen.complete:
            yield f"no such photo below {where}: nothing to do"
        else:
            first = f"among the first {seen.listed:,} objects below {where}"
            yield f"no such photo {first}: raise --count-limit"
        return
    if expected.photos != seen.photos:
        how = f"as given; sizes as of the first {seen.photos:,}"
    elif seen.complete:
        how = "counted"
    else:
        how = f"at least: the first {seen.listed:,} objects were listed; see --photos"
    yield f"photos   {expected.photos:,} below {where}, {size(expected.size)} ({how})"
    yield from _job_lines(seen)
    if not (seen.complete or wanted.suffixes):
        met = ", ".join(map(printable, seen.endings))
        yield f"endings  {met} were seen: others need --suffix, or a higher --count-limit"
    yield (
        f"time     {duration(expected.elapsed)} with {count(expected.copies, 'photo')} at once,"
        f" after S3 has listed them ({duration(expected.seconds)} of work)"
    )
    yield (
        f"saves    {size(expected.saved)}, ${expected.saved_monthly:,.2f} a month,"
        f" if {percent(1 - LEFT)} go as of the photos measured"
    )
    yield f"costs    ${expected.total:,.2f}, by prices of {REGION} in {AS_OF}:"
    for name, dollars in expected.costs.items():
        yield f"         ${dollars:,.2f} {name}"


def _job_lines(seen: "Survey") -> Iterator[str]:
    """Name the jobs, where there is more than one."""
    if len(seen.endings) == 1:
        return
    yield f"jobs     {len(seen.endings)}, for S3 takes one ending a job:"
    for ending, share in seen.endings.items():
        met = f"{count(share.photos, 'photo')}, {size(share.size)}" if share.photos else "none yet"
        yield f"         {printable(ending)} ({met})"


def request_lines(requests: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Show what would be sent to S3. requests: by the ending that each is for."""
    for request in requests.values():
        yield "request  to S3 Control, CreateJob:"
        yield from json.dumps(request, indent=2, default=_moment).splitlines()


def submitted_lines(
    requests: Mapping[str, Mapping[str, Any]],
    jobs: Mapping[str, str],
    how: Mapping[str, Sequence[str]],
    *,
    waits: bool,
) -> Iterator[str]:
    """Say what became of them, and how to see and stop each.

    requests, jobs: by ending; there are fewer jobs where one was refused. how: by job.
    """
    state = "waits for its confirmation in the S3 console" if waits else "is being prepared"
    for ending, job in jobs.items():
        which = f" for {printable(ending)}" if len(requests) > 1 else ""
        yield f"job      {job}{which} {state}"
        for heading, command in zip(("to see", "to stop"), how[job], strict=True):
            yield f"{heading:8} {command}"
    left = [ending for ending in requests if ending not in jobs]
    if jobs and left:
        asked = " ".join(f"--suffix {shlex.quote(printable(ending))}" for ending in left)
        yield f"left     {count(len(left), 'job')} not created, to be asked for again with {asked}"


def record(
    seen: "Survey",
    expected: "Estimate",
    requests: Mapping[str, Mapping[str, Any]],
    jobs: Mapping[str, str],
) -> dict[str, object]:
    """Return everything as one JSON object."""
    from jpegslim.aws.prices import AS_OF, REGION

    return {
        "photos": expected.photos,
        "bytes": expected.size,
        "listed": seen.listed,
        "endings": {
            ending: {"photos": share.photos, "bytes": share.size}
            for ending, share in seen.endings.items()
        },
        "complete": seen.complete,
        "seconds_of_work": round(expected.seconds, 1),
        "seconds": round(expected.elapsed, 1),
        "copies": expected.copies,
        "costs": {name: round(dollars, 4) for name, dollars in expected.costs.items()},
        "cost": round(expected.total, 4),
        "currency": "USD",
        "prices": f"{REGION}, {AS_OF}",
        "requests": json.loads(json.dumps(list(requests.values()), default=_moment)),
        "jobs": list(jobs.values()),
    }


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} in a request")
