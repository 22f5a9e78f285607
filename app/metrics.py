"""``/metrics``: what the installation does, in numbers that Prometheus reads."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

from flask import Blueprint, Flask, Response, g, request
from flask.typing import ResponseReturnValue
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from app.logs import logger
from app.meters import PREFIX, Meters
from app.settings import Settings
from app.store import Store
from app.system import OK, System, free_room

_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})

log = logger(__name__)


def metrics_blueprint(
    meters: Meters, store: Store, system: System, settings: Settings
) -> Blueprint:
    """``/metrics``."""
    blueprint = Blueprint("metrics", __name__)
    meters.registry.register(_Installation(store, system, settings))

    @blueprint.get("/metrics")
    def metrics() -> ResponseReturnValue:
        """Runs by state, steps a second, queue, workers, viewers, event lag, requests, room on the
        disk, and the process, as Prometheus reads them."""
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return Response(encode(meters.registry), content_type=content_type)

    return blueprint


def count_requests(flask: Flask, meters: Meters) -> None:
    """Has every request counted, and told at the log's level ``debug``."""

    @flask.before_request
    def begin() -> None:
        g.asked_at = time.perf_counter()

    @flask.after_request
    def end(response: Response) -> Response:
        took = time.perf_counter() - g.get("asked_at", time.perf_counter())
        # The rule, not the path: there are as many paths as runs.
        rule = request.url_rule.rule if request.url_rule else "none"
        # Any word may come as a method, and each would be a row of its own for good.
        method = request.method if request.method in _METHODS else "other"
        meters.answers.labels(method, rule, response.status_code).observe(took)
        log.debug(
            "request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            took_s=round(took, 4),
        )
        return response


class _Installation(Collector):
    """Read from the store at the moment that somebody asks."""

    def __init__(self, store: Store, system: System, settings: Settings) -> None:
        self._store, self._system, self._settings = store, system, settings

    def describe(self) -> list[Metric]:
        return []  # else it would be collected, and the database asked, to be registered

    def collect(self) -> Iterator[Metric]:
        ready = _gauge("check", "Whether a check of /readyz is passed.", "check")
        for name, said in self._system.checks().items():
            ready.add_metric([name], said == OK)
        yield ready
        yield _gauge("viewers", "Live streams that are open.", value=self._system.viewers())
        yield _gauge(
            "viewers_limit", "Most live streams at once.", value=self._settings.max_streams
        )
        yield from self._when_there(self._of_the_store)
        yield from self._when_there(self._of_the_disk)

    def _of_the_store(self) -> Iterator[Metric]:
        census = self._store.workers.census()
        runs = _gauge("runs", "Runs that are not deleted.", "state")
        for state, count in census.runs.items():
            runs.add_metric([state], count)
        yield runs
        tasks = _gauge("tasks", "What pages want computed from checkpoints.", "state")
        for state, count in census.tasks.items():
            tasks.add_metric([state], count)
        yield tasks
        yield _gauge("steps_per_second", "Of all runs that train.", value=census.steps_per_second)
        yield _gauge(
            "oldest_queued_seconds", "Age of the oldest queued run.", value=census.oldest_queued_s
        )
        yield _gauge("queue_limit", "Most queued runs.", value=self._settings.max_queued)
        alive = Counter(one.kind for one in self._store.workers.all() if not one.silent)
        workers = _gauge("workers", "Processes that are alive, of all machines.", "kind")
        for kind in ("worker", "analyst"):
            workers.add_metric([kind], alive[kind])
        yield workers
        yield _gauge(
            "database_bytes", "What the database takes.", value=self._store.keep.sizes()["database"]
        )

    def _of_the_disk(self) -> Iterator[Metric]:
        free = free_room(self._settings.state_dir)
        yield _gauge("disk_free_bytes", "Room on the disk of the state folder.", value=free)

    @staticmethod
    def _when_there(read: Callable[[], Iterator[Metric]]) -> list[Metric]:
        """What cannot be read now is left out, as Prometheus wants it; the checks say why."""
        try:
            return list(read())
        except (SQLAlchemyError, OSError):
            return []


def _gauge(name: str, said: str, *labels: str, value: float | None = None) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", said, value, labels=labels or None)
