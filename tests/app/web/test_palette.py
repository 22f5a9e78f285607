"""Colours can be read: contrasts by WCAG's own formula, and layers that differ for every eye."""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.components.shell import PRIMARY
from app.figures import History, training_figure
from app.figures.palette import DARK, LIGHT, Palette, Rgb
from app.figures.plane import plane_figure
from app.figures.plane_view import View
from app.figures.walk import msd_figure
from fa_engine import SCHEMES

TEXT, LINE = 4.5, 3.0
THEMES = {"light": LIGHT, "dark": DARK}
FRAME = Path(__file__).parents[3] / "assets" / "css" / "1-frame.css"

# What an eye without one of its three kinds of cones makes of linear red, green and blue: the
# published matrices of Machado, Oliveira and Fernandes 2009, severity 1.
EYES = {
    "full": np.eye(3),
    "protanopic": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopic": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopic": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def linear(colour: Rgb) -> np.ndarray:
    part = np.array(colour) / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def luminance(colour: Rgb) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(one: Rgb, other: Rgb) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def on_its_grounds(colour: Rgb, colours: Palette) -> float:
    return min(contrast(colour, ground) for ground in (colours.ground, colours.panel))


def lab(colour: Rgb, eye: str) -> np.ndarray:
    """CIELAB, of what the eye makes of it."""
    seen = TO_XYZ @ np.clip(np.array(EYES[eye]) @ linear(colour), 0, 1) / TO_XYZ.sum(1)
    bent = np.where(seen > (6 / 29) ** 3, np.cbrt(seen), seen / 3 / (6 / 29) ** 2 + 4 / 29)
    x, y, z = bent
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def variables(theme: str) -> dict[str, Rgb]:
    """The colours among the style's variables."""
    light, dark = FRAME.read_text().split('[data-mantine-color-scheme="dark"]')
    block = light if theme == "light" else dark.partition("}")[0]
    found = re.findall(r"--(\w+): #([0-9a-f]{6});", block)
    return {name: tuple(bytes.fromhex(value)) for name, value in found}  # type: ignore[misc]


def roles(colours: Palette) -> dict[str, Rgb]:
    """Every colour that something is written or drawn in; grid lines may be missed."""
    found: dict[str, Any] = {
        field.name: getattr(colours, field.name)
        for field in dataclasses.fields(colours)
        if field.name not in ("ground", "panel", "grid", "walks", "more")
    }
    return found | {f"walk {place}": colour for place, colour in enumerate(colours.walks)}


@pytest.mark.parametrize("theme", THEMES)
def test_every_role_is_legible_as_a_word(theme: str) -> None:
    for name, colour in roles(THEMES[theme]).items():
        assert on_its_grounds(colour, THEMES[theme]) >= TEXT, name


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("count", range(1, 13))
def test_layers_are_legible_as_lines_and_their_names_as_words(theme: str, count: int) -> None:
    colours = THEMES[theme]
    for layer in range(count):
        colour = colours.layer(layer, count)
        assert on_its_grounds(colour, colours) >= LINE, layer
        assert on_its_grounds(colours.word(colour), colours) >= TEXT, layer


@pytest.mark.parametrize("count", range(1, 13))
def test_layers_have_one_colour_in_both_themes(count: int) -> None:
    for layer in range(count):
        assert LIGHT.layer(layer, count) == DARK.layer(layer, count)


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("count", range(2, 13))
def test_layers_are_told_apart_by_every_eye(count: int, eye: str) -> None:
    seen = [lab(LIGHT.layer(layer, count), eye) for layer in range(count)]
    for one, other in itertools.combinations(seen, 2):  # neighbours and all others
        assert np.linalg.norm(one - other) > (10 if eye == "full" else 4)  # 2.3 is just seen


@pytest.mark.parametrize("count", [2, 3, 6, 12, 23])
def test_the_bottom_layer_is_the_darkest(count: int) -> None:
    light = [luminance(LIGHT.layer(layer, count)) for layer in range(count)]
    assert light == sorted(light)
    assert len(set(light)) == count


@pytest.mark.parametrize("theme", THEMES)
def test_schemes_have_a_colour_each_that_is_legible_as_a_line(theme: str) -> None:
    colours = THEMES[theme]
    found = [colours.scheme(name) for name in SCHEMES]
    assert len(set(found)) == len(SCHEMES)
    assert len(set(colours.runs)) == 12
    for colour in {*found, *colours.runs}:
        assert on_its_grounds(colour, colours) >= LINE
        assert on_its_grounds(colours.word(colour), colours) >= TEXT
    red, green, blue = colours.scheme("bp")
    assert max(red, green, blue) - min(red, green, blue) < 20  # grey
    for colour in colours.runs:
        assert max(colour) - min(colour) > 30


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("eye", EYES)
def test_schemes_are_told_apart_by_every_eye(theme: str, eye: str) -> None:
    seen = {name: lab(THEMES[theme].scheme(name), eye) for name in SCHEMES}
    for one, other in itertools.combinations(SCHEMES, 2):
        apart = np.linalg.norm(seen[one] - seen[other])
        raced = {one, other} <= {"bp", "fa", "dfa"}
        assert apart > (20 if raced else 10), (one, other)


@pytest.mark.parametrize("theme", THEMES)
def test_a_word_keeps_the_colour_that_is_legible_already(theme: str) -> None:
    colours = THEMES[theme]
    for colour in roles(colours).values():
        assert colours.word(colour) == colour


@pytest.mark.parametrize("theme", THEMES)
def test_the_pages_words_are_legible_and_charts_have_their_grounds(theme: str) -> None:
    found = variables(theme)
    colours = THEMES[theme]
    for name in ("ink", "soft", "accent", "wrong", "change", "good"):
        assert on_its_grounds(found[name], colours) >= TEXT, name
    for name in ("ground", "panel", "ink", "soft", "accent"):
        assert found[name] == getattr(colours, name), name
    assert found["change"] == colours.control


def test_white_words_on_the_buttons_are_legible() -> None:
    assert contrast((255, 255, 255), PRIMARY) >= TEXT


@pytest.mark.parametrize("theme", THEMES)
def test_lines_on_the_shaded_plane_are_legible(theme: str) -> None:
    colours = THEMES[theme]
    cosine = plane_figure(View(), "fa", theme).data[0]
    assert cosine.name == "cosine"
    for shade in (colours.stable, colours.unstable):
        ground = tuple(
            round(a + cosine.opacity * (b - a)) for a, b in zip(colours.panel, shade, strict=True)
        )
        assert contrast(shade, ground) >= LINE  # the line lies on its own shade
        for walk in colours.walks:
            assert contrast(walk, ground) >= LINE


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("count", range(1, 13))
def test_what_charts_write_in_a_layers_colour_is_legible(count: int, theme: str) -> None:
    exponent = np.ones(count + 1)
    squared = np.ones((2, count + 1))
    found = {"lags": np.array([1, 2]), "squared": squared, "exponent": exponent, "factor": exponent}
    figure = training_figure(History(count, 1), theme)
    written = [
        *(
            colour
            for trace in figure.data
            if trace.mode == "text"
            for colour in trace.textfont.color
        ),
        *(note.font.color for note in msd_figure(found, theme).layout.annotations),
    ]
    assert len(written) > 2 * count
    for colour in written:
        red, green, blue = map(int, re.findall(r"\d+", colour))
        assert on_its_grounds((red, green, blue), THEMES[theme]) >= TEXT
