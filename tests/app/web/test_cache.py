"""A cache that is away costs one wait, and nothing else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app import cache as module
from app.cache import PageCache, make_cache
from app.server import WebApp, create_app
from app.settings import Settings
from app.store import Seen


class Hanging:
    """What listens where a Redis server should, and never says a word."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.came: list[socket.socket] = []
        self.thread = threading.Thread(target=self._take, daemon=True)
        self.thread.start()

    def _take(self) -> None:
        while True:
            try:
                self.came.append(self.listener.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        for one in self.came:
            one.close()


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    with closing(Hanging()) as server:
        yield server


def settings_for(tmp_path: Path, port: int) -> Settings:
    return Settings(state_dir=tmp_path, workers=0, cache_url=f"redis://127.0.0.1:{port}/0")


@pytest.fixture
def app_without(tmp_path: Path, hanging: Hanging) -> Iterator[WebApp]:
    app = create_app(settings_for(tmp_path, hanging.port))
    yield app
    app.close()


def test_a_server_that_hangs_is_asked_once_and_then_left_alone(
    tmp_path: Path, app: WebApp, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache: PageCache = make_cache(app, settings_for(tmp_path, hanging.port))
    assert cache.get("key") is None
    for _ in range(50):
        cache.set("key", "value")
        assert cache.get("key") is None
    assert len(hanging.came) == 1
    assert "Timeout" in cache.problem
    monkeypatch.setattr(module, "ALONE_S", 0.0)  # and asked again when that time is over
    cache._again_at = 0.0
    assert cache.get("key") is None
    assert len(hanging.came) == 2


def test_one_that_is_not_there_is_the_same(tmp_path: Path, app: WebApp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    cache = make_cache(app, settings_for(tmp_path, port))
    assert cache.get("key") is None
    assert "refused" in cache.problem.lower()
    cache.clear()


def test_pages_and_results_do_without_it(app_without: WebApp, hanging: Hanging) -> None:
    client = app_without.test_client()
    run_id = client.post("/api/runs", json={"config": {}}).get_json()["run_id"]
    assert client.get(f"/api/runs/{run_id}").status_code == 200
    assert client.get(f"/api/runs/{run_id}/export.json").status_code == 200
    app_without.store.workers.beat(
        [Seen(kind, kind, "here", 1, 0.0) for kind in ("worker", "analyst")]
    )
    answer = client.get("/readyz")
    assert answer.status_code == 200  # slower, and ready all the same
    said = answer.get_json()["checks"]["cache"]
    assert said.startswith("it does not answer, and is left alone for a while: ")
    assert len(hanging.came) == 1
