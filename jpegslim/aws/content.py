"""The bytes of a photo on their way: in memory, or in a file of their own where they are many."""

import hashlib
import secrets
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import IO

from jpegslim.aws.troubles import Unavailable
from jpegslim.errors import JpegslimError
from jpegslim.files import store

# A photo of 50 megapixels seldom has more; through the pipe to a worker such a one exists up to
# four times at once.
IN_MEMORY_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes and what identifies them. digest: SHA-256, hex. One of data and path is None.

    Both are where the bytes are on another machine.
    """

    size: int
    digest: str
    data: bytes | None = field(default=None, repr=False)
    path: Path | None = None

    def open(self) -> IO[bytes]:
        """Open it for reading from the start."""
        if self.path is not None:
            return self.path.open("rb")
        assert self.data is not None  # noqa: S101 - what is elsewhere is not opened here
        return BytesIO(self.data)

    def elsewhere(self) -> "Content":
        """Return what another machine is to know of it."""
        return Content(self.size, self.digest)

    def discard(self) -> None:
        """Remove the file, if there is one."""
        if self.path is not None:
            with suppress(OSError):
                self.path.unlink()


class Shelf:
    """Where contents are kept while they are worked on.

    folder: ours alone. in_memory: fewer bytes than this take no file. when_full: raised where the
    disk is full: this photo's trouble, or every one's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        in_memory: int = IN_MEMORY_BYTES,
        when_full: type[JpegslimError] = Unavailable,
    ) -> None:
        self._folder = folder
        self._in_memory = in_memory
        self._when_full = when_full

    def room(self) -> int:
        """Return how many bytes a content may have now, so that its result finds room as well."""
        return max(self._in_memory, shutil.disk_usage(self._folder).free // 2)

    def new_path(self) -> Path:
        """Return a name that nothing has yet."""
        return self._folder / secrets.token_hex(8)

    def keep(self, pieces: Iterable[bytes], size: int) -> Content:
        """Take in bytes as they come. size: how many there should be.

        Raises what it was told to where the disk is full; what was written is gone then.
        """
        if size < self._in_memory:
            data = b"".join(pieces)
            return held(data)
        digest, written, path = hashlib.sha256(), 0, self.new_path()
        content = Content(size, "", None, path)
        try:
            with path.open("xb") as file:
                for piece in pieces:
                    digest.update(piece)
                    written += file.write(piece)
        except OSError as error:
            content.discard()
            words = store.plain_words(error)
            text = f"{self._folder} has no room for a photo of {size:,} bytes: {words}"
            raise self._when_full(text) from error
        except BaseException:
            content.discard()
            raise
        return Content(written, digest.hexdigest(), None, path)


def held(data: bytes) -> Content:
    """Return bytes in memory as content."""
    return Content(len(data), hashlib.sha256(data).hexdigest(), data)


def stored(path: Path) -> Content:
    """Return a file as content; it is read once."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Content(file.tell(), digest, None, path)
