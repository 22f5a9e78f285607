"""Bands, thinning and the figure: pure functions."""

from __future__ import annotations

import itertools
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.figures import CHART_CONFIG, Control, History, training_figure
from app.figures.bands import as_list, band, bands, closed, thin
from app.figures.look import log_scale
from app.figures.marks import power_words, spread
from app.figures.training import shown
from app.store import Draft, Progress
from app.store.blocks import unpack
from fa_engine import Measurement
from fa_engine.spread import quantiles

NUMBERS = st.floats(-1e6, 1e6, width=32) | st.just(float("nan"))


@given(arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 9)), elements=NUMBERS))
def test_quantiles_are_those_of_what_is_defined(values: np.ndarray) -> None:
    defined = ~np.isnan(values).all(axis=1)
    for share, got in zip((0.1, 0.5, 0.9), quantiles(values, (0.1, 0.5, 0.9)), strict=True):
        assert np.isnan(got[~defined]).all()
        wanted = np.array([np.nanquantile(row, share) for row in values[defined]])
        np.testing.assert_allclose(got[defined], wanted, rtol=1e-9, atol=1e-6)


def test_an_infinite_replicate_does_not_hide_the_others() -> None:
    low, median, high = quantiles(np.array([[1.0, 2.0, np.inf, np.inf, 1.5]]), (0.1, 0.5, 0.9))
    assert median[0] == 2.0
    assert low[0] == pytest.approx(1.2)
    assert high[0] == np.inf


@given(
    arrays(np.float64, st.integers(1, 400), elements=NUMBERS),
    st.integers(2, 60).map(lambda half: 2 * half),
)
def test_thinning_keeps_the_ends_and_the_extremes(values: np.ndarray, limit: int) -> None:
    kept = thin(values, limit)
    assert len(kept) <= limit
    assert (np.diff(kept) > 0).all()
    assert kept[0] == 0
    assert kept[-1] == len(values) - 1
    if not np.isnan(values).all():
        assert np.nanmax(values[kept]) == np.nanmax(values)
        assert np.nanmin(values[kept]) == np.nanmin(values)


def test_a_short_line_is_left_alone() -> None:
    assert thin(np.array([3.0, 1.0, 2.0]), 4).tolist() == [0, 1, 2]


@given(arrays(np.float64, 5, elements=st.floats(1e-30, 1e30)))
def test_rounding_keeps_six_digits(values: np.ndarray) -> None:
    np.testing.assert_allclose(as_list(values), values, rtol=5e-6)


def test_what_is_not_finite_is_none_and_nothing_is_numpy() -> None:
    got = as_list(np.array([0.0, -1.5, np.nan, np.inf, -np.inf], dtype=np.float32))
    assert got == [0.0, -1.5, None, None, None]
    assert all(type(value) in (float, type(None)) for value in got)


def test_one_replicate_has_no_band() -> None:
    single = band(np.arange(2), np.array([[1.0], [2.0]]))
    assert single.low is None
    assert set(single.as_json()) == {"step", "median"}


def history(measured: list[Measurement], **changes: object) -> History:
    draft = Draft.measurements(measured, Progress(1, 1.0, 1.0))
    lines = {key: one.lines(100) for key, one in bands(unpack(draft.header, draft.payload)).items()}
    given = {"layers": 2, "replicates": 3, "lines": lines, "revision": "r"}
    return History(**given | changes)  # type: ignore[arg-type]


def test_the_figure_holds_lists_only(measured: list[Measurement]) -> None:
    # A packed array cannot be extended in the browser, and fails there only.
    text = training_figure(history(measured)).to_json()
    assert "bdata" not in text
    for trace in json.loads(text)["data"]:
        assert isinstance(trace["x"], list)
        assert isinstance(trace["y"], list)
        assert trace["type"] == "scatter"


def test_every_line_has_its_place(measured: list[Measurement]) -> None:
    figure = training_figure(history(measured))
    places = figure.layout.meta["places"]
    assert len(places) == 6
    for key, parts in places.items():
        assert set(parts) == {"median", "low", "high"}
        axis = "y3" if "angle" in key else "y2" if "accuracy" in key else "y"
        assert {figure.data[index].yaxis for index in parts.values()} == {axis}
    loss = figure.data[places["loss"]["median"]]
    assert list(loss.x) == [m.step for m in measured]
    np.testing.assert_allclose(loss.y, [np.median(m.loss) for m in measured], rtol=1e-5)
    low = places["loss"]["low"]
    assert figure.data[low + 1].fill == "tonexty"
    assert places["loss"]["high"] == low + 1


