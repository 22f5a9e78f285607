"""Takes back what belongs to workers of which nothing more is heard."""

from __future__ import annotations

import time

from sqlalchemy.exc import SQLAlchemyError

from app.logs import logger
from app.store.away import why_away
from app.store.database import Store
from app.store.records import LEASE_S

SLOW_S = 1.0  # a write that waits for longer than that has something before it

log = logger(__name__)


class Sweeper:
    """Looks for leases that have run out, and is not taken in by what makes all of them do so.

    Leases end by the clock that a person may set, since processes of several machines hold them.
    Where that clock jumps, the machine sleeps, or nobody can write to the database for a while,
    workers that are alive first get the time to say so.

    Args:
        store: where the leases are.
        lease_s: that time, in seconds.
    """

    def __init__(self, store: Store, lease_s: float = LEASE_S) -> None:
        self._store, self._lease_s = store, lease_s
        self._looked_at = _clocks()
        self._from = time.monotonic()
        self._away = False

    def sweep(self) -> list[str]:
        """Looks once, every second or so; the ids of the runs that were taken back."""
        try:
            if self._disturbed():
                self._from = time.monotonic() + self._lease_s
            if time.monotonic() < self._from:
                return []
            taken = self._store.take_back_expired()
            self._store.tasks.release_expired()
        except SQLAlchemyError as error:
            self._from = time.monotonic() + self._lease_s
            if not self._away:
                log.warning("no leases are looked at", error=why_away(error))
            self._away = True
            return []
        self._away = False
        for run_id in taken:
            log.warning("run taken back", run_id=run_id, reason="its lease ran out")
        return taken

    def _disturbed(self) -> bool:
        before, now = self._looked_at, _clocks()
        passed, told = now[0] - before[0], now[1] - before[1]
        if told - passed < -LEASE_S / 2:
            log.warning("the clock was set back", by_s=round(passed - told))
            # What was said by the later clock would hold until that time comes again.
            self._store.shorten_leases(self._lease_s)
        self._looked_at = now
        jumped = max(abs(told - passed), passed) > LEASE_S / 2
        return jumped or self._store.probe() > SLOW_S


def _clocks() -> tuple[float, float]:
    """The monotonic clock, and the one that a person may set."""
    return time.monotonic(), time.time()
