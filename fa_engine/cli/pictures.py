"""A picture of angles in characters: lines over the steps of a run, a colour a layer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from rich.style import Style
from rich.text import Text

from fa_engine.colours import layer_colour

# A braille character is two dots wide and four high; the bit of each, by row and column.
_WIDE, _HIGH = 2, 4
_BLANK = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_AXIS = 4  # characters to the left of the lines: "180°"
CHANCE_DEG = 90.0
_OFTEN_DEG = 100.0  # untrained networks go a little above chance


def layer_style(layer: int, layers: int) -> Style:
    """The colour of hidden layer ``layer`` of ``layers``, from 0 at the bottom."""
    red, green, blue = layer_colour(layer, layers)
    return Style(color=f"#{red:02x}{green:02x}{blue:02x}")


def angle_chart(angles: NDArray[np.float64], total_steps: int, width: int, height: int) -> Text:
    """The angles of hidden layers over the steps of a run.

    Args:
        angles: ``(B, H)`` degrees, at B places side by side, from the first step of the run to the
            last; nan where there is none. The axis goes to 90 degrees, and to 180 where one is well
            above.
        total_steps: of the whole run: what is to come stays empty.
        width: characters of a line, the axis included; at least 12.
        height: lines of characters of the picture; two more are the axis below.
    """
    across, down = width - _AXIS - 1, height
    top = CHANCE_DEG if not (angles > _OFTEN_DEG).any() else 2 * CHANCE_DEG
    dots = np.zeros((down, across), dtype=int)
    owner = np.full((down, across), -1)
    for layer in range(angles.shape[1]):
        for x, y in _line(angles[:, layer], top, across * _WIDE, down * _HIGH):
            cell = y // _HIGH, x // _WIDE
            dots[cell] |= _DOTS[y % _HIGH][x % _WIDE]
            owner[cell] = layer
    picture = Text(no_wrap=True, overflow="crop")
    marks = {0: top, down // 2: top / 2}
    for row in range(down):
        picture.append(f"{marks[row]:>{_AXIS - 1}.0f}°┤" if row in marks else " " * _AXIS + "│")
        signs = zip(owner[row].tolist(), dots[row].tolist(), strict=True)
        for layer, cells in itertools.groupby(signs, key=lambda cell: cell[0]):
            style = layer_style(layer, angles.shape[1]) if layer >= 0 else None
            found = (chr(_BLANK + sign) if layer >= 0 else " " for _, sign in cells)
            picture.append("".join(found), style)
        picture.append("\n")
    picture.append(f"{0:>{_AXIS - 1}}°┼" + "─" * across + "\n")
    last = f"step {total_steps:,}"
    picture.append(" " * _AXIS + "0" + last.rjust(across))
    return picture


def _line(
    values: NDArray[np.float64], top: float, columns: int, rows: int
) -> Iterator[tuple[int, int]]:
    """The dots of a line, each a column and a row from the top: the mean of what falls on a column,
    and dots between one and the next."""
    place = np.arange(len(values)) * columns // len(values)
    before: tuple[int, int] | None = None
    for column in range(columns):
        here = values[place == column]
        here = here[np.isfinite(here)]
        if not len(here):  # measured now and then
            continue
        share = min(1.0, max(0.0, float(here.mean()) / top))
        dot = column, round((1 - share) * (rows - 1))
        yield from _between(before or dot, dot)
        yield dot
        before = dot


def _between(one: tuple[int, int], other: tuple[int, int]) -> list[tuple[int, int]]:
    """Those of the straight line from one dot to another, without its ends."""
    count = max(abs(other[0] - one[0]), abs(other[1] - one[1]))
    return [
        (
            round(one[0] + (other[0] - one[0]) * part / count),
            round(one[1] + (other[1] - one[1]) * part / count),
        )
        for part in range(1, count)
    ]
