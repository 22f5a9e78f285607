"""The lab's figures: pure functions of what was computed."""

from __future__ import annotations

import json
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.components.series_words import series_words
from app.figures.look import SymmetricLog
from app.figures.spectrum import spectrum_figure
from app.figures.stability import return_figure, stability_figure
from app.figures.walk import distances_figure, landscape_figure, msd_figure, shares_figure
from app.lab.walk import walk_lines
from fa_engine import RunConfig, Trainer

MODES = np.array([-0.5 + 0j, -1e-9 + 0j, 0.2 + 1j, 0.2 - 1j, 3 + 0j])
SPECTRUM = {
    "eigenvalues": MODES,
    "symmetric": np.array([-0.8, 0.1, 0.2, 0.5, 4.0]),
    "bp": np.array([0.1, 0.2, 0.4, 2.0, 9.0]),
    "resolution": np.array(1e-7),
}


def text(figure: object) -> str:
    """As it goes to the browser; fails on what JSON does not have."""
    found: str = figure.to_json()  # type: ignore[attr-defined]
    json.loads(found, parse_constant=lambda name: pytest.fail(f"{name} in a figure"))
    return found


@given(st.floats(1e-6, 1e6), st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9, unique=True))
def test_a_symmetric_log_keeps_order_sign_and_zero(largest: float, values: list[float]) -> None:
    across = SymmetricLog(largest)
    ordered = np.sort(values)
    assert (np.diff(across(ordered)) >= 0).all()
    np.testing.assert_allclose(across(-ordered), -across(ordered))
    assert across(0.0) == 0
    ticks = across.ticks()
    assert ticks["tickvals"] == sorted(ticks["tickvals"])
    assert len(ticks["tickvals"]) == len(ticks["ticktext"])
    assert across(largest) <= max(ticks["tickvals"]) + 1e-9


def test_far_from_zero_a_decade_is_one() -> None:
    across = SymmetricLog(100.0)
    assert across(100.0) - across(10.0) == pytest.approx(1.0, abs=1e-2)


@example(1.00390625, 1e-07)  # just above a power of ten: asinh(1/2) / (7 ln 10)
@given(st.floats(1e-3, 1e6), st.floats(1e-7, 1.0))
def test_what_is_small_is_told_from_zero(largest: float, share: float) -> None:
    across = SymmetricLog(largest)
    assert across(share * largest) > 0.0298 * across(largest)  # a marker's radius on 100 pixels
    assert sum(map(bool, across.ticks()["ticktext"])) == 9
    assert all(across.ticks(every=1)["ticktext"])


@pytest.mark.parametrize(
    ("low", "high", "sides"),
    [(-90.0, 90.0, ("left", "right")), (-1e-6, 90.0, ("right", "right"))],
)
def test_the_words_of_the_ends_stand_on_the_inner_side_of_the_chart(
    low: float, high: float, sides: tuple[str, str]
) -> None:
    """What is centred on the end of the axis is cut on a telephone."""
    modes = np.array([low, 0.1, high], complex)
    figure = spectrum_figure(SPECTRUM | {"eigenvalues": modes})
    found = {one.text.split()[0]: one.xanchor for one in figure.layout.annotations}
    assert (found["smallest"], found["largest"]) == sides


def test_modes_are_coloured_by_what_becomes_of_them() -> None:
    figure = spectrum_figure(SPECTRUM)
    stable, unstable = figure.data[:2]
    assert (len(stable.x), len(unstable.x)) == (4, 1)  # -1e-9 is rounding
    assert unstable.x[0] < 0
    assert unstable.customdata[0] == [-0.5, 0.0]
    assert [trace.name for trace in figure.data[2:]] == ["bp", "symmetric"]
    assert "error_eigenvalues" not in text(figure)


def test_small_unstable_modes_stand_left_of_zero() -> None:
    modes = np.array([-6e-3 + 0j, -2e-5 + 0j, 4e-4 + 2e-3j, 4e-4 - 2e-3j, 30 + 0j])
    figure = spectrum_figure(SPECTRUM | {"eigenvalues": modes, "bp": np.array([100.0])})
    unstable = figure.data[1]
    assert [real for real, _ in unstable.customdata] == [-6e-3, -2e-5]
    reach = figure.layout.xaxis.range[1]
    assert max(unstable.x) < -0.03 * reach
    assert unstable.x[0] < unstable.x[1] - 0.1 * reach


def test_a_diverged_network_has_no_modes_and_a_figure() -> None:
    figure = spectrum_figure({name: np.full_like(v, np.nan) for name, v in SPECTRUM.items()})
    assert [list(trace.x) for trace in figure.data[:2]] == [[None], [None]]
    text(figure)


