"""Plans: what a study will train, before it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from app.store import CommandRefused, New, Run, Store, Study, UnreadableRun
from app.store.labels import LONGEST_NAME, NAME, is_name
from fa_engine import Limits, NotAllowed, RunConfig
from fa_engine.config import UNLIMITED
from fa_engine.config.together import Together, together
from fa_engine.memory import peak_bytes
from fa_engine.studies.variation import MOST_CELLS, Variation

BATCH_NETWORKS = 64
"""Networks that train as one run: beyond it a network more takes as long as the one before, and
several workers share what there is."""

_OVERHEAD_S = 3e-4  # of a step, however small
_OPERATIONS_PER_S = 1e10
_PASSES = 3  # through the weights a step: forward, backward, update
_LOOKED_AT = 30  # runs that say how quick this installation is
_STEPS = 200  # of a run whose speed counts


@dataclass(frozen=True)
class Asked:
    """A study as it is asked for.

    Attributes:
        fields: what was written for each field, see :class:`fa_engine.studies.variation.Axis`.
        sampling, samples, seed: see :meth:`fa_engine.studies.variation.Variation.read`.
        title: for people; empty: it says what varies.
    """

    fields: Mapping[str, Any]
    sampling: str = "grid"
    samples: Any = None
    seed: int = 0
    title: str = ""

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Asked:
        """Of the body of a request, or of what a study keeps.

        Raises:
            NotAllowed: a field is not known, or not of its kind.
        """
        known = cls.__dataclass_fields__
        for name in body.keys() - known.keys():
            raise NotAllowed(name, body[name], "one of the fields " + ", ".join(known))
        found = cls(**{"fields": {}, **body})
        if not isinstance(found.fields, dict):
            example = 'an object such as {"learning_rate": "log 0.01 1 5"}'
            raise NotAllowed("fields", found.fields, example)
        if found.title and not is_name(found.title):
            raise NotAllowed("title", found.title, NAME)
        if not isinstance(found.seed, int) or isinstance(found.seed, bool) or found.seed < 0:
            raise NotAllowed("seed", found.seed, "a whole number from 0")
        return found

    def variation(self, *, one_will_do: bool = False) -> Variation:
        """What it varies.

        Args:
            one_will_do: whether one cell is enough, as where it joins others.

        Raises:
            NotAllowed: it cannot be.
        """
        given = (self.fields, self.sampling, self.samples, self.seed)
        return Variation.read(*given, one_will_do=one_will_do)

    def kept(self) -> dict[str, Any]:
        """What the store keeps of it."""
        return {name: getattr(self, name) for name in ("fields", "sampling", "samples", "seed")}


@dataclass(frozen=True)
class Plan:
    """What a study will train.

    Attributes:
        asked: what was asked for, with a title.
        configs: of every cell, in order.
        runs: which train them, with the numbers of their cells.
        seconds: that it takes, about.
        at_once: runs that train at once.
    """

    asked: Asked
    configs: Sequence[RunConfig]
    runs: Sequence[Together]
    seconds: float
    at_once: int = 1

    @property
    def networks(self) -> int:
        """Of all cells together."""
        return sum(config.replicates for config in self.configs)

    @property
    def n_bytes(self) -> int:
        """Memory at the peak: of as many of the largest runs as train at once."""
        largest = sorted((peak_bytes(run.config) for run in self.runs), reverse=True)
        return sum(largest[: self.at_once])

    @property
    def title(self) -> str:
        """For people."""
        return self.asked.title

    def told(self) -> dict[str, Any]:
        """What is said of it before it is started."""
        return {
            "title": self.title,
            "varied": list(self.asked.variation(one_will_do=True).varied),
            "cells": len(self.configs),
            "runs": len(self.runs),
            "networks": self.networks,
            "bytes": self.n_bytes,
            "seconds": self.seconds,
        }

    def start(self, store: Store) -> Study:
        """Queues all of it, or nothing.

        Raises:
            QueueFull: too many runs wait already.
        """
        varied = {"parts": [self.asked.kept()]}
        return store.studies.create(self.title, varied, len(self.configs), self.new())

    def new(self) -> list[New]:
        """Its runs, as they are queued."""
        return [_new(self.title, run) for run in self.runs]


def plan_of(asked: Asked, limits: Limits, store: Store, workers: int = 1) -> Plan:
    """What a study would train.

    Args:
        asked: the study.
        limits: of one run.
        store: of runs that say how quick this installation is.
        workers: that share the runs.

    Raises:
        NotAllowed, WrongCells: it cannot be trained.
    """
    configs = asked.variation().configs(limits)
    return _plan(asked, configs, [*range(len(configs))], limits, store, workers)


def extension_of(
    study: Study, asked: Asked, limits: Limits, store: Store, workers: int = 1
) -> Plan:
    """What would be trained in addition, where a study had these cells too.

    Raises:
        NotAllowed, WrongCells: it cannot be trained, or is there already.
    """
    before = cells_of(study)
    known = {_key(config) for config in before}
    configs = asked.variation(one_will_do=True).configs(limits)
    new = [config for config in configs if _key(config) not in known]
    counted = {_key(config.replace(replicates=1)) for config in before}
    for config in new:
        if _key(config.replace(replicates=1)) in counted:  # its first networks are there already
            allowed = "as in the study; further networks come by another seed"
            raise NotAllowed("replicates", config.replicates, allowed)
    if not new:
        allowed = "cells that the study does not have yet: further values, or another seed"
        raise NotAllowed("fields", dict(asked.fields), allowed, "What varies")
    if len(before) + len(new) > MOST_CELLS:
        allowed = f"at most {MOST_CELLS:,} cells together, and these are {len(before) + len(new):,}"
        raise NotAllowed("fields", dict(asked.fields), allowed, "What varies")
    numbers = [*range(len(before), len(before) + len(new))]
    return _plan(replace(asked, title=study.title), new, numbers, limits, store, workers)


def extend(store: Store, study_id: str, plan: Plan) -> Study:
    """Adds the cells of a plan to a study, all of them or none.

    Raises:
        UnknownStudy: there is none of that id.
        CommandRefused: it has been extended meanwhile.
        QueueFull: too many runs wait already.
    """

    def change(study: Study) -> tuple[dict[str, Any], int, list[New]]:
        first = min(number for run in plan.runs for number in run.numbers)
        if study.cells != first:
            raise CommandRefused("The study has been extended meanwhile: look at it again.")
        parts = [*study.varied["parts"], plan.asked.kept()]
        return {"parts": parts}, study.cells + len(plan.configs), plan.new()

    return store.studies.extend(study_id, change)


def cells_of(study: Study) -> list[RunConfig]:
    """The configuration of every cell of a study, by its number."""
    found: dict[str, RunConfig] = {}
    for part in study.varied["parts"]:
        for config in Asked.read(part).variation(one_will_do=True).configs(UNLIMITED):
            found.setdefault(_key(config), config)
    return list(found.values())


def varied_in(study: Study, configs: Sequence[RunConfig]) -> list[str]:
    """The fields in which the cells of a study differ, in the order in which they were written."""
    names = dict.fromkeys(name for part in study.varied["parts"] for name in part["fields"])
    return [name for name in names if len({repr(getattr(c, name)) for c in configs}) > 1]


def title_of(names: Sequence[str]) -> str:
    """What varies, in words: ``Learning rate × Scheme``."""
    found = " × ".join(str(RunConfig.model_fields[name].title) for name in names)
    return found if len(found) <= LONGEST_NAME else f"{found[: LONGEST_NAME - 1]}…"


def _plan(
    asked: Asked,
    configs: Sequence[RunConfig],
    numbers: Sequence[int],
    limits: Limits,
    store: Store,
    workers: int,
) -> Plan:
    runs = []
    for batch in _batches(configs, limits):
        runs.append(replace(batch, numbers=tuple(numbers[at] for at in batch.numbers)))
    seconds = sum(_seconds(run.config) for run in runs) * _slowness(store)
    share = min(max(workers, 1), len(runs))
    title = asked.title or title_of(asked.variation().varied)
    return Plan(replace(asked, title=title), configs, runs, seconds / share, share)


def _batches(configs: Sequence[RunConfig], limits: Limits) -> list[Together]:
    """Runs of at most :data:`BATCH_NETWORKS` networks, or of one cell."""
    most = max(1, BATCH_NETWORKS // max(config.replicates for config in configs))
    return together(configs, replace(limits, max_cells=most))


def _new(title: str, run: Together) -> New:
    numbers = [number + 1 for number in run.numbers]
    which = f": cell {numbers[0]}" if len(numbers) == 1 else f": {len(numbers)} cells"
    return New(run.config, name=title[: LONGEST_NAME - len(which)] + which, cells=run.numbers)


def _key(config: RunConfig) -> str:
    return config.model_dump_json()


def _seconds(config: RunConfig) -> float:
    """That a run takes at a speed which no machine has exactly."""
    products = 2 * _PASSES * config.n_parameters * config.batch_size
    return config.total_steps * (_OVERHEAD_S + products / _OPERATIONS_PER_S)


def _slowness(store: Store) -> float:
    """How many times as long the last runs of this installation took; 1 where there are none."""
    return median([_ratio(run) for run in store.runs(_LOOKED_AT) if _is_telling(run)] or [1.0])


def _ratio(run: Run) -> float:
    config = run.run_config()
    return (run.trained_s or 0.0) / (_seconds(config) * run.step / config.total_steps)


def _is_telling(run: Run) -> bool:
    try:
        run.run_config()
    except UnreadableRun:
        return False
    return run.step >= _STEPS and bool(run.trained_s) and run.imported_from is None
