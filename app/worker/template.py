"""The template of workers: a process that has imported what they need, and that each is forked
from. To import torch takes seconds, a fork none of them, and what is forked shares its memory."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import BaseContext, SpawnContext
from multiprocessing.process import BaseProcess
from typing import Any

from app.logs import logger

# All that a worker or an analyst imports, sooner or later. Nothing of it may begin a thread or
# touch a GPU: neither would come along into what is forked.
IMPORTED = ["app.worker.process", "app.worker.analyst", "psycopg"]

RETRY_S = 1.0

# Who ends a whole group of processes, as a terminal or systemd does, means the one that began it,
# which ends the others in its own order. These say themselves when they can be told to end.
HELD_BACK = (signal.SIGINT, signal.SIGTERM)

# What Python calls the exit code of a process whose template is gone: nobody is left to know it.
# Such a process still lives for a moment; it ends as soon as it sees that it is nobody's.
UNMADE = 255

log = logger(__name__)


class Template:
    """Starts processes, each a fork of one that Python keeps for this whole process, however many
    of these objects there are. Where that is not safe (Linux alone lets what it loaded be forked),
    each imports everything itself.

    Attributes:
        ready: set while a process could be started without waiting for imports.
    """

    def __init__(self) -> None:
        """Begins to import, elsewhere, and returns at once."""
        self.ready = threading.Event()
        self._context: BaseContext = multiprocessing.get_context("spawn")
        if sys.platform != "linux":
            self.ready.set()
            return
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(IMPORTED)
        self.renew()

    def renew(self) -> None:
        """It may have been killed: :attr:`ready` is set again when it is there."""
        if isinstance(self._context, SpawnContext):
            return
        self.ready.clear()
        threading.Thread(target=self._begin, name="template", daemon=True).start()

    def start(self, target: Callable[..., None], args: tuple[Any, ...], name: str) -> BaseProcess:
        """A process of its own, that does ``target(*args)``.

        Raises:
            OSError: it cannot be started now; no memory, too many processes.
        """
        process: BaseProcess = self._context.Process(  # type: ignore[attr-defined]
            target=target, args=args, name=name, daemon=True
        )
        try:
            with self._held_back():
                process.start()
        except EOFError as error:  # the template was killed meanwhile; the next call makes another
            raise OSError("the template of the workers is gone") from error
        return process

    @contextmanager
    def _held_back(self) -> Iterator[None]:
        """What this thread starts has them held back, and so has what is forked from it."""
        if isinstance(self._context, SpawnContext):
            yield
            return
        resource_tracker.ensure_running()  # else it is begun meanwhile, and lets them through
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _begin(self) -> None:
        """Waits until one process has come and gone: its fork followed the imports."""
        while not self.ready.is_set():
            try:
                self.start(_nothing, (), "template").join()
            except OSError:
                log.exception("no worker can be started")
                time.sleep(RETRY_S)
            else:
                self.ready.set()


def _nothing() -> None:
    pass
