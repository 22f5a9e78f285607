"""Runs that memory does not suffice for: what is said, and that others go on."""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from app.store import Ask, Command, RunState, Store, TaskState
from app.worker.supervisor import Supervisor
from fa_engine import RunConfig
from fa_engine.memory import in_words, peak_bytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="read from Linux's /proc")

LONG = RunConfig(hidden=(8,), replicates=1, epochs=10_000, measure_every=1)
SHORT = RunConfig(hidden=(8,), replicates=1, epochs=1)
LARGE = RunConfig(hidden=(4000, 4000), replicates=2, epochs=1)
ROOM = 100 * 2**20  # of the address space, beside what a worker has when it waits


def test_a_run_without_memory_fails_with_its_size_and_the_worker_goes_on(
    settings: Settings, wait: Any
) -> None:
    with Supervisor(settings) as supervisor, Store(settings.database_url) as store:
        first = store.create_run(SHORT).id
        wait(lambda: store.run(first).state.ended)  # the worker is warm
        (pid,) = supervisor.pids()
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + ROOM
        resource.prlimit(pid, resource.RLIMIT_AS, (most, most))
        large, following = store.create_run(LARGE).id, store.create_run(SHORT).id
        wait(lambda: store.run(following).state.ended)
        run = store.run(large)
        assert run.state is RunState.FAILED
        assert "ran out of memory" in run.reason
        assert f"about {in_words(peak_bytes(LARGE))} at its peak" in run.reason
        assert store.run(following).state is RunState.FINISHED
        assert supervisor.pids() == [pid]


def test_a_run_whose_worker_the_system_kills_for_memory_takes_no_other_down(
    settings: Settings, wait: Any, tmp_path: Path
) -> None:
    vmstat = tmp_path / "root/proc/vmstat"
    vmstat.parent.mkdir(parents=True)
    vmstat.write_text("oom_kill 7\n")
    with (
        Supervisor(settings, root=tmp_path / "root") as supervisor,
        Store(settings.database_url) as store,
    ):
        run_id, following = store.create_run(LONG).id, store.create_run(SHORT).id
        wait(lambda: len(store.series(run_id)) > 3)
        (pid,) = supervisor.pids()
        # The system, which counts first and kills then.
        assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "500"
        vmstat.write_text("oom_kill 8\n")
        os.kill(pid, signal.SIGKILL)
        wait(lambda: store.run(following).state.ended)
        assert store.run(following).state is RunState.FINISHED
        run = store.run(run_id)
        assert run.state is RunState.INTERRUPTED
        assert run.reason == "its worker was killed by the system, which was out of memory"
        # A person may try again; nobody is killed now.
        store.send(run_id, Command(command="resume"))
        wait(lambda: store.run(run_id).state is RunState.RUNNING)


def test_a_task_whose_analyst_is_killed_for_memory_is_not_tried_again(store: Store) -> None:
    asked = Ask("a key", "spectrum", {})
    store.tasks.ask([asked])
    assert store.tasks.claim("analyst", 60.0)
    store.tasks.release("analyst", "the process that computed it was killed")
    (task,) = store.tasks.ask([asked]).values()
    assert (task.state, task.message) == (
        TaskState.FAILED,
        "the process that computed it was killed",
    )
