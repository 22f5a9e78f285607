"""A worker's line to the store: training never waits for the database."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from app.store import AWAY, LEASE_S, Command, Draft, Progress, Run, Store
from app.worker.patience import RETRY_S, Outage
from fa_engine import Measurement

HEARTBEAT_S = 1.0
COMMAND_S = 0.03  # between two looks at the commands
TOLD_S = 2.0  # a database that was away for longer is worth a notice
MOST_HELD = 64 * 10**6  # bytes that wait to be written, about; then training waits
_AN_ARRAY = 200  # bytes that an array takes beside its values


@dataclass(frozen=True)
class _Said:
    """What was handed over together.

    Attributes:
        obeyed: number of the last command that was obeyed by then.
        n_bytes: of its measurements, about.
    """

    measurements: Sequence[Measurement]
    drafts: Sequence[Draft]
    progress: Progress | None
    obeyed: int
    n_bytes: int

    def events(self) -> list[Draft]:
        """As they are written."""
        if self.progress is None:
            return list(self.drafts)
        drafts = [draft.at(self.progress) for draft in self.drafts]
        if self.measurements:
            drafts.insert(0, Draft.measurements(self.measurements, self.progress))
        return drafts


class Line:
    """One thread that writes what it is handed, listens for commands, and holds the lease.

    A look at the database costs little, but on the thread that trains it costs several times that:
    it empties the processor's caches. The thread also renews the lease during a long step or a slow
    download. It vouches for the process, not for its progress: a worker that hangs keeps its run
    until a person or the supervisor ends the process.

    A database that is away is waited for: what is said is held in memory, up to
    :data:`MOST_HELD`, and written when it is back, with a notice.

    What goes wrong on the thread is raised by the next call of :meth:`say`, :meth:`heard` or
    :meth:`settle`.

    Args:
        run: as it was claimed; commands that it has obeyed are not heard again.
        owner: who holds it.
        stopping: whether the worker is to end. Then nothing is waited for: what is not written is
            measured again by whoever takes the run up.
    """

    def __init__(
        self, store: Store, run: Run, owner: str, stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self._store, self._run_id, self._owner = store, run.id, owner
        self._stopping = stopping
        self._changes = store.changes()
        self._outbox: deque[_Said] = deque()
        self._inbox: deque[tuple[int, Command]] = deque()
        self._number = self._obeyed = run.obeyed or 0  # of the last command heard, and obeyed
        self._revision, self._step = run.revision, run.step  # of the last event written
        self._news = True  # there may be commands
        self._writing: list[_Said] = []
        self._tried = 0  # events in a write that failed: how many that was
        self._outage = Outage()
        self._error: Exception | None = None
        self._closing = False
        self._wake = threading.Event()
        self._settled = threading.Condition()
        self._unwritten = 0
        self._held = 0  # bytes, about
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

        Waits while too much is held already.

        Args:
            drafts: events, in order.
            measurements: one block.
            progress: how far the run is, to go with each of them.

        Raises:
            LeaseLost: the run is another's.
            sqlalchemy.exc.SQLAlchemyError: the database could not be written to.
        """
        said = _Said(measurements, drafts, progress, self._obeyed, sum(map(_size, measurements)))
        with self._settled:
            self._settled.wait_for(
                lambda: not self._held or self._held + said.n_bytes <= MOST_HELD or self._error
            )
            if self._error is not None:
                raise self._error
            self._unwritten += 1
            self._held += said.n_bytes
        self._outbox.append(said)
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
            while not self._closing or self._unwritten:
                self._wake.wait(COMMAND_S)
                self._wake.clear()
                now = time.monotonic()
                try:
                    if self._write():
                        beat_at = now
                    elif now - beat_at >= HEARTBEAT_S:
                        self._store.heartbeat(self._run_id, self._owner, LEASE_S)
                        beat_at = now
                    if not self._closing:
                        self._listen()
                except AWAY as error:
                    if self._stopping():
                        raise
                    self._outage.begins(error, now)
                    time.sleep(RETRY_S)
                else:
                    self._outage.ends()
        except Exception as error:  # raised where the run is driven
            self._error = error
        finally:
            with self._settled:
                self._settled.notify_all()

    def _write(self) -> bool:
        """Writes what has been handed over, in order and together; False where there is nothing."""
        if not self._writing:
            self._writing = [self._outbox.popleft() for _ in range(len(self._outbox))]
        if not self._writing:
            return False
        if not self._written_already():
            drafts = [draft for said in self._writing for draft in said.events()]
            if self._outage.seconds >= TOLD_S:
                drafts.insert(0, Draft.notice(self._step, _missed(self._outage.seconds)))
            if drafts:
                self._tried = len(drafts)
                self._revision = self._store.append(
                    self._run_id, self._owner, drafts, LEASE_S, self._writing[-1].obeyed
                )
        self._tried = 0
        self._step = max([self._step, *(s.progress.step for s in self._writing if s.progress)])
        with self._settled:
            self._unwritten -= len(self._writing)
            self._held -= sum(said.n_bytes for said in self._writing)
            self._settled.notify_all()
        self._writing = []
        return True

    def _written_already(self) -> bool:
        """Whether a write that failed was one that came through, its answer alone did not."""
        if not self._tried:
            return False
        revision = self._store.revision(self._run_id)
        written = revision == self._revision + self._tried
        self._revision = revision if written else self._revision
        return written

    def _listen(self) -> None:
        self._news = self._changes.since_last_time() or self._news
        if not self._news:
            return
        for number, command in self._store.commands(self._run_id, after=self._number):
            self._number = number
            self._inbox.append((number, command))
        self._news = False


def _size(measurement: Measurement) -> int:
    """Bytes that it takes, about."""
    values = measurement.to_dict().values()
    return sum(_AN_ARRAY + value.nbytes for value in values if isinstance(value, np.ndarray))


def _missed(seconds: float) -> str:
    return (
        f"The database did not answer for {seconds:,.0f} s. What was measured meanwhile was held "
        "in memory, and nothing is missing."
    )
