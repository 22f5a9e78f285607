"""Outcomes: what the experiments have come to on this installation, the newest of each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Connection, Engine

from app.store.tables import outcomes


@dataclass(frozen=True)
class Known:
    """That an experiment has an outcome, in short. Times are unix seconds.

    Attributes:
        experiment, dataset: which.
        verdict: in words.
        networks: of each arm.
        seconds: that it took.
        ended_at: when.
    """

    experiment: str
    dataset: str
    verdict: str
    networks: int
    seconds: float
    ended_at: float


class Outcomes:
    """The newest outcome of every experiment on every data set. Every method is one transaction."""

    def __init__(self, reader: Engine, writer: Engine) -> None:
        self._reader, self._writer = reader, writer

    def put(self, told: Mapping[str, Any]) -> None:
        """Keeps an outcome in the place of an older one.

        Args:
            told: of :meth:`fa_engine.studies.outcome.Outcome.to_dict`.
        """
        with self._writer.begin() as connection:
            put_outcome(connection, told)

    def known(self) -> list[Known]:
        """All that there are, in short."""
        columns = [outcomes.c[name] for name in Known.__dataclass_fields__]
        with self._reader.connect() as connection:
            return [Known(*row) for row in connection.execute(select(*columns))]

    def told(self, experiment: str, dataset: str) -> dict[str, Any] | None:
        """One of them as it was put; None: there is none."""
        query = select(outcomes.c.told).where(
            outcomes.c.experiment == experiment, outcomes.c.dataset == dataset
        )
        with self._reader.connect() as connection:
            found: dict[str, Any] | None = connection.execute(query).scalar_one_or_none()
        return found


def put_outcome(connection: Connection, told: Mapping[str, Any]) -> None:
    """The same, in somebody's transaction."""
    place = {name: told[name] for name in ("experiment", "dataset")}
    values = {name: told[name] for name in ("verdict", "networks", "seconds")}
    older = [outcomes.c[name] == value for name, value in place.items()]
    connection.execute(delete(outcomes).where(*older))
    row = {**place, **values, "ended_at": time.time(), "told": dict(told)}
    connection.execute(insert(outcomes).values(**row))