def test_panels_share_one_axis_and_one_hover(measured: list[Measurement]) -> None:
    figure = training_figure(history(measured))
    ends = {end["trace"] for end in figure.layout.meta["ends"]}
    lines = [trace for index, trace in enumerate(figure.data) if index not in ends]
    assert {trace.xaxis for trace in lines} == {None}  # the first x axis
    assert figure.layout.hovermode == "x unified"
    assert figure.layout.hoversubplots == "axis"
    assert figure.layout.yaxis.type == "log"
    assert not figure.layout.showlegend


def test_train_is_solid_and_test_is_dashed(measured: list[Measurement]) -> None:
    figure = training_figure(history(measured))
    places = figure.layout.meta["places"]
    for measure in ("loss", "accuracy"):
        assert figure.data[places[measure]["median"]].line.dash == "solid"
        assert figure.data[places[f"test_{measure}"]["median"]].line.dash != "solid"


def test_what_the_angles_mean_stands_where_no_line_is(measured: list[Measurement]) -> None:
    figure = training_figure(history(measured))
    end = figure.layout.meta["ends"][2]
    words = figure.data[end["trace"]]
    said = [(text, y) for text, y in zip(words.text, words.y, strict=True) if "chance" in text]
    assert [y for _, y in said] == [1]  # with the title, above the panel
    assert "90° (dotted): no better than chance, 0°: backpropagation" in said[0][0]
    assert words.textposition[0] == "top right"
    assert "90°" in end["narrow"]
    assert any(shape.y0 == shape.y1 == 90 and shape.yref == "y3" for shape in figure.layout.shapes)


def test_changes_are_lines_through_the_panels_but_not_through_titles(
    measured: list[Measurement],
) -> None:
    controls = [Control(7, "lr 0.1 → 0.05"), Control(9, "scheme fa → bp")]
    figure = training_figure(history(measured, controls=controls))
    marks = [shape for shape in figure.layout.shapes if shape.name == "control"]
    domains = [figure.layout[name].domain for name in ("yaxis", "yaxis2", "yaxis3")]
    assert [shape.x0 for shape in marks] == [7, 9]
    for shape, control in zip(marks, controls, strict=True):
        assert shape.yref == "paper"
        # In a lane of their own: a title of 14 pixels has room between it and the upper panel.
        assert (shape.y0 - domains[0][1]) * 500 > 18
        assert shape.y1 < 1
        assert control.label in shape.label.text
    (lines,) = [shape for shape in figure.layout.shapes if shape.name == "changes"]
    drawn = re.findall(r"M(\d+),([\d.]+)L(\d+),([\d.]+)", lines.path)
    assert [(int(a), float(b), int(c), float(d)) for a, b, c, d in drawn] == [
        (step, low, step, high) for step in (7, 9) for low, high in domains
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 8, 12, 30])
def test_names_at_the_ends_of_lines_do_not_overlap(count: int) -> None:
    lines = {
        f"gradient_angle_deg/{layer}": {"median": ([0, 1], [90.0, 89 + 0.1 * layer])}
        for layer in range(1, count + 1)
    }
    figure = training_figure(History(count, 1, lines, revision="r"))
    words = figure.data[figure.layout.meta["ends"][2]["trace"]]
    low, high = figure.layout.yaxis3.domain
    stand = [
        600 * (high - low) * y
        for text, y in zip(words.text, words.y, strict=True)
        if "layer" in text
    ]
    assert stand == sorted(stand)  # the higher layer ends higher
    assert all(later - before > 12 for before, later in itertools.pairwise(stand))
    assert len(stand) == count or len(stand) > 12
    assert (words.text[1].strip()[:8], words.text[count].strip()[:5]) == ("layer 1 ", "layer")
    (leaders,) = [shape for shape in figure.layout.shapes if shape.name == "leaders"]
    assert (leaders.path.count("L") >= 1) is (count > 1)


@given(
    st.lists(st.floats(0, 200), max_size=14).map(sorted), st.sampled_from([0.0, 5.0, 12.5, 16.0])
)
def test_spread_names_are_in_order_apart_and_in_bounds(wanted: list[float], gap: float) -> None:
    stand = spread(wanted, gap, 0, 210)
    assert len(stand) == len(wanted)
    for before, later in itertools.pairwise(stand):
        assert later - before >= gap - 1e-6
    assert all(-1e-6 <= place <= 210 + 1e-6 for place in stand)
    if all(later - before >= gap for before, later in itertools.pairwise(wanted)):
        np.testing.assert_allclose(stand, wanted, atol=1e-6)  # nobody moves without need


