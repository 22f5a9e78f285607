"""Workers that die, supervisors that die, and what becomes of the runs."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest
from waiting import PATIENCE_S

from app.settings import Settings
from app.store import Command, RunState, Store
from app.worker import supervisor as module
from app.worker.process import work
from app.worker.supervisor import KILLED_S, STEADY_S, Supervisor, _how, _Seat
from app.worker.template import IMPORTED, UNMADE
from fa_engine import RunConfig

LONG = RunConfig(hidden=(8,), replicates=1, epochs=10_000, measure_every=1)
SHORT = RunConfig(hidden=(8,), replicates=1, epochs=1)
ROOT = Path(__file__).parents[3]
PUT_BACK = "the worker was stopped; to be taken up again"


# The module with as much patience as a test has.
PATIENT = f"""
import runpy
from app.worker import supervisor

supervisor.STOP_S = {PATIENCE_S}
runpy.run_module("app.worker", run_name="__main__")
"""


def alive(pid: int) -> bool:
    """Whether a process that is not our child lives (a zombie does not)."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def training(store: Store) -> list[int]:
    """The process ids of the workers that the database knows."""
    return [one.pid for one in store.workers.all() if one.kind == "worker"]


def assert_whole(store: Store, run_id: str) -> None:
    """Events without holes, and each step once."""
    events = store.events(run_id)
    assert [event.seq for event in events] == list(range(1, store.revision(run_id) + 1))
    assert store.series(run_id).step.tolist() == list(range(store.run(run_id).step))


def test_a_killed_worker_is_replaced_and_its_run_put_back(settings: Settings, wait: Any) -> None:
    with Supervisor(settings) as supervisor, Store(settings.database_url) as store:
        run_id = store.create_run(LONG).id
        wait(lambda: len(store.series(run_id)) > 3)
        (pid,) = supervisor.pids()
        before = store.events(run_id)
        os.kill(pid, signal.SIGKILL)
        measured = len(store.series(run_id))
        wait(lambda: len(store.series(run_id)) > measured + 20)  # another one goes on with it
        wait(lambda: supervisor.pids() == training(store))  # who is heard of is who lives
        (holds,) = [one for one in store.workers.all() if one.kind == "worker"]
        assert (holds.run_id, holds.silent) == (run_id, False)
        after = store.events(run_id)
        assert after[: len(before)] == before
        assert [event.seq for event in after] == list(range(1, len(after) + 1))
        states = [event.header for event in after if event.kind == "state"]
        assert [state["state"] for state in states] == ["queued", "running", "queued", "running"]
        assert "SIGKILL" in states[2]["reason"]
        store.send(run_id, Command(command="stop"))
        following = store.create_run(SHORT).id
        wait(lambda: store.run(following).state.ended)
        assert store.run(following).state is RunState.FINISHED
        assert pid not in supervisor.pids()
        pids = supervisor.pids()
        # And the end: what runs waits for another worker, nobody stays behind.
        last = store.create_run(LONG).id
        wait(lambda: len(store.series(last)) > 3)
        supervisor.stop()
        run = store.run(last)
        assert (run.state, run.reason) == (RunState.QUEUED, PUT_BACK)
        # All that was measured is written: the run was measured before each of its steps.
        assert store.series(last).step.tolist() == list(range(run.step))
        assert supervisor.pids() == []
        assert not any(alive(pid) for pid in pids)
        assert store.workers.all() == []
        supervisor.stop()


def _supervise(settings: Settings, pids: Any) -> None:
    """A web process with its embedded workers, that hangs until it is killed."""
    supervisor = Supervisor(settings)
    supervisor.start()
    while not supervisor.pids():
        time.sleep(0.01)
    pids.send(supervisor.pids())
    while True:
        time.sleep(60)


def test_a_worker_ends_with_its_parent_and_the_next_one_takes_its_run_up(
    settings: Settings, wait: Any
) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    web = context.Process(target=_supervise, args=(settings, there))
    web.start()
    (orphan,) = here.recv()
    with Store(settings.database_url) as store:
        run_id = store.create_run(LONG).id
        wait(lambda: len(store.series(run_id)) > 3)
        web.kill()
        web.join()
        wait(lambda: not alive(orphan))
        run = store.run(run_id)
        assert (run.state, run.reason) == (RunState.QUEUED, PUT_BACK)
        kept = settings.checkpoint_dir / run_id / f"state-{run.step}.safetensors"
        assert kept.exists()
        with Supervisor(settings):
            wait(lambda: store.run(run_id).step > run.step + 20)
            store.send(run_id, Command(command="stop"))
            wait(lambda: store.run(run_id).state is RunState.STOPPED)
        assert_whole(store, run_id)


def test_when_the_template_is_killed_workers_are_made_of_another(
    settings: Settings, wait: Any
) -> None:
    with Supervisor(settings) as supervisor, Store(settings.database_url) as store:
        run_id = store.create_run(LONG).id
        wait(lambda: len(store.series(run_id)) > 3)
        (pid,) = supervisor.pids()
        template = psutil.Process(pid).parent()
        assert template is not None
        assert template.pid != os.getpid()
        template.kill()
        wait(lambda: supervisor.pids() not in ([pid], []))
        wait(lambda: not alive(pid))
        step = store.run(run_id).step
        wait(lambda: store.run(run_id).step > step + 20)
        store.send(run_id, Command(command="stop"))
        wait(lambda: store.run(run_id).state is RunState.STOPPED)
        assert_whole(store, run_id)


