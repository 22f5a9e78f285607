"""A run from its claim to its end, by a real worker process on real digits."""

from __future__ import annotations

import os
import shutil
import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from app.settings import Settings
from app.store import Command, Event, RunEnded, RunState, Store
from fa_engine import RunConfig, Trainer

# Endless for a test's purposes, and measured at every step.
LONG: dict[str, Any] = {"hidden": (8,), "replicates": 2, "epochs": 10_000, "measure_every": 1}


def of_kind(store: Store, run_id: str, kind: str) -> list[Event]:
    return [event for event in store.events(run_id) if event.kind == kind]


def states(store: Store, run_id: str) -> list[str]:
    return [event.header["state"] for event in of_kind(store, run_id, "state")]


def begin(store: Store, wait: Any, **changes: Any) -> str:
    """A run that has measured something already."""
    run_id = store.create_run(RunConfig(**{**LONG, **changes})).id
    wait(lambda: bool(of_kind(store, run_id, "measurements")))
    return run_id


def end(store: Store, wait: Any, run_id: str) -> None:
    store.send(run_id, Command(command="stop"))
    wait(lambda: store.run(run_id).state.ended)


def pause(store: Store, wait: Any, run_id: str) -> int:
    """Pauses the run; the step at which it stands."""
    store.send(run_id, Command(command="pause"))
    wait(lambda: store.run(run_id).state is RunState.PAUSED)
    return store.run(run_id).step


def assert_whole(store: Store, run_id: str) -> None:
    """No hole in the events, no step twice, times in order, and the row agrees with them."""
    events, run = store.events(run_id), store.run(run_id)
    assert [event.seq for event in events] == list(range(1, run.revision + 1))
    steps = store.series(run_id).step
    assert np.all(np.diff(steps) > 0)
    assert all(a.at <= b.at for a, b in pairwise(events))
    last = of_kind(store, run_id, "state")[-1].header
    assert (run.state, run.reason) == (last["state"], last["reason"])


def test_a_run_is_what_the_engine_measures(shared: Store, wait: Any) -> None:
    config = RunConfig(hidden=(16, 8), replicates=2, epochs=3, measure_every=5, evaluate_every=20)
    run_id = shared.create_run(config).id
    wait(lambda: shared.run(run_id).state.ended)
    run = shared.run(run_id)
    assert (run.state, run.step) == (RunState.FINISHED, config.total_steps)
    assert run.epoch == config.epochs
    assert run.started_at is not None
    assert run.ended_at is not None
    assert run.steps_per_second > 0
    assert states(shared, run_id) == ["queued", "running", "finished"]
    assert_whole(shared, run_id)
    # Another process, another thread count perhaps: close, where the same process has it exact.
    series, expected = shared.series(run_id), list(Trainer(config))
    assert series.step.tolist() == [m.step for m in expected]
    for name in ("loss", "accuracy", "gradient_angle_deg", "update_norm"):
        wanted = np.array([getattr(m, name) for m in expected])
        np.testing.assert_allclose(getattr(series, name), wanted, rtol=1e-3, atol=1e-3)
    evaluated = ~np.isnan(series.test_accuracy[:, 0])
    assert evaluated.tolist() == [m.test_accuracy is not None for m in expected]
    with pytest.raises(RunEnded):
        shared.send(run_id, Command(command="resume"))


def test_pause_step_resume_and_stop(shared: Store, wait: Any) -> None:
    run_id = begin(shared, wait)
    stood = pause(shared, wait, run_id)
    for number in range(1, 4):
        shared.send(run_id, Command(command="step"))
        wait(lambda number=number: shared.run(run_id).step == stood + number)
    # Each single step was measured, and nothing else moved the run.
    assert shared.series(run_id).step[-3:].tolist() == [stood, stood + 1, stood + 2]
    assert shared.run(run_id).state is RunState.PAUSED
    shared.send(run_id, Command(command="pause"))
    shared.send(run_id, Command(command="resume"))
    wait(lambda: shared.run(run_id).step > stood + 10)
    assert shared.run(run_id).state is RunState.RUNNING
    end(shared, wait, run_id)
    run = shared.run(run_id)
    assert run.state is RunState.STOPPED
    assert run.reason == f"stopped at step {run.step}"
    assert states(shared, run_id) == ["queued", "running", "paused", "running", "stopped"]
    assert_whole(shared, run_id)
    # Measured at every step, before the step: the run is whole to its last one.
    assert shared.series(run_id).step.tolist() == list(range(run.step))


