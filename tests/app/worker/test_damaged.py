"""Checkpoints that are truncated, empty or replaced: clear words, and nothing of the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_caching import Cache

from app.lab import Desk, SpectrumParams
from app.settings import Settings
from app.store import Parent, RunState, Store
from app.worker.keeping import checkpoint_path
from fa_engine import RunConfig

CONFIG = RunConfig(hidden=(8,), replicates=1, epochs=1)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def replaced(path: Path) -> None:
    path.write_bytes(b"no checkpoint at all " * 40)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [truncated, emptied, replaced, a_folder])
def test_a_damaged_checkpoint_is_named_without_its_folder(
    shared: Store, shared_settings: Settings, wait: Any, damage: Any
) -> None:
    run_id = shared.create_run(CONFIG).id
    wait(lambda: shared.run(run_id).state.ended)
    last = shared.checkpoints(run_id)[-1]
    damage(checkpoint_path(shared_settings.checkpoint_dir, run_id, last.step))
    # A run that is to begin with it ...
    child = shared.create_run(CONFIG, parent=Parent(run_id, last.step)).id
    wait(lambda: shared.run(child).state.ended)
    run = shared.run(child)
    assert run.state is RunState.FAILED
    # ... and a question about it.
    desk = Desk(shared, Cache(Flask("desk"), config={"CACHE_TYPE": "SimpleCache"}))
    asked = SpectrumParams(run_id=run_id, step=last.step, seq=last.seq)
    wait(lambda: bool(desk.ask([asked])[0].problem))
    for said in (run.reason, desk.ask([asked])[0].problem):
        assert f"{last.step}.safetensors is not a checkpoint" in said
        for folder in (str(shared_settings.state_dir), "checkpoints/", run_id):
            assert folder not in said