def test_names_that_want_one_place_stand_around_it() -> None:
    assert spread([100.0, 100.0, 100.0], 16, 0, 200) == [84.0, 100.0, 116.0]
    assert spread([0.0, 0.0], 16, 0, 200) == [0.0, 16.0]
    assert spread([200.0, 200.0], 16, 0, 200) == [184.0, 200.0]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.0, "1"),
        (0.005, "0.005"),
        (2000.0, "2000"),
        (1e-6, "10<sup>−6</sup>"),
        (5e-12, "5×10<sup>−12</sup>"),
        (2e18, "2×10<sup>18</sup>"),
    ],
)
def test_ticks_of_a_logarithmic_axis_are_short(value: float, words: str) -> None:
    assert power_words(value) == words
    assert len(re.sub("<.*?>", "", words)) <= 7  # what the margin has room for


def test_the_last_value_is_written_at_the_end(measured: list[Measurement]) -> None:
    figure = training_figure(history(measured))
    ends = [figure.data[end["trace"]] for end in figure.layout.meta["ends"]]
    written = [text for end in ends for text in end.text]
    last = measured[-1]
    assert f"\u2003train {shown('y', float(np.median(last.loss)))}" in written
    assert f"\u2003layer 2 {np.median(last.gradient_angle_deg[:, 1]):.1f}°" in written


@pytest.mark.parametrize(
    ("axis", "value", "text"),
    [
        ("y", 0.12345, "0.123"),
        ("y", 0.00012, "1.2e-04"),
        ("y2", 0.9312, "93.1 %"),
        ("y3", 53.24, "53.2°"),
        ("y", None, "–"),
    ],
)
def test_values_are_written_for_people(axis: str, value: float | None, text: str) -> None:
    assert shown(axis, value) == text


def test_zoom_is_kept_for_a_run_and_dropped_for_another(measured: list[Measurement]) -> None:
    def kept(run: str) -> str:
        return str(training_figure(history(measured, revision=run)).layout.uirevision)

    assert kept("a") == kept("a") != kept("b")


def test_before_any_run_there_are_empty_panels() -> None:
    for theme in ("light", "dark", None):
        figure = training_figure(History(2, 1), theme)
        lines = [trace for trace in figure.data if trace.mode == "lines"]
        assert len(lines) == 6
        assert all(not trace.y for trace in lines)


@pytest.mark.parametrize(("points", "marked"), [(1, True), (2, True), (3, False)])
def test_a_line_too_short_to_see_is_marked(points: int, marked: bool) -> None:
    values = [*[1.0] * points, None]
    lines = {"loss": {"median": (list(range(points + 1)), values)}}
    figure = training_figure(History(1, 1, lines, revision="r"))
    trace = figure.data[figure.layout.meta["places"]["loss"]["median"]]
    assert ("markers" in trace.mode) is marked
    assert trace.marker.color == trace.line.color


@pytest.mark.parametrize(
    ("scheme", "angle", "said"),
    [
        ("shallow", None, "undefined: hidden layers get no feedback"),
        ("fa", None, "undefined: the update or the gradient is zero"),
        ("shallow", 80.0, ""),
    ],
)
def test_why_there_are_no_angles_is_said(scheme: str, angle: float | None, said: str) -> None:
    lines = {"gradient_angle_deg/1": {"median": ([1, 2], [None, angle])}}
    meta = {"run": {"scheme": scheme}}
    figure = training_figure(History(1, 1, lines, meta=meta, revision="r"))
    assert figure.data[figure.layout.meta["ends"][2]["trace"]].text[-1].strip() == said


@pytest.mark.parametrize(
    ("divergence", "activation", "said"),
    [
        ({"empty": "no value: the network diverged by step 9"}, "relu", "no value: the network"),
        ({"empty": ""}, "relu", "undefined: zero update or gradient, as of dead units"),
        (None, "tanh", "undefined: the update or the gradient is zero"),
    ],
)
def test_why_there_are_no_angles_any_more_is_said_where_they_are_missing(
    divergence: dict[str, str] | None, activation: str, said: str
) -> None:
    line = ([0, 1, 2, 9], [80.0, 70.0, None, None])
    run = {"scheme": "fa", "config": {"activation": activation}, "divergence": divergence}
    lines = {"gradient_angle_deg/1": {"median": line}}
    figure = training_figure(History(1, 1, lines, meta={"run": run}, revision="r"))
    words = figure.data[figure.layout.meta["ends"][2]["trace"]]
    assert words.text[-1].startswith(said)
    assert words.x[-1] == pytest.approx((1 + 9) / 2 / 9)
    # Where they were missing for a moment only, the lines say enough.
    lines = {"gradient_angle_deg/1": {"median": ([0, 8, 9], [80.0, 70.0, None])}}
    figure = training_figure(History(1, 1, lines, meta={"run": run}, revision="r"))
    assert figure.data[figure.layout.meta["ends"][2]["trace"]].text[-1] == " "