def test_step_pauses_a_running_run_and_is_measured(shared: Store, wait: Any) -> None:
    # Nothing is due between step 0 and the end: what is measured, the command measured.
    run_id = begin(shared, wait, measure_every=10**9)
    shared.send(run_id, Command(command="step"))
    wait(lambda: len(shared.series(run_id)) == 2)
    paused = of_kind(shared, run_id, "state")[-1].header
    assert paused["state"] == "paused"
    assert shared.series(run_id).step.tolist() == [0, paused["step"]]
    assert shared.run(run_id).step == paused["step"] + 1
    end(shared, wait, run_id)


def test_set_takes_effect_and_says_where(shared: Store, wait: Any) -> None:
    run_id = begin(shared, wait)
    shared.send(run_id, Command(command="set", learning_rate=0.025, scheme="bp"))
    shared.send(run_id, Command(command="set", learning_rate=0.025))  # changes nothing
    stood = pause(shared, wait, run_id)
    rate, scheme = of_kind(shared, run_id, "control")
    where = rate.header["step"]
    assert 0 < where <= stood
    assert (rate.header["name"], rate.header["from"], rate.header["to"]) == (
        "learning_rate",
        0.1,
        0.025,
    )
    assert (scheme.header["name"], scheme.header["from"], scheme.header["to"]) == (
        "scheme",
        "fa",
        "bp",
    )
    run = shared.run(run_id)
    assert (run.learning_rate, run.scheme) == (0.025, "bp")
    # The training itself obeyed: backpropagation follows the gradient, from that step on.
    shared.send(run_id, Command(command="step"))
    wait(lambda: shared.run(run_id).step == stood + 1)
    series = shared.series(run_id)
    before, after = series.step < where, series.step >= where
    assert np.all(series.gradient_angle_deg[before] > 5.0)
    assert np.all(series.gradient_angle_deg[after] < 0.1)
    end(shared, wait, run_id)


def test_commands_to_a_queued_run_take_effect_when_it_begins(shared: Store, wait: Any) -> None:
    first = begin(shared, wait)
    queued = shared.create_run(RunConfig(**LONG)).id
    shared.send(queued, Command(command="set", learning_rate=0.5))
    shared.send(queued, Command(command="step"))
    dropped = shared.create_run(RunConfig(**LONG)).id
    shared.send(dropped, Command(command="stop"))
    assert shared.run(dropped).state is RunState.STOPPED
    end(shared, wait, first)
    wait(lambda: shared.run(queued).state is RunState.PAUSED)
    wait(lambda: shared.run(queued).step == 1)
    assert of_kind(shared, queued, "control")[0].header["step"] == 0
    end(shared, wait, queued)
    assert states(shared, dropped) == ["queued", "stopped"]


def test_a_run_paused_in_the_queue_lets_others_pass(shared: Store, wait: Any) -> None:
    first = begin(shared, wait)
    held, passing = (shared.create_run(RunConfig(**LONG)).id for _ in range(2))
    shared.send(held, Command(command="pause"))
    assert shared.run(held).state is RunState.PAUSED
    assert shared.run(held).started_at is None
    end(shared, wait, first)
    wait(lambda: shared.run(passing).step > 0)
    end(shared, wait, passing)
    shared.send(held, Command(command="resume"))
    wait(lambda: shared.run(held).step > 0)
    # What was obeyed in the queue is not obeyed again.
    assert states(shared, held) == ["queued", "paused", "queued", "running"]
    end(shared, wait, held)


def test_training_is_timed_without_its_pauses(shared: Store, wait: Any) -> None:
    began = time.time()
    run_id = begin(shared, wait)
    pause(shared, wait, run_id)
    stood = shared.run(run_id)
    assert stood.trained_s is not None
    assert 0 < stood.trained_s <= time.time() - began
    time.sleep(0.5)
    paused_for = time.time() - began
    shared.send(run_id, Command(command="stop"))
    wait(lambda: shared.run(run_id).state.ended)
    ended = shared.run(run_id)
    assert ended.trained_s is not None
    assert stood.trained_s <= ended.trained_s <= paused_for - 0.5


