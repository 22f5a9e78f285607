"""The store on a real database: numbering, fencing, exclusive claims, nothing half done."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from waiting import PATIENCE_S

from app.store import (
    Command,
    Draft,
    LeaseLost,
    New,
    Parent,
    Progress,
    QueueFull,
    RunEnded,
    RunState,
    Store,
    UnknownCheckpoint,
    UnknownRun,
)
from app.store.engine import connect
from fa_engine import Measurement, RunConfig, Trainer

LEASE_S = 60.0


@pytest.fixture(scope="module")
def measured() -> list[Measurement]:
    return list(Trainer(RunConfig(replicates=2, hidden=(8,), epochs=1, measure_every=2)))


def begin(store: Store, owner: str = "w") -> str:
    """A run that ``owner`` has claimed."""
    created = store.create_run(RunConfig(replicates=2, hidden=(8,)))
    claimed = store.claim(owner, LEASE_S)
    assert claimed is not None
    assert claimed.id == created.id
    return created.id


def test_a_created_run_is_queued(store: Store) -> None:
    config = RunConfig(hidden=(7, 5), epochs=3, learning_rate=0.25, scheme="dfa")
    run = store.create_run(config)
    assert run.state is RunState.QUEUED
    assert not run.state.ended
    assert RunConfig.model_validate(run.config) == config
    assert (run.step, run.total_steps, run.revision) == (0, config.total_steps, 1)
    assert (run.learning_rate, run.scheme) == (0.25, "dfa")
    assert run.started_at is None
    assert run.ended_at is None
    assert run.name.startswith("DFA on ")
    assert store.run(run.id) == run
    (event,) = store.events(run.id)
    assert (event.seq, event.kind, event.payload) == (1, "state", b"")
    assert event.header == {"state": "queued", "reason": "", "step": 0}


def test_runs_come_newest_first(store: Store) -> None:
    created = [store.create_run(RunConfig(), f"run {number}") for number in range(5)]
    assert [run.name for run in store.runs(limit=3)] == ["run 4", "run 3", "run 2"]
    assert {run.id for run in store.runs()} == {run.id for run in created}


def test_an_unknown_run_is_named(store: Store) -> None:
    for call in (
        store.run,
        store.events,
        store.revision,
        store.series,
        lambda run_id: store.send(run_id, Command(command="pause")),
    ):
        with pytest.raises(UnknownRun, match="nobody"):
            call("nobody")
    assert store.revisions(["nobody"]) == {}
    assert store.revisions([]) == {}


def test_the_oldest_queued_run_is_claimed_first(store: Store) -> None:
    assert store.claim("w", LEASE_S) is None
    created = [store.create_run(RunConfig()).id for _ in range(3)]
    claimed = [store.claim(f"w{n}", LEASE_S) for n in range(4)]
    assert [run and run.id for run in claimed] == [*created, None]
    first = claimed[0]
    assert first is not None
    assert first.state is RunState.RUNNING
    assert first.started_at is not None
    assert [event.header["state"] for event in store.events(first.id)] == ["queued", "running"]


def test_the_row_is_what_the_events_add_up_to(store: Store, measured: list[Measurement]) -> None:
    run_id = begin(store)
    revision = store.append(
        run_id,
        "w",
        [
            Draft.measurements(measured[:4], Progress(8, 0.4, 120.0, 0.1)),
            Draft.control(8, "learning_rate", 0.1, 0.02),
            Draft.control(8, "scheme", "fa", "bp"),
            Draft.notice(8, "mind the gap"),
        ],
        LEASE_S,
    )
    run = store.run(run_id)
    assert (run.step, run.epoch, run.steps_per_second, run.trained_s) == (8, 0.4, 120.0, 0.1)
    assert (run.learning_rate, run.scheme) == (0.02, "bp")
    assert run.config["learning_rate"] == 0.1
    assert revision == run.revision == store.revision(run_id) == 6
    assert store.revisions([run_id, "nobody"]) == {run_id: 6}
    events = store.events(run_id, after=2)
    assert [event.seq for event in events] == [3, 4, 5, 6]
    progress = {"step": 8, "epoch": 0.4, "steps_per_second": 120.0, "trained_s": 0.1}
    assert events[0].header["progress"] == progress
    assert events[1].header == {"step": 8, "name": "learning_rate", "from": 0.1, "to": 0.02}
    assert [event.seq for event in store.events(run_id, after=1, limit=2)] == [2, 3]

    store.append(run_id, "w", [Draft.state(RunState.PAUSED, 9)], LEASE_S)
    assert store.run(run_id).state is RunState.PAUSED
    store.append(run_id, "w", [Draft.state(RunState.STOPPED, 9, "enough")], LEASE_S)
    run = store.run(run_id)
    assert (run.state, run.reason, run.step) == (RunState.STOPPED, "enough", 9)
    assert run.state.ended
    assert run.ended_at is not None


def test_series_joins_blocks(store: Store, measured: list[Measurement]) -> None:
    run_id = begin(store)
    assert store.series(run_id).gradient_angle_deg.shape == (0, 2, 1)
    for start in range(0, len(measured), 3):
        block = measured[start : start + 3]
        store.append(run_id, "w", [Draft.measurements(block, Progress(0, 0.0, 0.0))], LEASE_S)
        store.append(run_id, "w", [Draft.notice(0, "between")], LEASE_S)
    series = store.series(run_id)
    assert series.step.tolist() == [m.step for m in measured]
    np.testing.assert_array_equal(series.loss, np.array([m.loss for m in measured], np.float32))
    assert store.series(run_id, after=3, until=5).step.tolist() == [m.step for m in measured[3:6]]
    assert len(store.series(run_id, after=store.revision(run_id))) == 0


def test_commands_arrive_in_order_and_once(store: Store) -> None:
    run_id, other = begin(store), begin(store)
    sent = [Command(command="pause"), Command(command="set", scheme="bp"), Command(command="step")]
    numbers = [store.send(run_id, command) for command in sent]
    store.send(other, Command(command="stop"))
    assert numbers == sorted(set(numbers))
    assert store.commands(run_id) == list(zip(numbers, sent, strict=True))
    assert store.commands(run_id, after=numbers[1]) == [(numbers[2], sent[2])]
    assert store.commands(run_id, after=numbers[2]) == []


def test_an_ended_run_takes_no_commands(store: Store) -> None:
    run_id = begin(store)
    store.append(run_id, "w", [Draft.state(RunState.FINISHED, 1)], LEASE_S)
    with pytest.raises(RunEnded, match="finished"):
        store.send(run_id, Command(command="pause"))
    assert store.commands(run_id) == []


def test_a_queued_run_that_is_stopped_never_begins(store: Store) -> None:
    run_id = store.create_run(RunConfig()).id
    store.send(run_id, Command(command="stop"))
    assert store.run(run_id).state is RunState.STOPPED
    assert [event.seq for event in store.events(run_id)] == [1, 2]
    assert store.claim("w", LEASE_S) is None


def test_only_the_owner_writes(store: Store) -> None:
    run_id = begin(store, "one")
    before = store.events(run_id)
    with pytest.raises(LeaseLost):
        store.append(run_id, "two", [Draft.notice(0, "mine")], LEASE_S)
    with pytest.raises(LeaseLost):
        store.heartbeat(run_id, "two", LEASE_S)
    assert store.events(run_id) == before
    store.heartbeat(run_id, "one", LEASE_S)


def test_a_lost_lease_shuts_the_old_owner_out(store: Store) -> None:
    run_id = store.create_run(RunConfig()).id
    assert store.claim("old", lease_s=-1.0) is not None
    assert store.take_back_expired() == [run_id]
    run = store.run(run_id)
    assert run.state is RunState.QUEUED
    assert "worker" in run.reason
    before = store.events(run_id)
    with pytest.raises(LeaseLost):
        store.append(run_id, "old", [Draft.notice(0, "still here")], LEASE_S)
    with pytest.raises(LeaseLost):
        store.heartbeat(run_id, "old", LEASE_S)
    assert store.events(run_id) == before
    assert store.take_back_expired() == []


def test_a_renewed_lease_is_left_alone(store: Store) -> None:
    beaten = store.create_run(RunConfig()).id
    store.claim("w", lease_s=-1.0)
    store.heartbeat(beaten, "w", LEASE_S)
    written = store.create_run(RunConfig()).id
    store.claim("w", lease_s=-1.0)
    store.append(written, "w", [Draft.notice(0, "alive")], LEASE_S)
    assert store.take_back_expired() == []
    assert store.run(beaten).state is store.run(written).state is RunState.RUNNING


def test_a_dead_owner_loses_its_runs_and_nobody_elses(store: Store) -> None:
    mine, other = begin(store, "dead"), begin(store, "alive")
    store.append(mine, "dead", [Draft.state(RunState.PAUSED, 3)], LEASE_S)
    assert store.take_back("dead", "its worker was killed") == [mine]
    run = store.run(mine)
    assert (run.state, run.reason, run.step) == (
        RunState.PAUSED,  # as it was, until somebody resumes it
        "its worker was killed; to be taken up again",
        3,
    )
    assert store.run(other).state is RunState.RUNNING
    assert store.take_back("dead", "again") == []


def test_an_append_is_all_or_nothing(store: Store) -> None:
    run_id = begin(store)
    unwritable = Draft("notice", {"step": 1, "message": object()})
    with pytest.raises(Exception, match="JSON serializable"):
        store.append(run_id, "w", [Draft.state(RunState.PAUSED, 1), unwritable], LEASE_S)
    assert store.run(run_id).state is RunState.RUNNING
    assert store.revision(run_id) == len(store.events(run_id)) == 2


def test_threads_number_events_without_holes(store: Store) -> None:
    run_id = begin(store)

    def write(thread: int) -> list[int]:
        return [
            store.append(run_id, "w", [Draft.notice(thread, "a"), Draft.notice(thread, "b")], 60.0)
            for _ in range(15)
        ]

    with ThreadPoolExecutor(6) as pool:
        revisions = [revision for part in pool.map(write, range(6)) for revision in part]
    events = store.events(run_id)
    assert [event.seq for event in events] == list(range(1, 2 + 6 * 15 * 2 + 1))
    assert sorted(revisions) == list(range(4, 2 + 6 * 15 * 2 + 1, 2))
    # What was written together stays together.
    pairs = zip(events[2::2], events[3::2], strict=True)
    assert all(a.header["step"] == b.header["step"] for a, b in pairs)


def test_a_reader_never_sees_a_hole(store: Store) -> None:
    run_id = begin(store)
    done = threading.Event()

    def write() -> None:
        for number in range(100):
            store.append(run_id, "w", [Draft.notice(number, "x")], LEASE_S)
        done.set()

    seen: list[int] = []
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(write), pool.submit(write)]
        while not all(future.done() for future in futures) or len(seen) < 202:
            seen += [event.seq for event in store.events(run_id, after=len(seen))]
            assert seen == list(range(1, len(seen) + 1))
        for future in futures:
            future.result()
    assert done.is_set()


def _contend(url: str, owner: str, count: int) -> list[tuple[str, int]]:
    """Claims all it can get and writes ``count`` events to each; (run, seq) of all it wrote."""
    written = []
    with Store(url) as store:
        while run := store.claim(owner, LEASE_S):
            for number in range(count):
                seq = store.append(run.id, owner, [Draft.notice(number, owner)], LEASE_S)
                written.append((run.id, seq))
    return written


def _send(url: str, run_id: str, count: int) -> list[int]:
    with Store(url) as store:
        return [store.send(run_id, Command(command="step")) for _ in range(count)]


def test_processes_share_the_database(url: str) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        # All three open a database that is not there yet.
        assert pool.starmap(_contend, [(url, f"w{n}", 1) for n in range(3)], chunksize=1) == [
            [],
            [],
            [],
        ]
        with Store(url) as store:
            run_ids = [store.create_run(RunConfig()).id for _ in range(24)]
            parts = pool.starmap(_contend, [(url, f"w{n}", 5) for n in range(3)], chunksize=1)
            claims = Counter(run_id for part in parts for run_id in {r for r, _ in part})
            assert claims == dict.fromkeys(run_ids, 1)
            for run_id in run_ids:
                assert [event.seq for event in store.events(run_id)] == list(range(1, 8))
            numbers = pool.starmap(_send, [(url, run_ids[0], 20)] * 3, chunksize=1)
            flat = sorted(number for part in numbers for number in part)
            assert [number for number, _ in store.commands(run_ids[0])] == flat
            assert len(set(flat)) == 60


def test_nothing_is_lost_when_the_store_is_reopened(url: str, measured: list[Measurement]) -> None:
    with Store(url) as store:
        run_id = begin(store)
        draft = Draft.measurements(measured, Progress(22, 1.0, 5.0))
        store.append(run_id, "w", [draft], LEASE_S)
        store.send(run_id, Command(command="pause"))
        run, events, sent = store.run(run_id), store.events(run_id), store.commands(run_id)
    with Store(url) as again:
        assert again.run(run_id) == run
        assert again.events(run_id) == events
        assert again.commands(run_id) == sent
        assert again.append(run_id, "w", [Draft.notice(22, "on")], LEASE_S) == run.revision + 1


def test_sqlite_is_set_up_for_many_processes(tmp_path: Path) -> None:
    reader, _ = connect(f"sqlite:///{tmp_path}/a/b/runs.sqlite")
    with reader.connect() as connection:
        found = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        }
    reader.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 1, "busy_timeout": 3_000}


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a file"):
        Store("sqlite://")


FORK = """
import os, sys
from app.store import Draft, Store
from fa_engine import RunConfig

