"""Counters in Prometheus' text format, version 0.0.4."""

import asyncio
import time
from collections import Counter

from jpegslim.errors import FileError, RunError
from jpegslim.web.orders import Made

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_WORK_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_LAG_BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_LAG_EVERY = 0.02


class Histogram:
    """Observations counted by upper bound."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self._sum += value
        place = next((i for i, bound in enumerate(self._bounds) if value <= bound), -1)
        self._counts[place] += 1

    def lines(self, name: str) -> list[str]:
        """Return the samples: cumulative buckets, sum and count."""
        total = 0
        shown = []
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            label = "+Inf" if bound == float("inf") else f"{bound:g}"
            shown.append(f'{name}_bucket{{le="{label}"}} {total}')
        return [*shown, f"{name}_sum {self._sum:.6f}", f"{name}_count {total}"]


class Metrics:
    """What the service counts."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._pictures: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._bytes_in = 0
        self._bytes_out = 0
        self._work = Histogram(_WORK_BOUNDS)
        self._lag = Histogram(_LAG_BOUNDS)

    def answered(self, method: str, status: int) -> None:
        """Count a response. Methods are whatever clients send, so unknown ones count as one."""
        known = method if method in ("GET", "HEAD", "POST", "PUT", "DELETE") else "other"
        self._requests[known, status] += 1

    def refused(self, reason: str) -> None:
        """Count what was turned away for lack of room."""
        self._refused[reason] += 1

    def worked(self, made: Made | None, error: FileError | RunError | None) -> None:
        """Count a picture that left a worker."""
        if made is None:
            self._pictures["failed"] += 1
            if isinstance(error, FileError):
                self._refused[error.reason] += 1
            return
        self._pictures[str(made.optimized.status)] += 1
        self._bytes_in += made.optimized.bytes_in
        self._bytes_out += made.optimized.bytes_out
        self._work.observe(made.seconds)

    async def watch_loop(self) -> None:
        """Measure, until cancelled, how much later than asked the event loop wakes."""
        while True:
            start = time.perf_counter()
            await asyncio.sleep(_LAG_EVERY)
            self._lag.observe(max(0.0, time.perf_counter() - start - _LAG_EVERY))

    def text(self, gauges: dict[str, tuple[str, float]]) -> str:
        """Return the exposition; `gauges`: the state of the moment, help and value by name."""
        lines: list[str] = []

        def family(name: str, kind: str, words: str, samples: list[str]) -> None:
            lines.extend((f"# HELP {name} {words}", f"# TYPE {name} {kind}", *samples))

        family(
            "jpegslim_requests_total",
            "counter",
            "Responses by method and status.",
            [
                f'jpegslim_requests_total{{method="{method}",status="{status}"}} {count}'
                for (method, status), count in sorted(self._requests.items())
            ],
        )
        family(
            "jpegslim_pictures_total",
            "counter",
            "Pictures that left a worker, by outcome.",
            _labelled("jpegslim_pictures_total", "status", self._pictures),
        )
        family(
            "jpegslim_refused_total",
            "counter",
            "What was turned away or failed, by reason.",
            _labelled("jpegslim_refused_total", "reason", self._refused),
        )
        for way, value in (("in", self._bytes_in), ("out", self._bytes_out)):
            name = f"jpegslim_bytes_{way}_total"
            family(name, "counter", f"Bytes of pictures, {way}.", [f"{name} {value}"])
        for name, (words, number) in gauges.items():
            family(name, "gauge", words, [f"{name} {number:g}"])
        work, lag = "jpegslim_work_seconds", "jpegslim_event_loop_lag_seconds"
        family(work, "histogram", "Time in a worker.", self._work.lines(work))
        family(lag, "histogram", "How late the event loop wakes.", self._lag.lines(lag))
        return "\n".join(lines) + "\n"


def _labelled(name: str, label: str, counts: Counter[str]) -> list[str]:
    return [f'{name}{{{label}="{value}"}} {count}' for value, count in sorted(counts.items())]
