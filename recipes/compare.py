"""Published beside ours: lines of a table, and claims that hold or not."""

from __future__ import annotations

from dataclasses import dataclass

from recipes.recipe import QUANTITIES, At, Claim, Figure, Reading, Recipe, Row
from recipes.results import Point, Result, RowResult

NOT_REACHED = "not reached"


@dataclass(frozen=True)
class Line:
    """One line of a table, in words.

    Attributes:
        label: of the row.
        quantity: what it is, and after how many epochs.
        published: the figure, with its spread; empty: none that could be confirmed.
        ours: mean ± standard deviation over the networks, or why there is none.
        difference: ours less the published; empty: one is missing.
        checked: whether the figure was read in a source; a line without a figure has nothing
            that would have to be.
    """

    label: str
    quantity: str
    published: str
    ours: str
    difference: str
    checked: bool


@dataclass(frozen=True)
class Verdict:
    """A claim, whether it holds here (None: a number is missing), and the two numbers."""

    claim: Claim
    holds: bool | None
    lower: float | None
    higher: float | None


def lines(recipe: Recipe, result: Result) -> list[Line]:
    """The table of a recipe: rows that were run, a line a figure.

    Figures for epochs that were never asked for, as those of a full run are of a short one, are
    left out; the last one stands beside what ours ended with, and has a difference to it where
    that is no short run.
    """
    found: list[Line] = []
    for row in recipe.rows:
        ran = row_of(result, row.label)
        if ran is None:
            found.append(Line(row.label, "", "", "not run", "", True))
        elif ran.failed:
            found.append(Line(row.label, "", "", f"failed: {ran.failed}", "", True))
        else:
            found += _lines(recipe, row, ran, result.short)
    return found


def _lines(recipe: Recipe, row: Row, ran: RowResult, short: bool) -> list[Line]:
    within = [
        figure
        for figure in row.figures
        if not isinstance(figure.at, int) or figure.at <= ran.epochs_planned
    ]
    found = [_line(row.label, figure, ran, short) for figure in within]
    have = {figure.of for figure in within}
    for of in recipe.shown:
        if of not in have:
            at: At = "last"
            point = ran.curve[-1]
            found.append(Line(row.label, quantity(of, at, ran), "", shown(of, point), "", True))
    return found


def _line(label: str, figure: Figure, ran: RowResult, short: bool) -> Line:
    point = point_at(ran, figure.of, figure.at)
    mean = None if point is None else point.values[figure.of][0]
    unit = QUANTITIES[figure.of][1]
    beyond = short and figure.at == "last"
    spread = "" if figure.spread is None else f" ± {figure.spread:.2f}"
    return Line(
        label,
        quantity(figure.of, figure.at, ran),
        f"{figure.value:.2f}{spread} {unit}".rstrip(),
        NOT_REACHED if point is None else shown(figure.of, point),
        "" if mean is None or beyond else f"{mean - figure.value:+.2f}",
        bool(figure.read_in),
    )


def quantity(of: str, at: At, ran: RowResult) -> str:
    """What a number is, and where on the curve it stands."""
    where = f"{ran.epochs_done:g}" if at == "last" else str(at)
    return f"{QUANTITIES[of][0]}, epoch {where}"


def shown(of: str, point: Point) -> str:
    """Mean ± standard deviation over the networks, with the unit."""
    mean, deviation = point.values[of]
    if mean is None:
        return "undefined"
    unit = QUANTITIES[of][1]
    small = "" if unit else ".3g"
    numbers = [format(n, small or ".2f") for n in (mean, deviation) if n is not None]
    return f"{' ± '.join(numbers)} {unit}".rstrip()


def verdicts(recipe: Recipe, result: Result) -> list[Verdict]:
    """Each claim, held against what was run."""
    found = []
    for claim in recipe.claims:
        lower, higher = _number(claim.lower, result), _number(claim.higher, result)
        holds = None if lower is None or higher is None else lower < higher
        found.append(Verdict(claim, holds, lower, higher))
    return found


def _number(reading: Reading | float, result: Result) -> float | None:
    if not isinstance(reading, Reading):
        return reading
    ran = row_of(result, reading.label)
    point = None if ran is None else point_at(ran, reading.of, reading.at)
    return None if point is None else point.values[reading.of][0]


def row_of(result: Result, label: str) -> RowResult | None:
    """What came of the row of that label; None: it was not run."""
    return next((row for row in result.rows if row.label == label), None)


def point_at(ran: RowResult, of: str, at: At) -> Point | None:
    """Where on the curve of a row; None: it did not get there, or nothing is defined."""
    known = [point for point in ran.curve if point.values[of][0] is not None]
    if not known:
        return None
    if isinstance(at, int):
        return next((point for point in known if point.epoch == at), None)
    if at in ("first", "last"):
        return known[0 if at == "first" else -1]
    extreme = min if at == "lowest" else max
    return extreme(known, key=lambda point: point.values[of][0] or 0.0)
