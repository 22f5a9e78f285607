"""What Prometheus reads, held against what happened."""

from __future__ import annotations

import sqlite3

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from waiting import wait
from web_helpers import Script, Viewer

from app.server import WebApp
from app.settings import Settings
from app.store import Seen

PREFIX = "feedback_alignment_"


def read(client: FlaskClient) -> dict[tuple[str, ...], float]:
    """Every sample that ``/metrics`` has of ours, by its name and the values of its labels,
    which are sorted by their names."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.mimetype == "text/plain"
    return {
        (sample.name.removeprefix(PREFIX), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_runs_queue_and_workers_are_counted(app: WebApp, script: Script) -> None:
    client = app.test_client()
    app.store.workers.beat([Seen("a", "worker", "here", 1, 0.0)])
    script.measure()
    client.post("/api/runs", json={"config": {}})
    found = read(client)
    assert (found["runs", "running"], found["runs", "queued"], found["runs", "failed"]) == (1, 1, 0)
    assert found["steps_per_second",] == 50.0
    assert found["oldest_queued_seconds",] > 0.0
    assert (found["workers", "worker"], found["workers", "analyst"]) == (1, 0)
    assert (found["check", "database"], found["check", "workers"]) == (1, 0)
    assert (found["queue_limit",], found["viewers_limit",]) == (500, 4)
    assert found["database_bytes",] > 0
    assert found["disk_free_bytes",] > 0
    assert found["process_resident_memory_bytes",] > 0


def test_viewers_and_the_age_of_what_they_get(app: WebApp, url: str, script: Script) -> None:
    client = app.test_client()
    assert read(client)["viewers",] == 0
    viewer = Viewer(f"{url}/api/runs/{script.run.id}/stream")
    script.measure(blocks=3)
    wait(lambda: len(viewer.events) >= 4)

    def told_of() -> bool:
        script.measure()  # what came before it watched is older than any look
        return read(client)["event_lag_seconds_count",] >= 1

    wait(told_of)
    found = read(client)
    assert found["viewers",] == 1
    assert found["event_lag_seconds_sum",] >= 0.0
    script.finish()
    viewer.join()
    assert viewer.ended


def test_requests_are_counted_by_rule_and_not_by_path(client: FlaskClient) -> None:
    for run_id in ("a", "b", "c"):
        client.get(f"/api/runs/{run_id}")
    client.post("/api/runs", json={"config": {"hidden": []}})
    client.get("/api/runs", headers={"Host": "elsewhere.example"})
    found = read(client)
    assert found["request_seconds_count", "/api/runs/<run_id>", "GET", "404"] == 3
    assert found["request_seconds_count", "/api/runs", "POST", "422"] == 1
    assert found["request_seconds_count", "/api/runs", "GET", "403"] == 1
    assert not any("/api/runs/a" in name for name in found)


def test_what_cannot_be_read_is_left_out(app: WebApp, settings: Settings) -> None:
    client = app.test_client()
    with sqlite3.connect(settings.state_dir / "runs.sqlite") as other:
        other.execute("ALTER TABLE runs RENAME TO away")
    found = read(client)
    assert found["check", "workers"] == 0
    assert ("runs", "queued") not in found
    assert found["disk_free_bytes",] > 0


def test_invented_methods_are_one_row(client: FlaskClient) -> None:
    before = len(read(client))
    for number in range(50):
        client.open("/api/runs", method=f"M{number}")
    assert len(read(client)) < before + 50


@pytest.fixture
def client(app: WebApp) -> FlaskClient:
    return app.test_client()
