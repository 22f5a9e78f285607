"""A race: one configuration under several values of one field, at equal seed and equal batches.

Weights, order of the batches and random matrices are drawn from the seed, each from a stream of its
own (fa_engine/seeding.py), so that equal seeds make them equal whatever else differs.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app.store import Command, New, Run, RunEnded, Store
from fa_engine import Limits, NotAllowed, RunConfig
from fa_engine.config import listed_fields

RACED = ("bp", "fa", "dfa")
"""Schemes that a race is over, where nobody says otherwise."""

MAX_RACED = 12
_PARTS = ("route", "signal", "matrix")


@dataclass(frozen=True)
class Race:
    """Runs that were started together, in the order of the values."""

    race_id: str
    run_ids: Sequence[str]


def race_values(
    config: Mapping[str, Any], field: Any, values: Any, limits: Limits
) -> list[RunConfig]:
    """A configuration for each value, all of them checked.

    In a race of schemes each has the parts of its own row: a route, signal or matrix that was
    chosen beside the scheme is left out.

    Args:
        config: what all have in common, as a request or form gives it.
        field: the name of what differs.
        values: what it is, at least two and at most ``MAX_RACED``.
        limits: of the installation.

    Raises:
        NotAllowed: field or values are not what they should be.
        pydantic.ValidationError: one of the configurations is wrong.
    """
    if field not in listed_fields(RunConfig):
        allowed = "one of the fields " + ", ".join(listed_fields(RunConfig))
        raise NotAllowed("field", field, allowed)
    if not isinstance(values, (list, tuple)) or not 2 <= len(values) <= MAX_RACED:
        raise NotAllowed("values", values, f"a list of 2 to {MAX_RACED} values of {field}")
    common = dict(config)
    if field == "scheme":
        common |= dict.fromkeys(_PARTS)
    found = [
        RunConfig.model_validate(common | {field: value}, context={"limits": limits})
        for value in values
    ]
    distinct = {repr(getattr(one, field)) for one in found}
    if len(distinct) < len(found):
        raise NotAllowed("values", list(values), f"values of {field} that differ")
    return found


def create_race(store: Store, configs: Iterable[RunConfig]) -> Race:
    """Queues a run of each configuration, all of one race."""
    race_id = secrets.token_hex(8)
    made = store.create_runs([New(config) for config in configs], race_id)
    return Race(race_id, [run.id for run in made])


def command_all(store: Store, runs: Iterable[Run], command: str) -> int:
    """Sends a command to all that have not ended; returns to how many."""
    sent = 0
    for run in runs:
        if not run.state.ended:
            with suppress(RunEnded):  # by itself, a moment ago
                store.send(run.id, Command(command=command))
                sent += 1
    return sent


def race_again(store: Store, runs: Sequence[Run], limits: Limits) -> Race:
    """The same from the start: what goes on makes room for it.

    Raises:
        pydantic.ValidationError: the installation's limits are others by now.
        StoreError: what one of them began with is gone.
    """
    configs = [RunConfig.model_validate(run.config, context={"limits": limits}) for run in runs]
    race_id = secrets.token_hex(8)
    asked = [New(config, parent=run.parent) for run, config in zip(runs, configs, strict=True)]
    made = store.create_runs(asked, race_id)
    command_all(store, runs, "stop")
    return Race(race_id, [run.id for run in made])


def turn_words(runs: Sequence[Run], workers: int) -> str:
    """How runs share the workers, where they have to wait for each other; else nothing.

    Args:
        runs: of a comparison.
        workers: how many this installation starts; 0: others do, and nobody knows how many.
    """
    waiting = sum(run.state.value == "queued" for run in runs)
    if not waiting:
        return ""
    waits = f"{waiting} wait{'s' if waiting == 1 else ''}"
    if not workers:
        return f"{waits} for a free worker."
    if workers == 1:
        return f"1 worker: they train one after the other, {waits}."
    return f"{workers} workers: they train {workers} at a time, {waits}."
