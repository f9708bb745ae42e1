"""What a client may ask for, from a query string or a JSON object: strictly, so typos are told."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from starlette.requests import Request

from jpegslim.errors import UsageError
from jpegslim.reports.wording import printable
from jpegslim.settings import Metadata, Settings, parse_quality
from jpegslim.web.limits import Limits
from jpegslim.web.problems import Problem

DEFAULT_QUALITY = "high"
# Python reads more as a number than JSON and other languages do: 1_0, ٣, nan.
_NUMBER = re.compile(r"[0-9]{1,3}(\.[0-9]+)?", re.ASCII)
_PRESET = re.compile(r"[a-z]+", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_LONGEST_PATH = 1024
_LONGEST_NAME = 255
# What Windows and zip programs take for something else than a part of a name.
_AWKWARD = str.maketrans(dict.fromkeys('\\:*?"<>|', "_"))


def read_query(request: Request, *, known: set[str]) -> dict[str, str]:
    """Return the query's parameters. Raises Problem 400 for unknown and repeated ones."""
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            expected = ", ".join(sorted(known)) or "none"
            raise Problem(
                400, "unknown_parameter", f"unknown parameter {name!r}; known: {expected}"
            )
        if name in given:
            raise Problem(400, "repeated_parameter", f"parameter {name!r} is given twice")
        given[name] = value
    return given


def settings_from_query(query: Mapping[str, str], limits: Limits) -> Settings:
    """Read quality, metadata and baseline. Raises Problem 400."""
    baseline = _BOOLEANS.get(query.get("baseline", "false"))
    if baseline is None:
        raise Problem(400, "bad_parameter", "baseline is true or false")
    return _settings(
        query.get("quality", DEFAULT_QUALITY),
        query.get("metadata", Metadata.KEEP),
        baseline=baseline,
        limits=limits,
    )


def settings_from_object(given: object, limits: Limits) -> Settings:
    """Read the JSON object that opens a batch. Raises Problem 400."""
    if not isinstance(given, dict):
        raise Problem(400, "bad_body", "the body is a JSON object, like {}")
    unknown = sorted(set(given) - {"quality", "metadata", "baseline"})
    if unknown:
        raise Problem(400, "unknown_parameter", f"unknown member {unknown[0]!r}")
    quality = given.get("quality", DEFAULT_QUALITY)
    if isinstance(quality, int | float) and not isinstance(quality, bool):
        quality = f"{quality:f}"
    metadata = given.get("metadata", Metadata.KEEP)
    baseline = given.get("baseline", False)
    if not isinstance(quality, str) or not isinstance(metadata, str):
        raise Problem(400, "bad_parameter", "quality and metadata are strings, or a number")
    if not isinstance(baseline, bool):
        raise Problem(400, "bad_parameter", "baseline is true or false")
    return _settings(quality, metadata, baseline=baseline, limits=limits)


def read_path(text: str) -> str:
    """Return a file's path within its batch, as the zip will name it.

    It is a name for people and never one on the disk. Raises Problem 400 where it could lead a
    zip program astray.
    """
    if not text or len(text) > _LONGEST_PATH:
        raise Problem(400, "bad_path", f"path has 1 to {_LONGEST_PATH} characters")
    if text != printable(text):
        raise Problem(400, "bad_path", "path has characters that can't be shown")
    parts = PurePosixPath(text.translate(_AWKWARD)).parts
    # Windows drops dots and spaces at a name's end: ".. " is its "..".
    if text.startswith("/") or not parts or not all(part.strip(". ") for part in parts):
        raise Problem(400, "bad_path", "path is relative: no '/' in front, no name of dots inside")
    if any(len(part.encode()) > _LONGEST_NAME for part in parts):
        raise Problem(400, "bad_path", f"a name in path is longer than {_LONGEST_NAME} bytes")
    return "/".join(parts)


def _settings(quality: str, metadata: str, *, baseline: bool, limits: Limits) -> Settings:
    if not (_NUMBER.fullmatch(quality) or _PRESET.fullmatch(quality)):
        text = f"quality {quality!r} is neither a preset nor a number 1 to 100"
        raise Problem(400, "bad_parameter", text)
    try:
        return Settings(
            target=parse_quality(quality),
            metadata=Metadata(metadata),
            progressive=not baseline,
            max_megapixels=limits.megapixels,
        )
    except (UsageError, ValueError) as error:
        raise Problem(400, "bad_parameter", str(error)) from error
