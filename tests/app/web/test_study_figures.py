"""Figures of a study: nothing is left out silently, and what is computed is right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from app.components.studies import scale_of
from app.figures.palette import DARK, LIGHT
from app.figures.study import (
    Correlation,
    Dots,
    correlation,
    heat_figure,
    lines_figure,
    parallel_figure,
    scatter_figure,
)

ACCURACY, ANGLE, LOSS = "test_accuracy", "gradient_angle_deg.bottom", "loss"
X, Y = ("learning_rate", "Learning rate"), ("scheme", "Feedback scheme")


def dots(rate: float, scheme: str, accuracy: Any, lost: int = 0, **more: Any) -> Dots:
    values = np.array(accuracy)
    return Dots(
        cell=f"{scheme} at {rate}",
        run_id=f"{scheme}{rate}",
        fields={"learning_rate": f"{rate:g}", "scheme": scheme},
        numbers={"learning_rate": rate},
        values={ACCURACY: values, ANGLE: 90 - 50 * values, LOSS: 1 - values + 0.1, **more},
        networks=len(values),
        lost=lost,
        ended=True,
    )


NAN = float("nan")
STUDY = [
    dots(1.0, "fa", [NAN, NAN], lost=2),
    dots(0.1, "fa", [0.9, NAN], lost=1),
    dots(0.01, "fa", [0.5, 0.6]),
    dots(0.1, "bp", [0.95, 0.97]),
    dots(0.01, "bp", [0.7, 0.8]),
]


def test_a_heat_map_has_a_box_a_pair_in_the_order_of_numbers() -> None:
    (trace,) = heat_figure(STUDY, X, Y, scale_of(ACCURACY), "light", "s").data
    assert list(trace.x) == ["0.01", "0.1", "1"]
    assert list(trace.y) == ["fa", "bp"]
    np.testing.assert_allclose(trace.z[0][:2], [55.0, 90.0])
    assert trace.z[0][2] is None
    assert trace.z[1][2] is None  # no such cell
    assert [list(row) for row in trace.text] == [["55.0", "90.0*", ""], ["75.0", "96.0", ""]]
    assert "2 of 2 networks diverged" in trace.hovertext[0][2]
    assert "1 of 2 networks diverged" in trace.hovertext[0][1]


def test_what_diverged_has_a_cross_and_what_is_not_there_has_none() -> None:
    figure = heat_figure(STUDY, X, Y, scale_of(ACCURACY), "light", "s")
    crosses = [(note.x, note.y) for note in figure.layout.annotations if note.text == "×"]
    assert crosses == [("1", "fa")]


def test_networks_of_cells_that_share_a_box_count_together() -> None:
    twice = [*STUDY, dots(0.01, "fa", [0.9, 1.0])]
    (trace,) = heat_figure(twice, X, Y, scale_of(ACCURACY), "light", "s").data
    assert trace.z[0][0] == pytest.approx(75.0)  # of .5, .6, .9 and 1


def test_a_logarithmic_value_is_coloured_by_its_logarithm() -> None:
    (trace,) = heat_figure(STUDY, X, Y, scale_of(LOSS), "light", "s").data
    assert trace.z[1][1] == pytest.approx(np.log10(0.14))
    assert trace.text[1][1] == "0.14"


def test_lines_have_medians_and_bands_of_all_networks() -> None:
    figure = lines_figure(STUDY, X, Y, scale_of(ACCURACY), "light", "s")
    band, line, _, other = figure.data
    assert (line.name, other.name) == ("fa", "bp")
    np.testing.assert_allclose(line.x, [0.01, 0.1])
    np.testing.assert_allclose(line.y, [55, 90])
    np.testing.assert_allclose(band.y, [60, 90, 90, 50])
    assert band.mode == "lines"
    assert figure.layout.xaxis.type == "log"
    assert list(figure.layout.xaxis.ticktext) == ["1", "0.1", "0.01"]


def test_a_field_without_numbers_is_an_axis_of_names() -> None:
    figure = lines_figure(STUDY, Y, X, scale_of(ACCURACY), "dark", "s")
    assert figure.layout.xaxis.type == "category"
    assert [trace.name for trace in figure.data if trace.name] == ["0.01", "0.1"]


@pytest.mark.parametrize(("theme", "colours"), [("light", LIGHT), ("dark", DARK)])
def test_schemes_have_the_colours_that_they_have_everywhere(theme: str, colours: Any) -> None:
    figure = scatter_figure(STUDY, scale_of(ANGLE), scale_of(ACCURACY), Y, theme, "s")
    fa, bp = (trace.marker.color for trace in figure.data)
    assert fa.startswith("rgba({},{},{},".format(*colours.scheme("fa")))
    assert bp.startswith("rgba({},{},{},".format(*colours.scheme("bp")))


def test_a_scatter_has_a_point_a_network_that_is_left() -> None:
    figure = scatter_figure(STUDY, scale_of(ANGLE), scale_of(ACCURACY), Y, "light", "s")
    fa, bp = figure.data
    np.testing.assert_allclose(fa.y, [90, 50, 60])
    np.testing.assert_allclose(fa.x, [45, 65, 60])
    assert list(fa.customdata) == ["fa0.1", "fa0.01", "fa0.01"]
    assert len(bp.x) == 4


def test_parallel_axes_have_a_line_a_cell_that_has_all_values() -> None:
    fields = dict([X, Y])
    scales = [scale_of(ACCURACY), scale_of(ANGLE)]
    figure = parallel_figure(STUDY, fields, scales, "light", "s")
    rows, bins = figure.layout.meta["rows"], figure.layout.meta["bins"]
    assert len(rows) == len(bins) == 4  # one cell has nothing left
    assert all(len(row) == 4 for row in rows)
    assert all(0 <= place <= 1 for row in rows for place in row)
    lines = figure.data[1:-1]
    assert sum(trace.x.count(None) for trace in lines) == 4
    assert len(figure.data[0].x) == 0  # nothing is brushed away yet
    best = max(range(4), key=lambda at: rows[at][2])
    assert bins[best] == len(lines) - 1
    assert len(figure.data[-1].x) == 16  # what can be hit


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_yet_is_drawn_as_nothing(theme: str) -> None:
    empty = [dots(0.1, "fa", []), dots(0.2, "bp", [])]
    scales = [scale_of(ACCURACY), scale_of(ANGLE)]
    assert heat_figure(empty, X, Y, scales[0], theme, "s").data
    assert lines_figure(empty, X, Y, scales[0], theme, "s").data
    assert scatter_figure(empty, *scales, Y, theme, "s").data
    assert parallel_figure(empty, dict([X, Y]), scales, theme, "s").data


def test_the_correlation_is_spearmans_and_its_interval_holds_it() -> None:
    rng = np.random.default_rng(0)
    some = [dots(rate, "fa", list(rng.random(3))) for rate in np.linspace(0.1, 1, 12)]
    noisy = [
        Dots(**{**vars(d), "values": d.values | {ANGLE: d.values[ANGLE] + 20 * rng.random(3)}})
        for d in some
    ]
    found = correlation(noisy, ANGLE, ACCURACY)
    assert isinstance(found, Correlation)
    pairs = [np.concatenate([d.values[name] for d in noisy]) for name in (ANGLE, ACCURACY)]
    assert found.rank == pytest.approx(spearmanr(*pairs).statistic)
    assert -1 <= found.low < found.rank < found.high <= 1
    assert (found.networks, found.cells) == (36, 12)


def test_networks_of_one_cell_are_no_independent_draws() -> None:
    """Cells that agree within themselves have the interval of as many draws as there are cells."""
    rng = np.random.default_rng(1)
    cells = [(rng.random(), rng.random()) for _ in range(8)]

    def of(count: int) -> list[Dots]:
        return [
            dots(0.1 + at, "fa", [a] * count, **{ANGLE: np.full(count, b)})
            for at, (a, b) in enumerate(cells)
        ]

    one, many = correlation(of(1), ANGLE, ACCURACY), correlation(of(10), ANGLE, ACCURACY)
    assert one is not None
    assert many is not None
    assert many.rank == pytest.approx(one.rank)
    assert many.high - many.low == pytest.approx(one.high - one.low, abs=0.02)


def test_cells_that_differ_in_their_seed_alone_are_drawn_together() -> None:
    rng = np.random.default_rng(2)
    cells = [(rng.random(), rng.random()) for _ in range(8)]

    def of(seed: int) -> list[Dots]:
        found = [
            dots(0.1 + at, "fa", [a, a], **{ANGLE: np.full(2, b)})
            for at, (a, b) in enumerate(cells)
        ]
        return [Dots(**{**vars(d), "fields": d.fields | {"seed": str(seed)}}) for d in found]

    one, two = correlation(of(0), ANGLE, ACCURACY), correlation(of(0) + of(1), ANGLE, ACCURACY)
    assert one is not None
    assert two is not None
    assert (one.cells, two.cells) == (8, 8)
    assert two.high - two.low == pytest.approx(one.high - one.low, abs=0.02)


def test_a_share_of_networks_is_their_mean_in_every_chart() -> None:
    cells = [
        dots(rate, "fa", [0.5] * 4, lost=1, diverged=np.array([0, 0, 0, 1.0]))
        for rate in (0.1, 0.2)
    ]
    scale = scale_of("diverged")
    _, line = lines_figure(cells, X, None, scale, "light", "s").data
    np.testing.assert_allclose(line.y, [25, 25])
    (trace,) = heat_figure(cells, X, Y, scale, "light", "s").data
    np.testing.assert_allclose(trace.z, [[25, 25]])
    ticks = parallel_figure(cells, dict([X, Y]), [scale], "light", "s").layout.annotations
    assert "25.0 %" in [note.text for note in ticks]


def test_a_thousand_drawn_cells_are_drawn_as_one_line_and_one_colour() -> None:
    rng = np.random.default_rng(3)
    many = [
        Dots(
            **{
                **vars(d),
                "fields": d.fields | {"seed": str(at)},
                "numbers": d.numbers | {"seed": at},
            }
        )
        for at, d in enumerate(dots(float(r), "fa", [r]) for r in rng.random(400))
    ]
    seeds = ("seed", "Seed")
    assert len(lines_figure(many, X, seeds, scale_of(ACCURACY), "light", "s").data) == 2
    scatter = scatter_figure(many, scale_of(ANGLE), scale_of(ACCURACY), seeds, "light", "s")
    assert len(scatter.data) == 1
    fields = dict([X, seeds])
    parallel = parallel_figure(many, fields, [scale_of(ACCURACY)], "light", "s")
    assert len(parallel.layout.annotations) < 40


def test_what_has_no_correlation_has_none() -> None:
    assert correlation([dots(0.1 * r, "fa", [0.1 * r]) for r in range(1, 9)], ANGLE, ANGLE) is None
    assert correlation(STUDY[:3], ANGLE, ACCURACY) is None
    same = [dots(0.1 * rate, "fa", [0.5]) for rate in range(1, 10)]
    assert correlation(same, ANGLE, ACCURACY) is None
