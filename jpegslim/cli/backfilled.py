"""What `backfill` says: its estimate, its request, and how to stop what it submitted."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jpegslim.reports.wording import count, duration, percent, printable, size

if TYPE_CHECKING:
    from jpegslim.aws.addresses import Address
    from jpegslim.aws.backfill import Survey
    from jpegslim.aws.prices import Estimate


def estimate_lines(top: "Address", seen: "Survey", expected: "Estimate") -> Iterator[str]:
    """Say what the job would take, for a person."""
    from jpegslim.aws.prices import AS_OF, LEFT, REGION

    if not expected.photos:
        where = printable(str(top))
        if seen.complete:
            yield f"no such photo below {where}: nothing to do"
        else:
            first = f"among the first {seen.listed:,} objects below {where}"
            yield f"no such photo {first}: raise --count-limit"
        yield from _missed_lines(seen)
        return
    if expected.photos != seen.photos:
        how = f"as given; sizes as of the first {seen.photos:,}"
    elif seen.complete:
        how = "counted"
    else:
        how = f"at least: the first {seen.listed:,} objects were listed; see --photos"
    yield f"photos   {expected.photos:,} below {printable(str(top))}, {size(expected.size)} ({how})"
    yield from _missed_lines(seen)
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


def _missed_lines(seen: "Survey") -> Iterator[str]:
    """Tell of photos that S3's filters can't take together with the others."""
    if seen.missed:
        more = count(sum(seen.missed.values()), "more photo")
        asked = " ".join(f"--suffix {printable(ending)}" for ending in sorted(seen.missed))
        yield f"without  {more}: S3's filters know case, so they need a job of their own: {asked}"


def request_lines(request: Mapping[str, Any]) -> Iterator[str]:
    """Show what would be sent to S3."""
    yield "request  to S3 Control, CreateJob:"
    yield from json.dumps(request, indent=2, default=_moment).splitlines()


def submitted_lines(job: str, commands: Sequence[str], *, waits: bool) -> Iterator[str]:
    """Say what became of it, and how to see and stop it."""
    state = "waits for its confirmation in the S3 console" if waits else "is being prepared"
    yield f"job      {job} {state}"
    for heading, command in zip(("to see", "to stop"), commands, strict=True):
        yield f"{heading:8} {command}"


def record(
    seen: "Survey", expected: "Estimate", request: Mapping[str, Any], job: str | None
) -> dict[str, object]:
    """Return everything as one JSON object."""
    from jpegslim.aws.prices import AS_OF, REGION

    return {
        "photos": expected.photos,
        "bytes": expected.size,
        "listed": seen.listed,
        "missed": dict(seen.missed),
        "complete": seen.complete,
        "seconds_of_work": round(expected.seconds, 1),
        "seconds": round(expected.elapsed, 1),
        "copies": expected.copies,
        "costs": {name: round(dollars, 4) for name, dollars in expected.costs.items()},
        "cost": round(expected.total, 4),
        "currency": "USD",
        "prices": f"{REGION}, {AS_OF}",
        "request": json.loads(json.dumps(request, default=_moment)),
        "job": job,
    }


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} in a request")
