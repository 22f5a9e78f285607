"""Verdicts: the interval of a median against counting, and the rule on every side of its bound."""

from __future__ import annotations

from itertools import product
from math import comb, inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fa_engine.studies.verdicts import (
    Interval,
    Rule,
    Verdict,
    judge,
    least_networks,
    median_interval,
    together,
)

FINITE = st.floats(-1e6, 1e6, allow_nan=False)
ABOVE, BELOW = Rule(2, above=True), Rule(2, above=False)
BORNE_OUT, NOT, UNDECIDED = Verdict.BORNE_OUT, Verdict.NOT_BORNE_OUT, Verdict.UNDECIDED


def coverage(count: int, cut: int) -> float:
    """1 - 2 P(Bin(count, 1/2) <= cut), in whole numbers."""
    return 1 - 2 * sum(comb(count, below) for below in range(cut + 1)) / 2**count


@pytest.mark.parametrize("count", range(6, 60))
def test_the_interval_is_the_narrowest_that_is_sure_enough(count: int) -> None:
    found = median_interval(np.arange(float(count)))
    cut = int(found.low)
    assert found.high == count - 1 - cut  # as many from either end
    assert found.level == pytest.approx(coverage(count, cut), abs=1e-12)
    assert found.level >= 0.95 > coverage(count, cut + 1)


@pytest.mark.parametrize("count", [6, 8, 11, 14])
def test_how_sure_it_is_is_the_share_of_all_cases(count: int) -> None:
    # Each value is below or above the median with equal chance, whatever the distribution.
    found = median_interval(np.arange(float(count)))
    cut = int(found.low)
    below = [sum(case) for case in product((0, 1), repeat=count)]
    held = sum(cut < number < count - cut for number in below)
    assert found.level == held / 2**count


def test_of_eight_networks_it_is_the_two_extremes() -> None:
    found = median_interval(np.array([3.0, 1, 4, 1.5, 9, 2, 6, 5]))
    assert (found.low, found.middle, found.high) == (1, 3.5, 9)
    assert found.level == 1 - 2 / 256


@given(st.lists(FINITE, min_size=6, max_size=40), st.randoms())
def test_it_is_of_the_values_alone_and_goes_with_their_scale(values: list[float], random) -> None:  # type: ignore[no-untyped-def]
    found = median_interval(np.array(values))
    assert found.low <= found.middle <= found.high
    assert {found.low, found.high} <= {*values}
    shuffled = random.sample(values, len(values))
    assert median_interval(np.array(shuffled)) == found
    turned = median_interval(-np.array(values))
    assert (-turned.high, -turned.middle, -turned.low) == (found.low, found.middle, found.high)
    cubed = median_interval(np.array(values) ** 3)  # whatever keeps the order keeps the interval
    assert (cubed.low, cubed.high) == (found.low**3, found.high**3)


@pytest.mark.parametrize("values", [[1.0] * 5, [1.0] * 7 + [nan], [1.0] * 7 + [inf]])
def test_there_is_none_of_too_few_or_of_what_is_not_finite(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"6 or more|not finite"):
        median_interval(np.array(values))


@pytest.mark.parametrize(("level", "least"), [(0.5, 2), (0.9, 5), (0.95, 6), (0.99, 8)])
def test_how_many_it_takes(level: float, least: int) -> None:
    assert least_networks(level) == least
    assert coverage(least, 0) >= level > coverage(least - 1, 0)


@pytest.mark.parametrize(
    ("low", "high", "above", "below"),
    [
        (2.1, 3, BORNE_OUT, NOT),
        (1, 1.9, NOT, BORNE_OUT),
        (1, 3, UNDECIDED, UNDECIDED),
        (2, 3, UNDECIDED, UNDECIDED),  # on the bound
        (1, 2, UNDECIDED, UNDECIDED),
        (2, 2, UNDECIDED, UNDECIDED),
    ],
)
def test_the_whole_interval_decides(low: float, high: float, above: str, below: str) -> None:
    interval = Interval(low, (low + high) / 2, high, 0.99)
    assert (ABOVE.decide(interval), BELOW.decide(interval)) == (above, below)
    values = np.linspace(low, high, 8)
    assert (judge(values, ABOVE).verdict, judge(values, BELOW).verdict) == (above, below)


@given(st.lists(FINITE, min_size=8, max_size=30), FINITE)
def test_what_is_borne_out_is_not_its_opposite(values: list[float], bound: float) -> None:
    one, other = (judge(np.array(values), Rule(bound, above=way)).verdict for way in (True, False))
    opposite = {BORNE_OUT: NOT, NOT: BORNE_OUT, UNDECIDED: UNDECIDED}
    assert other == opposite[one]


@pytest.mark.parametrize("few", [1, 5, 7])
def test_fewer_than_eight_networks_decide_nothing(few: int) -> None:
    found = judge(np.full(few, 100.0), ABOVE)
    assert (found.verdict, found.interval) == (UNDECIDED, None)
    assert found.reason == f"{few} networks are too few: it takes 8"


@pytest.mark.parametrize("none", [nan, inf, -inf])
def test_a_network_without_a_value_leaves_it_undecided_and_says_why(none: float) -> None:
    # However clear the others are: they are those that something favoured.
    found = judge(np.array([100.0] * 15 + [none]), ABOVE)
    assert (found.verdict, found.interval) == (UNDECIDED, None)
    assert found.reason == "1 of 16 networks diverged or have no value"


@pytest.mark.parametrize(
    ("verdicts", "all_of_them"),
    [
        ([BORNE_OUT, BORNE_OUT], BORNE_OUT),
        ([BORNE_OUT, UNDECIDED], UNDECIDED),
        ([UNDECIDED, NOT, BORNE_OUT], NOT),
        ([], UNDECIDED),
    ],
)
def test_all_predictions_together(verdicts: list[Verdict], all_of_them: Verdict) -> None:
    assert together(verdicts) == all_of_them
