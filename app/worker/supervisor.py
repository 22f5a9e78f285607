"""Supervisor: keeps the worker processes of one installation alive, and the store truthful."""

from __future__ import annotations

import math
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.logs import logger
from app.machine import killed_for_memory
from app.settings import Settings
from app.store import Seen, Store, Sweeper, why_away
from app.store.workers import BEAT_S
from app.worker.analyst import analyse
from app.worker.drive import STOPPED_REASON
from app.worker.process import sit, work
from app.worker.template import UNMADE, Template

SWEEP_S = 1.0  # between two looks for expired leases
STOP_S = 5.0  # a worker gets this long to end by itself
STEADY_S = 30.0  # a worker that lived this long is not in a crash loop
KILLED_S = 1.0  # at most until the next one, where somebody killed it: it was no fault of its own
KILLING_S = 30.0  # from the system's decision to the end of the process, at most
BACKOFF_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

_STARVED = "was killed by the system, which was out of memory"

log = logger(__name__)


@dataclass
class _Seat:
    """A place for one process; who sits there changes when one dies.

    Attributes:
        work: what it does, given the settings and its name.
        began_at, born_at: when its process was started, on the monotonic and on the wall clock.
    """

    work: Callable[[Settings, str], None]
    owner: str
    process: BaseProcess | None = None
    began_at: float = 0.0
    born_at: float = 0.0
    restart_at: float = 0.0
    failures: int = 0

    def put_off(self, *, killed: bool = False) -> None:
        """The next worker may sit here at once the first time, and later and later then; not so
        much later where the one before was ``killed`` and did not fail by itself."""
        now = time.monotonic()
        self.failures = 1 if now - self.began_at >= STEADY_S else self.failures + 1
        delay = BACKOFF_S[min(self.failures, len(BACKOFF_S)) - 1]
        self.restart_at = now + (min(delay, KILLED_S) if killed else delay)


@dataclass(frozen=True)
class _Orphaned:
    """Who is gone, and what is to be said of what was theirs.

    Attributes:
        starved: the system killed them for want of memory: the next worker would go the same way.
    """

    owner: str
    reason: str
    starved: bool = False


