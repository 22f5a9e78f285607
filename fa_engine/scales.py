"""Scales of random matrices: a number, one a layer, or a rule of fan-in and fan-out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from fa_engine.typed import Unclear, entries, real

MAX_SCALE = 100.0
MOST = 64  # entries, more than there are layers

Scale = float | str | tuple[float, ...]
Fans = tuple[int, int]  # fan-in and fan-out

RULES: dict[str, Callable[[int, int], float]] = {
    "lecun": lambda fan_in, _fan_out: fan_in**-0.5,
    "he": lambda fan_in, _fan_out: (2 / fan_in) ** 0.5,
    "xavier": lambda fan_in, fan_out: (2 / (fan_in + fan_out)) ** 0.5,
    "torch": lambda fan_in, _fan_out: (3 * fan_in) ** -0.5,
}
"""Standard deviation by fan-in and fan-out: LeCun et al. 1998; He et al. 2015; Glorot and Bengio
2010; and that of the layers of ``torch.nn``."""

ALLOWED = (
    f"a number from 0, at most {MAX_SCALE:.0f}; one for each layer, bottom first, such as "
    f"0.1, 0.2; a rule, one of {', '.join(RULES)}; or empty"
)


def parse(value: Any) -> Scale | None:
    """A scale as a person or a program writes it, in one form.

    Args:
        value: ``0.1``, ``"0.1, 0.2"``, ``(0.1, 0.2)``, ``"he"``, None, ...

    Raises:
        ValueError: it is none of these, or a number is out of range.
    """
    if value is None:
        return None
    if isinstance(value, str):
        if re.fullmatch(r"\s*\d+,\d+\s*", value):  # a number, or two
            real(value)
        value = entries(value)
    items = value if isinstance(value, (list, tuple)) else [value]
    if len(items) == 1 and isinstance(items[0], str) and items[0].lower() in RULES:
        return items[0].lower()
    if not 1 <= len(items) <= MOST:
        raise Unclear
    numbers = tuple(_number(item) for item in items)
    return numbers if len(numbers) > 1 else numbers[0]


def _number(item: Any) -> float:
    item = real(item)
    if isinstance(item, bool) or not isinstance(item, (int, float)) or not 0 <= item <= MAX_SCALE:
        raise Unclear
    return float(item)


def stds(scale: Scale | None, fans: Sequence[Fans]) -> float | tuple[float, ...] | None:
    """The standard deviations that a scale comes to.

    Args:
        scale: what :func:`~fa_engine.scales.parse` returned.
        fans: fan-in and fan-out of each matrix, bottom first.

    Returns:
        One for each matrix where they are given so or by a rule; one for all; None:
        ``1 / sqrt(fan_in)``.

    Raises:
        KeyError: there is no such rule.
    """
    if isinstance(scale, str):
        rule = RULES[scale]
        return tuple(rule(*each) for each in fans)
    return scale


def is_undefined(scale: Scale | None, matrices: int) -> bool:
    """Whether numbers are given one by one, and not as many as there are ``matrices``."""
    return isinstance(scale, tuple) and len(scale) != matrices
