"""The Plane page's figures and its preset: pure functions."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from app.components.plane_words import TEXTS
from app.figures.palette import DARK, LIGHT
from app.figures.plane import PLANE_CONFIG, along_figure, plane_figure
from app.figures.plane_view import (
    CASES,
    MAX_STARTS,
    MAX_STEPS,
    View,
    endings,
    setup,
    unstable_start,
)
from app.pages.plane import weight


@pytest.mark.parametrize("case", list(CASES))
def test_the_preset_starts_beside_a_fixed_point_that_the_walk_leaves(case: str) -> None:
    view = View(case, starts=())
    start = unstable_start(view.plane)
    assert start is not None
    fixed = view.plane.fixed("fa", 3.0)
    leaving = np.concatenate(
        [fixed.curve[fixed.curve_stability < 0], fixed.points[fixed.stability < 0]]
    )
    assert np.hypot(*(leaving - start).T).min() < 0.06
    walked = View(case, starts=(start,)).walk("fa")
    ended = int(np.isfinite(walked.loss[:, 0]).sum()) - 1
    assert np.hypot(*(walked.w[ended, 0] - start)) > 0.5
    assert (walked.cosine[:ended, 0] < 0).any()


@pytest.mark.parametrize("case", list(CASES))
def test_without_a_target_the_preset_starts_beside_the_axis(case: str) -> None:
    view = View(case, target=0.0, feedback=-1.0)
    start = unstable_start(view.plane)
    assert start is not None
    assert start[1] > 0  # b w2 < 0
    walked = View(case, target=0.0, feedback=-1.0, starts=(start,)).walk("fa")
    ended = int(np.isfinite(walked.loss[:, 0]).sum()) - 1
    assert np.hypot(*(walked.w[ended, 0] - start)) > 0.5


@pytest.mark.parametrize("case", list(CASES))
@pytest.mark.parametrize("picture", ["fa", "bp", "along"])
def test_every_picture_has_two_or_three_sentences(picture: str, case: str) -> None:
    for kind in (case, "no_target", "no_feedback"):
        if (picture, kind) != ("bp", "no_feedback"):  # backpropagation has none to lack
            assert 2 <= len(re.findall(r"\.(?= |$)", TEXTS[picture][kind])) <= 3


@pytest.mark.parametrize(
    "view",
    [*(View(case, feedback=0.0) for case in CASES), View(target=0.0, feedback=0.0)],
    ids=lambda view: f"{view.case} {view.target:g}",
)
def test_where_nothing_is_unstable_there_is_no_preset(view: View) -> None:
    assert unstable_start(view.plane) is None


@pytest.mark.parametrize("starts", [(), ((1.0, 1.0),), ((3.0, 3.0), (0.0, 0.0), (-1.0, 2.0))])
@pytest.mark.parametrize("case", list(CASES))
def test_every_trace_is_there_whatever_is_shown(
    case: str, starts: tuple[tuple[float, float], ...]
) -> None:
    # The browser fills them by name, and can neither add nor drop any.
    view = View(case, learning_rate=0.5, starts=starts)
    for scheme in ("fa", "bp"):
        figure = plane_figure(view, scheme)
        names = [trace.name for trace in figure.data]
        assert names == [trace.name for trace in plane_figure(View(), scheme).data]
        shown = [trace for trace in figure.data if trace.name.startswith("path")]
        assert [trace.visible for trace in shown] == [i < len(starts) for i in range(MAX_STARTS)]
        marks = figure.data[-1]
        assert list(marks.text) == [""] * len(starts) + [str(i + 1) for i in range(len(starts))]
    assert len(along_figure(view).data) == 3 * MAX_STARTS


def test_a_walk_ends_at_rest_or_in_motion_or_out_of_sight() -> None:
    def ends(scheme: str = "fa", **more: Any) -> list[str]:
        view = View(**more)
        return endings(view, scheme, view.walk(scheme))

    assert ends() == ["rests", "rests"]
    assert ends(case="tanh_several") == ["moving", "moving"]  # slowly, after 1,000 steps
    assert ends(noise=0.1) == ["moving", "moving"]
    # On w1^2 / 2 - b w2 = 6 the stable place has w1 > 3.
    assert ends(target=2.0, feedback=2.0, starts=((0.1, -3.0),)) == ["rests outside"]
    # Steps larger than 2 / K, K about 10 there, overshoot more and more.
    assert ends(learning_rate=0.5, starts=((3.0, 3.0),)) == ["leaves"]
    figure = plane_figure(View(learning_rate=0.5, starts=((3.0, 3.0), (1.0, 1.5))), "fa")
    assert list(figure.data[-1].marker.symbol) == ["circle-open", "circle", "circle", "circle"]


def test_both_axes_have_the_same_span_and_nothing_can_be_sent_elsewhere() -> None:
    layout = plane_figure(View(), "fa").layout
    assert list(layout.xaxis.range) == list(layout.yaxis.range)
    assert layout.margin.l + layout.margin.r == layout.margin.t + layout.margin.b
    assert PLANE_CONFIG["showSendToCloud"] is False


def test_the_browser_gets_the_noise_of_the_walks_here() -> None:
    given = json.loads(json.dumps(setup()))
    view = View(noise=0.5, starts=((1.0, 1.0),))
    first, second = view.walk("bp").w[:2, 0]
    u = view.plane.update(first, "bp") + 0.5 * np.array(given["draws"][0][0])
    np.testing.assert_allclose(second, first - 0.05 * u, rtol=1e-12)
    assert np.shape(given["draws"]) == (MAX_STARTS, MAX_STEPS, 2)


def test_a_walk_has_time_to_settle_whatever_its_step() -> None:
    assert View(learning_rate=0.5).steps == 100
    assert View(learning_rate=0.01).steps == MAX_STEPS


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_trajectories_differ_in_colour(colours: Any) -> None:
    assert len(set(colours.walks)) == MAX_STARTS


@pytest.mark.parametrize(
    ("typed", "value"), [("1.5", 1.5), ("-3", -3.0), ("−0.5", -0.5), (" 2 ", 2.0), ("1e-3", 0.001)]
)
def test_a_weight_is_a_number_in_sight(typed: str, value: float) -> None:
    assert weight("w1", typed) == (value, None)


@pytest.mark.parametrize("typed", ["", None, "much", "nan", "inf", "3.01", "1,5"])
def test_what_is_no_weight_is_named(typed: Any) -> None:
    value, wrong = weight("w2", typed)
    assert value is None
    named = "w₂ is empty" if typed in ("", None) else f"w₂ = {typed!r}"
    hint = ": write 1.5" if typed == "1,5" else ""
    assert wrong == f"{named}: allowed is a number from -3 to 3{hint}"
