"""Verdicts: what several networks say of a prediction, by a rule that was fixed before."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from math import comb

import numpy as np
from jaxtyping import Float64

from fa_engine.measures.alignment import Array

LEVEL = 0.95
"""How sure an interval is to hold the median of all networks there could be, at the least."""


LEAST = 8
"""Networks that decide anything."""


class Verdict(StrEnum):
    """What became of a prediction, or of all of an experiment."""

    BORNE_OUT = "borne out"
    NOT_BORNE_OUT = "not borne out"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Interval:
    """Where the median of all networks there could be lies.

    Attributes:
        low, high: its ends.
        middle: the median of the networks that there are.
        level: how sure it is to hold the other one: exact, whatever the distribution.
    """

    low: float
    middle: float
    high: float
    level: float


@dataclass(frozen=True)
class Rule:
    """When a prediction about a number of each network is borne out: where the whole interval of
    the median lies on the side of ``bound`` that is named, and not borne out where it lies on the
    other.

    Attributes:
        bound: in the unit of the number.
        above: whether more than that is predicted; else less.
    """

    bound: float
    above: bool

    def decide(self, interval: Interval) -> Verdict:
        """What the interval says.

        Args:
            interval: of the median.
        """
        if interval.low > self.bound:
            return Verdict.BORNE_OUT if self.above else Verdict.NOT_BORNE_OUT
        if interval.high < self.bound:
            return Verdict.NOT_BORNE_OUT if self.above else Verdict.BORNE_OUT
        return Verdict.UNDECIDED


@dataclass(frozen=True)
class Finding:
    """What the networks said of one prediction.

    Attributes:
        values: ``(R,)`` of each network; nan where there is none.
        interval: None where there are too few of them.
        verdict: by the rule.
        reason: why it is undecided, where that is for want of values.
    """

    values: Float64[Array, " R"]
    interval: Interval | None
    verdict: Verdict
    reason: str = ""


def least_networks(level: float = LEVEL) -> int:
    """How many networks it takes for an interval of the median.

    Args:
        level: how sure it is to be, above 0 and below 1.
    """
    return int(np.ceil(np.log2(2 / (1 - level))))


def median_interval(values: Float64[Array, " R"], level: float = LEVEL) -> Interval:
    """The narrowest interval between two of the values, as many from either end, that holds the
    median of the distribution which they are independent draws of with probability ``level`` or
    more. It does whatever the distribution is: the values below the median are a binomial number
    (the sign test turned round; Conover, *Practical nonparametric statistics*, 3.2).

    Args:
        values: finite.
        level: above 0, below 1.

    Raises:
        ValueError: there are fewer than :func:`least_networks`, or one is not finite.
    """
    found, least = np.sort(np.asarray(values, dtype=float)), least_networks(level)
    if len(found) < least:
        raise ValueError(f"{len(found)} values: an interval of the median needs {least} or more")
    if not np.isfinite(found).all():
        raise ValueError("a value is not finite")
    tosses = len(found)
    within = accumulate(comb(tosses, heads) for heads in range(tosses // 2))
    outside = np.array([ways / 2**tosses for ways in within])  # below the k-th value
    cut = int(np.flatnonzero(2 * outside <= 1 - level).max())
    return Interval(
        low=float(found[cut]),
        middle=float(np.median(found)),
        high=float(found[-1 - cut]),
        level=float(1 - 2 * outside[cut]),
    )


def judge(values: Float64[Array, " R"], rule: Rule) -> Finding:
    """What the networks say of a prediction.

    Args:
        values: ``(R,)`` what each network shows; nan or inf where it shows nothing.
        rule: of the prediction.
    """
    values = np.asarray(values, dtype=float)
    lost, least = int((~np.isfinite(values)).sum()), max(LEAST, least_networks())
    if lost:
        # Those that are left are the ones that something favoured, and no fair draw of all.
        reason = f"{lost} of {len(values)} networks diverged or have no value"
        return Finding(values, None, Verdict.UNDECIDED, reason)
    if len(values) < least:
        reason = f"{len(values)} networks are too few: it takes {least}"
        return Finding(values, None, Verdict.UNDECIDED, reason)
    interval = median_interval(values)
    return Finding(values, interval, rule.decide(interval))


def together(verdicts: list[Verdict]) -> Verdict:
    """Of an experiment: borne out where all its predictions are, not where one is not.

    Args:
        verdicts: of its predictions; without any it is undecided.
    """
    if Verdict.NOT_BORNE_OUT in verdicts:
        return Verdict.NOT_BORNE_OUT
    if Verdict.UNDECIDED in verdicts or not verdicts:
        return Verdict.UNDECIDED
    return Verdict.BORNE_OUT
