"""A database that is away for a while: workers wait for it, and nothing of a run is missing."""

from __future__ import annotations

import resource
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from worker_helpers import CONFIG, assert_as_in_one_piece

from app.settings import Settings
from app.store import LEASE_S, Command, Draft, LeaseLost, RunState, Store, Sweeper
from app.store import sweeping as sweeping_module
from app.worker import line as line_module
from app.worker.data import DataSets
from app.worker.drive import Tools, drive
from app.worker.line import Line
from app.worker.patience import patiently
from app.worker.supervisor import Supervisor
from fa_engine import Measurement, Trainer

AWAY_S = 4.0  # longer than a write waits for another


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Somebody else writes to the database, and does not come to an end."""
    other = sqlite3.connect(settings.state_dir / "runs.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def away(*_arguments: object, **_named: object) -> Any:
    raise OperationalError("UPDATE runs", {}, Exception("the server is starting up"))


@pytest.mark.parametrize("ended", [False, True], ids=["goes on", "ended meanwhile"])
def test_a_run_goes_on_while_nothing_can_be_written(
    settings: Settings, store: Store, wait: Any, ended: bool
) -> None:
    config = CONFIG.replace(epochs=20 if ended else 90, measure_every=1)
    with Supervisor(settings):
        run_id = store.create_run(config).id
        wait(lambda: len(store.series(run_id)) > 50)
        with locked(settings):
            time.sleep(AWAY_S)
        wait(lambda: store.run(run_id).state.ended)
        run = store.run(run_id)
    assert run.state is RunState.FINISHED
    told = [e.header for e in store.events(run_id)]
    assert [h["state"] for h in told if "state" in h] == ["queued", "running", "finished"]
    (notice,) = [h["message"] for h in told if "message" in h]
    assert notice.startswith("The database did not answer for ")
    assert notice.endswith("and nothing is missing.")
    assert_as_in_one_piece(store, settings.checkpoint_dir, run)


def test_who_waits_is_ended_at_once_and_the_run_taken_up(
    settings: Settings, store: Store, wait: Any
) -> None:
    config = CONFIG.replace(epochs=60, measure_every=1)
    with Supervisor(settings) as supervisor:
        run_id = store.create_run(config).id
        wait(lambda: len(store.series(run_id)) > 50)
        with locked(settings):
            time.sleep(1.0)
            supervisor.stop()
            assert store.run(run_id).state is RunState.RUNNING  # nobody could write anything else
    store.shorten_leases(-1.0)
    assert store.take_back_expired() == [run_id]
    tools = Tools(DataSets(settings.data_dir), settings.checkpoint_dir, 10**8, 10**9)
    run = store.claim("another", LEASE_S)
    assert run is not None
    drive(store, run, "another", tools, lambda: False)
    assert_as_in_one_piece(store, settings.checkpoint_dir, store.run(run_id))


@pytest.fixture
def measured() -> list[Measurement]:
    return list(Trainer(CONFIG))


def opened(store: Store, stopping: Callable[[], bool] = lambda: False) -> Line:
    store.create_run(CONFIG)
    run = store.claim("w", LEASE_S)
    assert run is not None
    return Line(store, run, "w", stopping)


def test_what_was_written_though_nobody_heard_of_it_is_not_written_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that ends between a commit and its answer."""
    append, lost = store.append, [True, False, True]

    def lossy(*arguments: Any) -> int:
        if lost and lost.pop():
            append(*arguments)
            away()
        return append(*arguments)

    monkeypatch.setattr(store, "append", lossy)
    with opened(store) as line:
        for step in range(3):
            line.say([Draft.notice(step, f"number {step}")])
            line.settle()
    assert not lost
    (run,) = store.runs()
    told = [e.header["message"] for e in store.events(run.id) if e.kind == "notice"]
    assert told == ["number 0", "number 1", "number 2"]


def test_commands_are_heard_when_the_database_is_back(
    store: Store, monkeypatch: pytest.MonkeyPatch, wait: Any
) -> None:
    commands, failures = store.commands, [away] * 3

    def sometimes(*arguments: Any, **named: Any) -> Any:
        return (failures.pop() if failures else commands)(*arguments, **named)

    with opened(store) as line:
        monkeypatch.setattr(store, "commands", sometimes)
        (run,) = store.runs()
        store.send(run.id, Command(command="pause"))
        heard: list[str] = []
        wait(lambda: heard.extend(c.command for _, c in line.heard()) or bool(heard))
    assert not failures
    assert heard == ["pause"]


def test_what_is_held_is_bounded_and_training_waits_then(
    store: Store, measured: list[Measurement], monkeypatch: pytest.MonkeyPatch, wait: Any
) -> None:
    monkeypatch.setattr(line_module, "MOST_HELD", 10_000)
    append, there = store.append, threading.Event()

    def sometimes(*arguments: Any) -> int:
        return append(*arguments) if there.is_set() else away()

    monkeypatch.setattr(store, "append", sometimes)
    said = []
    with opened(store) as line:

        def train() -> None:
            for measurement in measured:
                line.say([Draft.notice(measurement.step, "measured")], [measurement])
                said.append(measurement)

        trainer = threading.Thread(target=train)
        trainer.start()
        wait(lambda: bool(said))
        time.sleep(0.5)
        held = len(said)
        assert held < len(measured) / 2
        assert held * line_module._size(measured[0]) <= 10_000
        there.set()
        trainer.join()
        line.settle()
    assert len(said) == len(measured)


