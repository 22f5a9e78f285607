"""The System page says what is so."""

from __future__ import annotations

import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from web_helpers import OWNER, Script
from werkzeug.test import TestResponse

from app.cache import make_cache
from app.components.system_panel import about, counts, verdict, workers_table
from app.pages import PAGES
from app.room import Room
from app.server import WebApp
from app.settings import Settings
from app.store import Census, Seen, Worker
from app.system import Snapshot


def text(component: object) -> str:
    """Every word of a component, with spaces between."""
    if isinstance(component, (list, tuple)):
        return " ".join(text(one) for one in component)
    children = getattr(component, "children", component)
    return text(children) if children is not component else str(component or "")


def page_of(app: WebApp) -> TestResponse:
    """The page as a browser gets it."""
    path = next(page.path for page in PAGES if page.name == "System")
    asked = {
        "output": "page.children",
        "outputs": {"id": "page", "property": "children"},
        "inputs": [{"id": "url", "property": "pathname", "value": path}],
        "changedPropIds": ["url.pathname"],
    }
    return app.test_client().post("/_dash-update-component", json=asked)


def snapshot(**changed: object) -> Snapshot:
    census = Census({"queued": 2, "running": 1, "failed": 0}, {"running": 1}, 1234.4, 90.0)
    values = {
        "checks": {"database": "ok", "workers": "ok", "cache": "ok", "disk": "ok"},
        "workers": [],
        "census": census,
        "viewers": 3,
        "lag_s": 0.05,
        "free": 5 * 10**9,
    }
    return Snapshot(**(values | changed))  # type: ignore[arg-type]


def worker(**changed: object) -> Worker:
    values = {
        "owner": "a", "kind": "worker", "host": "here", "pid": 17, "began_at": time.time() - 30,
        "heard_s": 1.0, "run_id": None, "run_name": None, "step": None, "steps_per_second": None,
        "task": None,
    }  # fmt: skip
    return Worker(**(values | changed))  # type: ignore[arg-type]


def test_the_verdict_follows_the_checks() -> None:
    assert text(verdict(snapshot())).startswith("Everything is there.")
    slower = verdict(snapshot(checks={"database": "ok", "cache": "hangs"}))
    assert text(slower).startswith("It works, slower than it could.")
    assert "no: hangs" in text(slower)
    lacking = verdict(snapshot(checks={"database": "locked", "cache": "hangs"}))
    assert text(lacking).startswith("Something is lacking.")


def test_the_counts_are_those_of_the_census() -> None:
    said = text(counts(snapshot(), Settings(max_queued=7, max_streams=9)))
    assert "2 of 7 at most; the oldest is 90 s old" in said
    assert "1,234" in said
    assert "3 of 9" in said
    assert "50 ms" in said
    assert "5 GB" in said
    assert "failed" not in said  # there is none
    assert "does not answer" in text(counts(snapshot(census=None), Settings()))
    assert "more than 10 s" in text(counts(snapshot(lag_s=float("inf")), Settings()))


def test_settings_are_for_who_controls_and_without_secrets() -> None:
    settings = Settings(
        control_token="control-0123456789", cache_url="redis://me:secret@localhost/0"
    )
    for controls in (True, False):
        said = text(about(settings, time.time(), controls=controls))
        assert ("FA_STATE_DIR" in said) is controls
        assert "control-0123456789" not in said
        assert "secret" not in said


def test_the_page_tells_of_a_run_that_a_worker_trains(app: WebApp, script: Script) -> None:
    script.measure(blocks=2)
    app.store.workers.beat([Seen(OWNER, "worker", "here", 1, time.time())])
    answer = page_of(app)
    assert answer.status_code == 200
    said = json.dumps(answer.json)
    assert script.run.name in said
    assert f"/?run={script.run.id}" in said
    assert "no analyst was heard of" in said


def test_the_page_is_there_where_the_database_is_not(app: WebApp, settings: Settings) -> None:
    with sqlite3.connect(settings.state_dir / "runs.sqlite") as other:
        other.execute("ALTER TABLE runs RENAME TO away")
        other.execute("ALTER TABLE tasks RENAME TO away_too")
    answer = page_of(app)
    assert answer.status_code == 200
    assert "The database does not answer." in answer.text
    assert "Something is lacking." in answer.text


def test_a_silent_worker_is_not_said_to_train(app: WebApp) -> None:
    silent = worker(heard_s=60.0, run_id="abc", run_name="mine", step=3, steps_per_second=50.0)
    said = text(workers_table([silent]))
    assert "nothing was heard for 60 s" in said
    assert "mine" not in said
    trains = worker(run_id="abc", run_name="mine", step=3, steps_per_second=50.0)
    with app.test_request_context():
        assert "mine" in text(workers_table([trains]))
    assert "spectrum" in text(workers_table([worker(kind="analyst", task="spectrum")]))
    assert text(workers_table([])) == "None has been heard of."


def test_one_look_at_the_files_serves_all_who_follow(
    app: WebApp, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(app.store, settings, make_cache(app, settings))
    with ThreadPoolExecutor(8) as threads:
        seen = list(threads.map(lambda _: room.lately(), range(8)))
    assert all(one is seen[0] for one in seen)
    place = settings.checkpoint_dir / "someone"
    place.mkdir(parents=True)
    (place / "7.safetensors").write_bytes(b"x" * 1000)
    assert room.lately() is seen[0]
    assert room.taken().checkpoints == seen[0].checkpoints + 1000  # who asks for now gets now
    room.free(["cache"])  # and so does who has freed something
    assert room.lately().checkpoints == seen[0].checkpoints + 1000
    monkeypatch.setattr("app.room.KEPT_S", 0.0)
    monkeypatch.setattr("app.room.SHARE", 0.0)
    room.free(["cache"])
    assert room.lately() is not room.lately()  # not for ever
