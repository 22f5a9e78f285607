"""What came of a recipe: a small file of JSON, and what it was made on."""

from __future__ import annotations

import datetime
import os
import platform
import re
from pathlib import Path

import torch
from pydantic import BaseModel

from fa_engine.cli.outputs import whole

Spread = tuple[float | None, float | None]
"""Mean and standard deviation over the networks; None: none has a value, or one alone."""


class Point(BaseModel):
    """What was recorded after so many epochs: :data:`~recipes.recipe.QUANTITIES` by name."""

    epoch: float
    values: dict[str, Spread]


class RowResult(BaseModel):
    """What came of a row.

    Attributes:
        label: of the row.
        epochs_planned, epochs_done: passes over the training set; fewer where time was up.
        replicates: networks; ``lost`` of them diverged.
        seconds: that it took.
        device: where it ran.
        curve: what was recorded, the beginning first.
        failed: why there is nothing; empty: it did not fail.
    """

    label: str
    epochs_planned: int
    epochs_done: float
    replicates: int
    lost: int
    seconds: float
    device: str
    curve: list[Point]
    failed: str = ""


class Result(BaseModel):
    """What came of a recipe.

    Attributes:
        recipe: its name.
        short: whether by the shorter settings.
        machine: processor, GPU, threads, versions.
        together: how many rows ran side by side on it.
        date: of the day.
        rows: those that were run.
    """

    recipe: str
    short: bool
    machine: str
    together: int
    date: str
    rows: list[RowResult]


def begun(recipe: str, *, short: bool, together: int = 1) -> Result:
    """A result without rows, of here and today.

    Args:
        recipe: its name.
        short: whether by the shorter settings.
        together: how many rows run side by side.
    """
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return Result(
        recipe=recipe, short=short, machine=machine(), together=together, date=today, rows=[]
    )


def machine() -> str:
    """One line: processor, GPU, threads, versions."""
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    parts = [f"{found[1] if found else platform.processor()}, {os.cpu_count()} cores"]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    parts.append(f"Python {platform.python_version()}")
    parts.append(f"torch {torch.__version__}")
    return ", ".join(parts)


def write(result: Result, path: Path) -> None:
    """Writes it, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    whole(path, [result.model_dump_json(indent=1).encode(), b"\n"])


def read(path: Path) -> Result:
    """What :func:`write` wrote.

    Raises:
        OSError: it cannot be read.
        pydantic.ValidationError: it is something else.
    """
    return Result.model_validate_json(path.read_bytes())
