"""Who is alive, and how many there are of what."""

from __future__ import annotations

import time

import pytest

from app.store import LEASE_S, Draft, RunState, Seen, Store
from app.store import workers as module
from fa_engine import RunConfig

CONFIG = RunConfig(hidden=(4,), epochs=1)


def seen(owner: str = "here:1", kind: str = "worker") -> Seen:
    return Seen(owner, kind, "here", 1, time.time())


def test_a_worker_that_was_heard_of_is_there_until_it_is_said_to_be_gone(store: Store) -> None:
    assert store.workers.all() == []
    store.workers.beat([seen("a"), seen("b", "analyst")])
    store.workers.beat([seen("a")])
    kinds = {one.owner: one.kind for one in store.workers.all()}
    assert kinds == {"a": "worker", "b": "analyst"}
    assert not any(one.silent for one in store.workers.all())
    store.workers.beat([seen("a")], gone=["b"])
    assert [one.owner for one in store.workers.all()] == ["a"]


def test_silence_is_noticed_and_in_the_end_forgotten(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.workers.beat([seen("a")])
    now = time.time()
    monkeypatch.setattr(module.time, "time", lambda: now + module.SILENT_S + 1)
    (one,) = store.workers.all()
    assert one.silent
    store.workers.beat([seen("b")])
    assert len(store.workers.all()) == 2
    monkeypatch.setattr(module.time, "time", lambda: now + 3600)
    store.workers.beat([seen("c")])
    assert [one.owner for one in store.workers.all()] == ["c"]


def test_a_clock_that_is_behind_makes_nobody_silent(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.workers.beat([seen("a")])
    now = time.time()
    monkeypatch.setattr(module.time, "time", lambda: now - 3600)
    assert [one.heard_s for one in store.workers.all()] == [0.0]


def test_what_a_worker_does_is_said(store: Store) -> None:
    store.workers.beat([seen("a"), seen("idle")])
    store.create_run(CONFIG, name="mine")
    run = store.claim("a", LEASE_S)
    assert run is not None
    one, idle = sorted(store.workers.all(), key=lambda found: found.owner)
    assert (one.run_id, one.run_name, one.step) == (run.id, "mine", 0)
    assert (idle.run_id, idle.task) == (None, None)
    store.append(run.id, "a", [Draft.state(RunState.FINISHED, 5)], LEASE_S)
    assert store.workers.all()[0].run_id is None


def test_the_census_counts_what_is_there(store: Store) -> None:
    census = store.workers.census()
    assert set(census.runs) == {state.value for state in RunState}
    assert sum(census.runs.values()) == 0
    assert (census.steps_per_second, census.oldest_queued_s) == (0.0, 0.0)
    ids = [store.create_run(CONFIG).id for _ in range(4)]
    store.claim("a", LEASE_S)
    store.keep.delete([ids[3]])
    census = store.workers.census()
    assert (census.runs["queued"], census.runs["running"]) == (2, 1)
    assert sum(census.runs.values()) == 3  # the deleted one is not among them
    assert census.oldest_queued_s > 0.0
