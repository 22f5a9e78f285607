"""Saved pictures: every figure of the dark theme has a twin in the light one's colours."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from app.figures import Control, History, training_figure
from app.figures.palette import DARK, LIGHT, to_light
from app.figures.plane import View, along_figure, plane_figure
from app.figures.walk import distances_figure, landscape_figure, msd_figure, shares_figure
from fa_engine.colours import layer_scale

LAYERS = 4


def recoloured(text: str) -> str:
    """As assets/picture.js does it."""
    light = to_light()

    def put(found: re.Match[str]) -> str:
        return found[1] + light.get(found[2], found[2])

    return re.sub(r"(rgba?\()(\d+,\d+,\d+)", put, text)


@cache
def figures(theme: str) -> dict[str, go.Figure]:
    """Every figure of the Train, Walk and Plane pages, with something of everything in it."""
    steps = np.arange(3)
    by_layer = np.linspace(-1, 1, 3 * LAYERS).reshape(3, LAYERS)
    lines = {
        key: {part: ([0, 1], [0.5, 0.6]) for part in ("low", "median", "high")}
        for key in (
            *("loss", "accuracy", "test_loss", "test_accuracy"),
            *(f"gradient_angle_deg/{layer}" for layer in range(1, 13)),
        )
    }
    walked: dict[str, Any] = {
        "step": steps,
        "displacement": by_layer,
        "path_length": by_layer,
        "update_cosine": by_layer,
        "loss_change": steps,
        "predicted_loss_change": steps,
    }
    ones = np.ones(LAYERS)
    lags = {"lags": steps + 1, "squared": abs(by_layer), "exponent": ones, "factor": ones}
    plane: dict[str, Any] = {
        "x": steps,
        "y": steps,
        "surface": np.exp(np.eye(3)),
        "at": np.eye(3)[:, :2],
        "run": np.array([0, 0, 1]),
        "steps": steps,
        "off": steps,
        "update": np.ones((3, 2)),
        "gradient": np.ones((3, 2)),
    }
    view = View(noise=0.1)
    return {
        "training": training_figure(History(12, 8, lines, [Control(1, "lr")], revision="r"), theme),
        "shares": shares_figure({"share_step": steps, "shares": by_layer}, theme),
        "distances": distances_figure(walked, theme),
        "msd": msd_figure(lags, theme),
        "landscape": landscape_figure(plane, ["one", "two"], theme),
        "plane": plane_figure(view, "fa", theme),
        "along": along_figure(view, theme),
    }


@pytest.mark.parametrize("name", list(figures("light")))
def test_a_dark_figure_recoloured_is_the_light_one(name: str) -> None:
    dark, light = figures("dark")[name].to_json(), figures("light")[name].to_json()
    assert dark != light
    assert recoloured(dark) == light


def test_every_colour_of_the_dark_theme_has_one_of_the_light() -> None:
    found = to_light()
    for name in ("ink", "soft", "accent", "control", "stable", "unstable", "surface"):
        dark, light = getattr(DARK, name), getattr(LIGHT, name)
        assert found[",".join(map(str, dark))] == ",".join(map(str, light))
    for colour in layer_scale():
        assert ",".join(map(str, colour)) not in found  # lines are the same in both
        assert found[",".join(map(str, DARK.word(colour)))] == ",".join(
            map(str, LIGHT.word(colour))
        )
