"""The files of an installation are its owner's alone, whichever umask it is started with."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from waiting import PATIENCE_S, wait

from app.private import keep_private
from app.settings import Settings
from app.store import Store
from fa_engine import RunConfig

ROOT = Path(__file__).parents[2]
CONFIG = RunConfig(hidden=(8,), replicates=2, epochs=2, walk=True)

pytestmark = pytest.mark.skipif(not hasattr(os, "fchmod"), reason="there are no such modes")


@contextmanager
def started(module: str, state: Path, **more: str) -> Iterator[str]:
    """``python -m module`` under the most open umask; the first line that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=os.environ | {"FA_STATE_DIR": str(state), "FA_PORT": "0", "FA_WORKERS": "1"} | more,
        stdout=subprocess.PIPE,
        text=True,
        umask=0,
    )
    assert process.stdout is not None
    with process.stdout:
        yield process.stdout.readline() if module == "app" else ""
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


def open_to_others(state: Path) -> dict[str, str]:
    """What under ``state`` others may do anything with, and its mode."""
    found = {}
    for path in (state, *state.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode != (0o700 if path.is_dir() else 0o600):
            found[str(path.relative_to(state))] = oct(mode)
    return found


def there(state: Path) -> set[str]:
    return {re.sub(r"^checkpoints/\w+/", "", str(p.relative_to(state))) for p in state.rglob("*")}


def test_what_a_dashboard_and_its_worker_make_is_private(tmp_path: Path) -> None:
    state = tmp_path / "new" / "state"
    with started("app", state) as line:
        address = re.search(r"http://[\d.:]+", line)
        assert address
        body = json.dumps({"config": CONFIG.model_dump(mode="json")}).encode()
        with urllib.request.urlopen(f"{address[0]}/api/runs", body, timeout=PATIENCE_S) as answer:
            run = json.load(answer)["run_id"]
        with Store(f"sqlite:///{state}/runs.sqlite") as store:
            wait(lambda: store.run(run).state.ended)
            assert store.run(run).state.value == "finished"
            assert {"runs.sqlite", "runs.sqlite-wal", "runs.sqlite-shm"} <= there(state)
            assert {"0.safetensors", "trajectory.safetensors", "cache"} <= there(state)
            assert open_to_others(state) == {}
    assert open_to_others(state) == {}


def test_what_a_worker_alone_makes_is_private(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with started("app.worker", state):
        wait((state / "runs.sqlite").exists)
        with Store(f"sqlite:///{state}/runs.sqlite") as store:
            run = store.create_run(CONFIG).id
            wait(lambda: store.run(run).state.ended)
        assert "0.safetensors" in there(state)
        assert open_to_others(state) == {}


def test_what_is_saved_of_a_database_is_private(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/state/runs.sqlite") as store:
        store.create_run(RunConfig())
    saved = tmp_path / "saved.sqlite"
    subprocess.run(
        [sys.executable, "-m", "app", "check", "--save", str(saved)],
        cwd=ROOT,
        env=os.environ | {"FA_STATE_DIR": str(tmp_path / "state")},
        check=True,
        capture_output=True,
    )
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600


def loose(state: Path) -> list[Path]:
    """An installation as older versions left it."""
    made = []
    for name in ("runs.sqlite", "cache/abc", "checkpoints/run/0.safetensors", "session.key"):
        path = state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        made.append(path)
    for path in (state, *state.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    return made


def test_an_older_installation_is_tightened(tmp_path: Path) -> None:
    state = tmp_path / "state"
    loose(state)
    other = tmp_path / "other"
    other.touch()
    other.chmod(0o644)
    (state / "cache" / "link").symlink_to(other)
    keep_private(Settings(state_dir=state))
    (state / "cache" / "link").unlink()
    assert open_to_others(state) == {}
    assert stat.S_IMODE(other.stat().st_mode) == 0o644  # what a link leads to is left alone


def test_so_is_a_database_elsewhere_and_nothing_beside_it(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    beside = elsewhere / "notes.txt"
    beside.touch(mode=0o644)
    database = elsewhere / "all.sqlite"
    keep_private(Settings(state_dir=tmp_path / "state", database_url=f"sqlite:///{database}"))
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert stat.S_IMODE(beside.stat().st_mode) == 0o644
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o755


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives things away"
)
def test_what_is_somebody_elses_stays_as_it_is(tmp_path: Path) -> None:
    state = tmp_path / "state"
    loose(state)
    for path in (state, *state.rglob("*")):
        os.chown(path, 12345, 12345)
    before = open_to_others(state)
    keep_private(Settings(state_dir=state))
    assert open_to_others(state) == before


def test_a_folder_that_many_put_things_into_is_not_closed_to_them(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    keep_private(Settings(state_dir=shared))
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777
    assert stat.S_IMODE((shared / "runs.sqlite").stat().st_mode) == 0o600
