"""Timing two things fairly on a noisy machine: in turn, many times, medians of paired ratios."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

WARM_UP_ROUNDS = 3


@dataclass(frozen=True)
class Timing:
    """One contender's time and its ratio to the peer timed in the same rounds.

    Attributes:
        median_us: median over the rounds, microseconds a call.
        ratio: median over the rounds of this time over the peer's.
    """

    median_us: float
    ratio: float


def race(
    contenders: Mapping[str, Callable[[], object]],
    peer: str,
    rounds: int = 25,
    calls: int = 20,
    wait: Callable[[], None] = lambda: None,
) -> dict[str, Timing]:
    """Times every contender in each round, so that what slows the machine slows all of them.

    Args:
        contenders: what to call, by name.
        peer: the contender that the others are compared with.
        rounds: how often all of them are timed.
        calls: calls a timing.
        wait: called before the clock is read, to let a device finish.
    """
    order = random.Random(0)  # another in each round: nobody always follows the same
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for round_ in range(rounds + WARM_UP_ROUNDS):
        for name, call in order.sample(list(contenders.items()), len(contenders)):
            wait()
            start = time.perf_counter()
            for _ in range(calls):
                call()
            wait()
            elapsed = (time.perf_counter() - start) / calls
            if round_ >= WARM_UP_ROUNDS:
                times[name].append(elapsed)
    return {
        name: Timing(
            statistics.median(own) * 1e6,
            statistics.median(a / b for a, b in zip(own, times[peer], strict=True)),
        )
        for name, own in times.items()
    }
