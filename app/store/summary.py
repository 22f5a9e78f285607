"""What a list of runs is sorted and searched by, kept in a column each beside the run.

The database sorts ten thousand runs by a column in milliseconds; their measurements are a hundred
thousand times as much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import case

from app.store.blocks import Series, unpack
from app.store.records import Draft
from app.store.tables import runs
from fa_engine import RunConfig

SUMMARY = ("best_accuracy", "last_accuracy", "last_angle_deg")
"""Columns that measurements fill, see :func:`summary_of`."""

SUMMED_UP = 2
"""How the columns were filled. 1, or nothing: by means, and with the last values of runs that no
network is left of."""

_TAG_END = "\n"


def summary_of(series: Series) -> dict[str, float | None]:
    """What measurements come to; what they do not have is left out.

    Each is the median of the replicates that are left at that step, as in the charts:
    ``best_accuracy`` the greatest accuracy on the test set, ``last_accuracy`` the last one,
    ``last_angle_deg`` the last gradient angle of the bottom hidden layer, to which the error has
    the longest way. Where no replicate is left at the end the last ones are None: whatever is not
    finite has no measure any more.
    """
    found: dict[str, float | None] = {}
    accuracy = _medians(series.test_accuracy)
    if len(accuracy):
        found = {"best_accuracy": float(accuracy.max()), "last_accuracy": float(accuracy[-1])}
    if series.gradient_angle_deg.shape[2]:
        angle = _medians(series.gradient_angle_deg[:, :, 0])
        if len(angle):
            found["last_angle_deg"] = float(angle[-1])
    if len(series.loss) and not np.isfinite(series.loss[-1]).any():
        found |= {"last_accuracy": None, "last_angle_deg": None}
    return found


def measured(drafts: Sequence[Draft]) -> dict[str, Any]:
    """What the measurements among ``drafts`` change in the row of their run."""
    changes: dict[str, Any] = {}
    for draft in drafts:
        if draft.kind == "measurements":
            new = summary_of(unpack(draft.header, draft.payload))
            changes |= new | best_of(changes, new)
    if "best_accuracy" in changes:
        best, new_best = runs.c.best_accuracy, changes["best_accuracy"]
        changes["best_accuracy"] = case((best > new_best, best), else_=new_best)
    return changes


def best_of(before: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, float]:
    """The better of two best accuracies, where there is one."""
    found = [of["best_accuracy"] for of in (before, new) if "best_accuracy" in of]
    return {"best_accuracy": max(found)} if found else {}


def described(config: RunConfig) -> dict[str, Any]:
    """What the columns of a run say of its configuration."""
    layers = "-".join(str(layer) for layer in config.hidden)
    return {"dataset": config.dataset, "architecture": layers}


def words_of(run_id: str, name: str, note: str | None, tags: str | None) -> str:
    """What a search looks through, one to a line and all letters small, those of any alphabet."""
    return "\n".join([name, run_id, *split_tags(tags), note or ""]).casefold()


def join_tags(tags: Sequence[str]) -> str:
    """Tags as a column holds them: each between two ends of a line, so that it can be found."""
    return _TAG_END + "".join(f"{tag}{_TAG_END}" for tag in tags) if tags else ""


def split_tags(tags: str | None) -> list[str]:
    """The tags that a column holds."""
    return [tag for tag in (tags or "").split(_TAG_END) if tag]


def _medians(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """(T, R) to the medians of the rows that have a value: of what is finite in each."""
    there = np.isfinite(values)
    some = there.any(1)
    finite = np.where(there, values, np.nan)[some].astype(np.float64)
    return np.asarray(np.nanmedian(finite, axis=1))
