"""Results: what the cells of a study have come to, while they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.cache import PageCache
from app.figures.study import middle
from app.store import Run, RunState, Store, Study, cell_id, networks_of
from app.studies.plan import cells_of, varied_in
from app.studies.values import VALUES, summed_up
from fa_engine import RunConfig

_FORMAT = 1  # of what is cached


@dataclass(frozen=True)
class Cell:
    """One cell and what it has come to.

    Attributes:
        number: from 0.
        config: what it trains.
        run_id: of the run that it is; None: that is gone.
        state: of it.
        progress: share of its steps that are taken.
        values: of each network, ``(R,)`` by the name of the value; empty where nothing is measured.
        lost: its networks that have diverged.
    """

    number: int
    config: RunConfig
    run_id: str | None
    state: RunState | None
    progress: float
    values: Mapping[str, NDArray[np.float64]]
    lost: int

    def of(self, name: str) -> NDArray[np.float64]:
        """The values of one name that there are, at most one a network."""
        found = self.values.get(name)
        return np.zeros(0) if found is None else found[np.isfinite(found)]

    def middle(self, name: str) -> float:
        """Their median; nan: there is none. Of what is a share of networks, the mean."""
        found = self.of(name)
        if not len(found):
            return float("nan")
        return middle(name, found)


@dataclass(frozen=True)
class Told:
    """A study and what its cells have come to.

    Attributes:
        study: the study.
        varied: fields in which its cells differ.
        cells: all of them, by number.
    """

    study: Study
    varied: Sequence[str]
    cells: Sequence[Cell]

    @property
    def progress(self) -> float:
        """Share of all cells' steps that are taken."""
        return float(np.mean([cell.progress for cell in self.cells])) if self.cells else 1.0

    @cached_property
    def states(self) -> dict[str, int]:
        """How many cells are in each state; ``gone`` for those whose run is no more."""
        found: dict[str, int] = {}
        for cell in self.cells:
            name = "gone" if cell.state is None else cell.state.value
            found[name] = found.get(name, 0) + 1
        return found

    @property
    def ended(self) -> bool:
        """Whether nothing goes on any more."""
        return all(cell.state is None or cell.state.ended for cell in self.cells)

    def best(self, name: str, count: int) -> list[Cell]:
        """The cells with the best median of a value, at most ``count``; cells that lost a network
        come after those that lost none."""
        there = [cell for cell in self.cells if np.isfinite(cell.middle(name))]
        sign = -1 if VALUES[name].best == "highest" else 1
        there.sort(key=lambda cell: (cell.lost > 0, sign * cell.middle(name)))
        return there[:count]


class Results:
    """What the cells of studies have come to, kept by run and revision.

    Args:
        store: where studies and runs are.
        cache: of what runs have been summed up to.
    """

    def __init__(self, store: Store, cache: PageCache) -> None:
        self._store, self._cache = store, cache

    def told(self, study_id: str) -> Told:
        """A study with all that is known now.

        Raises:
            UnknownStudy: there is none of that id.
        """
        study = self._store.studies.study(study_id)
        configs = cells_of(study)
        places = {
            number: (run, place)
            for run in self._store.studies.runs(study_id)
            for place, number in enumerate(run.cells or ())
        }
        known: dict[str, dict[str, NDArray[np.float64]]] = {}
        cells = []
        for number, config in enumerate(configs):
            if number not in places:
                cells.append(Cell(number, config, None, None, 1.0, {}, 0))
                continue
            run, place = places[number]
            if run.id not in known:
                known[run.id] = self._of_run(run)
            cells.append(_cell(number, config, run, place, known[run.id]))
        return Told(study, varied_in(study, configs), cells)

    def revision(self, study_id: str) -> str:
        """Changes whenever what is told of a study may have.

        Raises:
            UnknownStudy: there is none of that id.
        """
        study = self._store.studies.study(study_id)
        runs = self._store.studies.runs(study_id)
        events = sum(run.revision for run in runs)
        return f"{study.title} {study.cells} {len(runs)} {events}"

    def _of_run(self, run: Run) -> dict[str, NDArray[np.float64]]:
        key = f"study/{_FORMAT}/{run.id}/{run.revision}"
        kept: Any = self._cache.get(key)
        if not isinstance(kept, dict):
            series = self._store.series(run.id, until=run.revision)
            if not len(series):
                return {}
            found = summed_up(series, run.diverged_at)
            if run.state.ended:  # what goes on has another revision soon, and there is much to keep
                self._cache.set(key, {name: _plain(values) for name, values in found.items()})
            return found
        return {name: np.array(values, np.float64) for name, values in kept.items()}


def _cell(
    number: int,
    config: RunConfig,
    run: Run,
    place: int,
    values: Mapping[str, NDArray[np.float64]],
) -> Cell:
    own = networks_of(run.config, place)
    lost = sum(step is not None for step in run.diverged_at[own])
    state, progress = run.state, run.step / run.total_steps
    if state in (RunState.FINISHED, RunState.DIVERGED):
        state = RunState.DIVERGED if lost == config.replicates else RunState.FINISHED
        progress = 1.0
    return Cell(
        number,
        config,
        cell_id(run.id, run.config, place),
        state,
        progress,
        {name: found[own] for name, found in values.items()},
        lost,
    )


def _plain(values: NDArray[np.float64]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
