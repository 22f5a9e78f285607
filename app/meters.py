"""What one web process counts about itself."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

PREFIX = "feedback_alignment"

_LAG_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ANSWER_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Meters:
    """Counters of a web process, in a registry of their own.

    Attributes:
        registry: everything that ``/metrics`` shows.
        lag: from the append of a frame's last event to the frame, in seconds.
        answers: how long requests take, by method, address and status.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.lag = Histogram(
            f"{PREFIX}_event_lag_seconds",
            "From the append of an event to the frame that viewers get.",
            buckets=_LAG_S,
            registry=self.registry,
        )
        self.answers = Histogram(
            f"{PREFIX}_request_seconds",
            "From a request to the first byte of its answer.",
            ["method", "address", "status"],
            buckets=_ANSWER_S,
            registry=self.registry,
        )

    def lag_within(self, share: float) -> float | None:
        """Seconds within which at least ``share`` of the frames were made; None without any.

        An upper edge of a bucket, and infinite beyond the last one.
        """
        (family,) = self.lag.collect()
        edges = {
            float(sample.labels["le"]): sample.value
            for sample in family.samples
            if sample.name.endswith("_bucket")
        }
        count = edges[float("inf")]
        return min(edge for edge in edges if edges[edge] >= share * count) if count else None
