"""Lines against a plain recomputation, replicate by replicate and value by value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.compare.lines import LEAST, MOST, Rows, line, per_line, smoothed, thinned, together
from fa_engine.measures.catalogue import MEASURES

LOSS, ANGLE = MEASURES["loss"], MEASURES["gradient_angle_deg"]


def rows(count: int, replicates: int, seed: int = 0, holes: bool = False) -> Rows:
    random = np.random.default_rng(seed)
    values = np.exp(-np.arange(count)[:, None] / 50) + random.random((count, replicates))
    if holes:
        values[random.random(values.shape) < 0.2] = np.nan
        values[count // 3 : count // 2] = np.nan
    return Rows(np.arange(count) * 10.0, values)


@pytest.mark.parametrize("holes", [False, True])
def test_a_line_is_the_median_and_its_band_the_central_eighty_percent(holes: bool) -> None:
    given_ = rows(60, 5, holes=holes)
    found = line("a", [given_], LOSS, cursor=333)
    with np.errstate(all="ignore"):
        for values, share in ((found.low, 10), (found.y, 50), (found.high, 90)):
            expected = [
                np.percentile(row[~np.isnan(row)], share) if (~np.isnan(row)).any() else np.nan
                for row in given_.values
            ]
            np.testing.assert_allclose(values, expected)
    median = np.array([np.nan if np.isnan(r).all() else np.nanmedian(r) for r in given_.values])
    assert found.best == (given_.x[np.nanargmin(median)], np.nanmin(median))
    there = np.flatnonzero(~np.isnan(median))
    assert found.last == (given_.x[there[-1]], median[there[-1]])
    before = [i for i in there if given_.x[i] <= 333]
    assert found.at_cursor == (given_.x[before[-1]], median[before[-1]])
    ends = [column[~np.isnan(column)][-1] for column in given_.values.T]
    assert found.spread["mean"] == pytest.approx(np.mean(ends))
    assert found.spread["std"] == pytest.approx(np.std(ends, ddof=1))
    assert (found.spread["min"], found.spread["max"]) == (min(ends), max(ends))
    assert found.replicates == 5


def test_the_best_of_an_accuracy_is_its_highest_and_a_norm_has_none() -> None:
    given_ = rows(20, 3)
    median = np.median(given_.values, axis=1)
    found = line("a", [given_], MEASURES["accuracy"])
    assert found.best == (given_.x[median.argmax()], median.max())
    assert line("a", [given_], MEASURES["update_norm"]).best is None


def test_a_run_alone_has_no_band_and_no_deviation() -> None:
    found = line("a", [rows(9, 1)], LOSS)
    assert found.low is None
    assert found.high is None
    assert np.isnan(found.spread["std"])


def test_a_group_has_all_replicates_of_its_runs() -> None:
    one, other = rows(30, 2, seed=1), rows(30, 3, seed=2)
    found = line("g", [one, other], LOSS)
    together_ = np.concatenate([one.values, other.values], axis=1)
    np.testing.assert_allclose(found.y, np.median(together_, axis=1))
    np.testing.assert_allclose(found.high, np.percentile(together_, 90, axis=1))
    assert found.replicates == 5


def test_what_is_last_is_of_the_networks_that_are_left() -> None:
    given_ = rows(30, 4)
    given_.values[20:, 1] = np.nan
    found = line("a", [Rows(given_.x, given_.values, np.array([True, False, True, True]))], LOSS)
    ends = given_.values[-1, [0, 2, 3]]
    assert found.last == (given_.x[-1], np.median(ends))
    assert found.spread["mean"] == pytest.approx(np.mean(ends))
    assert (found.left, found.replicates) == (3, 4)
    # In a group too, wherever its runs were measured.
    for other in (rows(30, 2, seed=2), Rows(given_.x[:20] + 0.5, given_.values[:20, :2])):
        grouped = together([Rows(given_.x, given_.values, np.arange(4) != 1), other])
        assert grouped.which_are_left().tolist() == [True, False, *[True] * 4]
    given_.values[25:] = np.nan
    gone = line("a", [Rows(given_.x, given_.values, np.zeros(4, dtype=bool))], LOSS)
    assert gone.last is None
    assert gone.spread == {}
    assert gone.left == 0
    assert gone.best is not None  # of when there were some


def test_runs_that_were_measured_elsewhere_are_read_off_between_their_points() -> None:
    one = Rows(np.array([0.0, 10, 20]), np.array([[0.0], [10], [20]]))
    other = Rows(np.array([5.0, 15, 30]), np.array([[1.0], [3], [6]]))
    found = together([one, other])
    assert found.x.tolist() == [0, 5, 10, 15, 20, 30]
    np.testing.assert_allclose(found.values[:, 0], [0, 5, 10, 15, 20, np.nan])
    np.testing.assert_allclose(found.values[:, 1], [np.nan, 1, 2, 3, 4, 6])


def plain_mean(values: NDArray[np.float64], weight: float) -> list[float]:
    found, past, count = [], 0.0, 0
    for value in values:
        if np.isnan(value):
            found.append(np.nan)
            continue
        past = weight * past + (1 - weight) * value
        count += 1
        found.append(past / (1 - weight**count))
    return found


@given(st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(np.nan)), max_size=40), st.floats(0, 0.99))
def test_smoothing_is_the_mean_that_forgets(values: list[float], weight: float) -> None:
    given_ = np.array(values, dtype=float)
    np.testing.assert_allclose(
        smoothed(given_, weight), plain_mean(given_, weight), rtol=1e-9, atol=1e-9
    )


def test_a_smoothed_line_keeps_the_line_as_it_is_and_says_its_values() -> None:
    given_ = rows(50, 4)
    plain, found = line("a", [given_], LOSS), line("a", [given_], LOSS, smoothing=0.9)
    np.testing.assert_array_equal(found.raw, plain.y)
    np.testing.assert_allclose(found.y, plain_mean(plain.y, 0.9))
    assert (found.best, found.last, found.spread) == (plain.best, plain.last, plain.spread)


def test_each_replicate_is_a_line_on_request() -> None:
    given_ = rows(40, 3, holes=True)
    found = line("a", [given_], LOSS, singly=True)
    assert len(found.single) == 3
    for (x, y), column in zip(found.single, given_.values.T, strict=True):
        np.testing.assert_array_equal(x, given_.x)
        np.testing.assert_array_equal(y, column)
    assert line("a", [given_], LOSS).single == []


@pytest.mark.parametrize("count", [1_000, 20_000, 123_457])
@pytest.mark.parametrize("holes", [False, True])
def test_a_thinned_line_keeps_its_ends_and_extremes(count: int, holes: bool) -> None:
    values = rows(count, 1, seed=3, holes=holes).values[:, 0]
    values[count // 5] = 40.0
    kept = thinned(values, 400)
    assert len(kept) <= 800
    there = np.flatnonzero(np.isfinite(values))
    assert {there[0], there[-1], count // 5} <= set(kept)
    assert (np.diff(kept) > 0).all()
    if holes:  # the long gap is still one
        assert np.isnan(values[kept]).any()
        inside = (kept >= count // 3) & (kept < count // 2)
        assert np.isnan(values[kept][inside]).all()


def test_the_same_points_stay_chosen_as_a_run_goes_on() -> None:
    values = rows(5_000, 1, seed=4).values[:, 0]
    before = thinned(values[:4_800], 400)
    after = thinned(values, 400)
    settled = before[before < 4_608]  # whole stretches of 256
    assert set(settled) <= set(after)


def test_a_short_line_is_not_thinned() -> None:
    values = np.array([1.0, np.nan, 3.0])
    assert thinned(values, 64).tolist() == [0, 1, 2]
    assert thinned(np.zeros(0), 64).tolist() == []
    assert len(thinned(np.full(1_000, np.nan), 64)) <= 64


def test_many_lines_have_fewer_points_each() -> None:
    assert per_line(1) == MOST
    assert per_line(80) == 100
    assert per_line(10_000) == LEAST