store = Store(sys.argv[1])
run_id = store.create_run(RunConfig()).id
store.claim("w", 60.0)
child = os.fork()
for number in range(50):
    store.append(run_id, "w", [Draft.notice(number, "child" if child == 0 else "parent")], 60.0)
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
seqs = [event.seq for event in store.events(run_id)]
assert seqs == list(range(1, 103)), seqs
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_uses_connections_of_its_own(url: str) -> None:
    # As a web server does that loads the application before it forks.
    root = Path(__file__).parents[3]
    command = [sys.executable, "-W", "ignore", "-c", FORK, url]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=PATIENCE_S)
    assert result.returncode == 0, result.stderr


def test_checkpoints_are_listed_by_step_and_the_last_of_a_step_counts(store: Store) -> None:
    run_id = begin(store)
    assert store.checkpoints(run_id) == []
    store.append(run_id, "w", [Draft.checkpoint(0, 10), Draft.checkpoint(5, 10)], LEASE_S)
    store.append(run_id, "w", [Draft.control(5, "scheme", "fa", "bp")], LEASE_S)
    store.append(run_id, "w", [Draft.checkpoint(5, 10)], LEASE_S)
    found = store.checkpoints(run_id)
    assert [(c.step, c.seq) for c in found] == [(0, 3), (5, 6)]
    assert store.checkpoint(run_id, 5) == found[1]
    with pytest.raises(UnknownCheckpoint, match="no checkpoint of step 6"):
        store.checkpoint(run_id, 6)
    with pytest.raises(UnknownRun):
        store.checkpoints("nobody")


