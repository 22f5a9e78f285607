"""Variation: what a study varies, written in a few words, and the cells that it comes to.

A field takes a list of values, ``0.01, 0.1, 1``, or a range, ``log 0.01 1 5``: five values from
0.01 to 1, each as many times the one before. What has one value alone is the same in every cell.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, prod
from typing import Any, get_args

import numpy as np
from pydantic import ValidationError

from fa_engine.config import Limits, NotAllowed, Problem, RunConfig, listed_fields, problems

SAMPLINGS = {"grid": "every combination", "random": "random", "sobol": "Sobol"}
"""How cells are chosen: all combinations of the values, or points that are drawn among them,
independent of each other or spread evenly (I. Sobol, *On the distribution of points in a cube and
the approximate evaluation of integrals*, 1967, scrambled as A. Owen does)."""

MOST_CELLS = 1000
"""Cells of a study."""

LISTS = ("hidden", "frozen", "teacher_hidden", "schedule_at")
"""Fields whose values have commas of their own: a semicolon goes between two of them."""

_SWITCH = {"yes": True, "true": True, "no": False, "false": False}
_SPACINGS = ("linear", "log")
_PARTS = ("route", "signal", "matrix")
_DIGITS = 3  # of a value of a range: 0.0316 and not 0.03162277660168379
_ALL_DIGITS = 12


@dataclass(frozen=True)
class Axis:
    """One field and the values that it takes.

    Attributes:
        name: of the field.
        values: in order; of a range as many as it has in a grid.
        ends: of a range, its lowest and its highest value.
        is_log: whether equal shares of the range are equal ratios.
    """

    name: str
    values: tuple[Any, ...]
    ends: tuple[float, float] | None = None
    is_log: bool = False

    @classmethod
    def read(cls, name: str, given: Any) -> Axis:
        """What was written for a field.

        Args:
            name: of the field.
            given: a text as above, one value, or a list of values.

        Raises:
            NotAllowed: it is none of these.
        """
        if not isinstance(given, str):
            several = given if isinstance(given, list | tuple) else (given,)
            return cls(name, _distinct(name, given, [*several]))
        first, *rest = given.split() or [""]
        if first.lower() in _SPACINGS:
            return _range(name, given, rest, is_log=first.lower() == "log")
        comma = ";" if ";" in given or name in LISTS else ","
        values: list[Any] = [value.strip() for value in given.split(comma)]
        if RunConfig.model_fields[name].annotation is bool:
            values = [_SWITCH.get(value, value) for value in values]
        return cls(name, _distinct(name, given, values))

    def at(self, share: float) -> Any:
        """The value at a share of the way through them, from 0 to below 1."""
        if self.ends is None:
            return self.values[int(share * len(self.values))]
        low, high = self.ends
        found = low + share * (high - low)
        if self.is_log:
            found = exp(log(low) + share * (log(high) - log(low)))
        return _rounded(self.name, found)


@dataclass(frozen=True)
class Variation:
    """What is varied, and how cells are chosen.

    Attributes:
        axes: fields with the values of each, in order; in a grid the last one changes fastest.
        sampling: key of :data:`SAMPLINGS`.
        samples: cells to draw, of a sampling that draws.
        seed: of the draws.
    """

    axes: tuple[Axis, ...]
    sampling: str = "grid"
    samples: int = 0
    seed: int = 0

    @classmethod
    def read(
        cls,
        fields: Mapping[str, Any],
        sampling: str = "grid",
        samples: Any = None,
        seed: int = 0,
        most: int = MOST_CELLS,
        *,
        one_will_do: bool = False,
    ) -> Variation:
        """What was written for the fields of a configuration.

        Args:
            fields: by name, see :meth:`Axis.read`; the others are as they are by default.
            sampling: key of :data:`SAMPLINGS`.
            samples: cells to draw; of a grid nothing.
            seed: of the draws.
            most: cells that there may be.
            one_will_do: whether nothing has to vary, as in cells that join others.

        Raises:
            NotAllowed: one of them is wrong, or nothing varies, or there are too many cells.
        """
        known = listed_fields(RunConfig)
        for name in fields:
            if name not in known:
                raise NotAllowed(str(name), fields[name], "a field of a run: " + ", ".join(known))
        axes = tuple(Axis.read(name, given) for name, given in fields.items())
        if not isinstance(sampling, str) or sampling not in SAMPLINGS:
            raise NotAllowed("sampling", sampling, "one of " + ", ".join(SAMPLINGS), "Cells")
        drawn = sampling != "grid"
        if drawn and not _is_count(samples, most):
            allowed = f"a whole number from 2 to {most:,} where cells are drawn"
            raise NotAllowed("samples", samples, allowed, "Draws")
        found = cls(axes, sampling, int(samples) if drawn else 0, seed)
        if not found.varied and not one_will_do:
            allowed = "two or more values of one field at the least, such as 0.01, 0.1"
            raise NotAllowed("fields", dict(fields), allowed, "What varies")
        if found.most_cells > most:
            sizes = " × ".join(str(len(axis.values)) for axis in axes if len(axis.values) > 1)
            allowed = f"at most {most:,} cells, and these are {sizes} = {found.most_cells:,}"
            raise NotAllowed("fields", dict(fields), allowed, "What varies")
        return found

    @property
    def varied(self) -> tuple[str, ...]:
        """The fields that take several values."""
        return tuple(axis.name for axis in self.axes if len(axis.values) > 1 or axis.ends)

    @property
    def most_cells(self) -> int:
        """How many cells there are, or, of draws, may be: two that are alike are one."""
        return self.samples or prod(len(axis.values) for axis in self.axes)

    def cells(self) -> list[dict[str, Any]]:
        """The fields of every cell, as they were written, in the order of the axes."""
        if self.sampling == "grid":
            every = itertools.product(*(axis.values for axis in self.axes))
            return [self._named(values) for values in every]
        found: dict[str, dict[str, Any]] = {}
        for point in self._points():
            shares = iter(point)
            values = [
                axis.at(next(shares)) if axis.name in self.varied else axis.values[0]
                for axis in self.axes
            ]
            found.setdefault(repr(values), self._named(values))
        return list(found.values())

    def configs(self, limits: Limits | None = None) -> list[RunConfig]:
        """The configuration of every cell; what was written in two ways is one.

        Args:
            limits: of one run; None: the default ones.

        Raises:
            WrongCells: some are none, with what is wrong, each once.
        """
        found: dict[str, RunConfig] = {}
        wrong: dict[str, Problem] = {}
        for cell in self.cells():
            try:
                context = {"limits": limits or Limits()}
                config = RunConfig.model_validate(self._whole(cell), context=context)
                found.setdefault(config.model_dump_json(), config)
            except ValidationError as error:
                wrong |= {problem.message: problem for problem in problems(error)}
        if wrong:
            raise WrongCells(list(wrong.values()))
        return list(found.values())

    def _named(self, values: Sequence[Any]) -> dict[str, Any]:
        return {axis.name: value for axis, value in zip(self.axes, values, strict=True)}

    def _whole(self, cell: Mapping[str, Any]) -> dict[str, Any]:
        """Where schemes are compared each has the parts of its own row. And no network shares a
        draw with one of another seed: else those of further seeds would be some of these again."""
        own: dict[str, Any] = dict.fromkeys(_PARTS) if "scheme" in self.varied else {}
        return own | {"draws": 2} | dict(cell)

    def _points(self) -> Iterator[Any]:
        dimensions = len(self.varied)
        if self.sampling == "random":
            yield from np.random.default_rng(self.seed).random((self.samples, dimensions))
            return
        from scipy.stats.qmc import Sobol  # takes a second, that only who draws so shall wait for

        # Their even spread is that of whole powers of two: the first ones of as many as that.
        power = max(1, (self.samples - 1).bit_length())
        yield from Sobol(dimensions, rng=self.seed).random_base2(power)[: self.samples]


class WrongCells(ValueError):
    """Some cells cannot be trained.

    Attributes:
        problems: what is wrong with them.
    """

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(problem.message for problem in problems))
        self.problems = problems


def _distinct(name: str, given: Any, values: list[Any]) -> tuple[Any, ...]:
    texts = [str(value) for value in values]
    if not values or len(set(texts)) < len(texts) or (len(texts) > 1 and "" in texts):
        separator = "semicolons" if name in LISTS else "commas"
        allowed = f"different values with {separator} between them, or a range, log 0.01 1 5"
        raise NotAllowed(name, given, allowed)
    return tuple(values)


def _range(name: str, given: str, parts: Sequence[str], is_log: bool) -> Axis:
    allowed = "a range such as linear 0 1 5 or log 0.01 1 5: lowest, highest, number of values"
    if not _takes_numbers(name):
        raise NotAllowed(name, given, "values with semicolons or commas between them, and no range")
    try:
        low, high, count = float(parts[0]), float(parts[1]), int(parts[2])
    except (ValueError, IndexError):
        raise NotAllowed(name, given, allowed) from None
    if len(parts) > 3 or not low < high or not np.isfinite([low, high]).all():
        raise NotAllowed(name, given, allowed)
    if not 2 <= count <= MOST_CELLS or (is_log and low <= 0):
        above = ", above 0" if is_log else ""
        raise NotAllowed(name, given, f"{allowed}; at least 2 of them, at most {MOST_CELLS}{above}")
    points = (np.geomspace if is_log else np.linspace)(low, high, count).tolist()
    ends = [_rounded(name, low, _ALL_DIGITS), _rounded(name, high, _ALL_DIGITS)]
    values: dict[Any, None] = {}
    for digits in range(_DIGITS, _ALL_DIGITS):  # few, as long as they tell the values apart
        inner = [_rounded(name, point, digits) for point in points[1:-1]]
        values = dict.fromkeys([ends[0], *inner, ends[1]])
        if len(values) == count and list(values) == sorted(values):
            break
    if len(values) < 2:
        raise NotAllowed(name, given, allowed)
    return Axis(name, tuple(values), (low, high), is_log)


def _takes_numbers(name: str) -> bool:
    annotation = RunConfig.model_fields[name].annotation
    kinds = get_args(annotation) or (annotation,)
    return bool({int, float} & set(kinds)) and bool not in kinds


def _rounded(name: str, value: float, digits: int = _DIGITS) -> Any:
    if RunConfig.model_fields[name].annotation in (int, int | None):
        return round(value)
    return float(f"{value:.{digits}g}")


def _is_count(value: Any, most: int) -> bool:
    try:
        return not isinstance(value, bool) and float(value) == int(value) and 2 <= value <= most
    except (TypeError, ValueError, OverflowError):
        return False
