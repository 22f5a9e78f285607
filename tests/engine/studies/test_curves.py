"""Curves: lines that can be drawn, thinned, and written as strict JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fa_engine.studies.curves import MOST_POINTS, as_numbers, curves


@pytest.mark.parametrize("count", [1, 2, MOST_POINTS, MOST_POINTS + 1, 5000])
def test_a_long_line_is_thinned_and_keeps_its_ends(count: int) -> None:
    step = np.arange(count) * 10
    (line,) = curves({"step": step, "loss": np.tile(step[:, None], 4)}, ["loss"])
    assert len(line["step"]) <= min(count, MOST_POINTS)
    assert (line["step"][0], line["step"][-1]) == (0, step[-1])
    assert line["step"] == sorted({*line["step"]})
    assert line["middle"] == line["step"]
    if count <= MOST_POINTS:
        assert line["step"] == step.tolist()
    else:  # closer together at the beginning
        gaps = np.diff(line["step"])
        assert gaps[:20].mean() < gaps[-20:].mean()


def test_line_and_band_are_quantiles_of_the_networks() -> None:
    values = np.array([[0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]])
    (line,) = curves({"step": np.array([0]), "loss": values}, ["loss"])
    assert (line["low"], line["middle"], line["high"]) == ([1], [5], [9])
    assert (line["measure"], line["layer"]) == ("loss", None)


def test_a_measure_of_layers_has_a_line_each_counted_from_the_bottom() -> None:
    values = np.arange(12.0).reshape(2, 3, 2)
    found = curves({"step": np.arange(2), "gradient_norm": values}, ["gradient_norm"])
    assert [line["layer"] for line in found] == [1, 2]
    assert [line["middle"] for line in found] == [[2, 8], [3, 9]]


def test_points_that_were_not_measured_are_none_and_a_measure_that_never_was_has_no_line() -> None:
    loss = np.array([[1.0, 2], [np.nan, np.nan], [3, np.nan], [np.inf, np.inf]])
    series = {"step": np.arange(4), "loss": loss, "accuracy": np.full((4, 2), np.nan)}
    (line,) = curves(series, ["loss", "accuracy"])
    assert line["step"] == [0, 2, 3]
    assert line["middle"] == [1.5, 3, None]
    assert json.loads(json.dumps(line, allow_nan=False)) == line


def test_numbers_have_six_digits_and_what_is_none_is_none() -> None:
    found = as_numbers(np.array([1 / 3, 123456789.0, np.nan, np.inf, -np.inf]))
    assert found == [0.333333, 123457000.0, None, None, None]
