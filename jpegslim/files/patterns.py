"""Glob patterns for paths below a folder, as --include and --exclude take them.

`*` and `?` stay within one name, `**` stands for any number of folders, `[a-z]` and `[!a-z]` for
one character. A pattern without a slash is held against the bare name, one with a slash against
the whole path below the PATH; a slash at its end asks for a folder.

Case is ignored on every system, as it is in .jpg and .JPG, and so is the way an accent is
encoded: a pattern typed on one system finds names written by another.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from jpegslim.errors import UsageError


@dataclass(frozen=True, slots=True)
class Patterns:
    """Compiled globs; a path matches where any of them does."""

    names: re.Pattern[str] | None
    paths: re.Pattern[str] | None
    folder_names: re.Pattern[str] | None

    def match_file(self, relative: str) -> bool:
        """Tell whether a file's path, slashes between its parts, matches."""
        return self._match(_plain(relative), self.names)

    def match_folder(self, relative: str) -> bool:
        """Tell whether a folder's path matches, or everything below it would."""
        plain = _plain(relative)
        return self._match(plain, self.folder_names) or self._match(f"{plain}/", None)

    def _match(self, plain: str, names: re.Pattern[str] | None) -> bool:
        if names is not None and names.fullmatch(plain.rpartition("/")[2]):
            return True
        return self.paths is not None and self.paths.fullmatch(plain) is not None


def compile_patterns(globs: Sequence[str]) -> Patterns:
    """Compile glob patterns. Raises UsageError for one that can't match anything or be read."""
    names: list[str] = []
    paths: list[str] = []
    folder_names: list[str] = []
    for glob in globs:
        wanted = _plain(glob).removeprefix("./")
        body = wanted.rstrip("/")
        if not body or ".." in body.split("/"):
            raise UsageError(
                f"the pattern {glob!r} matches nothing: patterns are held against paths below PATH"
            )
        if "/" not in body:
            folder_names.append(_part(body))
            if body == wanted:
                names.append(_part(body))
            continue
        expression = _path(body.removeprefix("/").split("/"))
        # A folder is held against the pattern with a slash behind it, too.
        paths.append(expression + ("/" if body != wanted else "/?"))
    try:
        return Patterns(_any(names), _any(paths), _any(folder_names))
    except re.error as error:
        raise UsageError(f"a pattern can't be read: {error.msg}") from error


def _any(expressions: list[str]) -> re.Pattern[str] | None:
    if not expressions:
        return None
    return re.compile("|".join(f"(?:{each})" for each in expressions), re.IGNORECASE | re.DOTALL)


def _path(parts: list[str]) -> str:
    """Translate a glob with slashes in it."""
    *above, last = parts
    text = "".join("(?:[^/]+/)*" if part == "**" else f"{_part(part)}/" for part in above)
    return text + (".*" if last == "**" else _part(last))


def _part(glob: str) -> str:
    """Translate what stands between two slashes."""
    if not glob.strip("*"):
        return "[^/]+"
    return re.sub(r"\*+|\?|\[(!?)(\]?[^\]]*)\]|.", _translate, glob, flags=re.DOTALL)


def _translate(token: re.Match[str]) -> str:
    text = token.group()
    if text.startswith("*"):
        return "[^/]*"
    if text == "?":
        return "[^/]"
    if len(text) == 1:
        return re.escape(text)
    inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", token.group(2))
    return f"(?!/)[{'^' if token.group(1) else ''}{inside}]"


def _plain(text: str) -> str:
    """Encode accents in one way (macOS writes them apart from their letters)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
