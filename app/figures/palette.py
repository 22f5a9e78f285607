"""Colours: one accent, one ink, and one colour a layer, for a light and a dark page."""

from __future__ import annotations

from dataclasses import dataclass

# Eleven even stops of viridis: sequential, perceptually even and safe for colour-blind readers.
_VIRIDIS = (
    (68, 1, 84),
    (72, 36, 117),
    (65, 68, 135),
    (53, 95, 141),
    (42, 120, 142),
    (33, 145, 140),
    (34, 168, 132),
    (68, 191, 112),
    (122, 209, 81),
    (189, 223, 38),
    (253, 231, 37),
)

Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """The colours of one theme.

    Attributes:
        ink: text and the test line.
        soft: axis numbers and notes.
        grid: grid lines.
        panel: ground of boxes over the charts.
        accent: the training line.
        control: lines where somebody changed something.
        stable: where the walk comes to rest, and where update and gradient agree.
        unstable: where the walk leaves, and where the update points uphill.
        walks: one colour a trajectory.
        scale: the stretch of the layer scale that is legible on this background.
    """

    ink: Rgb
    soft: Rgb
    grid: Rgb
    panel: Rgb
    accent: Rgb
    control: Rgb
    stable: Rgb
    unstable: Rgb
    walks: tuple[Rgb, ...]
    scale: tuple[float, float]

    def layer(self, index: int, count: int) -> Rgb:
        """Colour of hidden layer ``index`` of ``count``, bottom (darkest) first, from 0."""
        start, stop = self.scale
        # Few layers stay apart, but do not need the whole scale.
        stop = start + (stop - start) * min(1.0, 0.4 + 0.2 * count)
        place = start if count == 1 else start + (stop - start) * index / (count - 1)
        return _sample(place)


LIGHT = Palette(
    ink=(33, 37, 41),
    soft=(96, 104, 112),
    grid=(228, 231, 235),
    panel=(255, 255, 255),
    accent=(34, 119, 204),
    control=(201, 84, 20),
    stable=(18, 124, 76),
    unstable=(140, 50, 160),
    walks=((0, 92, 190), (196, 78, 0), (40, 40, 40), (140, 105, 0), (200, 30, 70)),
    scale=(0.08, 0.80),
)
DARK = Palette(
    ink=(233, 236, 239),
    soft=(160, 168, 176),
    grid=(46, 50, 55),
    panel=(31, 34, 38),
    accent=(92, 170, 245),
    control=(255, 152, 80),
    stable=(72, 200, 140),
    unstable=(214, 130, 235),
    walks=((110, 180, 255), (255, 160, 80), (240, 240, 240), (232, 205, 90), (255, 130, 150)),
    scale=(0.42, 1.0),
)


def palette(theme: str | None) -> Palette:
    """The colours for ``dark`` or, whatever else is said, for light."""
    return DARK if theme == "dark" else LIGHT


def css(colour: Rgb, alpha: float = 1.0) -> str:
    """As CSS writes it."""
    red, green, blue = colour
    return f"rgba({red},{green},{blue},{alpha:g})" if alpha < 1 else f"rgb({red},{green},{blue})"


def _sample(place: float) -> Rgb:
    at = min(max(place, 0.0), 1.0) * (len(_VIRIDIS) - 1)
    low = min(int(at), len(_VIRIDIS) - 2)
    share = at - low
    red, green, blue = (
        round(a + share * (b - a)) for a, b in zip(_VIRIDIS[low], _VIRIDIS[low + 1], strict=True)
    )
    return red, green, blue
