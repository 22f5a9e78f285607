"""A worker's line to the store: training never waits for the database."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from app.store import LEASE_S, Command, Draft, LeaseLost, Progress, Store
from fa_engine import Measurement

HEARTBEAT_S = 1.0
COMMAND_S = 0.03  # between two looks at the commands

log = logging.getLogger(__name__)


class Line:
    """One thread that writes what it is handed, listens for commands, and holds the lease.

    A look at the database costs little, but on the thread that trains it costs several times that:
    it empties the processor's caches. The thread also renews the lease during a long step or a slow
    download. It vouches for the process, not for its progress: a worker that hangs keeps its run
    until a person or the supervisor ends the process.

    What goes wrong on the thread is raised by the next call of :meth:`heard` or :meth:`settle`.
    """

    def __init__(self, store: Store, run_id: str, owner: str, obeyed: int = 0) -> None:
        """Opens the line; commands up to number ``obeyed`` are not heard again."""
        self._store, self._run_id, self._owner = store, run_id, owner
        self._changes = store.changes()
        self._outbox: deque[tuple[Sequence[Measurement], Sequence[Draft], Progress | None, int]]
        self._outbox = deque()
        self._inbox: deque[tuple[int, Command]] = deque()
        self._number = obeyed  # of the last command heard
        self._obeyed = obeyed
        self._error: Exception | None = None
        self._closing = False
        self._wake = threading.Event()
        self._settled = threading.Condition()
        self._unwritten = 0
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)

    def __enter__(self) -> Line:
        try:
            self._listen()  # what was said to the run while it was queued holds from the first step
        except BaseException:
            self._changes.close()
            raise
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing = True
        self._wake.set()
        self._thread.join()
        self._changes.close()

    def say(
        self,
        drafts: Sequence[Draft] = (),
        measurements: Sequence[Measurement] = (),
        progress: Progress | None = None,
    ) -> None:
        """Hands over events, and measurements that come before them, to be written together.

        Args:
            drafts: events, in order.
            measurements: one block.
            progress: how far the run is, to go with each of them.
        """
        with self._settled:
            self._unwritten += 1
        self._outbox.append((measurements, drafts, progress, self._obeyed))
        self._wake.set()

    def obey(self, number: int) -> None:
        """From now on, what is said comes after command ``number``: nobody is to obey it again."""
        self._obeyed = number

    def heard(self) -> list[tuple[int, Command]]:
        """The commands that have come since the last call, with their numbers.

        Raises:
            LeaseLost: the run is another's.
            sqlalchemy.exc.SQLAlchemyError: the database could not be written to.
        """
        if self._error is not None:
            raise self._error
        commands = []
        while self._inbox:
            commands.append(self._inbox.popleft())
        return commands

    def settle(self) -> None:
        """Waits until everything that was said is written.

        Raises:
            LeaseLost: the run is another's.
            sqlalchemy.exc.SQLAlchemyError: the database could not be written to.
        """
        with self._settled:
            self._settled.wait_for(lambda: not self._unwritten or self._error is not None)
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            beat_at = time.monotonic()
            while not self._closing or self._outbox:
                self._wake.wait(COMMAND_S)
                self._wake.clear()
                now = time.monotonic()
                if self._write():
                    beat_at = now
                elif now - beat_at >= HEARTBEAT_S:
                    self._beat()
                    beat_at = now
                if not self._closing:
                    self._listen()
        except Exception as error:  # raised where the run is driven
            self._error = error
        finally:
            with self._settled:
                self._settled.notify_all()

    def _write(self) -> bool:
        """Writes what has been handed over, in order and together; False where there is nothing."""
        waiting = [self._outbox.popleft() for _ in range(len(self._outbox))]
        if not waiting:
            return False
        drafts: list[Draft] = []
        for measurements, others, progress, _ in waiting:
            if measurements and progress is not None:
                drafts.append(Draft.measurements(measurements, progress))
            drafts += [draft.at(progress) if progress else draft for draft in others]
        if drafts:
            self._store.append(self._run_id, self._owner, drafts, LEASE_S, waiting[-1][-1])
        with self._settled:
            self._unwritten -= len(waiting)
            self._settled.notify_all()
        return True

    def _beat(self) -> None:
        try:
            self._store.heartbeat(self._run_id, self._owner, LEASE_S)
        except LeaseLost:
            raise
        except SQLAlchemyError:
            # The lease outlives many beats; the next one may get through.
            log.warning("a heartbeat did not get through", exc_info=True)

    def _listen(self) -> None:
        if not self._changes.since_last_time():
            return
        for number, command in self._store.commands(self._run_id, after=self._number):
            self._number = number
            self._inbox.append((number, command))
