"""Runs one row of a recipe, and records what the table is about."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fa_engine import Dataset, RunConfig, Trainer, load_dataset
from fa_engine.data.samples import DataOptions
from fa_engine.devices import device_of
from fa_engine.training.batches import data_options
from recipes.parts import add_parts
from recipes.recipe import QUANTITIES, Recipe, Row
from recipes.results import Point, RowResult, Spread

MARKS = (0, 1, 2, 3, 5, 10, 15, 20, 30, 40, 50, 60, 80, 100, 150, 200, 250, 300, 350, 400)
"""Epochs after which a run is recorded, beside its last and those that something was published of:
enough for a curve, few enough for a small file."""
DIGITS = 5
LOOK_EVERY = 32  # steps between two looks at the clock

Say = Callable[[str], None]


def run_row(
    recipe: Recipe,
    row: Row,
    *,
    short: bool = False,
    device: str = "auto",
    until: float | None = None,
    say: Say = lambda _text: None,
) -> RowResult:
    """Trains the networks of a row.

    Args:
        recipe: whose row it is.
        row: which.
        short: by the shorter settings.
        device: ``auto``, ``cpu`` or ``cuda``.
        until: the time of ``time.monotonic`` at which it stops and says how far it
            came; None: never.
        say: is told of every record.

    Raises:
        pydantic.ValidationError: a setting is out of range.
        DatasetError: the samples cannot be had.
        ValueError: the device is not there.
    """
    began = time.monotonic()
    add_parts()
    config = recipe.config(row, short=short, device=device)
    trainer = begin(config, row)
    asked = {figure.at for figure in row.figures if isinstance(figure.at, int)}
    marks = sorted({m for m in {*MARKS, *asked} if m < config.epochs} | {config.epochs})
    curve: list[Point] = []
    while marks:
        point = None
        if trainer.step == marks[0] * config.steps_per_epoch:
            marks.pop(0)
            point = record(trainer)  # takes a step too
        elif until is not None and trainer.step % LOOK_EVERY == 0 and time.monotonic() > until:
            marks.clear()
            point = record(trainer)
        else:
            trainer.advance()
        if point is not None:
            curve.append(point)
            say(f"{row.label}: {_in_words(point, recipe.shown)}")
        if trainer.finished:
            break
    return RowResult(
        label=row.label,
        epochs_planned=config.epochs,
        epochs_done=curve[-1].epoch,
        replicates=config.replicates,
        lost=int(trainer.diverged.sum()),
        seconds=round(time.monotonic() - began, 1),
        device=trainer.data.x_train.device.type,
        curve=curve,
    )


def begin(config: RunConfig, row: Row) -> Trainer:
    """Ready for the first step.

    Raises:
        DatasetError, ValueError: see :func:`run_row`.
    """
    dtype = getattr(torch, config.dtype)
    data = samples(config.dataset, str(device_of(config)), dtype, data_options(config))
    return Trainer(config, data=data, weights=row.begins(config) if row.begins else None)


@lru_cache(maxsize=2)
def samples(name: str, device: str, dtype: torch.dtype, options: DataOptions) -> Dataset:
    """The samples of a run; rows of a table have the same."""
    return load_dataset(name, None, device, dtype, options)


def record(trainer: Trainer) -> Point:
    """Where a run stands; then it takes a step, as measuring does, if there is one left."""
    epoch = trainer.epoch
    loss, accuracy = trainer.evaluate()
    measurement = trainer.advance(measure=True)
    assert measurement is not None
    found = {
        "test_error": 100 * (1 - accuracy),
        "test_loss": loss,
        "hidden_angle": measurement.hidden_angle_deg,
        "weight_angle": measurement.weight_angle_deg[:, -1],
    }
    return Point(epoch=round(epoch, 3), values={name: spread(v) for name, v in found.items()})


def spread(values: NDArray[Any]) -> Spread:
    """Mean and standard deviation (of a sample) over the networks that have a value; of one alone
    there is no deviation."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None, None
    deviation = _rounded(float(known.std(ddof=1))) if len(known) > 1 else None
    return _rounded(float(known.mean())), deviation


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _in_words(point: Point, shown: Sequence[str]) -> str:
    said = [f"epoch {point.epoch:g}"]
    for of in shown:
        mean, _ = point.values[of]
        title, unit = QUANTITIES[of]
        said.append(f"{title.lower()} {'-' if mean is None else f'{mean:.4g} {unit}'.rstrip()}")
    return ", ".join(said)
