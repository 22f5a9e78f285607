"""What the Plane page's tests share: its controls, and what its charts hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from browser_helpers import Site, until
from playwright.sync_api import Page, expect

from app.figures.plane_view import CASES, View

# What a chart holds, as plotly drew it: numbers by trace and column.
HELD = """id => {
    const plain = v => v && typeof v === 'object' ? Array.from(v, plain) : v;
    const held = {};
    for (const trace of document.querySelector(`#${id} .js-plotly-plot`).data) {
        held[trace.name] = { visible: trace.visible !== false };
        for (const column of ['x', 'y', 'z', 'customdata', 'text']) {
            if (trace[column]) held[trace.name][column] = plain(trace[column]);
        }
        const { symbol } = trace.marker || {};
        if (Array.isArray(symbol)) held[trace.name].symbol = symbol;
    }
    return held;
}"""
READY = """() => ['fa', 'bp', 'along'].every(name => {
    const gd = document.querySelector(`#plane-${name} .js-plotly-plot`);
    return gd && gd.layout && gd.layout.meta && gd.layout.meta.drawn;
})"""
# Every chart shows the same numbers: what is out of sight follows a moment later.
CURRENT = """() => {
    const [fa, bp, along] = ['fa', 'bp', 'along'].map(name => JSON.parse(
        document.querySelector(`#plane-${name} .js-plotly-plot`).layout.meta.drawn || '[]'));
    const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
    return fa.length && same(fa.slice(0, 6), along) && same(fa.slice(0, 5), bp.slice(0, 5));
}"""
# A slider has come to a share of its length, give or take a step.
ARRIVED = """([id, share]) => {
    const thumb = document.querySelector(`#${id} [role=slider]`);
    const [least, most, now] = ['min', 'max', 'now'].map(
        name => Number(thumb.getAttribute(`aria-value${name}`)));
    return Math.abs((now - least) / (most - least) - share) < 0.02;
}"""
# What stands on the page, as shapes, by chart and kind.
DRAWN = """() => Object.fromEntries(['plane-fa', 'plane-bp', 'plane-along'].map(id => {
    const count = what => [...document.querySelectorAll(`#${id} ${what}`)].filter(element =>
        element.tagName !== 'path' || (element.getAttribute('d') || '').length > 5).length;
    const by = pattern => [...document.querySelectorAll(`#${id} .scatterlayer .trace`)].filter(
        group => pattern.test(group.__data__[0].trace.name));
    const drawn = (groups, what) => groups.flatMap(group => [...group.querySelectorAll(what)])
        .filter(path => (path.getAttribute('d') || '').length > 5).length;
    return [id, {
        background: count('.heatmaplayer image'),
        contours: count('.contourlayer path'),
        arrows: drawn(by(/update/), '.js-fill'),
        curves: drawn(by(/stable/), '.js-line'),
        dotted: drawn(by(/invariant/), '.js-line'),
        paths: drawn(by(/path|fa|bp/), '.js-line'),
        ends: drawn(by(/marks/), '.point'),
        numbers: count('.scatterlayer text'),
        shaded: count('.shapelayer path'),
        grid: count('.gridlayer path'),
    }];
}))"""
# Long enough after the last move that everything has been drawn.
RESTED = (
    """() => new Promise(done => setTimeout(() => requestAnimationFrame(() => done(true)), 400))"""
)
SLIDERS = ("target", "feedback", "rate", "noise")

Held = dict[str, dict[str, Any]]


def open_plane(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/plane")
    until(page, READY)


def held(page: Page, name: str) -> Held:
    until(page, CURRENT)
    return dict(page.evaluate(HELD, f"plane-{name}"))


def numbers(values: Any) -> np.ndarray:
    return np.array(values, dtype=float)  # None becomes nan


def points(trace: dict[str, Any]) -> np.ndarray:
    return np.column_stack([numbers(trace["x"]), numbers(trace["y"])])


def starts(page: Page) -> list[tuple[float, float]]:
    """The starts that are drawn: the second half of the marks, the first half being ends."""
    marks = points(held(page, "fa")["marks"])
    return [(float(w1), float(w2)) for w1, w2 in marks[len(marks) // 2 :]]


def click(page: Page, name: str, w1: float, w2: float) -> None:
    box = page.locator(f"#plane-{name} .nsewdrag").bounding_box()
    assert box
    x = box["x"] + (w1 + 3) / 6 * box["width"]
    page.mouse.click(x, box["y"] + (3 - w2) / 6 * box["height"])


def drag(page: Page, slider: str, share: float) -> None:
    """Drags the thumb of a slider to a share of its length."""
    x, y, width = _grip(page, slider)
    page.mouse.move(x + share * width, y, steps=2)
    until(page, ARRIVED, [f"plane-{slider}", share])
    page.mouse.up()


def long_drag(page: Page, slider: str) -> None:
    """Drags a thumb to and fro, and on to another place than where it was."""
    x, y, width = _grip(page, slider)
    for share in (0.3, 0.8, 0.45, 0.62):
        page.mouse.move(x + share * width, y, steps=8)
    until(page, ARRIVED, [f"plane-{slider}", 0.62])
    page.mouse.up()


def _grip(page: Page, slider: str) -> tuple[float, float, float]:
    """The mouse down on the thumb of a slider; where the track begins, its height, its length."""
    # Not before the thumb rests: another case has other words above it.
    page.locator(f"#plane-{slider} [role=slider]").hover()
    track = page.locator(f"#plane-{slider}").bounding_box()
    thumb = page.locator(f"#plane-{slider} [role=slider]").bounding_box()
    assert track
    assert thumb
    page.mouse.down()
    return track["x"], thumb["y"] + thumb["height"] / 2, track["width"]


def press(page: Page, slider: str, key: str, times: int) -> None:
    thumb = page.locator(f"#plane-{slider} [role=slider]")
    for _ in range(times):
        before = thumb.get_attribute("aria-valuenow") or ""
        thumb.press(key)
        expect(thumb).not_to_have_attribute("aria-valuenow", before)


def choose(page: Page, case: str) -> None:
    page.click("#plane-case")
    options = page.get_by_role("option")
    page.get_by_role("option", name=CASES[case]["title"], exact=True).click()
    expect(options).to_have_count(0)  # the list lies over the sliders
    held(page, "fa")


def count(page: Page, wanted: int) -> None:
    """Until so many trajectories are drawn on both planes."""
    for name in ("fa", "bp"):
        until(
            page,
            """([id, n]) => document.querySelector(`#${id} .js-plotly-plot`)
                .data.find(trace => trace.name === 'marks').x.length === 2 * n""",
            [f"plane-{name}", wanted],
        )


def value(page: Page, slider: str) -> float:
    thumb = page.locator(f"#plane-{slider} [role=slider]")
    now = float(thumb.get_attribute("aria-valuenow") or "nan")
    expect(page.locator(f"#plane-{slider}-value")).to_have_text(f"{now:.2f}".replace("-", "−"))
    return now


def seen(page: Page, case: str) -> View:
    """The view that the controls ask for."""
    target, feedback, rate, noise = (value(page, name) for name in SLIDERS)
    shown = page.locator("#plane-background").is_checked()
    return View(case, target, feedback, rate, noise, shown, tuple(starts(page)))


def agree(drawn: Held, figure: go.Figure) -> None:
    """Every trace of a chart holds what Python makes of the same view."""
    assert set(drawn) == {trace.name for trace in figure.data}
    for trace in figure.data:
        got = drawn[trace.name]
        assert got["visible"] is (trace.visible is not False), trace.name
        if not got["visible"]:
            continue
        wanted = trace.to_plotly_json()
        for column in ("x", "y", "z", "customdata"):
            if column in wanted:
                np.testing.assert_allclose(
                    numbers(got[column]),
                    numbers(wanted[column]),
                    rtol=2e-6,
                    atol=2e-6,
                    err_msg=f"{trace.name} {column}",
                )
        if "text" in wanted:
            assert list(got["text"]) == list(wanted["text"])
            assert list(got["symbol"]) == list(wanted["marker"]["symbol"])
