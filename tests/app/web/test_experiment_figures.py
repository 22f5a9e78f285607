"""What is drawn of an experiment is what it came to."""

from __future__ import annotations

from typing import Any

import pytest

from app.figures.experiment import curves_figure, effects_figure, legend_of


def prediction(**more: Any) -> dict[str, Any]:
    return {
        "of": "test accuracy <gained>",
        "unit": "share",
        "above": True,
        "bound": 0.02,
        "values": [0.05, None, 0.08],
        "interval": {"low": 0.05, "middle": 0.06, "high": 0.08, "level": 0.992},
        **more,
    }


def arm(scheme: str, after: str = "", end: int = 20) -> dict[str, Any]:
    curve = {"measure": "gradient_norm", "step": [0, end], "low": [1.0, None]}
    layers = [
        {**curve, "layer": layer, "middle": [2.0, 0.5 / layer], "high": [3.0, 0.0]}
        for layer in (1, 2)
    ]
    return {"title": scheme, "config": {"scheme": scheme}, "after": after, "curves": layers}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_prediction_is_drawn_with_its_bound_and_its_side(theme: str) -> None:
    below = prediction(above=False, unit="°", bound=5.0, interval=None, values=[1.0, 2.0, 9.0])
    figure = effects_figure([prediction(), below], "claim", theme)
    dots, interval, others = figure.data
    assert list(dots.x) == [5.0, 8.0]  # in percent; of one network there is no value
    assert list(interval.x) == [5.0, 6.0, 8.0]
    assert list(others.x) == [1.0, 2.0, 9.0]
    shaded, bound, other_shaded, other_bound = figure.layout.shapes
    assert (bound.x0, other_bound.x0) == (2.0, 5.0)
    assert (shaded.x0, shaded.x1) == (2.0, figure.layout.xaxis.range[1])
    assert (other_shaded.x0, other_shaded.x1) == (figure.layout.xaxis2.range[0], 5.0)
    for values, axis in ((dots.x, figure.layout.xaxis), (others.x, figure.layout.xaxis2)):
        assert axis.range[0] < min(values)
        assert axis.range[1] > max(values)
    assert "&lt;gained&gt;" in figure.layout.annotations[0].text


def test_ratios_stand_on_a_logarithmic_axis_unless_one_is_0() -> None:
    ratios = prediction(unit="times", bound=1.0, values=[0.5, 2.0, 150.0], interval=None)
    figure = effects_figure([ratios], "claim", "light")
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.xaxis.range[0] < -0.3
    assert figure.layout.xaxis.range[1] > 2.17
    zero = effects_figure([{**ratios, "values": [0.0, 2.0]}], "claim", "light")
    assert zero.layout.xaxis.type != "log"


def test_an_arm_begins_where_the_one_that_it_goes_on_from_ended() -> None:
    arms = {"bp": arm("bp"), "leaves": arm("fa", "bp", 6), "again": arm("dfa", "leaves", 4)}
    figure = curves_figure(arms, ["gradient_norm"], "claim", "light")
    medians = [trace for trace in figure.data if trace.name]
    assert [list(trace.x) for trace in medians[::2]] == [[0, 20], [20, 26], [26, 30]]
    assert [trace.name for trace in medians[:2]] == ["bp, layer 1", "bp, layer 2"]
    assert len({trace.line.dash for trace in medians[:2]}) == 2
    # On a logarithmic axis there is no 0, and where there is no value no line.
    assert figure.layout.yaxis.type == "log"
    low, high = figure.data[0], figure.data[1]
    assert (list(low.y), list(high.y)) == ([1.0, None], [3.0, None])


def test_each_arm_has_a_colour_of_its_own_also_of_the_same_scheme() -> None:
    for schemes in (("fa", "bp", "dfa"), ("fa", "fa", "fa", "shallow")):
        arms = {str(place): arm(scheme) for place, scheme in enumerate(schemes)}
        for theme in ("light", "dark"):
            named = legend_of(arms, theme)
            assert [title for title, _ in named] == list(schemes)
            assert len({colour for _, colour in named}) == len(schemes)


def test_nothing_is_drawn_of_nothing() -> None:
    empty = {"fa": {**arm("fa"), "curves": []}}
    assert curves_figure(empty, ["loss"], "claim", None).data[0].x == (None,)
    none_left = prediction(values=[None, None], interval=None)
    assert list(effects_figure([none_left], "claim", None).data[0].x) == []
