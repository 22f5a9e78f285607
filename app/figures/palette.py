"""Colours: one accent, one ink, and one colour a layer, for a light and a dark page."""

from __future__ import annotations

from dataclasses import dataclass

from fa_engine import SCHEMES
from fa_engine.colours import Rgb as Rgb
from fa_engine.colours import layer_colour, layer_scale, mixed

_APART = 3  # steps towards the ink, out of 50

TEXT, LINE = 4.5, 3.0
"""The least contrast that words and lines have to their ground (WCAG 2.2, AA)."""


@dataclass(frozen=True)
class Palette:
    """The colours of one theme.

    Attributes:
        ground: of the page, on which the Train page's charts stand.
        panel: of boxes, on which the others do.
        ink: text and the test line.
        soft: axis numbers and notes.
        grid: grid lines, which may be missed.
        accent: the training line.
        control: lines where somebody changed something.
        stable: where the walk comes to rest, and where update and gradient agree.
        unstable: where the walk leaves, and where the update points uphill.
        walks: one colour a trajectory.
        more: further colours for lines, of schemes and of runs.

    All but ``more`` and ``grid`` are legible as words on both grounds; ``more`` and the layers'
    colours as lines.
    """

    ground: Rgb
    panel: Rgb
    ink: Rgb
    soft: Rgb
    grid: Rgb
    accent: Rgb
    control: Rgb
    stable: Rgb
    unstable: Rgb
    walks: tuple[Rgb, ...]
    more: tuple[Rgb, ...]

    def scheme(self, name: str) -> Rgb:
        """Colour of a feedback scheme, the same wherever one is drawn; backpropagation is grey."""
        colours = (self.soft, *self.runs)
        return colours[[*SCHEMES].index(name) % len(colours)] if name in SCHEMES else self.ink

    @property
    def runs(self) -> tuple[Rgb, ...]:
        """Colours of lines that are told apart; none is grey."""
        return (*self.walks[:2], *self.more)

    def layer(self, index: int, count: int) -> Rgb:
        """Colour of hidden layer ``index`` of ``count``, bottom (darkest) first, from 0; the same
        in every theme."""
        return layer_colour(index, count)

    @property
    def surface(self) -> Rgb:
        """The loss surface where it is lowest."""
        return mixed(self.panel, self.accent, 0.45)

    def word(self, colour: Rgb) -> Rgb:
        """A shade of ``colour`` that is legible as a word: itself, but for a layer's or one of
        ``more``, whose words and lines are told apart when a picture is saved
        (:func:`to_light`)."""
        first = _APART if colour in layer_scale() or colour in self.more else 0
        return next(
            shade
            for shade in (mixed(colour, self.ink, step / 50) for step in range(first, 51))
            if min(contrast(shade, self.ground), contrast(shade, self.panel)) >= TEXT
        )


LIGHT = Palette(
    ground=(246, 247, 249),
    panel=(255, 255, 255),
    ink=(33, 37, 41),
    soft=(96, 104, 112),
    grid=(228, 231, 235),
    accent=(25, 113, 194),
    control=(184, 77, 18),
    stable=(18, 124, 76),
    unstable=(140, 50, 160),
    walks=((0, 92, 190), (186, 74, 0), (40, 40, 40), (140, 105, 0), (200, 30, 70)),
    more=(
        (38, 135, 72),
        (134, 19, 250),
        (250, 61, 81),
        (199, 120, 1),
        (131, 11, 120),
        (14, 10, 178),
        (120, 63, 3),
        (165, 99, 242),
        (159, 110, 167),
        (140, 9, 43),
    ),
)
DARK = Palette(
    ground=(23, 25, 28),
    panel=(31, 34, 38),
    ink=(233, 236, 239),
    soft=(160, 168, 176),
    grid=(46, 50, 55),
    accent=(92, 170, 245),
    control=(255, 152, 80),
    stable=(72, 200, 140),
    unstable=(214, 130, 235),
    walks=((110, 180, 255), (255, 160, 80), (240, 240, 240), (232, 205, 90), (255, 130, 150)),
    more=(
        (90, 164, 116),
        (163, 75, 251),
        (251, 97, 113),
        (230, 194, 140),
        (167, 82, 159),
        (110, 108, 209),
        (148, 102, 55),
        (222, 198, 250),
        (175, 135, 182),
        (175, 84, 108),
    ),
)


_ROLES = (
    *("ground", "panel", "ink", "soft", "grid", "accent", "control", "stable", "unstable"),
    "surface",
)


def palette(theme: str | None) -> Palette:
    """The colours for ``dark`` or, whatever else is said, for light."""
    return DARK if theme == "dark" else LIGHT


def to_light() -> dict[str, str]:
    """Colours of the dark theme -> those of the light one, ``"r,g,b"`` both, for pictures that are
    saved: they are on white."""
    pairs = [
        *((getattr(DARK, name), getattr(LIGHT, name)) for name in _ROLES),
        *zip(DARK.walks, LIGHT.walks, strict=True),
        *((DARK.word(colour), LIGHT.word(colour)) for colour in layer_scale()),
        *((DARK.word(d), LIGHT.word(c)) for d, c in zip(DARK.more, LIGHT.more, strict=True)),
        *zip(DARK.more, LIGHT.more, strict=True),
    ]
    return {",".join(map(str, dark)): ",".join(map(str, light)) for dark, light in pairs}


def css(colour: Rgb, alpha: float = 1.0) -> str:
    """As CSS writes it."""
    red, green, blue = colour
    return f"rgba({red},{green},{blue},{alpha:g})" if alpha < 1 else f"rgb({red},{green},{blue})"


def contrast(one: Rgb, other: Rgb) -> float:
    """WCAG's contrast ratio of two colours, from 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Rgb) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
