"""How the installation is doing: what probes, metrics and the page *System* say alike."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.cache import PageCache
from app.meters import Meters
from app.settings import Settings
from app.store import Census, Store, Worker, why_away
from app.store.sweeping import SLOW_S

LEAST_FREE_MB = 50
"""Room on the disk of the state folder below which the server is not ready, in MB."""

OPTIONAL = frozenset({"cache"})
"""Checks without which the server is slower and ready all the same."""

OK = "ok"


class NotReady(Exception):
    """Why, in one line for a person."""


@dataclass(frozen=True)
class Snapshot:
    """How everything is at one moment.

    Attributes:
        checks: as :meth:`System.checks` has them.
        workers: that were heard of lately; the oldest first.
        census: counts of runs and tasks; None where the database does not answer.
        viewers: live streams that are open in this web process.
        lag_s: within which 95 % of the frames were made since it began; None without any.
        free: room on the disk of the state folder, in bytes; None where it cannot be looked at.
    """

    checks: dict[str, str]
    workers: list[Worker]
    census: Census | None
    viewers: int
    lag_s: float | None
    free: int | None


class System:
    """The installation that a web process belongs to.

    Args:
        store, settings, cache: of it.
        meters: of this process.
        viewers: how many live streams are open in it.

    Attributes:
        began_at: when this was made, in seconds since the epoch.
        viewers: asks how many live streams are open in this process.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        cache: PageCache,
        meters: Meters,
        viewers: Callable[[], int],
    ) -> None:
        self.began_at = time.time()
        self.viewers = viewers
        self._store, self._settings, self._meters = store, settings, meters
        self._checks: dict[str, Callable[[], None]] = {
            "database": lambda: _check_database(store),
            "workers": lambda: _check_workers(store),
            "cache": lambda: _check_cache(cache),
            "disk": lambda: _check_disk(settings.state_dir),
        }

    def checks(self) -> dict[str, str]:
        """By what is checked: ``ok``, or why not in one line."""
        return {name: _said(check) for name, check in self._checks.items()}

    def now(self) -> Snapshot:
        """How everything is at this moment."""
        checks = self.checks()
        workers: list[Worker] = []
        census = free = None
        with suppress(SQLAlchemyError):  # the checks say why
            workers, census = self._store.workers.all(), self._store.workers.census()
        with suppress(OSError):
            free = free_room(self._settings.state_dir)
        lag_s = self._meters.lag_within(0.95)
        return Snapshot(checks, workers, census, self.viewers(), lag_s, free)


def is_ready(checks: dict[str, str]) -> bool:
    """Whether a server of which that was found can do its work."""
    return all(said == OK for name, said in checks.items() if name not in OPTIONAL)


def free_room(folder: Path) -> int:
    """Room on the disk of a folder.

    Raises:
        OSError: it cannot be looked at.
    """
    return shutil.disk_usage(folder).free


def _said(check: Callable[[], None]) -> str:
    try:
        check()
    except NotReady as error:
        return str(error)
    return OK


def _check_database(store: Store) -> None:
    try:
        waited = store.probe()
    except SQLAlchemyError as error:
        raise NotReady(f"nothing can be written: {why_away(error)}") from None
    if waited > SLOW_S:
        raise NotReady(f"a write waited {waited:.1f} s")


def _check_workers(store: Store) -> None:
    try:
        found = store.workers.all()
    except SQLAlchemyError as error:
        raise NotReady(f"nothing can be read of them: {why_away(error)}") from None
    for kind, lacking in (
        ("worker", "nothing is trained"),
        ("analyst", "nothing is computed from checkpoints"),
    ):
        _check_kind([worker for worker in found if worker.kind == kind], kind, lacking)


def _check_kind(found: list[Worker], kind: str, lacking: str) -> None:
    if all(worker.silent for worker in found):
        heard = min((worker.heard_s for worker in found), default=None)
        since = "" if heard is None else f" for {heard:.0f} s"
        raise NotReady(f"no {kind} was heard of{since}, so that {lacking}: python -m app.worker")


def _check_cache(cache: PageCache) -> None:
    cache.set("ready", "yes")
    found = cache.get("ready")
    if cache.problem:
        raise NotReady(f"it does not answer, and is left alone for a while: {cache.problem}")
    if found != "yes":
        raise NotReady("what is put there is not found again")


def _check_disk(folder: Path) -> None:
    try:
        free = free_room(folder) // 10**6
    except OSError as error:
        raise NotReady(f"the state folder cannot be looked at: {error.strerror}") from None
    if free < LEAST_FREE_MB:
        raise NotReady(f"{free} MB are free, {LEAST_FREE_MB} MB at least are wanted")
