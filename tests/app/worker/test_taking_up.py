"""A run that a worker left is taken up by another one, as if nobody had ever left it."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from worker_helpers import CONFIG, assert_as_in_one_piece

from app.settings import Settings
from app.store import LEASE_S, Command, Draft, New, Run, RunState, Store
from app.store.database import MOST_DEATHS
from app.worker import taking_up
from app.worker.data import DataSets
from app.worker.drive import Tools, drive
from app.worker.keeping import trajectory_path
from app.worker.supervisor import Supervisor
from fa_engine import RunConfig, Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


class Killed(BaseException):
    """What no worker catches."""


@pytest.fixture(scope="module")
def data_sets(tmp_path_factory: pytest.TempPathFactory) -> DataSets:
    """Loaded already, so that a look around is one at a run that is being trained."""
    loaded = DataSets(tmp_path_factory.mktemp("data"))
    loaded.request(CONFIG).result()
    return loaded


@pytest.fixture
def tools(settings: Settings, data_sets: DataSets) -> Tools:
    return Tools(data_sets, settings.checkpoint_dir, 10**8, 10**9)


def claimed(store: Store, owner: str = "w") -> Run:
    run = store.claim(owner, LEASE_S)
    assert run is not None
    return run


def leave(
    store: Store, tools: Tools, looks: int, then: Callable[[Store, Run], None] | None = None
) -> Run:
    """A worker takes a run and is killed when it has looked around so many times."""
    run, left = claimed(store), [looks]

    def stopping() -> bool:
        left[0] -= 1
        if left[0] == looks // 2 and then:
            then(store, run)
        if left[0] < 0:
            raise Killed
        return False

    try:
        drive(store, run, "w", tools, stopping)
    except Killed:
        assert store.take_back("w", "it was killed") == [run.id]
    return store.run(run.id)


def finish(store: Store, tools: Tools) -> Run:
    run = claimed(store)
    drive(store, run, "w", tools, lambda: False)
    return store.run(run.id)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("lost_s", [0.0, 1e9], ids=["states", "checkpoints"])
def test_a_run_that_is_killed_again_and_again_is_as_one_that_was_not(
    store: Store, tools: Tools, monkeypatch: pytest.MonkeyPatch, lost_s: float, seed: int
) -> None:
    monkeypatch.setattr(taking_up, "SHARE", 1e9)
    tools = replace(tools, state_every_s=lost_s)
    chance = random.Random(seed)
    run_id = store.create_run(CONFIG).id
    changes = [{"learning_rate": 0.07}, {"scheme": "dfa"}, {"scheme": "fa", "learning_rate": 0.02}]

    def change(store: Store, run: Run) -> None:
        if changes:
            store.send(run.id, Command(command="set", **changes.pop(0)))

    for _ in range(5):
        run = leave(store, tools, chance.randrange(2, 40), change)
        assert run.state in (RunState.QUEUED, RunState.INTERRUPTED)
        assert "it was killed" in run.reason
        if run.state is RunState.INTERRUPTED:  # three times at one step
            store.send(run_id, Command(command="resume"))
    run = finish(store, tools)
    assert (run.state, run.step) == (RunState.FINISHED, CONFIG.total_steps)
    assert_as_in_one_piece(store, tools.checkpoint_dir, run)


def test_the_trajectory_goes_on_without_a_hole(store: Store, tools: Tools) -> None:
    run_id = store.create_run(CONFIG).id
    other = RunConfig.model_validate(CONFIG.model_dump())
    leave(store, tools, 40)
    finish(store, tools)
    store.create_run(other)
    whole = finish(store, tools)
    one, two = (
        load_file(trajectory_path(tools.checkpoint_dir, found)) for found in (run_id, whole.id)
    )
    assert one.keys() == two.keys()
    for name in one:
        assert torch.equal(one[name], two[name]), name


def test_a_worker_that_is_to_end_leaves_the_run_where_it_stands(store: Store, tools: Tools) -> None:
    run_id = store.create_run(CONFIG).id
    run, looks = claimed(store), iter(range(10**9))
    drive(store, run, "w", tools, lambda: next(looks) > 50)
    run = store.run(run_id)
    assert (run.state, run.reason) == (
        RunState.QUEUED,
        "the worker was stopped; to be taken up again",
    )
    assert not run.state.ended
    assert run.ended_at is None
    assert run.step > 40
    # Not a step is taken twice.
    taken = []
    advance = Trainer.advance

    def counted(self: Trainer, measure: bool = False) -> Any:
        taken.append(self.step)
        return advance(self, measure)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "advance", counted)
        run = finish(store, tools)
    assert taken[0] == run_step_of(store, run_id)
    assert_as_in_one_piece(store, tools.checkpoint_dir, run)
    assert [e.header["state"] for e in store.events(run_id) if e.kind == "state"] == [
        *("queued", "running", "queued", "running", "finished")
    ]


def run_step_of(store: Store, run_id: str) -> int:
    """Where the run was put back."""
    put_back = [e.header for e in store.events(run_id) if e.kind == "state"][2]
    return int(put_back["step"])


def test_one_that_was_paused_waits_where_it_stood(store: Store, tools: Tools) -> None:
    run_id = store.create_run(CONFIG).id
    leave(
        store, tools, 30, lambda store, run: store.send(run.id, Command(command="pause")) and None
    )
    run = store.run(run_id)
    assert run.state is RunState.PAUSED
    assert store.claim("w", LEASE_S) is None  # it takes no worker
    stood = run.step
    store.send(run_id, Command(command="step"))
    drive(store, claimed(store), "w", tools, lambda: store.run(run_id).step > stood)
    run = store.run(run_id)
    assert (run.state, run.step) == (RunState.PAUSED, stood + 1)
    store.send(run_id, Command(command="resume"))
    run = finish(store, tools)
    assert run.state is RunState.FINISHED
    # The single step was measured beside those that were due, and is there once.
    steps = store.series(run_id).step.tolist()
    assert steps == sorted({*range(0, CONFIG.total_steps, 3), stood, CONFIG.total_steps})


def test_commands_are_obeyed_once(store: Store, tools: Tools) -> None:
    run_id = store.create_run(CONFIG).id
    change = Command(command="set", learning_rate=0.03)
    leave(store, tools, 30, lambda store, run: store.send(run.id, change) and None)
    store.send(run_id, Command(command="set", learning_rate=0.05))  # while nobody has it
    run = finish(store, tools)
    told = [e.header for e in store.events(run_id) if e.kind == "control"]
    assert [(c["from"], c["to"]) for c in told] == [(CONFIG.learning_rate, 0.03), (0.03, 0.05)]
    assert run.learning_rate == 0.05
    assert_as_in_one_piece(store, tools.checkpoint_dir, run)


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_what_is_damaged_is_left_aside_and_said(
    store: Store, tools: Tools, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(taking_up, "SHARE", 1e9)
    tools = replace(tools, state_every_s=0.0)
    run_id = store.create_run(CONFIG).id
    leave(store, tools, 45)
    states = sorted((tools.checkpoint_dir / run_id).glob("state-*"), key=step_of)
    assert len(states) == 2
    whole = states[-1].read_bytes()
    with safe_open(states[-1], "pt") as file:
        assert file.metadata()["digest"]
    at = len(whole) - 5
    states[-1].write_bytes(
        {
            "flipped": whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
            "cut": whole[: len(whole) // 2],
            "empty": b"",
        }[damage]
    )
    run = finish(store, tools)
    notices = [e.header["message"] for e in store.events(run_id) if e.kind == "notice"]
    assert notices == ["1 damaged states were left aside."]
    assert_as_in_one_piece(store, tools.checkpoint_dir, run)


def step_of(path: Path) -> int:
    return int(path.stem.split("-")[1])


def test_another_thread_count_is_said(store: Store, tools: Tools) -> None:
    run_id = store.create_run(CONFIG).id
    leave(store, tools, 45)
    torch.set_num_threads(2)
    finish(store, tools)
    # A slow machine may have kept no checkpoint for a while, and says that too.
    said = [e.header["message"] for e in store.events(run_id) if e.kind == "notice"]
    assert sum("threads 1 before, 2 now" in message for message in said) == 1


def test_without_room_it_begins_anew_and_nothing_is_said_twice(store: Store, tools: Tools) -> None:
    none = Tools(tools.data_sets, tools.checkpoint_dir, 0, 0)
    run_id = store.create_run(CONFIG).id
    leave(store, none, 45)
    assert not (tools.checkpoint_dir / run_id).exists()
    run = finish(store, none)
    steps = store.series(run_id).step.tolist()
    assert steps == sorted({*range(0, CONFIG.total_steps, 3), CONFIG.total_steps})
    assert run.state is RunState.FINISHED


def state_bytes(config: RunConfig) -> int:
    return sum(tensor.nbytes for tensor in Trainer(config).state().values())


def test_a_state_that_is_too_large_for_the_run_has_room_among_those_of_all(
    store: Store, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking_up, "SHARE", 1e9)
    small = state_bytes(CONFIG) + 1000  # one checkpoint at the most, and no two states
    tight = replace(tools, checkpoint_bytes=small, state_every_s=0.0)
    run_id = store.create_run(CONFIG).id
    stood = leave(store, tight, 45)
    states = [*(tools.checkpoint_dir / run_id).glob("state-*")]
    assert len(states) == 2
    assert max(map(step_of, states)) > stood.step / 2
    run = finish(store, tight)
    steps = store.series(run_id).step.tolist()
    assert steps == sorted({*range(0, CONFIG.total_steps, 3), CONFIG.total_steps})
    assert run.state is RunState.FINISHED
    assert not [*(tools.checkpoint_dir / run_id).glob("state-*")]


def test_one_that_no_room_is_left_for_is_said(store: Store, tools: Tools) -> None:
    none = replace(tools, checkpoint_bytes=1000, checkpoint_total_bytes=1000)
    run_id = store.create_run(CONFIG).id
    leave(store, none, 45)
    said = [e.header["message"] for e in store.events(run_id) if e.kind == "notice"]
    assert any("too large for the room of all checkpoints" in message for message in said)


def test_a_state_that_is_later_than_the_database_leaves_no_hole(
    store: Store, tools: Tools, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a loss of power, or where a backup of the database alone was brought back."""
    monkeypatch.setattr(taking_up, "SHARE", 1e9)
    tools = replace(tools, state_every_s=0.0)
    run_id = store.create_run(CONFIG).id
    earlier = leave(store, tools, 20)
    backup = tmp_path / "backup.sqlite"
    database = settings.state_dir / "runs.sqlite"
    with sqlite3.connect(database) as whole, sqlite3.connect(backup) as copy:
        whole.backup(copy)
    later = leave(store, tools, 60)
    assert later.step > earlier.step
    with sqlite3.connect(backup) as copy, sqlite3.connect(database) as whole:
        copy.backup(whole)
    assert store.run(run_id).step == earlier.step
    run = finish(store, tools)
    assert_as_in_one_piece(store, tools.checkpoint_dir, run)


