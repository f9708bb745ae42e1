"""What the function tells: one line of JSON a photo, and metrics that CloudWatch reads from logs.

All metrics have the service as their only dimension: outcomes are metrics of their own, so their
number (and price) does not grow with what happens.
"""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from jpegslim.reports.records import file_record
from jpegslim.results import FileResult, Status

SERVICE = "jpegslim"

_OUTCOMES = {
    Status.OPTIMIZED: "Optimized",
    Status.LOSSLESS: "Lossless",
    Status.KEPT: "Kept",
    Status.SKIPPED: "Skipped",
    Status.FAILED: "Failed",
}
_LEVELS = {Status.FAILED: "error"}


class Teller:
    """One for the life of the function. environment: powertools' own variables win."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        service = environment.get("POWERTOOLS_SERVICE_NAME") or SERVICE
        namespace = environment.get("POWERTOOLS_METRICS_NAMESPACE") or SERVICE
        self.logger = Logger(service=service)
        self._metrics = Metrics(service=service, namespace=namespace)
        self._cold = True

    def begin(self, request: str) -> None:
        """Begin a call of the function. request: its id, in every line."""
        self.logger.append_keys(request_id=request, cold_start=self._cold)
        if self._cold:
            self._count("ColdStart")
        self._cold = False

    def photo(self, result: FileResult, *, seconds: float, retried: bool) -> None:
        """Tell of one photo. seconds: from reading to writing; retried: it comes again."""
        record: dict[str, Any] = {
            name: value for name, value in file_record(result).items() if name != "message"
        }
        # CloudWatch makes a field for each; these say nothing without a picture beside them.
        record.update(seconds_in_all=round(seconds, 3), retried=retried)
        tell = getattr(self.logger, _LEVELS.get(result.status, "info"))
        tell(result.message, extra={"photo": record})
        if retried:
            self._count("Retried")
            return
        self._count(_OUTCOMES[result.status])
        if result.status is Status.SKIPPED:
            return
        add = self._metrics.add_metric
        add(name="Duration", unit=MetricUnit.Seconds, value=round(seconds, 4))
        add(name="BytesIn", unit=MetricUnit.Bytes, value=result.bytes_in)
        add(name="BytesOut", unit=MetricUnit.Bytes, value=result.bytes_out)
        saved = result.bytes_in - result.bytes_out
        add(name="BytesSaved", unit=MetricUnit.Bytes, value=saved)
        if result.score is not None:
            add(name="Score", unit=MetricUnit.NoUnit, value=round(result.score, 3))

    def not_understood(self, name: str, trouble: str) -> None:
        """Tell of a message that is nothing of ours."""
        self.logger.error(trouble, extra={"message_name": name})
        self._count("NotUnderstood")

    def end(self) -> None:
        """Send the metrics of a call."""
        # A hundred of a kind are sent as soon as they are together, and may have been the last.
        if self._metrics.metric_set:
            self._metrics.flush_metrics()

    def _count(self, name: str) -> None:
        self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
