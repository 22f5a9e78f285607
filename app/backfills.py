"""Backfills: what a page that comes late draws before it streams on."""

from __future__ import annotations

from typing import Any

from app.cache import PageCache
from app.figures import History
from app.figures.bands import bands
from app.figures.training import Control
from app.store import Store
from app.views import controls, run_view, series_of

MAX_POINTS = 1_000
"""Points a line of a backfill: as many as a wide chart has pixels."""

_FORMAT = 4  # of what is kept; a newer program does not read an older one's entries


class Backfills:
    """Down-sampled histories, kept by run and revision: a revision never changes again."""

    def __init__(self, store: Store, cache: PageCache) -> None:
        self._store = store
        self._cache = cache

    def history(self, run_id: str) -> History:
        """All that ``run_id`` has measured up to ``meta["seq"]``, at most ``MAX_POINTS`` a line.

        Raises:
            UnknownRun: there is no such run, or none that can be shown here.
        """
        run = self._store.run(run_id)
        layers = len(run.run_config().layers) - 1
        key = f"backfill/{_FORMAT}/{run_id}/{run.revision}/{MAX_POINTS}"
        kept = self._cache.get(key)
        if not isinstance(kept, dict):
            kept = self._read(run_id, run.revision)
            self._cache.set(key, kept)
        return History(
            layers=layers,
            replicates=run.config["replicates"],
            lines={key: _pairs(lines) for key, lines in kept["lines"].items()},
            controls=[Control(step, label) for step, label in kept["controls"]],
            meta={"run": run_view(run), "seq": run.revision, "changes": kept["controls"]},
            revision=run_id,
        )

    def _read(self, run_id: str, revision: int) -> dict[str, Any]:
        events = [event for event in self._store.events(run_id) if event.seq <= revision]
        series = series_of(events)
        lines = {}
        if series is not None:
            lines = {key: band.lines(MAX_POINTS) for key, band in bands(series).items()}
        return {
            "lines": lines,
            "controls": [[control.step, control.label] for control in controls(events)],
        }


def _pairs(lines: dict[str, Any]) -> dict[str, tuple[list[Any], list[Any]]]:
    """Lines as they were, ``(x, y)`` each: a cache knows lists alone."""
    return {name: (x, y) for name, (x, y) in lines.items()}
