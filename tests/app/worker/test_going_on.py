"""Runs that have ended and go on: stopped ones, and finished ones that are to train longer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from worker_helpers import CONFIG, assert_as_in_one_piece

from app.settings import Settings
from app.store import LEASE_S, Command, CommandRefused, Run, RunEnded, RunState, Store
from app.worker.data import DataSets
from app.worker.drive import Tools, drive

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def tools(settings: Settings) -> Tools:
    return Tools(DataSets(settings.data_dir), settings.checkpoint_dir, 10**8, 10**9)


def train(store: Store, tools: Tools, look: Callable[[Run], None] = lambda _run: None) -> Run:
    """A worker takes the queued run, and trains it until it ends; ``look`` is called all along."""
    run = store.claim("w", LEASE_S)
    assert run is not None

    def stopping() -> bool:
        look(store.run(run.id))
        return False

    drive(store, run, "w", tools, stopping)
    return store.run(run.id)


def stop_at(store: Store, step: int) -> Callable[[Run], None]:
    told: list[int] = []

    def look(run: Run) -> None:
        if run.step >= step and not told:
            told.append(store.send(run.id, Command(command="stop")))

    return look


@pytest.mark.parametrize("room", [10**8, 0], ids=["kept", "nothing kept"])
def test_a_stopped_run_goes_on_where_it_was(store: Store, tools: Tools, room: int) -> None:
    tools = Tools(tools.data_sets, tools.checkpoint_dir, room, 10**9)
    run_id = store.create_run(CONFIG.replace(epochs=40)).id
    run = train(store, tools, stop_at(store, 30))
    assert run.state is RunState.STOPPED
    assert 30 <= run.step < run.total_steps
    stood = run.step
    store.send(run_id, Command(command="resume"))
    run = store.run(run_id)
    assert (run.state, run.step, run.ended_at) == (RunState.QUEUED, stood, None)
    run = train(store, tools)
    assert run.state is RunState.FINISHED
    if room:
        assert_as_in_one_piece(store, tools.checkpoint_dir, run)
    steps = store.series(run_id).step.tolist()
    assert steps == sorted({*range(0, run.total_steps, 3), run.total_steps})


def test_one_that_was_stopped_in_the_queue_begins_after_all(store: Store, tools: Tools) -> None:
    run_id = store.create_run(CONFIG).id
    store.send(run_id, Command(command="set", learning_rate=0.03))
    store.send(run_id, Command(command="stop"))
    assert store.run(run_id).state is RunState.STOPPED
    store.send(run_id, Command(command="resume"))
    run = train(store, tools)
    assert (run.state, run.learning_rate) == (RunState.FINISHED, 0.03)
    assert_as_in_one_piece(store, tools.checkpoint_dir, run)


@pytest.mark.parametrize("scheme", ["fa", "wm", "kp"])
def test_a_finished_run_that_is_extended_is_as_a_longer_one(
    store: Store, tools: Tools, scheme: str
) -> None:
    run_id = store.create_run(CONFIG.replace(scheme=scheme, epochs=4)).id
    short = train(store, tools)
    assert short.state is RunState.FINISHED
    store.send(run_id, Command(command="extend", epochs=3))
    run = store.run(run_id)
    assert (run.state, run.step, run.config["epochs"]) == (RunState.QUEUED, short.step, 7)
    assert run.total_steps == CONFIG.replace(epochs=7).total_steps
    store.send(run_id, Command(command="set", learning_rate=0.05))  # from there on
    run = train(store, tools)
    assert (run.state, run.step) == (RunState.FINISHED, run.total_steps)
    (event,) = [e for e in store.events(run_id) if e.header.get("name") == "epochs"]
    assert {name: event.header[name] for name in ("step", "from", "to", "total_steps")} == {
        "step": short.step,
        "from": 4,
        "to": 7,
        "total_steps": run.total_steps,
    }
    series = store.series(run_id)
    (there,) = np.flatnonzero(series.step == short.step)
    assert np.isfinite(series.test_accuracy[there]).all()  # as at an end
    assert_as_in_one_piece(store, tools.checkpoint_dir, run, beside=[short.step])


def test_one_that_is_extended_twice(store: Store, tools: Tools) -> None:
    run_id = store.create_run(CONFIG.replace(epochs=2)).id
    for epochs in (2, 3, 4):
        run = train(store, tools)
        assert (run.state, run.config["epochs"]) == (RunState.FINISHED, epochs)
        if epochs < 4:
            store.send(run_id, Command(command="extend", epochs=1))
    ends = [CONFIG.replace(epochs=epochs).total_steps for epochs in (2, 3)]
    assert_as_in_one_piece(store, tools.checkpoint_dir, run, beside=ends)


def test_what_cannot_go_on_says_why(store: Store, tools: Tools) -> None:
    run_id = store.create_run(CONFIG.replace(epochs=1)).id
    more = Command(command="extend", epochs=1)
    with pytest.raises(CommandRefused, match="when it has finished"):
        store.send(run_id, more)
    train(store, tools)
    with pytest.raises(RunEnded, match="is finished and takes no more commands"):
        store.send(run_id, Command(command="resume"))
    cosine = store.create_run(CONFIG.replace(epochs=1, schedule="cosine")).id
    train(store, tools)
    with pytest.raises(CommandRefused, match="follows the schedule cosine"):
        store.send(cosine, more)
    stopped = store.create_run(CONFIG.replace(epochs=1)).id
    store.send(stopped, Command(command="stop"))
    with pytest.raises(RunEnded):
        store.send(stopped, more)
    assert store.claim("w", LEASE_S) is None


def test_a_run_that_does_not_want_to_be_taken_up_is_interrupted(store: Store) -> None:
    run_id = store.create_run(CONFIG, taken_up=False).id
    assert store.claim("w", LEASE_S) is not None
    assert store.take_back("w", "its worker was killed by SIGKILL") == [run_id]
    run = store.run(run_id)
    assert (run.state, run.reason) == (RunState.INTERRUPTED, "its worker was killed by SIGKILL")
    store.send(run_id, Command(command="resume"))  # a person may want it after all
    assert store.run(run_id).state is RunState.QUEUED