def test_a_run_without_measurements_still_tells_how_far_it_is(shared: Store, wait: Any) -> None:
    run_id = begin(shared, wait, measure_every=10**9)
    wait(lambda: len(of_kind(shared, run_id, "progress")) >= 2)
    first, second = of_kind(shared, run_id, "progress")[:2]
    assert 0 < first.header["progress"]["step"] < second.header["progress"]["step"]
    end(shared, wait, run_id)


def test_a_run_that_diverges_says_so_and_keeps_what_it_measured(shared: Store, wait: Any) -> None:
    config = RunConfig(
        hidden=(32, 32),
        activation="relu",
        loss="squared_error",
        learning_rate=100.0,
        replicates=3,
        measure_every=1,
    )
    run_id = shared.create_run(config).id
    wait(lambda: shared.run(run_id).state.ended)
    run = shared.run(run_id)
    assert run.state is RunState.DIVERGED
    assert f"step {run.step:,}" in run.reason
    assert run.step < config.total_steps
    series = shared.series(run_id)
    assert series.step[0] == 0
    assert np.isfinite(series.loss[0]).all()
    assert not np.isfinite(series.loss[-1]).any()
    assert_whole(shared, run_id)


def test_a_replicate_that_diverges_is_told_and_the_others_train_on(
    shared: Store, wait: Any
) -> None:
    config = RunConfig(
        hidden=(32, 32),
        activation="relu",
        loss="squared_error",
        learning_rate=0.5,
        replicates=8,
        epochs=2,
        measure_every=1,
    )
    run_id = shared.create_run(config).id
    wait(lambda: shared.run(run_id).state.ended)
    assert shared.run(run_id).state is RunState.FINISHED
    finite = np.isfinite(shared.series(run_id).loss)
    diverged = [number for number in range(8) if not finite[-1, number]]
    assert 0 < len(diverged) < 8
    # Each since the first step at which its loss was not finite; the run and its events say so.
    since = [int(np.argmin(finite[:, n])) if n in diverged else None for n in range(8)]
    assert shared.run(run_id).diverged_at == since
    told = of_kind(shared, run_id, "diverged")
    assert [event.header["step"] for event in told] == sorted(
        {at for at in since if at is not None}
    )
    assert told[-1].header["diverged_at"] == since
    assert of_kind(shared, run_id, "notice") == []
    series = shared.series(run_id)
    for name in ("accuracy", "hidden_angle_deg", "gradient_angle_deg", "descent_rate"):
        for number in diverged:
            assert np.isnan(getattr(series, name)[since[number] :, number]).all(), name


def test_a_run_that_cannot_be_trained_fails_with_the_reason(
    shared: Store, shared_settings: Settings, wait: Any
) -> None:
    damaged = shared_settings.data_dir / "mnist" / "train-images-idx3-ubyte"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"no digits here")
    try:
        run_id = shared.create_run(RunConfig(dataset="mnist", device="cpu")).id
        wait(lambda: shared.run(run_id).state.ended)
    finally:
        shutil.rmtree(damaged.parent)
    run = shared.run(run_id)
    assert run.state is RunState.FAILED
    assert f"{damaged.name} is damaged" in run.reason
    assert str(damaged.parent) not in run.reason  # where it lies is the log's
    assert_whole(shared, run_id)
    # The worker is none the worse for it.
    end(shared, wait, begin(shared, wait))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a file that blocks its reader")
def test_a_run_whose_data_are_long_in_coming_says_so_and_can_be_stopped(
    shared: Store, shared_settings: Settings, wait: Any
) -> None:
    blocked = shared_settings.data_dir / "mnist" / "train-images-idx3-ubyte"
    blocked.parent.mkdir(parents=True)
    os.mkfifo(blocked)
    try:
        run_id = shared.create_run(RunConfig(dataset="mnist", device="cpu")).id
        wait(lambda: bool(of_kind(shared, run_id, "notice")))
        assert "MNIST" in of_kind(shared, run_id, "notice")[0].header["message"]
        assert shared.run(run_id).state is RunState.RUNNING
        end(shared, wait, run_id)
        assert shared.run(run_id).state is RunState.STOPPED
        # Other data are not held up by what is still loading.
        end(shared, wait, begin(shared, wait))
    finally:
        # Lets the reader go, whether it waits or not.
        os.close(os.open(blocked, os.O_RDWR | os.O_NONBLOCK))
        shutil.rmtree(blocked.parent)
