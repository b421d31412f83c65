"""What the service counts and times, for Prometheus; no label can grow with its users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client import values as prometheus_values
from prometheus_client.metrics_core import GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from serve.answers import answer_to

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """All metrics of one process; with several workers, those of all are answered together."""

    def __init__(self) -> None:
        own = CollectorRegistry()
        self._registry = own
        if prometheus_values.ValueClass is not prometheus_values.MutexValue:
            # Workers write into files of a common folder, which this collector adds up.
            self._registry = CollectorRegistry()
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]
        live: dict[str, Any] = {"registry": own, "multiprocess_mode": "livesum"}
        self.requests = Counter(
            "macaronic_requests", "Requests answered", ["route", "method", "status"], registry=own
        )
        self.request_seconds = Histogram(
            "macaronic_request_seconds",
            "From a request's head to its answer's end",
            ["route", "status"],
            buckets=SECONDS,
            registry=own,
        )
        self.in_flight = Gauge("macaronic_requests_in_flight", "Requests at work", **live)
        self.queue_depth = Gauge("macaronic_queue_depth", "Sentences that wait", **live)
        self.queue_seconds = Histogram(
            "macaronic_queue_seconds", "A sentence's wait", buckets=SECONDS, registry=own
        )
        self.batch_size = Histogram(
            "macaronic_batch_size", "Sentences decoded together", buckets=SIZES, registry=own
        )
        self.batch_seconds = Histogram(
            "macaronic_batch_seconds", "Decoding of a batch", buckets=SECONDS, registry=own
        )
        self.pieces = Counter("macaronic_pieces", "Source pieces decoded", registry=own)
        self.characters = Counter("macaronic_characters", "Characters translated", registry=own)
        self.rejected = Counter("macaronic_rejected", "Requests refused", ["reason"], registry=own)
        self.flags = Counter("macaronic_flags", "Flags raised", ["flag"], registry=own)
        self.ready = Gauge("macaronic_ready", "1 while requests are taken", **live)

    def note_batch(
        self, pieces: int, waited: Sequence[float], seconds: float, still_waiting: int
    ) -> None:
        """Count one batch of sentences, `waited` seconds each."""
        self.batch_size.observe(len(waited))
        self.batch_seconds.observe(seconds)
        for wait in waited:
            self.queue_seconds.observe(wait)
        self.pieces.inc(pieces)
        self.queue_depth.set(still_waiting)

    def note_error(self, error: Exception) -> None:
        """Count a request that was refused."""
        if reason := answer_to(error).reason:
            self.rejected.labels(reason).inc()

    def text(self) -> bytes:
        """All metrics as Prometheus reads them."""
        again = CollectorRegistry()
        again.register(_LibreTranslateNames(self._registry))
        return generate_latest(self._registry) + generate_latest(again)


class _LibreTranslateNames(Collector):
    """What LibreTranslate counts too, under its names, for whoever has alerts or boards on them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """Both, where there is something to tell; several workers begin without requests."""
        for metric in self._registry.collect():
            if metric.name == "macaronic_request_seconds":
                yield self._durations(metric)
            elif metric.name == "macaronic_requests_in_flight":
                at_work = sum(sample.value for sample in metric.samples)
                name = "libretranslate_http_requests_in_flight"
                yield GaugeMetricFamily(name, f"As {metric.name}", at_work)

    def _durations(self, metric: Metric) -> Metric:
        name = "libretranslate_http_request_duration_seconds"
        summary = SummaryMetricFamily(name, f"As {metric.name}")
        for sample in metric.samples:
            if sample.name.endswith(("_count", "_sum")):
                labels = {"endpoint": sample.labels["route"], "status": sample.labels["status"]}
                summary.add_sample(sample.name.replace(metric.name, name), labels, sample.value)
        return summary
