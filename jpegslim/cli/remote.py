"""Runs over S3 from the command line: which options they have a use for."""

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jpegslim.cli.names import is_remote, misplaced
from jpegslim.cli.parameters import check_name
from jpegslim.errors import UsageError

if TYPE_CHECKING:
    from jpegslim.aws.addresses import Address
    from jpegslim.cli.names import Names
    from jpegslim.cli.terms import Terms
    from jpegslim.results import FileResult, Totals

_Command = TypeVar("_Command", bound=Callable[..., Any])


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


def check_remote(given: Sequence[str]) -> None:
    """Raise UsageError where S3 can't be had, or for the first option that it has no use for.

    given: the options that are for files alone, as far as they were given.
    """
    # botocore does without awscrt, and without a word: then nothing checks what S3 keeps CRC-64 of.
    if any(find_spec(library) is None for library in ("boto3", "awscrt")):
        raise UsageError("S3 needs more libraries: pip install 'jpegslim[aws]'")
    if given:
        why = {
            "--backup": ": turn on versioning of the bucket, or give --output",
        }
        raise UsageError(f"{given[0]} is not for S3{why.get(given[0], '')}")


def run_remote(
    paths: Sequence[str],
    names: "Names | None",
    output: str | None,
    terms: "Terms",
    **options: Any,
) -> "Totals":
    """Run over S3. options: the other fields of `aws.run.Order`. Raises UsageError."""
    from jpegslim.aws.addresses import parse_address
    from jpegslim.aws.run import Order, run

    there: Address | Path | None = None
    if output is not None:
        there = parse_address(output) if is_remote(output) else Path(output)
    objects = names if names is not None and is_remote(names.first) else None
    files = names if objects is None else None
    return run(
        Order(
            sources=_sources(paths),
            listed=() if objects is None else _listed(objects),
            listed_files=() if files is None else files.paths(),
            output=there,
            jobs=terms.jobs,
            ledger=terms.ledger,
            timeout=terms.timeout,
            max_errors=terms.max_errors,
            time_limit=terms.time_limit,
            wait=terms.wait,
            cluster=terms.cluster,
            **options,
        )
    )


def _sources(paths: Sequence[str]) -> "list[Address] | list[Path]":
    from jpegslim.aws.addresses import parse_address

    remote = [is_remote(path) for path in paths]
    if all(remote):
        return [parse_address(path) for path in paths]
    if any(remote):
        raise UsageError("files and objects can't be mixed: run them apart")
    return [Path(path) for path in paths]


def _listed(names: "Names") -> "Iterator[Sequence[Address | FileResult]]":
    for piece in names.pieces:
        yield [_object(name) if is_remote(name) else misplaced(name) for name in piece]


def _object(name: str) -> "Address | FileResult":
    """Read a listed name; what can't be an object is an outcome."""
    from jpegslim.aws.addresses import read_address
    from jpegslim.results import FileResult, Status, Url

    status, reason = Status.FAILED, "not_an_object"
    try:
        address = read_address(name)
    except ValueError as error:
        message = str(error)
    else:
        if address.key and (address.is_named_like_a_photo or not address.key.endswith("/")):
            return address
        if address.key:
            # Consoles make such objects, so what lists a bucket lists them.
            status, reason = Status.SKIPPED, "folder"
            message = "ends with a slash: stands for a folder, where a list names photos"
        else:
            message = "names a bucket: a list names objects one by one, as s3://BUCKET/KEY"
    return FileResult(path=Url(name), status=status, reason=reason, message=message)
