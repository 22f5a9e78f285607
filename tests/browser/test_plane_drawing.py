"""The Plane page's charts against the engine's own numbers, and against themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from browser_helpers import Site, until
from plane_helpers import (
    DRAWN,
    RESTED,
    agree,
    choose,
    click,
    count,
    drag,
    held,
    long_drag,
    numbers,
    open_plane,
    points,
    press,
    seen,
)
from playwright.sync_api import Page, expect

from app.figures.palette import DARK, LIGHT, css
from app.figures.plane import along_figure, plane_figure
from app.figures.plane_view import CASES, View

pytestmark = pytest.mark.browser


def test_what_is_drawn_is_what_the_engine_says(page: Page, site: Site) -> None:
    def check(view: View, *planes: str) -> None:
        for scheme in planes:
            agree(held(page, scheme), plane_figure(view, scheme))
        if len(planes) == 2:
            agree(held(page, "along"), along_figure(view))

    open_plane(page, site)
    check(View(), "fa", "bp")
    click(page, "fa", -0.4, 0.7)
    count(page, 3)
    for case in CASES:
        choose(page, case)
        drag(page, "target", 0.82)
        drag(page, "feedback", 0.66)
        view = seen(page, case)
        assert view.target == pytest.approx(1.28, abs=0.15)
        assert view.noise == 0
        check(view, "fa", "bp")
        drag(page, "noise", 0.3)
        press(page, "rate", "ArrowRight", 1)
        view = seen(page, case)
        assert view.noise > 0
        check(view, "fa", "bp")
        press(page, "noise", "Home", 1)
        drag(page, "feedback", 0.24)  # past 0: the other branch is the unstable one
        view = seen(page, case)
        assert view.feedback < 0
        check(view, "fa")
        drag(page, "target", 0.5)  # and without a target an axis is fixed as well
        view = seen(page, case)
        assert view.target == 0
        check(view, "fa", "bp")


def test_the_drawn_numbers_obey_the_closed_forms(page: Page, site: Site) -> None:
    open_plane(page, site)
    drag(page, "target", 0.85)
    drag(page, "feedback", 0.7)
    press(page, "rate", "Home", 1)
    view = seen(page, "linear")
    t, b = view.target, view.feedback
    assert t != 1
    assert b != 1
    assert view.learning_rate == 0.01
    drawn = held(page, "fa")
    edge = (b * t) ** (1 / 3)
    for name, stable in (("stable", True), ("unstable", False)):
        w1, w2 = points(drawn[name]).T
        there = ~np.isnan(w1)
        np.testing.assert_allclose(w1[there] * w2[there], t, rtol=1e-9)  # the hyperbola
        k = b * w2[there] + w1[there] ** 2
        assert (k > -1e-9).all() if stable else (k < 1e-9).all()
        if not stable:  # from nearly 0 to exactly the edge
            assert w1[there].min() == pytest.approx(-edge, rel=1e-9)
            assert w1[there].max() < 0
    np.testing.assert_allclose(points(drawn["points"]), [[-edge, -t / edge]], rtol=1e-9)
    expect(page.locator("#plane-told")).to_have_text(f"Unstable where −{edge:.2f} < w₁ < 0.")

    # the walks keep to their parabolas and hyperbolas, up to a drift of the size of the step
    for name, conserved in (
        ("fa", lambda w: w[:, 0] ** 2 / 2 - b * w[:, 1]),
        ("bp", lambda w: w[:, 0] ** 2 - w[:, 1] ** 2),
    ):
        drawn = held(page, name)
        levels = points(drawn["invariant"])
        pieces = np.split(levels, np.flatnonzero(np.isnan(levels[:, 0])))
        for i, start in enumerate(view.starts):
            wanted = conserved(np.array([start]))
            path = conserved(points(drawn[f"path {i + 1}"]))
            assert np.abs(path - wanted).max() < 0.15
            on_level = np.concatenate([conserved(piece) for piece in pieces])
            assert (np.abs(on_level - wanted) < 1e-9).sum() > 20
    # backpropagation's every fixed point but the saddle is stable, its cosine is 1
    assert np.isnan(points(drawn["unstable"])).all()
    np.testing.assert_array_equal(points(drawn["points"]), [[0, 0]])
    np.testing.assert_allclose(numbers(drawn["cosine"]["z"]), 1, rtol=1e-9)


def test_no_slider_erases_what_another_one_draws(page: Page, site: Site) -> None:
    open_plane(page, site)
    held(page, "fa")
    before = page.evaluate(DRAWN)
    for name in ("plane-fa", "plane-bp"):
        assert before[name]["background"] == 1
        assert before[name]["contours"] > 15
        assert before[name]["paths"] == before[name]["ends"] / 2 == 2
        assert before[name]["arrows"] == 1
        assert before[name]["curves"] >= 1
    assert before["plane-along"]["paths"] == 6
    # Another target or feedback has other contours and curves; of all else there is as much.
    for slider in ("noise", "rate", "target", "noise", "feedback", "rate"):
        others = () if slider in ("noise", "rate") else ("contours", "curves")
        for move in ("key", "drag"):
            if move == "key":
                press(page, slider, "ArrowRight", 1)
            else:
                long_drag(page, slider)
            held(page, "fa")
            for moment in ("at once", "at rest"):
                if moment == "at rest":
                    until(page, RESTED)
                now = page.evaluate(DRAWN)
                for chart, drawn in before.items():
                    for kind, many in drawn.items():
                        told = f"{chart}: {kind} after {slider}, {move}, {moment}"
                        if kind in others:
                            assert (now[chart][kind] > 0) == (many > 0), told
                        elif kind != "grid" or chart != "plane-along":
                            assert now[chart][kind] == many, told
        before = now


def test_what_moves_alone_is_drawn_as_if_all_were_drawn(page: Page, site: Site) -> None:
    # Learning rate and noise move the paths alone: only these are drawn anew, and all by plotly
    # when the slider rests.
    shown = """() => ['fa', 'bp'].map(name => {
        const places = all => [...document.querySelectorAll(`#plane-${name} ${all}`)];
        return [
            ...places('.scatterlayer .js-line').map(line => {
                const length = line.getTotalLength();
                return [0, 0.2, 0.5, 1].map(share => line.getPointAtLength(share * length))
                    .flatMap(({ x, y }) => [x, y]);
            }),
            ...places('.scatterlayer .point').map(point => point.getAttribute('transform')
                .match(/-?[0-9.]+/g).map(Number)),
            ...places('.scatterlayer text').map(text => ['x', 'y'].map(
                key => Number(text.getAttribute(key)))),
        ];
    })"""
    kinds = """() => [...document.querySelectorAll('.plane-panel .scatterlayer .point')]
        .map(point => ['d', 'style'].map(key => point.getAttribute(key)))"""

    def same(one: Any, other: Any) -> None:
        for a, b in zip(one, other, strict=True):
            for first, second in zip(a, b, strict=True):
                np.testing.assert_allclose(first, second, atol=0.5)  # pixels

    open_plane(page, site)
    held(page, "fa")
    press(page, "rate", "End", 1)  # from discs to rings, and so by plotly
    held(page, "fa")
    until(page, RESTED)
    # From here on, how often each plane is drawn in full; none is while rest is put off.
    page.evaluate(
        """() => { window.full = 0; const { redraw } = Plotly; const later = window.setTimeout;
            window.setTimeout = (task, ms, ...more) => ms === 300
                ? (window.resting ||= []).push(task) : later(task, ms, ...more);
            Plotly.redraw = (gd) => { full += gd.closest('.plane-panel') ? 1 : 0;
                return redraw(gd); }; }"""
    )
    for change in (
        lambda: press(page, "rate", "ArrowLeft", 2),
        lambda: drag(page, "rate", 0.8),
        lambda: press(page, "rate", "ArrowRight", 1),
    ):
        change()
        view = seen(page, "linear")
        agree(held(page, "fa"), plane_figure(view, "fa"))
        assert page.evaluate("full") == 0
        quick, look = page.evaluate(shown), page.evaluate(kinds)
        assert min(map(len, quick)) > 6
        page.evaluate("() => { for (const task of resting.splice(0)) task(); }")
        assert page.evaluate("full") > 0
        same(page.evaluate(shown), quick)
        assert page.evaluate(kinds) == look
        page.evaluate("() => { full = 0; }")
    drag(page, "noise", 0.3)
    press(page, "rate", "Home", 1)
    press(page, "noise", "Home", 1)
    view = seen(page, "linear")
    agree(held(page, "fa"), plane_figure(view, "fa"))
    page.evaluate("() => { for (const task of resting.splice(0)) task(); }")
    # The pointer finds the path where it is now.
    path = points(held(page, "fa")["path 2"])
    w1, w2 = path[len(path) // 8]
    box = page.locator("#plane-fa .nsewdrag").bounding_box()
    assert box
    x = box["x"] + (w1 + 3) / 6 * box["width"]
    page.mouse.move(x, box["y"] + (3 - w2) / 6 * box["height"])
    expect(page.locator("#plane-fa .hoverlayer")).to_contain_text("step")
    # What the others move is drawn in full, before and after another theme.
    page.evaluate("() => { full = 0; }")
    drag(page, "target", 0.6)
    held(page, "fa")
    assert page.evaluate("full") > 0
    page.click("#theme")
    until(
        page,
        """dark => document.querySelector('#plane-fa .js-plotly-plot')
            .data.find(trace => trace.name === 'stable').line.color === dark""",
        css(DARK.stable),
    )
    press(page, "rate", "ArrowRight", 3)
    view = seen(page, "linear")
    agree(held(page, "fa"), plane_figure(view, "fa"))


def test_another_theme_keeps_the_numbers_and_the_background_can_go(page: Page, site: Site) -> None:
    open_plane(page, site)
    drag(page, "target", 0.9)
    view = seen(page, "linear")
    colour = """() => document.querySelector('#plane-fa .js-plotly-plot')
        .data.find(trace => trace.name === 'stable').line.color"""
    assert page.evaluate(colour) == css(LIGHT.stable)
    page.click("#theme")
    until(page, f"dark => ({colour})() === dark", css(DARK.stable))
    agree(held(page, "fa"), plane_figure(view, "fa"))
    press(page, "target", "ArrowLeft", 2)
    view = seen(page, "linear")
    agree(held(page, "fa"), plane_figure(view, "fa"))
    assert page.evaluate(colour) == css(DARK.stable)
    page.locator("#plane-background").press("Space")
    until(
        page,
        """() => document.querySelector('#plane-fa .js-plotly-plot')
            .data.find(trace => trace.name === 'cosine').visible === false""",
    )
    expect(page.locator("#plane-fa .heatmaplayer image")).to_have_count(0)