class _Kills:
    """Notices when the system kills a process for want of memory."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._count = killed_for_memory(root)
        self._rose_at = -math.inf

    def look(self) -> None:
        """Once in a while."""
        count = killed_for_memory(self._root)
        if count > self._count:
            self._rose_at = time.monotonic()
        self._count = count

    def lately(self) -> bool:
        """Whether it did so: a process with much memory takes a while to be gone."""
        self.look()
        return time.monotonic() - self._rose_at < KILLING_S


class Supervisor:
    """Starts ``settings.workers`` workers and an analyst, and restarts those that die, until
    :meth:`stop`.

    A run whose worker died goes back into the queue at once, and so does any run in the database
    whose lease has run out, whoever held it; one whose worker the system killed for want of memory
    waits, interrupted, for a person. Several supervisors may share one database: each touches only
    its own workers, and a lease that is renewed belongs to somebody.
    """

    def __init__(self, settings: Settings, root: Path = Path("/")) -> None:
        """Starts no worker yet, but the template that they are made of.

        Args:
            settings: of the installation.
            root: where the system's ``proc`` and ``sys`` are.
        """
        self._settings = settings
        self._seats: list[_Seat] = []
        self._orphaned: list[_Orphaned] = []  # still to be marked
        self._kills = _Kills(root)
        self._template = Template()
        self._store: Store | None = None
        self._thread: threading.Thread | None = None
        self._wake: Connection | None = None
        self._awake: Connection | None = None
        self._stopping = False

    def start(self) -> None:
        """Opens the store and starts the workers; they are ready a few seconds later."""
        if self._thread is not None:
            raise RuntimeError("the supervisor runs already")
        self._store = Store(self._settings.database_url)
        self._awake, self._wake = Pipe(duplex=False)
        self._stopping = False
        self._seats = [_Seat(work, _owner()) for _ in range(self._settings.workers)]
        self._seats.append(_Seat(analyse, _owner()))
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the workers, within a few seconds; their runs wait in the queue for other ones.

        May be called more than once, and without :meth:`start`.
        """
        if self._thread is None:
            return
        assert self._wake is not None
        assert self._awake is not None
        assert self._store is not None
        self._stopping = True
        self._wake.send(None)
        self._thread.join()
        self._thread = None
        self._end_workers()
        self._mark_orphaned()
        self._wake.close()
        self._awake.close()
        self._store.close()

    def __enter__(self) -> Supervisor:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def pids(self) -> list[int]:
        """Process ids of the workers that live now; the analyst is none."""
        processes = [seat.process for seat in self._seats if seat.work is work]
        return [p.pid for p in processes if p is not None and p.pid is not None and p.is_alive()]

    def _run(self) -> None:
        assert self._awake is not None
        assert self._store is not None
        sweeper, swept_at, beat_at = Sweeper(self._store), -SWEEP_S, -BEAT_S
        while not self._stopping:
            if self._fill_seats() or time.monotonic() - beat_at >= BEAT_S:
                self._beat()
                beat_at = time.monotonic()
            self._kills.look()
            if time.monotonic() - swept_at >= SWEEP_S:
                sweeper.sweep()
                swept_at = time.monotonic()
            sentinels = [seat.process.sentinel for seat in self._seats if seat.process]
            wait([self._awake, *sentinels], timeout=SWEEP_S / 2)
            if not self._stopping:  # else they are ended, or end by themselves
                self._clear_seats()

    def _fill_seats(self) -> bool:
        """Whether somebody new sits somewhere."""
        filled = False
        if not self._template.ready.is_set():
            return filled
        for seat in self._seats:
            if self._stopping:
                break
            if seat.process is None and time.monotonic() >= seat.restart_at:
                seat.owner = _owner()
                seat.began_at, seat.born_at = time.monotonic(), time.time()
                args = (seat.work, self._settings, seat.owner)
                try:
                    seat.process = self._template.start(sit, args, seat.work.__name__)
                except OSError:  # no memory, too many processes: that may pass
                    log.exception("a worker cannot be started")
                    seat.put_off()
                else:
                    filled = True
        return filled

    def _beat(self) -> None:
        """Says which workers are alive, for whoever asks whether there are any."""
        assert self._store is not None
        host = socket.gethostname()
        seen = [
            Seen(seat.owner, _KINDS[seat.work], host, seat.process.pid, seat.born_at)
            for seat in self._seats
            if seat.process is not None and seat.process.pid is not None
        ]
        try:
            self._store.workers.beat(seen)
        except SQLAlchemyError as error:  # said once by the sweeper; the next word will do
            log.debug("nothing was said of the workers", error=why_away(error))

    def _clear_seats(self) -> None:
        unmade = False
        for seat in self._seats:
            process = seat.process
            if process is None or process.is_alive():
                continue
            process.join()
            killed = process.exitcode in (-signal.SIGKILL, UNMADE)
            unmade = unmade or process.exitcode == UNMADE
            starved = killed and self._kills.lately()
            reason = f"its worker {_STARVED if starved else _how(process.exitcode)}"
            log.error("worker gone", worker=process.pid, reason=reason)
            process.close()
            seat.process = None
            seat.put_off(killed=killed and not starved)
            self._orphaned.append(_Orphaned(seat.owner, reason, starved))
        if unmade:
            self._template.renew()
        self._mark_orphaned()

    def _mark_orphaned(self) -> None:
        assert self._store is not None
        try:
            while self._orphaned:
                gone = self._orphaned[0]
                taken = self._store.take_back(gone.owner, gone.reason, interrupted=gone.starved)
                for run_id in taken:
                    log.warning("run taken back", run_id=run_id, reason=gone.reason)
                failed = f"the process that computed it {_STARVED}" if gone.starved else ""
                self._store.tasks.release(gone.owner, failed)
                self._store.workers.beat([], gone=[gone.owner])
                del self._orphaned[0]
        except SQLAlchemyError as error:
            # They stay on the list for the next round; at worst their leases run out.
            log.warning("the store cannot be written to", error=why_away(error))

    def _end_workers(self) -> None:
        alive = [(seat, seat.process) for seat in self._seats if seat.process is not None]
        for _, process in alive:
            process.terminate()
        deadline = time.monotonic() + STOP_S
        for seat, process in alive:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                log.warning("worker killed: it did not end in time", worker=process.pid)
                process.kill()
                process.join()
            self._orphaned.append(_Orphaned(seat.owner, STOPPED_REASON))
            process.close()
            seat.process = None


_KINDS: dict[Callable[[Settings, str], None], str] = {work: "worker", analyse: "analyst"}


def _owner() -> str:
    """A name that no other worker has or will have."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def _how(exit_code: int | None) -> str:
    """How a process ended, in words."""
    if exit_code == UNMADE:
        return "went with the process that workers are made of, which somebody killed"
    if exit_code is None or exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    hint = ", perhaps for want of memory" if name == "SIGKILL" else ""
    return f"was killed by {name}{hint}"