def test_a_line_that_ended_has_its_name_where_it_went() -> None:
    # All networks diverged: what there was last is no value of now, and the colours need names.
    lines = {
        f"gradient_angle_deg/{layer}": {"median": ([0, 1, 9], [80.0, 100.0 - 25 * layer, None])}
        for layer in (1, 2)
    }
    meta = {"run": {"scheme": "fa", "divergence": {"empty": "no value"}, "config": {}}}
    figure = training_figure(History(2, 1, lines, meta=meta, revision="r"))
    words = figure.data[figure.layout.meta["ends"][2]["trace"]]
    names = {text.strip(): y for text, y in zip(words.text[1:3], words.y[1:3], strict=True)}
    assert list(names) == ["layer 1 –", "layer 2 –"]
    assert 1 > names["layer 1 –"] > names["layer 2 –"] > 0


def test_an_angle_beyond_the_usual_has_its_height() -> None:
    lines = {"gradient_angle_deg/1": {"median": ([1, 2], [30.0, 170.0])}}
    figure = training_figure(History(1, 1, lines, revision="r"))
    words = figure.data[figure.layout.meta["ends"][2]["trace"]]
    assert all(0 <= y <= 1 for y in words.y)
    assert figure.layout.yaxis3.autorange is True
    assert list(figure.layout.yaxis3.tickvals)[-1] == 180


def test_charts_offer_no_upload() -> None:
    assert CHART_CONFIG["showSendToCloud"] is False
    assert CHART_CONFIG["displaylogo"] is False


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (0.2, 2.3),
        (1e-4, 2.3),
        (1e-9, 2.3),
        (1e-30, 2.3),
        (1, 1e18),
        (0.5, 0.6),
        (0.61, 0.9),
        (2.2, 2.31),
        (1e-20, 2e-20),
    ],
)
def test_the_loss_has_room_for_its_ticks(low: float, high: float) -> None:
    lines = {"loss": {"median": ([0, 1], [high, low])}}
    axis = training_figure(History(1, 1, lines, revision="r")).layout.yaxis
    if axis.tickmode == "array":
        inside = [value for value in axis.tickvals if low <= value <= high]
        assert 2 <= len(inside) <= 9
        assert len(axis.ticktext) == len(axis.tickvals)
    else:
        assert np.log10(high / low) < 0.1 or high < 1e-10


def test_a_band_is_closed_where_it_is_not_defined() -> None:
    nan = float("nan")
    median = np.array([nan, 2.0, 3.0, nan, nan, 5.0])
    edge = np.array([nan, 1.0, 2.0, nan, nan, 4.0])
    step = np.arange(0, 60, 10)
    at, height = closed(step, edge, median)
    # It closes at step 20 and opens again at 50: nothing is drawn between.
    assert at.tolist() == [0, 10, 20, 20, 30, 40, 50, 50]
    np.testing.assert_array_equal(height, [nan, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 4.0])
    assert [line.tolist() for line in closed(step[:0], edge[:0], median[:0])] == [[], []]
    np.testing.assert_array_equal(closed(step[:1], edge[:1], median[:1])[1], [nan])


@pytest.mark.parametrize("low", [-12, -5, 0])
@pytest.mark.parametrize("span", [0.3, 0.7, 1.5, 2.5, 6.0, 11.0, 30.0])
def test_a_logarithmic_axis_has_a_few_ticks_whatever_it_spans(low: float, span: float) -> None:
    axis = log_scale([10.0**low, 10.0 ** (low + span), 0.0, np.nan])
    assert axis["type"] == "log"
    if span < 0.6:
        assert axis["nticks"] <= 6
        return
    places = [p + np.log10(d) for p in range(-40, 40) for d in (1, 2, 5)]  # plotly's D2
    if axis["dtick"] != "D2":
        places = [place for place in range(-45, 45) if place % axis["dtick"] == 0]
    inside = [place for place in places if low - 1e-9 <= place <= low + span + 1e-9]
    assert 2 <= len(inside) <= 9


def test_a_logarithmic_axis_of_nothing_is_one() -> None:
    assert log_scale([])["type"] == "log"
