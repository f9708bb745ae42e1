"""What photos cost on AWS: its public prices, what was measured of photos, and estimates of both.

Prices change, and differ between regions: these are for an order of magnitude before the bill. They
were read where other documents quote AWS's price lists: hold them against the pages named below
before relying on them.
"""

from dataclasses import dataclass

# The price lists were published from 31 August (S3) to 19 September (Lambda).
AS_OF = "September 2026"
REGION = "us-east-1"

# In US dollars. Page "AWS Lambda Pricing": duration a GB-second, first tier; requests.
LAMBDA_GB_SECOND = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
LAMBDA_CALL = 0.20 / 1e6
# Page "Amazon S3 Pricing": S3 Standard, a GB for a month, and requests; Batch Operations, and its
# lists by filters, for each object that is in the bucket.
S3_GB_MONTH = 0.023
S3_WRITE = 0.005 / 1e3
S3_READ = 0.0004 / 1e3
BATCH_JOB = 0.25
BATCH_OBJECT = 1.00 / 1e6
BATCH_LISTED = 0.015 / 1e6
# Page "Amazon CloudWatch Pricing": logs taken in, a GB.
LOG_BYTE = 0.50 / 1e9

# 43 camera photos, 91 MB and 449 megapixels, preset `high`, one a call: 30.3 s on one x86-64 core
# (AVX-512) in Lambda's emulator, S3 on the same machine (benchmarks/function.py).
# A bucket of small or strongly compressed photos needs more a megabyte, up to twice as much.
SECONDS_PER_MEGABYTE = 0.333
# What they came to, of their own size.
LEFT = 0.566
# Where Lambda gives one whole processor; below it a share, and above it nothing more to one photo.
MEGABYTES_PER_CORE = 1769
# GetObject, its tags, its access list; then one PutObject.
_READS = 3
# One photo's line and its metrics. Lambda's own lines come on top.
_LOG_BYTES = 1115


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a backfill would take.

    seconds: of work, for all photos one after the other. elapsed: with so many copies at once.
    costs: in US dollars, by what they are for.
    """

    photos: int
    size: int
    seconds: float
    copies: int
    elapsed: float
    costs: dict[str, float]

    @property
    def total(self) -> float:
        """All costs together, in US dollars."""
        return sum(self.costs.values())

    @property
    def saved(self) -> int:
        """How many bytes less there would be, if these photos were like the measured ones."""
        return round(self.size * (1 - LEFT))

    @property
    def saved_monthly(self) -> float:
        """What storing them no longer costs in a month, in US dollars."""
        return self.saved / 1e9 * S3_GB_MONTH


def estimate(
    *, photos: int, size: int, listed: int, jobs: int, architecture: str, memory: int, copies: int
) -> Estimate:
    """Estimate jobs of S3 Batch Operations.

    size: bytes of all photos. listed: objects that each of the jobs has to look through for its
    photos, the bucket's others left out. memory: of the function, in MB. copies: of the function
    at work at once.
    """
    slower = max(1.0, MEGABYTES_PER_CORE / memory)
    seconds = size / 1e6 * SECONDS_PER_MEGABYTE * slower
    costs = {
        "Lambda": seconds * memory / 1024 * LAMBDA_GB_SECOND[architecture] + photos * LAMBDA_CALL,
        "S3 Batch Operations": (
            jobs * BATCH_JOB + photos * BATCH_OBJECT + jobs * listed * BATCH_LISTED
        ),
        "S3 requests": photos * (_READS * S3_READ + S3_WRITE),
        "CloudWatch logs": photos * _LOG_BYTES * LOG_BYTE,
    }
    busy = max(1, min(copies, photos))
    return Estimate(
        photos=photos, size=size, seconds=seconds, copies=busy, elapsed=seconds / busy, costs=costs
    )
