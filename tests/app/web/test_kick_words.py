"""What is said of a kick: what its curves show, and the mode's pace where K decides it."""

from __future__ import annotations

import numpy as np
import pytest

from app.lab import KickParams
from app.pages.stability_kick import _kick_words


def kick(**changes: object) -> dict[str, np.ndarray]:
    found = {
        "steps": np.array([0, 1185]),
        "outputs": np.array([[1.0, 2.7]] * 2),
        "separation": np.array([[0.5, 2.0]] * 2),
        "loss": np.array([[1e-5, 1e-3]] * 2),
        "reference_loss": np.array([1e-5, 3e-5]),
        "reference_distance": np.array([0.0, 0.1]),
        "mode": np.array(-0.0338 + 0j),
        "e_folding": np.array(593.0),
        "stability": np.array(True),
        "pace": np.array(True),
    }
    return found | {name: np.array(value) for name, value in changes.items()}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "λ = −0.0338, which becomes e times as large in 593 steps: what the outputs see of"),
        (
            {},
            "grows. After 1,185 steps the outputs are 2.7 times as far apart, the weights 4 times",
        ),
        ({"outputs": [[1.0, 0.1]] * 2}, "dies out."),
        ({"outputs": [[1.0, 1.1]] * 2}, "neither died out nor grown"),
        ({"outputs": [[0.0, 0.0]] * 2}, "no output sees the kicks"),
        (
            {"mode": 20 + 2j, "e_folding": 0.4},
            "λ = 20 ± 2 i, which becomes e times as small in a s",
        ),
        ({"stability": False}, "λ = −0.0338: what"),
        ({"pace": False}, "λ = −0.0338: what"),
        ({"loss": [[1e-5, np.nan]] * 2}, "the copies diverged"),
    ],
)
def test_a_kick_in_words(changes: dict[str, object], words: str) -> None:
    assert words in _kick_words(kick(**changes), KickParams(step=66))


def test_random_kicks_have_no_mode() -> None:
    said = _kick_words(kick(mode=np.nan, e_folding=np.nan), KickParams(along="random", step=66))
    assert said.startswith("Network 1, kicked at step 66: what the outputs see of the kicks grows")
