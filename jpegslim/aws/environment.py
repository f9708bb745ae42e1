"""The function's configuration: environment variables, checked once when it starts cold."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from jpegslim.aws.addresses import Address, as_folder, parse_address
from jpegslim.errors import UsageError
from jpegslim.files.pool import PEAK_BYTES, PEAK_BYTES_PER_MEGAPIXEL
from jpegslim.settings import Metadata, Settings, parse_quality

PREFIX = "JPEGSLIM_"
_KNOWN = {
    f"{PREFIX}{name}" for name in ("QUALITY", "METADATA", "SOURCE", "OUTPUT", "TIMEOUT", "RESERVE")
}

# The function's own process took 86 MB at its peak with photos of up to 4 MB; up to 32 MB of a
# photo are held in memory, while another is read and a third is on its way to a worker.
_OWN_BYTES = 200_000_000
# What Lambda gives one processor for.
_MEGABYTES_PER_CORE = 1769
_MEGABYTE = 1 << 20
# Beside which S3 notifications, logs and a write in parts find their time.
_RESERVE_SECONDS = 10.0
_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What the function was deployed to do.

    source: photos elsewhere are left alone; None takes all it is told of. output: where results
    go, None to replace the sources. timeout: seconds that one photo may take. reserve: seconds
    before the function's end at which it stops and reports. memory: of the function, in bytes.
    """

    settings: Settings
    source: Address | None
    output: Address | None
    timeout: float
    reserve: float
    memory: int

    @property
    def jobs(self) -> int:
        """How many photos are worked on together: one for each processor Lambda gives."""
        return max(1, round(self.memory / _MEGABYTE / _MEGABYTES_PER_CORE))

    @property
    def megapixels(self) -> float:
        """How many megapixels find room at once."""
        room = self.memory - _OWN_BYTES - self.jobs * PEAK_BYTES
        return max(1.0, room / PEAK_BYTES_PER_MEGAPIXEL)

    @property
    def largest(self) -> int:
        """How many bytes an object may have.

        However few its pixels are, a worker holds all of it: 300 MB took 341 MiB, 450 MB 491 MiB.
        """
        room = self.memory - _OWN_BYTES - self.jobs * PEAK_BYTES
        return max(_MEGABYTE, int(room / (2 * self.jobs)))

    def place(self, source: Address) -> Address | None:
        """Return where the result of a source goes, None to replace it."""
        if self.output is None or self.source is None:
            return None
        return self.output.below(self.source, source)


def read_environment(variables: Mapping[str, str]) -> Configuration:
    """Read the configuration from environment variables.

    Raises UsageError for what makes no sense, above all for an output that would call the
    function again for its own results.
    """
    unknown = sorted(name for name in variables if name.startswith(PREFIX) and name not in _KNOWN)
    if unknown:
        raise UsageError(f"there is no variable {unknown[0]}: one of {', '.join(sorted(_KNOWN))}")
    source, output = (_address(variables, name) for name in ("SOURCE", "OUTPUT"))
    source = None if source is None else as_folder(source)
    if output is not None:
        if source is None:
            raise UsageError(
                f"{PREFIX}OUTPUT needs {PREFIX}SOURCE beside it, the s3://BUCKET/PREFIX that"
                " photos are taken from: else results could call the function again"
            )
        output = as_folder(output)
        if source.holds(output) or output.holds(source):
            raise UsageError(
                f"{PREFIX}OUTPUT {output} and {PREFIX}SOURCE {source} lie in each other:"
                " every result would call the function again"
            )
    with _named("QUALITY"):
        settings = adjusted(Settings(), quality=variables.get(f"{PREFIX}QUALITY"))
    with _named("METADATA"):
        settings = adjusted(settings, metadata=variables.get(f"{PREFIX}METADATA"))
    configuration = Configuration(
        settings=settings,
        source=source,
        output=output,
        timeout=_seconds(variables, "TIMEOUT", _TIMEOUT_SECONDS),
        reserve=_seconds(variables, "RESERVE", _RESERVE_SECONDS),
        memory=int(variables.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", _MEGABYTES_PER_CORE))
        * _MEGABYTE,
    )
    # A picture that can't find room is left alone by what its header says.
    limit = min(configuration.settings.max_megapixels, configuration.megapixels)
    return replace(configuration, settings=replace(configuration.settings, max_megapixels=limit))


def adjusted(settings: Settings, *, quality: Any = None, metadata: Any = None) -> Settings:
    """Return settings with what is given changed. Raises UsageError for what makes no sense."""
    if quality:
        settings = replace(settings, target=parse_quality(str(quality)))
    if metadata:
        try:
            policy = Metadata(str(metadata).lower())
        except ValueError as error:
            text = f"metadata {metadata!r} is none of {', '.join(Metadata)}"
            raise UsageError(text) from error
        settings = replace(settings, metadata=policy)
    return settings


def _address(variables: Mapping[str, str], name: str) -> Address | None:
    text = variables.get(f"{PREFIX}{name}")
    with _named(name):
        return parse_address(text) if text else None


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Say which variable an error is about."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{PREFIX}{name}: {error}") from error


def _seconds(variables: Mapping[str, str], name: str, default: float) -> float:
    text = variables.get(f"{PREFIX}{name}")
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 900:  # noqa: PLR2004 - the longest a function may run
        raise UsageError(f"{PREFIX}{name} {text!r} is no number of seconds from 0 to 900")
    return seconds