@pytest.mark.parametrize("log", [False, True])
def test_stability_through_training(log: bool) -> None:
    series = {
        "unstable_share": np.array([0.2, 0.1, np.nan]),
        "min_real": np.array([-0.1, -0.05, np.nan]),
        "angle_deg": np.array([89.0, 60.0, np.nan]),
    }
    figure = stability_figure(np.array([0, 10, 20]), series, at=10, log=log)
    text(figure)
    assert list(figure.data[0].y) == [0.2, 0.1, None]
    assert not figure.data[0].connectgaps  # what is still to come is no straight line
    x = list(figure.data[0].x)
    assert x[1:] == [10, 20]
    assert f"{round(x[0]):,d}" == "0"  # as the hover title says it


@pytest.mark.parametrize("last", [1, 3, 7, 66, 99, 100, 1320, 3744, 99_999, 2_000_000, 10**8])
def test_steps_are_told_truly_whatever_the_scale(last: int) -> None:
    steps = np.array([0, last])
    series = {name: np.zeros(2) for name in ("unstable_share", "min_real", "angle_deg")}
    axis = stability_figure(steps, series, log=True).layout.xaxis
    named = {text: x for x, text in zip(axis.tickvals, axis.ticktext, strict=True) if text}
    assert named.pop("0") == stability_figure(steps, series, log=True).data[0].x[0]
    assert [f"{x:,}" for x in named.values()] == list(named)
    assert "1" in named
    assert max(axis.tickvals) <= last
    # Nothing runs into anything on a narrow screen: 7.5 pixels a figure.
    decade = 250 / (np.log10(last) - np.log10(0.4) + 0.3)
    places = [(np.log10(x) * decade, 7.5 * len(text)) for text, x in named.items()]
    for (left, wide), (right, wider) in pairwise(places):
        assert right - left > (wide + wider) / 2

    linear = stability_figure(steps, series).layout.xaxis
    assert (linear.dtick == 1) == (last <= 10)
    assert linear.tickformat == ",d"


def test_a_short_kick_has_whole_steps() -> None:
    found = {
        "steps": np.arange(4),
        **dict.fromkeys(("outputs", "separation", "distance", "loss"), np.ones((2, 4))),
        **dict.fromkeys(("reference_distance", "reference_loss"), np.ones(4)),
    }
    assert return_figure(found).layout.xaxis.dtick == 1


def test_figures_before_there_is_anything_to_draw() -> None:
    nothing = {name: np.zeros(0) for name in ("unstable_share", "min_real", "angle_deg")}
    for figure in (
        spectrum_figure(None),
        stability_figure(np.zeros(0), nothing),
        stability_figure(np.zeros(0), nothing, log=True),
        return_figure(None),
        msd_figure(None),
        landscape_figure(None),
    ):
        text(figure)
    # An axis is drawn where a trace belongs to it.
    assert {trace.yaxis or "y" for trace in spectrum_figure(None).data} == {"y", "y2"}
    assert all(trace.x for trace in spectrum_figure(None).data)
    share = stability_figure(np.zeros(0), nothing).layout.yaxis.range
    assert share[0] < 0 < share[1] < 0.1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_real_walk(theme: str) -> None:
    trainer = Trainer(RunConfig(hidden=(7, 6), replicates=3, epochs=2, walk=True, measure_every=4))
    found = list(trainer)
    names = ("descent_rate", "displacement", "path_length", "update_cosine")
    names += ("loss_change", "predicted_loss_change")
    rows = SimpleNamespace(
        step=np.array([m.step for m in found]),
        **{name: np.array([getattr(m, name) for m in found]) for name in names},
    )
    lines = walk_lines(rows)
    shares = shares_figure(lines, theme)
    text(shares)
    stacked = [trace for trace in shares.data if trace.name != "together"]
    total = np.sum([np.abs(np.array(trace.y)) for trace in stacked], axis=0)
    np.testing.assert_allclose(total, 1.0)
    distances = distances_figure(lines, theme)
    text(distances)
    walked = {trace.name: trace.y for trace in distances.data}
    for layer in ("layer 1", "layer 2", "output layer"):
        far, long = walked[f"displacement, {layer}"], walked[f"path length, {layer}"]
        assert all(a <= b + 1e-6 for a, b in zip(far, long, strict=True))
    # What a colour means stands beside the lines, and each line has the colour of its entry.
    entries = {t.name: t.line.color for t in distances.data if t.showlegend is not False}
    assert list(entries) == ["layer 1", "layer 2", "output layer"]
    assert distances.layout.showlegend
    for trace in distances.data:
        if trace.legendgroup:
            assert trace.line.color == entries[trace.legendgroup]
    assert set(distances.layout.meta["panels"]) == {t.yaxis for t in distances.data if t.yaxis}


