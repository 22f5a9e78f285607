"""An analyst process: computes what pages ask for from checkpoints, beside the workers."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from app.lab import COMPUTATIONS, LeftOff, Progress, compute, pack_arrays, titled, unstable_of
from app.logs import logger
from app.settings import Settings
from app.shown import without_folders
from app.store import AWAY, LEASE_S, Changes, Series, Store, StoreError, Task
from app.worker.data import DataSets
from app.worker.keeping import check_kept, checkpoint_path, trajectory_path
from app.worker.patience import RETRY_S, Outage, ends_if_damaged, patiently
from app.worker.process import enter, opened
from fa_engine import CheckpointError, Dataset, DatasetError, NotAllowed, RunConfig, Trainer
from fa_engine.devices import on_host
from fa_engine.memory import in_words, is_out_of_memory, opened_bytes
from fa_engine.progress import Cancelled

LOOK_S = 0.05  # between two looks for a task
REPORT_S = 0.25  # between two reports of a task's progress
QUICK = [name for name, known in COMPUTATIONS.items() if not known.lengthy]
LESS = [name for name, known in COMPUTATIONS.items() if not known.longest]
UNFORESEEN = "This could not be computed; the log of the server says why."
STARVED = "This could not be computed: the machine ran out of memory. Fewer samples take less."
NICE = 5  # training goes first where both want the same core

log = logger(__name__)


def analyse(settings: Settings, owner: str) -> None:
    """Computes tasks as ``owner`` until SIGTERM, or until the process that started it is gone."""
    stop = enter(settings, "fa-analyst")
    os.nice(NICE)
    outage = Outage()
    with ends_if_damaged(), opened(settings, stop) as store, store.changes() as changes:
        analyst = _Analyst(settings, store, changes, owner, lambda: stop.asked)
        stop.at_once = False
        while not stop.asked:
            asked_at = time.monotonic()
            try:
                if not analyst.work_on_next():
                    time.sleep(LOOK_S)
                outage.ends()
            except AWAY as error:
                outage.begins(error, asked_at)
                time.sleep(RETRY_S)


class _Analyst:
    def __init__(
        self,
        settings: Settings,
        store: Store,
        changes: Changes,
        owner: str,
        stopping: Callable[[], bool],
    ) -> None:
        self._directory, self._data_dir = settings.checkpoint_dir, settings.data_dir
        self._shelf = _Shelf(store, settings, DataSets(settings.data_dir))
        self._store, self._changes, self._owner = store, changes, owner
        self._stopping = stopping
        self._news = True  # there may be tasks

    def work_on_next(self, kinds: Collection[str] | None = None) -> bool:
        """Computes the most urgent task, of these kinds alone if any; False where there is none."""
        self._news = self._changes.since_last_time() or self._news
        if not self._news:
            return False
        task = self._store.tasks.claim(self._owner, LEASE_S, kinds)
        self._news = task is not None
        if task is not None:
            self._work(task)
        return task is not None

    def _work(self, task: Task) -> None:
        """Computes one task. Whatever goes wrong in it ends the task, and not the analyst."""
        store, owner = self._store, self._owner

        def fail(message: str) -> None:
            patiently(lambda: store.tasks.failed(task.number, owner, message), self._stopping)

        with _Holding(store, owner, task, self._stopping) as holding:
            progress: Progress = holding.progress
            if task.kind not in QUICK:
                shorter = QUICK if task.kind in LESS else LESS
                progress = self._with_others_between(progress, shorter)
            try:
                found = compute(task.kind, task.params, self._shelf, progress)
                result, unstable = pack_arrays(found), unstable_of(task.kind, task.params, found)
                outcome = None
                if "outcome" in found:  # it is kept by itself
                    whole = without_folders(found["outcome"], self._directory, self._data_dir)
                    outcome, result = json.loads(whole), b""
            except (LeftOff, Cancelled):
                patiently(lambda: store.tasks.put_back(task.number, owner), self._stopping)
            except (NotAllowed, CheckpointError, DatasetError, StoreError) as error:
                # A person knows runs and steps, and not where their files are.
                said = str(error)
                if isinstance(error, NotAllowed):
                    said = titled(COMPUTATIONS[task.kind].params, error.problem).words
                log.warning(
                    "task cannot be computed", task=task.number, kind=task.kind, error=str(error)
                )
                fail(without_folders(said, self._directory, self._data_dir))
            except SQLAlchemyError:
                raise
            except Exception as error:
                kind = type(error).__name__
                log.exception("task failed", task=task.number, kind=task.kind, error=kind)
                fail(STARVED if is_out_of_memory(error) else UNFORESEEN)
            else:
                patiently(
                    lambda: store.tasks.done(task.number, owner, result, unstable, outcome),
                    self._stopping,
                )

    def _with_others_between(self, progress: Progress, kinds: Collection[str]) -> Progress:
        """Progress of a lengthy task, which makes way for what somebody else waits for."""
        looked_at = time.monotonic()

        def tell(share: float, so_far: Mapping[str, Any] | None = None) -> None:
            nonlocal looked_at
            progress(share, so_far)
            if time.monotonic() - looked_at >= LOOK_S:
                with suppress(*AWAY):  # they wait, and this one does not for them
                    self.work_on_next(kinds)
                looked_at = time.monotonic()

        return tell


class _Shelf:
    """See :class:`app.lab.Shelf`."""

    def __init__(self, store: Store, settings: Settings, data_sets: DataSets) -> None:
        self._store, self._settings, self._data_sets = store, settings, data_sets
        self._directory = settings.checkpoint_dir

    def trajectory(self, run_id: str) -> Path:
        self._store.run(run_id)  # a name that comes from a browser is no path
        path = trajectory_path(self._directory, run_id)
        if not path.exists():
            raise CheckpointError(
                f"Run {run_id} has no record of its trajectory: none is kept yet, it had no room "
                "beside its checkpoints (FA_CHECKPOINT_MB), or it made room for newer runs "
                "(FA_CHECKPOINT_TOTAL_MB)."
            )
        return path

    def samples(self, config: RunConfig) -> Future[Dataset]:
        return self._data_sets.request(config)

    def series(self, run_id: str, until: int) -> Series:
        return self._store.series(run_id, until=until)

    def open(
        self, run_id: str, step: int, beside: Callable[[RunConfig], int] = lambda _: 0
    ) -> Trainer:
        config = self._store.run(run_id).run_config()
        if on_host(config):
            needed, most = opened_bytes(config) + beside(config), self._settings.max_run_bytes
            if needed > most:
                raise CheckpointError(
                    f"This would take about {in_words(needed)} of memory, {in_words(most)} are "
                    f"allowed ({self._settings.limits.bytes_set_by})."
                )
        path = checkpoint_path(self._directory, run_id, step)
        check_kept(path)
        return Trainer.load(path, data=self._data_sets.request(config).result())


class _Holding:
    """Holds a task while it is computed: a thread renews the lease, tells how far it is, and
    learns when nobody wants it any more."""

    def __init__(self, store: Store, owner: str, task: Task, stopping: Callable[[], bool]) -> None:
        self._store, self._owner, self._number = store, owner, task.number
        self._stopping = stopping
        self._share = 0.0
        self._so_far: Mapping[str, Any] | None = None
        self._wanted = True
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="holding", daemon=True)

    def progress(self, share: float, so_far: Mapping[str, Any] | None = None) -> None:
        """See :class:`app.lab.Progress`."""
        self._share = share
        self._so_far = so_far or self._so_far
        if not self._wanted or self._stopping():
            raise LeftOff

    def _run(self) -> None:
        while not self._over.wait(REPORT_S):
            so_far, self._so_far = self._so_far, None
            packed = None if so_far is None else pack_arrays(so_far)
            try:
                self._wanted = self._store.tasks.report(
                    self._number, self._owner, self._share, LEASE_S, packed
                )
            except SQLAlchemyError:
                # The lease outlives many reports; the next one may get through.
                log.warning("a report did not get through", exc_info=True)

    def __enter__(self) -> _Holding:
        self._thread.start()
        return self

    def __exit__(self, *_error: Any) -> None:
        self._over.set()
        self._thread.join()
