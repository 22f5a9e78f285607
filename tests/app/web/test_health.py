"""Alive, ready, and what is said where the database is away."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import system
from app.server import WebApp
from app.settings import Settings
from app.store import Seen
from app.store import workers as store_workers


@pytest.fixture
def client(app: WebApp) -> FlaskClient:
    """Of a server with a worker and an analyst somewhere."""
    app.store.workers.beat([Seen(kind, kind, "here", 1, 0.0) for kind in ("worker", "analyst")])
    return app.test_client()


@contextmanager
def locked(state_dir: Path) -> Iterator[None]:
    other = sqlite3.connect(state_dir / "runs.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_healthz(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok"}


def test_a_server_that_can_do_its_work_is_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json() == {
        "status": "ready",
        "checks": {"database": "ok", "workers": "ok", "cache": "ok", "disk": "ok"},
    }


def test_while_the_database_is_locked_it_is_alive_and_says_why_it_is_not_ready(
    client: FlaskClient, settings: Settings
) -> None:
    with locked(settings.state_dir):
        assert client.get("/healthz").status_code == 200
        answer = client.get("/readyz")
        assert answer.status_code == 503
        said = answer.get_json()["checks"]
        assert said["database"] == "nothing can be written: database is locked"
        refused = client.post("/api/runs", json={"config": {}})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
        assert refused.get_json()["error"].startswith("The database does not answer. Try again;")
        assert client.get("/api/runs").get_json()["runs"] == []  # reading goes on
    assert client.get("/readyz").status_code == 200
    assert client.post("/api/runs", json={"config": {}}).status_code == 201
    assert client.get("/api/runs").get_json()["total"] == 1


def test_a_disk_without_room_is_said(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "LEAST_FREE_MB", 10**12)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"]["disk"].endswith(
        "MB are free, 1000000000000 MB at least are wanted"
    )


def test_without_workers_it_is_not_ready_and_says_what_is_lacking(
    app: WebApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = app.test_client()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    said = "no worker was heard of, so that nothing is trained: python -m app.worker"
    assert answer.get_json()["checks"]["workers"] == said
    app.store.workers.beat([Seen("a", "worker", "here", 1, 0.0)])
    said = client.get("/readyz").get_json()["checks"]["workers"]
    assert said.startswith("no analyst was heard of, so that nothing is computed")
    app.store.workers.beat([Seen("b", "analyst", "here", 2, 0.0)])
    assert client.get("/readyz").status_code == 200
    monkeypatch.setattr(store_workers, "SILENT_S", -1.0)
    said = client.get("/readyz").get_json()["checks"]["workers"]
    assert re.match(r"no worker was heard of for \d+ s, so that nothing is trained", said)
