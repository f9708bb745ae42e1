"""Runs over S3 from the command line: which options they have a use for."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jpegslim.cli.parameters import check_name
from jpegslim.errors import UsageError

if TYPE_CHECKING:
    from jpegslim.aws.addresses import Address
    from jpegslim.results import Totals

_Command = TypeVar("_Command", bound=Callable[..., Any])

_SCHEME = "s3://"


def s3_options(command: _Command) -> _Command:
    """Give a command the options that say where S3 is."""
    where = (
        ("--region", "NAME", "Where the bucket is, as in eu-west-1."),
        ("--profile", "NAME", "Of your AWS configuration, where a name begins with s3://."),
        ("--endpoint-url", "URL", "Of a service that speaks S3, where it is not AWS."),
    )
    for name, metavar, words in where:
        command = click.option(name, callback=check_name, metavar=metavar, help=words)(command)
    return command


def is_remote(*names: str | None) -> bool:
    """Tell whether any of these names is an object's and not a file's."""
    return any(name is not None and name[: len(_SCHEME)].lower() == _SCHEME for name in names)


def check_remote(given: Sequence[str]) -> None:
    """Raise UsageError where S3 can't be had, or for the first option that it has no use for.

    given: the options that are for files alone, as far as they were given.
    """
    if find_spec("boto3") is None:
        raise UsageError("S3 needs two more libraries: pip install 'jpegslim[aws]'")
    if given:
        why = {
            "--backup": ": turn on versioning of the bucket, or give --output",
            "--from-file": ": name the objects or what their keys begin with",
        }
        raise UsageError(f"{given[0]} is not for S3{why.get(given[0], '')}")


def run_remote(paths: Sequence[str], output: str | None, **options: Any) -> "Totals":
    """Run over S3. options: the other fields of `aws.run.Order`. Raises UsageError."""
    from jpegslim.aws.addresses import parse_address
    from jpegslim.aws.run import Order, run

    there: Address | Path | None = None
    if output is not None:
        there = parse_address(output) if is_remote(output) else Path(output)
    return run(Order(sources=_sources(paths), output=there, **options))


def _sources(paths: Sequence[str]) -> "list[Address] | list[Path]":
    from jpegslim.aws.addresses import parse_address

    remote = [is_remote(path) for path in paths]
    if all(remote):
        return [parse_address(path) for path in paths]
    if any(remote):
        raise UsageError("files and objects can't be mixed: run them apart")
    return [Path(path) for path in paths]
