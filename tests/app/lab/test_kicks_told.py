"""The kicks that docs/MATH.md tells of become what it says: the page's own, of its presets."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from app.components.presets import PRESETS
from app.lab import KickParams
from app.lab.computations import compute
from fa_engine import RunConfig, Trainer

MATH = (Path(__file__).parents[3] / "docs" / "MATH.md").read_text()
DIGITS, _, FORTY, _ = (preset.config for preset in PRESETS)


class Trained:
    """A shelf with one run on it, which has ended."""

    def __init__(self, config: RunConfig) -> None:
        # Its first two networks; nothing is measured on the way.
        never = {"measure_every": 10**9, "evaluate_every": 10**9, "walk": False}
        self._trainer = Trainer(config.replace(replicates=2, **never))
        for _ in self._trainer:
            pass
        self.step = self._trainer.step

    def open(self, _run_id: str, _step: int, _beside: object = None) -> Trainer:
        return self._trainer


def told(trained: str) -> np.ndarray:
    """A row of the table: mode, steps, outputs and weights, (4, 2) of the two networks."""
    (row,) = re.findall(rf"^\| {re.escape(trained)} \| (.*) \|$", MATH, re.MULTILINE)
    columns = [[float(n.replace(",", "")) for n in c.split(", ")] for c in row.split(" | ")]
    return np.array(columns)


@pytest.mark.parametrize(
    ("trained", "config", "under"),
    [
        (
            "forty digits, by FA, rate 0.05, for 2,000 steps",
            FORTY.replace(scheme="fa", epochs=2000),
            "own",
        ),
        pytest.param(
            *("forty digits, by BP, rate 0.05, then under FA", FORTY, "fa"),
            marks=pytest.mark.thorough,
        ),
        pytest.param("digits, by FA, rate 0.02", DIGITS, "own", marks=pytest.mark.thorough),
    ],
)
def test_a_kick_becomes_what_the_mathematics_says(
    trained: str, config: RunConfig, under: str
) -> None:
    shelf = Trained(config)
    found = []
    for replicate in (1, 2):
        probe = min(64, config.n_train)  # as the page has it
        asked = KickParams(step=shelf.step, replicate=replicate, under=under, n_samples=probe)
        kick = compute("kick", asked.model_dump(), shelf, lambda _share: None)
        became = [
            np.median(kick[name][:, -1] / kick[name][:, 0]) for name in ("outputs", "separation")
        ]
        found.append([complex(kick["mode"]).real, kick["steps"][-1], *became])
    np.testing.assert_allclose(np.transpose(found), told(trained), rtol=0.06)