def test_figures_of_dots_say_in_words_what_they_show() -> None:
    unstable = int((MODES.real < -1e-7 * 3).sum())
    said = spectrum_figure(SPECTRUM).layout.meta["words"]
    assert said.startswith(f"{len(MODES)} modes, {unstable} of them unstable; ")
    assert "from -0.5 to 3" in said
    found = {
        "lags": np.array([1.0, 10.0]),
        "squared": np.array([[1.0, 2.0], [100.0, 20.0]]),
        "exponent": np.array([2.0, 1.0]),
        "factor": np.array([1.0, 2.0]),
    }
    said = msd_figure(found).layout.meta["words"]
    assert said == "Exponents: layer 1 2.00, output layer 1.00."


LANDSCAPE = {
    "x": np.linspace(-1, 3, 7),
    "y": np.linspace(0, 2, 7),
    "surface": np.add.outer(np.linspace(1, 2, 7), np.linspace(0, 1, 7)),
    "run": np.array([0, 0, 0]),
    "steps": np.array([0, 10, 20]),
    "at": np.array([[0.0, 0.5], [1.0, 1.0], [2.0, 1.5]]),
    "off": np.array([0.1, 0.0, 0.2]),
    "update": np.array([[1.0, 0.0], [0.0, 0.0], [0.5, 0.5]]),
    "gradient": np.array([[0.0, 1.0], [1.0, 1.0], [-1.0, 0.0]]),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_landscape_shows_the_surface_and_all_of_it(theme: str) -> None:
    figure = landscape_figure(LANDSCAPE, ["one"], theme)
    text(figure)
    assert list(figure.layout.xaxis.range) == [-1, 3]
    assert list(figure.layout.yaxis.range) == [0, 2]
    assert figure.layout.yaxis.scaleanchor == "x"
    # Levels lie upon one another: the lowest has most colour only where none shines through.
    assert [colour[:4] for _, colour in figure.data[0].colorscale] == ["rgb(", "rgb("]
    arrows = [note for note in figure.layout.annotations if note.showarrow]
    assert len(arrows) == 5  # an update of no length points nowhere
    lengths = [np.hypot(arrow.x - arrow.ax, arrow.y - arrow.ay) for arrow in arrows]
    np.testing.assert_allclose(lengths, lengths[0])


def rows_of(descent: np.ndarray) -> SimpleNamespace:
    """Measurements of a walk that nobody followed."""
    undefined = np.full(descent.shape, np.nan)
    return SimpleNamespace(
        step=np.arange(len(descent)),
        descent_rate=descent,
        displacement=undefined,
        path_length=undefined,
        update_cosine=undefined,
        loss_change=undefined[:, :, 0],
        predicted_loss_change=undefined[:, :, 0],
    )


def test_a_layer_that_points_uphill_is_drawn_below_zero() -> None:
    found = walk_lines(rows_of(np.array([[[-1.0, 3.0]], [[-1.0, 3.0]]])))
    assert np.isnan(found["path_length"]).all()
    drawn = {trace.name: list(trace.y) for trace in shares_figure(found).data}
    assert drawn["layer 1, uphill"] == [-0.25, -0.25]
    assert drawn["output layer"] == [0.75, 0.75]
    assert drawn["together"] == [0.5, 0.5]


def test_what_all_layers_come_to_may_be_an_ascent_and_shares_stay_shares() -> None:
    found = walk_lines(rows_of(np.array([[[-0.003, 0.001]], [[-2e-9, 2e-9]], [[0.0, 0.0]]])))
    np.testing.assert_allclose(found["shares"], [[-0.75, 0.25], [-0.5, 0.5], [np.nan, np.nan]])
    figure = shares_figure(found)
    text(figure)
    drawn = {trace.name: list(trace.y) for trace in figure.data}
    assert drawn["together"] == [-0.5, 0.0, None]
    assert figure.layout.yaxis.range[0] < -0.75


def test_shares_of_networks_that_are_all_gone_are_a_gap_that_says_why() -> None:
    descent = np.full((3, 2, 2), np.nan)
    figure = shares_figure(walk_lines(rows_of(descent)))
    assert all(value is None for trace in figure.data for value in trace.y)
    assert "no network is left" in figure.layout.annotations[0].text


def test_a_replicate_that_diverged_leaves_the_others(recwarn: pytest.WarningsRecorder) -> None:
    descent = np.array([[[1.0, 3.0], [np.nan, np.inf]], [[1.0, 3.0], [np.nan, np.nan]]])
    found = walk_lines(rows_of(descent))
    np.testing.assert_allclose(found["shares"], [[0.25, 0.75]] * 2)
    assert not recwarn.list


def test_a_walk_of_no_steps_yet() -> None:
    text(shares_figure(walk_lines(rows_of(np.zeros((0, 2, 3))))))


def test_one_scale_serves_all_spectra_that_are_shown_one_after_another() -> None:
    """Neither range nor ticks move while another checkpoint is looked at."""
    small = SPECTRUM | {"eigenvalues": MODES / 100, "bp": np.array([0.01]), "symmetric": MODES.real}
    one, other = (spectrum_figure(each, reach=35.7) for each in (SPECTRUM, small))
    for axis in ("xaxis", "yaxis"):
        assert one.layout[axis].range == other.layout[axis].range
        assert one.layout[axis].tickvals == other.layout[axis].tickvals
        assert one.layout[axis].ticktext == other.layout[axis].ticktext
    assert one.layout.xaxis.ticktext != spectrum_figure(small).layout.xaxis.ticktext
    assert one.layout.xaxis.ticktext == spectrum_figure(SPECTRUM, reach=99.0).layout.xaxis.ticktext
    place = float(SymmetricLog(35.7)(0.03))
    assert other.data[0].x[-1] == pytest.approx(place)


def test_the_numbers_of_the_panel_are_found_on_the_axis() -> None:
    figure = spectrum_figure(SPECTRUM)
    marked = {note.text: note.x for note in figure.layout.annotations}
    across = SymmetricLog(9.0)
    assert marked["smallest −0.5"] == pytest.approx(float(across(-0.5)))
    assert marked["largest 3"] == pytest.approx(float(across(3.0)))
    lines = [shape.x0 for shape in figure.layout.shapes if shape.type == "line"]
    assert lines == [marked["smallest −0.5"], marked["largest 3"]]
    assert "Backpropagation's kernel, J Jᵀ" in marked  # every row has its name in words


def test_only_backpropagation_is_grey_and_nothing_is_called_stable_where_nothing_is_decided() -> (
    None
):
    by_error = {"error_eigenvalues": MODES, "error_unstable_share": np.array(0.25)}
    other = spectrum_figure(SPECTRUM | by_error)
    grey = {trace.name for trace in other.data[2:] if len(set(trace.marker.line.color)) == 1}
    assert grey == {"bp"}
    # With another loss modes of K decide nothing; those of H K do, and have their colours.
    assert "these grow" not in text(other)
    assert [trace.name for trace in other.data[:2]] == ["above 0", "below 0"]
    assert "of them unstable" not in text(other)
    assert "Of H K, which decides with this loss, 25.0 % are below 0." in text(other)
    told = spectrum_figure(SPECTRUM)
    assert [trace.name for trace in told.data[:2]] == ["stable", "unstable"]
    undecided = SPECTRUM | {"stability": np.array(False), "of_moment": np.array(False)}
    figure = spectrum_figure(undecided)
    assert "these grow" in text(told)
    assert "these grow" not in text(figure)
    assert [trace.name for trace in figure.data[:2]] == ["above 0", "below 0"]
    assert len({trace.marker.color for trace in figure.data[:2]}) == 1
    figure = spectrum_figure(undecided | {"signal": np.array("target")})
    assert [trace.name for trace in figure.data[2:]] == ["bp"]  # it does not follow the error
    moment = spectrum_figure(undecided | {"of_moment": np.array(True)})
    assert "these grow now" in text(moment)
    assert "below 0 now" in text(moment)
    assert "unstable" not in text(moment)


@pytest.mark.parametrize(
    ("share", "angle", "decided", "words"),
    [
        ([0.2, 0.02], [80.0, 60.0], [1, 1], "modes below 0 fell from 20.0 % to 2.0 %, and the a"),
        ([0.0, 0.3], [60.0, 89.0], [1, 1], "rose from 0.0 % to 30.0 %, and the angle rose from"),
        ([0.1, 0.1], [60.0, 60.2], [1, 1], "stayed at 10.0 %, and the angle stayed at 60.2°."),
        ([np.nan, np.nan], [90.0, 70.0], [0, 0], "no share of modes is drawn"),
    ],
)
def test_the_sentence_beside_a_series_is_computed_from_it(
    share: list[float], angle: list[float], decided: list[int], words: str
) -> None:
    series = {
        "unstable_share": np.array(share),
        "angle_deg": np.array(angle),
        "decided": np.array(decided, float),
    }
    said = series_words(np.array([0, 1320]), series)
    assert said.startswith("From step 0 to step 1,320 ")
    assert words in said
    alone = {name: np.array([values[0], np.nan]) for name, values in series.items()}
    assert series_words(np.array([0, 1320]), alone) == ""