def test_a_run_remembers_where_it_began(store: Store) -> None:
    run_id = begin(store)
    store.append(run_id, "w", [Draft.checkpoint(5, 10)], LEASE_S)
    parent = Parent(run_id, 5)
    child = store.create_run(RunConfig(replicates=2, hidden=(8,)), parent=parent)
    assert store.run(child.id).parent == child.parent == parent
    assert store.run(run_id).parent is None
    with pytest.raises(UnknownCheckpoint):
        store.create_run(RunConfig(), parent=Parent(run_id, 6))


def test_a_database_of_an_earlier_version_is_opened(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/runs.sqlite"
    with Store(url) as store:
        old = store.create_run(RunConfig(hidden=(8,))).id
        with store._writer.begin() as connection:  # as it was before there were parents and tasks
            for column in ("parent_id", "parent_step"):
                connection.execute(text(f"ALTER TABLE runs DROP COLUMN {column}"))
            connection.execute(text("DROP TABLE tasks"))
    with Store(url) as store:
        assert store.run(old).parent is None
        store.create_run(RunConfig(hidden=(8,)))
        assert store.tasks.claim("w", LEASE_S) is None


def test_changes_are_seen_and_their_absence_too(store: Store, url: str) -> None:
    run = store.create_run(RunConfig())
    with store.changes() as changes, Store(url) as elsewhere:
        assert changes.since_last_time()  # the first time there is no last time
        quiet = [changes.since_last_time() for _ in range(3)]
        assert not any(quiet) or not url.startswith("sqlite")
        store.send(run.id, Command(command="pause"))
        assert changes.since_last_time()
        elsewhere.send(run.id, Command(command="resume"))
        assert changes.since_last_time()
        store.runs()
        assert not changes.since_last_time() or not url.startswith("sqlite")


def test_a_look_for_changes_that_fails_is_a_failure_of_the_database(store: Store, url: str) -> None:
    if not url.startswith("sqlite"):
        pytest.skip("only SQLite is looked at without a query")
    changes = store.changes()
    assert changes._connection is not None
    driver: Any = changes._connection.driver_connection
    driver.close()
    with pytest.raises(OperationalError, match="closed database"):
        changes.since_last_time()


def test_the_queue_has_an_end_and_a_race_is_queued_whole_or_not_at_all(
    url: str,
) -> None:
    with Store(url, max_queued=3) as store:
        store.create_run(RunConfig())
        with pytest.raises(QueueFull, match=r"1 runs are queued and 3 would join.*are 3 \(FA_MAX"):
            store.create_runs([New(RunConfig())] * 3, "race")
        assert len(store.runs()) == 1
        made = store.create_runs([New(RunConfig())] * 2, "race")
        assert [run.id for run in store.race("race")] == [run.id for run in made]
        with pytest.raises(QueueFull):
            store.create_run(RunConfig())
        assert store.claim("w", LEASE_S) is not None  # what is trained waits no more
        store.create_run(RunConfig())
