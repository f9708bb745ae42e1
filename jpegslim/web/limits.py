"""How much the service takes on: every bound in one place."""

from dataclasses import dataclass

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds that keep one client, or all of them, from exhausting the machine.

    file_bytes: the largest upload. Default: 100 MB.
    megapixels: larger pictures are refused from their header. Default: 150.
    files: in one batch. Default: 2000.
    queue: single pictures that wait for a worker; per client at most a quarter. Default: 64.
    batches: held at once by one client. Default: 16.
    stored_bytes: uploads and results held at once; per client at most half. Default: 8 GB.
    keep_seconds: how long a batch is held after its last change. Default: one hour.
    work_seconds: after which the worker at a picture is killed. Default: 300.
    idle_seconds: the longest pause within an upload, before a request's headers, and in taking an
    answer. Default: 20.
    upload_seconds: the longest upload. Default: 600.
    stop_seconds: how long a stop waits for what runs. Default: 60.
    connections: open at once; per client, unless it is the proxy, at most a quarter. Default: 800.
    """

    file_bytes: int = 100_000_000
    megapixels: float = 150.0
    files: int = 2000
    queue: int = 64
    batches: int = 16
    stored_bytes: int = 8_000_000_000
    keep_seconds: float = 3600.0
    work_seconds: float | None = 300.0
    idle_seconds: float = 20.0
    upload_seconds: float = 600.0
    stop_seconds: float = 60.0
    connections: int = 800

    @property
    def queue_of_one(self) -> int:
        """The most that one client may have waiting, so that others still find room."""
        return max(1, self.queue // 4)

    @property
    def stored_of_one(self) -> int:
        """The most bytes that one client may have stored."""
        return max(self.file_bytes, self.stored_bytes // 2)

    @property
    def connections_of_one(self) -> int:
        """The most connections that one client may hold."""
        return max(1, self.connections // 4)
