"""Experiments with verdicts: started, followed, and what they have come to on this installation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from app.lab import ExperimentParams, key_of, unpack_arrays
from app.store import Ask, Known, Store, StoreError, Task, TaskState

KIND = "experiment"


class NoRoom(StoreError):
    """So much is to be computed that nothing more is taken down."""

    def __init__(self) -> None:
        super().__init__("So much waits to be computed that this cannot be: try again later.")


@dataclass(frozen=True)
class Going:
    """An experiment that waits, or is under way, or could not be run.

    Attributes:
        experiment, dataset: which.
        progress: share of its steps that are taken.
        waiting: it has not begun.
        problem: why it could not be run; empty: it goes on.
        curves: what each arm has measured so far, by its name.
    """

    experiment: str
    dataset: str
    progress: float
    waiting: bool
    problem: str
    curves: dict[str, list[Any]]


class Experiments:
    """What pages and the API ask of experiments.

    Args:
        store: where they are queued and their outcomes kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def start(self, params: ExperimentParams) -> None:
        """Has one run; one that is on its way goes on.

        Raises:
            NoRoom: too much is to be computed already.
        """
        # What a person looks at is computed in between, and before it.
        ask = Ask(key_of(params), KIND, params.model_dump(), rank=1)
        if not self._store.tasks.start(ask):
            raise NoRoom

    def stop(self, params: ExperimentParams) -> None:
        """Has one left off; what it has measured so far is gone."""
        self._store.tasks.drop(key_of(params))

    def going(self) -> list[Going]:
        """Those that have no outcome yet, in the order in which they were started."""
        return [_going(task) for task in self._store.tasks.current(KIND)]

    def known(self) -> list[Known]:
        """Verdicts that there are."""
        return self._store.outcomes.known()

    def outcome(self, params: ExperimentParams) -> dict[str, Any] | None:
        """What one has come to, as :meth:`fa_engine.studies.outcome.Outcome.to_dict` told it;
        None: it was never run to its end."""
        return self._store.outcomes.told(params.experiment, params.dataset)


def _going(task: Task) -> Going:
    curves = {}
    if task.state is TaskState.RUNNING and task.result is not None:
        curves = json.loads(str(unpack_arrays(task.result)["arms"]))
    return Going(
        experiment=task.params["experiment"],
        dataset=task.params["dataset"],
        progress=task.progress,
        waiting=task.state is TaskState.QUEUED,
        problem=task.message if task.state is TaskState.FAILED else "",
        curves=curves,
    )