def test_a_worker_that_holds_a_paused_run_ends_with_its_parent(
    settings: Settings, wait: Any
) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    web = context.Process(target=_supervise, args=(settings, there))
    web.start()
    (orphan,) = here.recv()
    with Store(settings.database_url) as store:
        run_id = store.create_run(LONG).id
        wait(lambda: len(store.series(run_id)) > 3)
        store.send(run_id, Command(command="pause"))
        wait(lambda: store.run(run_id).state is RunState.PAUSED)
        web.kill()
        web.join()
        wait(lambda: not alive(orphan))
        run = store.run(run_id)
        assert (run.state, run.reason) == (RunState.PAUSED, PUT_BACK)


def test_a_run_whose_worker_vanished_unseen_is_put_back(settings: Settings, wait: Any) -> None:
    with Store(settings.database_url) as store:
        run_id = store.create_run(LONG).id
        store.claim("a worker of a machine that is gone", lease_s=-1.0)
        with Supervisor(settings.model_copy(update={"workers": 0})):
            wait(lambda: store.run(run_id).state is RunState.QUEUED)


def test_a_worker_whose_run_was_taken_away_lets_go(settings: Settings, wait: Any) -> None:
    with Supervisor(settings), Store(settings.database_url) as store:
        run_id = store.create_run(LONG).id
        wait(lambda: len(store.series(run_id)) > 3)
        with store._reader.connect() as connection:
            owner = connection.exec_driver_sql("SELECT owner FROM runs").scalar_one()
        store.take_back(owner, "taken away", interrupted=True)  # nobody takes it up
        revision = store.revision(run_id)
        # The same worker goes on with other runs, and writes no more to this one.
        following = store.create_run(SHORT).id
        wait(lambda: store.run(following).state.ended)
        assert store.run(following).state is RunState.FINISHED
        assert store.revision(run_id) == revision


def test_the_module_runs_alone_until_a_signal(settings: Settings, wait: Any) -> None:
    environment = os.environ | {
        "FA_STATE_DIR": str(settings.state_dir),
        "FA_WORKERS": "1",
        "FA_THREADS": "1",
    }
    program = [sys.executable, "-c", PATIENT]
    with (
        subprocess.Popen(program, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process,
        Store(settings.database_url) as store,
    ):
        try:
            run_id = store.create_run(LONG).id
            wait(lambda: len(store.series(run_id)) > 3)
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        run = store.run(run_id)
        assert (run.state, run.reason) == (RunState.QUEUED, PUT_BACK)


def test_what_workers_are_made_of_has_no_threads_and_knows_no_gpu() -> None:
    """A fork takes neither along."""
    imports = "".join(f"import {name}\n" for name in IMPORTED)
    looked = "import threading\nprint(threading.active_count(), torch.cuda.is_initialized())"
    code = f"{imports}import torch\n{looked}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["1", "False"]


def test_all_of_a_group_are_told_to_end_and_the_supervisor_ends_them(
    settings: Settings, wait: Any
) -> None:
    more = {"FA_STATE_DIR": str(settings.state_dir), "FA_WORKERS": "1", "FA_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", PATIENT],
        cwd=ROOT,
        env=os.environ | more,
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process.stderr, Store(settings.database_url) as store:
        run_id = store.create_run(LONG).id
        wait(lambda: len(store.series(run_id)) > 3 and training(store))
        (worker,) = training(store)
        template = psutil.Process(worker).parent()
        assert template is not None
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
        assert "somebody killed" not in process.stderr.read()
        wait(lambda: not alive(template.pid) and not alive(worker))
        run = store.run(run_id)
        assert (run.state, run.reason) == (RunState.QUEUED, PUT_BACK)


def test_a_worker_that_keeps_dying_is_restarted_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 100.0))
    seat = _Seat(work, "somebody")
    delays = []
    for _ in range(10):
        seat.began_at = 100.0
        seat.put_off()
        delays.append(round(seat.restart_at - seat.began_at, 1))
    assert delays == sorted(delays)
    assert delays[0] == 0.0
    assert delays[-1] == 30.0
    # Nobody waits for long after one that somebody killed, however often.
    seat.put_off(killed=True)
    assert seat.restart_at == 101.0
    # One that lived for long is replaced at once.
    seat.began_at = 100.0 - STEADY_S
    seat.put_off()
    assert seat.restart_at == 100.0


@pytest.mark.parametrize("exit_code", [-signal.SIGKILL, UNMADE])
def test_nobody_waits_for_long_after_what_was_nobodys_fault(
    settings: Settings, tmp_path: Path, exit_code: int
) -> None:
    supervisor = Supervisor(settings, root=tmp_path)  # where the system killed nobody
    gone = SimpleNamespace(pid=1, exitcode=exit_code, is_alive=bool, join=bool, close=bool)
    seat = _Seat(work, "somebody", cast(Any, gone), began_at=time.monotonic(), failures=9)
    with Store(settings.database_url) as store:
        supervisor._store, supervisor._seats = store, [seat]
        supervisor._clear_seats()
    assert seat.restart_at <= time.monotonic() + KILLED_S


@pytest.mark.parametrize(
    ("exit_code", "words"),
    [
        (-9, "was killed by SIGKILL, perhaps for want of memory"),
        (-11, "was killed by SIGSEGV"),
        (-250, "was killed by signal 250"),
        (1, "ended with exit code 1"),
        (UNMADE, "went with the process that workers are made of, which somebody killed"),
    ],
)
def test_how_a_worker_ended_is_said_in_words(exit_code: int, words: str) -> None:
    assert _how(exit_code) == words