def test_a_run_that_is_paused_has_its_state_kept(store: Store, tools: Tools) -> None:
    run_id = store.create_run(CONFIG).id
    leave(
        store, tools, 60, lambda store, run: store.send(run.id, Command(command="pause")) and None
    )
    run = store.run(run_id)
    assert run.state is RunState.PAUSED
    (state,) = (tools.checkpoint_dir / run_id).glob("state-*")
    assert step_of(state) == run.step


def test_a_run_of_several_cells_is_taken_up_as_any_other(store: Store, tools: Tools) -> None:
    config = CONFIG.replace(vary={"learning_rate": [0.1, 0.05], "seed": [0, 3]})
    cells = [New(config, cells=[0, 1, 2, 3])]
    study = store.studies.create("rates", {"parts": []}, 4, cells)
    for looks in (25, 40):
        leave_part(store, tools, looks)
    drive(store, claimed(store), "w", tools, lambda: False)
    (run,) = store.studies.runs(study.id)
    assert (run.state, run.step) == (RunState.FINISHED, config.total_steps)
    expected = [*Trainer(config)]
    series = store.series(run.id)
    assert series.step.tolist() == [m.step for m in expected]
    for cell in range(4):
        own = store.series(f"{run.id}.{cell}")
        there = config.networks_of(cell)
        wanted = np.array([m.loss[there] for m in expected], np.float32)
        np.testing.assert_array_equal(own.loss, wanted)