def test_a_worker_that_is_to_end_does_not_wait(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping = threading.Event()
    monkeypatch.setattr(store, "append", away)
    with opened(store, stopping.is_set) as line:
        line.say([Draft.notice(0, "never")])
        stopping.set()
        with pytest.raises(OperationalError):
            line.settle()


def test_a_run_that_is_anothers_is_no_outage(store: Store) -> None:
    with opened(store) as line:
        store.take_back("w", "it was killed")
        line.say([Draft.notice(0, "never")])
        with pytest.raises(LeaseLost):
            line.settle()


def test_only_what_may_pass_is_waited_for() -> None:
    failures: list[Callable[[], int]] = [lambda: 3, away, away]
    assert patiently(lambda: failures.pop()(), lambda: False) == 3
    with pytest.raises(OperationalError):
        patiently(away, lambda: True)
    with pytest.raises(LookupError):
        patiently(lambda: {}["nothing"], lambda: False)


class Clocks:
    """Both clocks, as a test sets them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monotonic, self.wall = 1_000.0, time.time()
        monkeypatch.setattr(sweeping_module, "_clocks", lambda: (self.monotonic, self.wall))
        monkeypatch.setattr(sweeping_module.time, "monotonic", lambda: self.monotonic)
        monkeypatch.setattr(sweeping_module.time, "time", lambda: self.wall)

    def go(self, seconds: float, told: float | None = None) -> None:
        self.monotonic += seconds
        self.wall += seconds if told is None else told


def leased(store: Store) -> None:
    store.create_run(CONFIG)
    assert store.claim("w", LEASE_S) is not None


def test_a_lease_that_ran_out_is_taken_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(monkeypatch)
    leased(store)
    sweeper = Sweeper(store)
    clocks.go(1.0)
    assert sweeper.sweep() == []
    taken = []
    for _ in range(5):
        clocks.go(LEASE_S / 4)
        taken += sweeper.sweep()
    assert len(taken) == 1


@pytest.mark.parametrize(
    "told", [3_600.0, -3_600.0], ids=["an hour of sleep", "set back by an hour"]
)
def test_who_is_alive_keeps_its_run_when_the_clock_jumps(
    store: Store, monkeypatch: pytest.MonkeyPatch, told: float
) -> None:
    clocks = Clocks(monkeypatch)
    leased(store)
    (run,) = store.runs()
    sweeper = Sweeper(store)
    clocks.go(1.0, told)
    assert sweeper.sweep() == []
    store.heartbeat(run.id, "w", LEASE_S)
    for _ in range(3):
        clocks.go(LEASE_S / 3)
        assert sweeper.sweep() == []
        store.heartbeat(run.id, "w", LEASE_S)
    # And one that died then is not held for an hour.
    for _ in range(9):
        clocks.go(LEASE_S / 3)
        if taken := sweeper.sweep():
            break
    assert taken == [run.id]


def test_nobody_is_taken_for_dead_whom_the_database_kept_from_saying_so(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_run(CONFIG)
    store.claim("w", -1.0)  # it could not say that it is alive
    (run,) = store.runs()
    monkeypatch.setattr(sweeping_module, "SLOW_S", 0.2)
    sweeper = Sweeper(store, lease_s=0.5)
    other = sqlite3.connect(
        settings.state_dir / "runs.sqlite", isolation_level=None, check_same_thread=False
    )
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(1.0, other.rollback)
    release.start()
    assert sweeper.sweep() == []  # having waited
    release.join()
    other.close()
    assert sweeper.sweep() == []
    time.sleep(0.6)
    assert sweeper.sweep() == [run.id]  # nor did it say so then


def test_a_run_goes_on_where_its_checkpoints_find_no_room(settings: Settings, store: Store) -> None:
    """What the kernel refuses here, a file that is too large, it refuses as it does a full disk."""
    store.create_run(CONFIG.replace(hidden=(800, 800), replicates=4, optimizer="sgd", epochs=1))
    run = store.claim("w", LEASE_S)
    assert run is not None
    tools = Tools(DataSets(settings.data_dir), settings.checkpoint_dir, 10**9, 10**10)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 * 10**6, before[1]))
    try:
        drive(store, run, "w", tools, lambda: False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert store.run(run.id).state is RunState.FINISHED
    told = [e.header["message"] for e in store.events(run.id) if e.kind == "notice"]
    assert told == ["No checkpoint was kept at step 0: File too large"]
    assert store.checkpoints(run.id) == []
    assert not list(settings.checkpoint_dir.rglob("*.part"))
