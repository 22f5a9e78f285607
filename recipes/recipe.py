"""What a recipe is: a published table, its settings as a run's, and what was published of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from fa_engine import RunConfig

QUANTITIES = {
    "test_error": ("Test error", "%"),
    "test_loss": ("Test loss", ""),
    "hidden_angle": ("Hidden update to gradient", "°"),
    "weight_angle": ("Top feedback matrix to weights", "°"),
}
"""What is kept of a run at each recorded epoch: title and unit by name. Angles are of the
update of all hidden layers together, and of the topmost feedback matrix to what it stands for."""

At = int | Literal["first", "last", "lowest", "highest"]
"""Where on a run's curve a number is read: after so many epochs, or by its place among what was
recorded. Extremes are those of the mean over the networks."""

Begins = Callable[[RunConfig], Mapping[str, Tensor]]
"""Initial weights and biases of a configuration, by the names of ``Network.state``."""


@dataclass(frozen=True)
class Figure:
    """One published number.

    Attributes:
        value: as published, in the unit of its quantity.
        of: a key of :data:`QUANTITIES`.
        at: where on the curve it is published for.
        spread: the published standard deviation; None: there is none.
        read_in: where it was read; empty: it is given from memory and was not checked.
    """

    value: float
    of: str = "test_error"
    at: At = "last"
    spread: float | None = None
    read_in: str = ""


@dataclass(frozen=True)
class Row:
    """One row of a table: one run of several networks.

    Attributes:
        label: what it is called, by itself in its recipe.
        fields: of :class:`~fa_engine.RunConfig`, beside those of its recipe.
        figures: what was published of it; empty: nothing that could be confirmed.
        begins: what weights and biases begin with; None: as the configuration draws them.
    """

    label: str
    fields: Mapping[str, Any]
    figures: tuple[Figure, ...] = ()
    begins: Begins | None = None


@dataclass(frozen=True)
class Reading:
    """A number of a row of ours: its label, a key of :data:`QUANTITIES`, and where."""

    label: str
    of: str = "test_error"
    at: At = "last"


@dataclass(frozen=True)
class Claim:
    """What was said in words: that one number is below another.

    Attributes:
        text: the claim.
        lower, higher: numbers of ours, or a number that is given.
    """

    text: str
    lower: Reading | float
    higher: Reading | float


@dataclass(frozen=True)
class Recipe:
    """A published table, reproduced.

    Attributes:
        name: what the command line calls it.
        title: what it is about.
        source: authors, title, journal, year.
        link: the DOI or arXiv address.
        table: which table or figure of it, and what its numbers are.
        settings: where the settings were read.
        differs: in what ours differ from them, and why, a sentence each.
        base: fields of every row, at full length.
        short: what replaces them where it has to be quick.
        rows: in the order of the table.
        claims: what was said in words.
        shown: what is shown of a row that no figure was published of.
        small: too small for a GPU to be of use.
    """

    name: str
    title: str
    source: str
    link: str
    table: str
    settings: str
    differs: tuple[str, ...]
    base: Mapping[str, Any]
    short: Mapping[str, Any]
    rows: tuple[Row, ...]
    claims: tuple[Claim, ...] = ()
    shown: tuple[str, ...] = ("test_error",)
    small: bool = False

    def row(self, label: str) -> Row:
        """The row of that label.

        Raises:
            KeyError: there is none.
        """
        found = {row.label: row for row in self.rows}
        return found[label]

    def config(self, row: Row, *, short: bool = False, device: str = "auto") -> RunConfig:
        """The run of a row. It measures where the runner asks, and nowhere else. The names that
        are recipes' own have to be known (``parts.add_parts``).

        Args:
            row: one of its own.
            short: with the shorter settings.
            device: ``auto``, ``cpu`` or ``cuda``; what is small stays on the processor.

        Raises:
            pydantic.ValidationError: a field is out of range.
        """
        fields = {
            "draws": 2,
            "measure_every": 10**9,
            "evaluate_every": 10**9,
            **self.base,
            **row.fields,
            **(self.short if short else {}),
            "device": "cpu" if self.small else device,
        }
        return RunConfig(**fields)
