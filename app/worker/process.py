"""A worker process: warm up, then claim runs and train them, one at a time."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

import torch

from app import logs
from app.logs import logger
from app.machine import be_called, offer_to_the_killer
from app.settings import Settings
from app.store import AWAY, LEASE_S, Store
from app.worker.data import DataSets
from app.worker.drive import Tools, drive
from app.worker.patience import RETRY_S, Outage, ends_if_damaged, patiently
from app.worker.template import HELD_BACK
from fa_engine import RunConfig, Trainer

SWITCH_S = 0.0005
CLAIM_S = 0.02  # between two looks at the queue

log = logger(__name__)


def work(settings: Settings, owner: str) -> None:
    """Trains queued runs as ``owner`` until SIGTERM, or until the process that started it is gone;
    a run that it is at then goes back to the queue, for a worker of the next supervisor."""
    stop = enter(settings, "fa-worker")
    # The line to the store runs beside training, which must not wait 5 ms for its turn.
    sys.setswitchinterval(SWITCH_S)
    data_sets = DataSets(settings.data_dir)
    tools = Tools(
        data_sets,
        settings.checkpoint_dir,
        settings.checkpoint_mb * 10**6,
        settings.checkpoint_total_mb * 10**6,
        settings.state_every_s,
    )
    _warm_up(data_sets)
    outage, look = Outage(), True
    with ends_if_damaged(), opened(settings, stop) as store, store.changes() as changes:
        stop.at_once = False
        while not stop.asked:
            asked_at = time.monotonic()
            try:
                look = changes.since_last_time() or look
                run = store.claim(owner, LEASE_S) if look else None
                look = run is not None
                if run is not None:
                    with logs.about(run_id=run.id):
                        drive(store, run, owner, tools, lambda: stop.asked)
                outage.ends()
            except AWAY as error:
                look = True
                outage.begins(error, asked_at)
                time.sleep(RETRY_S)
            else:
                if run is None:
                    time.sleep(CLAIM_S)


def sit(do: Callable[[Settings, str], None], settings: Settings, owner: str) -> None:
    """``do(settings, owner)``, and then the end of this process at once.

    All is written and closed by then, and Python takes a second and more to take torch to pieces,
    which somebody who ends a dashboard would wait for.
    """
    do(settings, owner)
    logging.shutdown()
    os._exit(0)


def opened(settings: Settings, stop: Stop) -> Store:
    """The store, as soon as its database answers."""
    return patiently(lambda: Store(settings.database_url), lambda: stop.asked)


def enter(settings: Settings, name: str) -> Stop:
    """What every process of a supervisor does first.

    Args:
        settings: of the installation.
        name: what the system's lists of processes shall call it.

    Returns:
        A flag that is set when it is to end: by SIGTERM, or as soon as its parent is gone.
    """
    be_called(name)
    stop = Stop()
    signal.signal(signal.SIGTERM, stop)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            stop()

        threading.Thread(target=follow, name="parent", daemon=True).start()
    # Ctrl-C in a terminal reaches every process there; what it means is the supervisor's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
    logs.begin(settings.log_level, settings.log_format)
    torch.set_num_threads(settings.threads)
    offer_to_the_killer()
    return stop


class Stop:
    """A flag that a signal handler can set whatever the process is at; a threading.Event is not.

    Attributes:
        asked: whether the process is to end.
        at_once: whether it ends then and there, as long as it has nothing that could be lost and
            may be at what cannot be cut short, such as its first step.
    """

    def __init__(self) -> None:
        self.asked = False
        self.at_once = True

    def __call__(self, _number: int = 0, _frame: object = None) -> None:
        self.asked = True
        if self.at_once:
            os._exit(0)


def _warm_up(data_sets: DataSets) -> None:
    """The first step in a process costs about a second; nobody shall wait for it."""
    config = RunConfig(replicates=2, epochs=1)
    try:
        trainer = Trainer(config, data=data_sets.request(config).result())
        for _ in range(3):
            trainer.advance(measure=True)
    except Exception:
        # Runs that meet the same trouble will say so, each to the person who started it.
        log.exception("the warm-up failed")
