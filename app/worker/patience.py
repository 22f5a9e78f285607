"""How a worker waits for a database that is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import DatabaseError

from app.logs import logger
from app.store import AWAY, is_damage, why_away

RETRY_S = 0.25  # between two tries

log = logger(__name__)
T = TypeVar("T")


class Outage:
    """Tells the log once that the database is away, and once that it is back."""

    def __init__(self) -> None:
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        """For how long it has been away; 0 where it is there."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    def begins(self, error: BaseException, since: float) -> None:
        """It did not answer to what it was asked at ``since``, on the monotonic clock."""
        if self._since is None:
            self._since = since
            log.warning("the database does not answer, and is waited for", error=why_away(error))

    def ends(self) -> None:
        """It answered."""
        if self._since is not None:
            log.warning("the database answers again", after_s=round(self.seconds, 1))
            self._since = None


@contextmanager
def ends_if_damaged() -> Iterator[None]:
    """Has a process end with one line in its log where the database is found to be damaged.

    Raises:
        SystemExit: it is.
    """
    try:
        yield
    except DatabaseError as error:
        if not is_damage(error):
            raise
        log.error("the database is damaged, and this process ends", error=why_away(error))
        raise SystemExit(1) from None


def patiently(ask: Callable[[], T], stopping: Callable[[], bool]) -> T:
    """What ``ask()`` returns, as soon as the database answers.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the worker is to end, and it still does not; or it never
            will.
    """
    outage = Outage()
    while True:
        asked_at = time.monotonic()
        try:
            found = ask()
        except AWAY as error:
            if stopping():
                raise
            outage.begins(error, asked_at)
            time.sleep(RETRY_S)
        else:
            outage.ends()
            return found
