"""Room: what runs, checkpoints, results and the cache take, and how it is freed."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, Field

from app.cache import PageCache
from app.settings import Settings
from app.store import Rule, Store

FREEABLE = ("deleted", "cache")
"""What can be freed: deleted runs, for good; and what can be computed again."""

KEPT_S, SHARE = 15.0, 20.0
"""How old what :meth:`Room.lately` says may be, in seconds; and where a look takes long, how many
times as old as the look took."""

_CHECKPOINTS = "*/[0-9]*.safetensors"
_TRAJECTORIES = "*/trajectory.safetensors"


class Taken(BaseModel):
    """What everything takes, in bytes on disk."""

    database: int = Field(description="runs, their measurements, and results")
    results: int = Field(description="of the database, what pages have had computed")
    checkpoints: int = Field(description="of all runs")
    trajectories: int = Field(description="of all runs")
    of_deleted: int = Field(description="of these two, of runs that are deleted")
    cache: int = Field(description="of the pages; 0 where it lies elsewhere (FA_CACHE_URL)")
    deleted: int = Field(description="how many runs can be restored; no bytes")


class Freed(BaseModel):
    """What freeing came to."""

    runs: list[str] = Field(description="those that are gone for good")
    bytes: int = Field(description="that the disk has got back")
    shrunk: bool = Field(
        description="whether the database has given back what they took; not while a run goes on"
    )


class Room:
    """The room of one installation.

    Args:
        store, settings, cache: of it.
    """

    def __init__(self, store: Store, settings: Settings, cache: PageCache) -> None:
        self._store, self._cache, self._settings = store, cache, settings
        self._checkpoints = settings.checkpoint_dir
        self._cached = None if settings.cache_url else settings.state_dir / "cache"
        self._looking = threading.Lock()
        self._seen: tuple[float, Taken] | None = None  # good until when, on the monotonic clock

    def lately(self) -> Taken:
        """What everything took a moment ago: a look asks after every file, and serves all who
        follow it. Safe in threads, of which one looks and the others wait for it."""
        with self._looking:
            began = time.monotonic()
            if self._seen is None or began >= self._seen[0]:
                taken, now = self.taken(), time.monotonic()
                self._seen = now + max(KEPT_S, SHARE * (now - began)), taken
            return self._seen[1]

    def taken(self) -> Taken:
        """What everything takes now."""
        deleted = self._store.keep.deleted_ids()
        return Taken(
            **self._store.keep.sizes(),
            checkpoints=_size(self._checkpoints.glob(_CHECKPOINTS)),
            trajectories=_size(self._checkpoints.glob(_TRAJECTORIES)),
            of_deleted=self.of_runs(deleted),
            cache=_size(self._cached.rglob("*")) if self._cached else 0,
            deleted=len(deleted),
        )

    def of_runs(self, run_ids: Sequence[str]) -> int:
        """Bytes of the checkpoints and trajectories of these runs."""
        return sum(_size((self._checkpoints / run_id).glob("*")) for run_id in run_ids)

    def rule(self) -> tuple[int, int]:
        """Room for the checkpoints of one run, and of all runs, in MB, as it is in force."""
        return self._store.rules.rule().over(self._settings)

    def change_rule(self, rule: Rule) -> tuple[int, int]:
        """Changes it for runs that begin from now on; as it is in force then."""
        self._store.rules.change(rule)
        return self.rule()

    def free(self, what: Iterable[str] = FREEABLE) -> Freed:
        """Frees what :data:`FREEABLE` names; what is deleted cannot be restored afterwards."""
        before, shrunk = self._total(), True
        gone: list[str] = []
        if "deleted" in what:
            gone = self._store.keep.purge(self._forget)
            shrunk = self._store.keep.shrink()
        if "cache" in what:
            self._cache.clear()
        with self._looking:
            self._seen = None
        return Freed(runs=gone, bytes=max(0, before - self._total()), shrunk=shrunk)

    def _total(self) -> int:
        taken = self.taken()
        return taken.database + taken.checkpoints + taken.trajectories + taken.cache

    def _forget(self, run_id: str) -> None:
        shutil.rmtree(self._checkpoints / run_id, ignore_errors=True)


def size_words(n_bytes: float) -> str:
    """Bytes as a person reads them: ``3.2 MB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000 or unit == "GB":
            break
        n_bytes /= 1000
    return f"{n_bytes:.3g} {unit}" if n_bytes < 999.5 else f"{n_bytes:,.0f} {unit}"


def _size(files: Iterable[Path]) -> int:
    total = 0
    for file in files:
        try:
            total += file.stat().st_size if file.is_file() else 0
        except OSError:  # it went in this very moment
            continue
    return total
