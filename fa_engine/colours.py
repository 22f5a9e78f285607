"""The colours of layers: the same in charts, in pictures that are saved and in a terminal."""

from __future__ import annotations

from functools import cache

Rgb = tuple[int, int, int]

# The colours of layers, the bottom one first: from violet by blue and green to amber, each a little
# lighter than the one before. The same in both themes: none is too light for a white page or too
# dark for a black one, which leaves lightness little room. Hue does the rest, along blue and
# yellow, which colour-blind readers tell apart too.
_LAYERS = (
    (165, 23, 254),
    (155, 57, 238),
    (146, 76, 223),
    (136, 89, 208),
    (126, 100, 194),
    (114, 109, 180),
    (96, 119, 165),
    (76, 127, 150),
    (61, 132, 138),
    (67, 134, 127),
    (81, 134, 119),
    (96, 134, 111),
    (110, 133, 105),
    (122, 133, 98),
    (132, 132, 91),
    (141, 132, 85),
    (149, 131, 78),
    (158, 131, 72),
    (167, 129, 64),
    (177, 128, 57),
    (187, 125, 49),
    (197, 123, 40),
    (208, 119, 29),
)

_SHADES = 88  # between the first and the last of them, in even steps


def layer_colour(index: int, count: int) -> Rgb:
    """Of hidden layer ``index`` of ``count``, bottom (darkest) first, from 0."""
    return layer_scale()[round(_SHADES * index / (count - 1)) if count > 1 else 0]


@cache
def layer_scale() -> tuple[Rgb, ...]:
    """Every colour that a layer can have, the darkest first."""
    found = []
    for place in range(_SHADES + 1):
        below, part = divmod(place * (len(_LAYERS) - 1), _SHADES)
        above = min(below + 1, len(_LAYERS) - 1)
        found.append(mixed(_LAYERS[below], _LAYERS[above], part / _SHADES))
    return tuple(found)


def mixed(one: Rgb, other: Rgb, share: float) -> Rgb:
    """``one``, with ``share`` of the way to ``other``."""
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(one, other, strict=True))
    return red, green, blue