def leave_part(store: Store, tools: Tools, looks: int) -> None:
    """The same as :func:`leave`, of a run that is none to be shown."""
    run, left = claimed(store), [looks]

    def stopping() -> bool:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return False

    with pytest.raises(Killed):
        drive(store, run, "w", tools, stopping)
    assert store.take_back("w", "it was killed") == [run.id]


def test_it_can_be_stopped_while_nobody_has_it(store: Store, tools: Tools) -> None:
    run_id = store.create_run(CONFIG).id
    stood = leave(store, tools, 45).step
    store.send(run_id, Command(command="stop"))
    run = store.run(run_id)
    assert (run.state, run.reason) == (RunState.STOPPED, f"stopped at step {stood:,}")


def test_a_run_that_kills_its_workers_is_left_alone(store: Store, tools: Tools) -> None:
    run_id = store.create_run(CONFIG).id
    for _ in range(MOST_DEATHS):
        assert not store.run(run_id).state.ended
        claimed(store)
        store.take_back("w", "its worker was killed by SIGKILL, perhaps for want of memory")
    run = store.run(run_id)
    assert run.state is RunState.INTERRUPTED
    assert run.reason.endswith("perhaps for want of memory, as 2 before it at this step")
    assert store.claim("w", LEASE_S) is None
    store.send(run_id, Command(command="resume"))
    run = store.run(run_id)
    assert (run.state, run.ended_at) == (RunState.QUEUED, None)
    assert finish(store, tools).state is RunState.FINISHED


def test_one_that_goes_on_between_deaths_is_not(store: Store) -> None:
    run_id = store.create_run(CONFIG).id
    for step in range(1, 3 * MOST_DEATHS):
        claimed(store)
        store.append(run_id, "w", [Draft.state(RunState.RUNNING, step)], LEASE_S)
        store.take_back("w", "it was killed")
        assert store.run(run_id).state is RunState.QUEUED


def test_a_worker_process_that_is_killed_is_followed_by_another(
    settings: Settings, wait: Any
) -> None:
    config = CONFIG.replace(epochs=40, measure_every=1)
    with Supervisor(settings) as supervisor, Store(settings.database_url) as store:
        run_id = store.create_run(config).id
        wait(lambda: len(store.series(run_id)) > 50)
        (pid,) = supervisor.pids()
        os.kill(pid, signal.SIGKILL)
        wait(lambda: store.run(run_id).state.ended)
        run = store.run(run_id)
        assert run.state is RunState.FINISHED
        assert_as_in_one_piece(store, settings.checkpoint_dir, run)
