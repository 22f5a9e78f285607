"""A worker process: warm up, then claim runs and train them, one at a time."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess

import torch

from app import logs
from app.logs import logger
from app.machine import offer_to_the_killer
from app.settings import Settings
from app.store import AWAY, LEASE_S, Store
from app.worker.data import DataSets
from app.worker.drive import Tools, drive
from app.worker.patience import RETRY_S, Outage, ends_if_damaged, patiently
from fa_engine import RunConfig, Trainer

SWITCH_S = 0.0005
CLAIM_S = 0.02  # between two looks at the queue

log = logger(__name__)


def work(settings: Settings, owner: str) -> None:
    """Trains queued runs as ``owner`` until SIGTERM.

    When the process that started it has died it finishes its run first, or puts it back where it
    is paused, and then ends too: a new supervisor brings workers of its own.
    """
    stop = enter(settings)
    # The line to the store runs beside training, which must not wait 5 ms for its turn.
    sys.setswitchinterval(SWITCH_S)
    data_sets = DataSets(settings.data_dir)
    tools = Tools(
        data_sets,
        settings.checkpoint_dir,
        settings.checkpoint_mb * 10**6,
        settings.checkpoint_total_mb * 10**6,
    )
    _warm_up(data_sets)
    parent = multiprocessing.parent_process()
    outage, look = Outage(), True
    with ends_if_damaged(), opened(settings, stop) as store, store.changes() as changes:
        stop.at_once = False
        while not stop.asked and not _alone(parent):
            asked_at = time.monotonic()
            try:
                look = changes.since_last_time() or look
                run = store.claim(owner, LEASE_S) if look else None
                look = run is not None
                if run is not None:
                    with logs.about(run_id=run.id):
                        drive(store, run, owner, tools, lambda: stop.asked, lambda: _alone(parent))
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


def _alone(parent: BaseProcess | None) -> bool:
    """Whether the process that started this one has died."""
    return parent is not None and not parent.is_alive()


def enter(settings: Settings) -> Stop:
    """What every process of a supervisor does first; the flag is set when it is to end."""
    stop = Stop()
    signal.signal(signal.SIGTERM, stop)
    # Ctrl-C in a terminal reaches every process there; what it means is the supervisor's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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

    def __call__(self, _number: int, _frame: object) -> None:
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
