"""The Plane page: click, drag, press, and compare what is drawn with the engine's own numbers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from browser_helpers import Site, until
from playwright.sync_api import Browser, Page, expect

from app.figures.palette import DARK, LIGHT, css
from app.figures.plane import CASES, MAX_STARTS, View, along_figure, plane_figure
from app.pages.plane import TEXTS

pytestmark = pytest.mark.browser

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
    thumb = page.locator(f"#plane-{slider} [role=slider]").bounding_box()
    track = page.locator(f"#plane-{slider}").bounding_box()
    assert thumb
    assert track
    y = thumb["y"] + thumb["height"] / 2
    page.mouse.move(thumb["x"] + thumb["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(track["x"] + share * track["width"], y, steps=2)
    until(page, ARRIVED, [f"plane-{slider}", share])
    page.mouse.up()


def long_drag(page: Page, slider: str) -> None:
    """Drags a thumb to and fro, and on to another place than where it was."""
    track = page.locator(f"#plane-{slider}").bounding_box()
    thumb = page.locator(f"#plane-{slider} [role=slider]").bounding_box()
    assert track
    assert thumb
    y = thumb["y"] + thumb["height"] / 2
    page.mouse.move(thumb["x"] + thumb["width"] / 2, y)
    page.mouse.down()
    for share in (0.3, 0.8, 0.45, 0.62):
        page.mouse.move(track["x"] + share * track["width"], y, steps=8)
    until(page, ARRIVED, [f"plane-{slider}", 0.62])
    page.mouse.up()


def press(page: Page, slider: str, key: str, times: int) -> None:
    thumb = page.locator(f"#plane-{slider} [role=slider]")
    for _ in range(times):
        before = thumb.get_attribute("aria-valuenow") or ""
        thumb.press(key)
        expect(thumb).not_to_have_attribute("aria-valuenow", before)


def choose(page: Page, case: str) -> None:
    page.click("#plane-case")
    page.get_by_role("option", name=CASES[case]["title"], exact=True).click()


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


def test_the_words_are_those_of_the_picture(page: Page, site: Site) -> None:
    def says(kind: str, fa_kind: str, told: str | re.Pattern[str]) -> None:
        expect(page.locator("#plane-told")).to_have_text(told)
        for picture, which in (("fa", fa_kind), ("bp", kind), ("along", fa_kind)):
            expect(page.locator(f"#plane-{picture}-text")).to_have_text(TEXTS[picture][which])

    open_plane(page, site)
    says("linear", "linear", "Unstable where −1.00 < w₁ < 0.")
    choose(page, "tanh_several")
    says("tanh_several", "tanh_several", "4 fixed points in sight, 2 of them stable.")
    kinds = [held(page, name)["points"]["text"] for name in ("fa", "bp")]
    assert [kind.count("stable") for kind in kinds] == [2, 2]
    assert [len(kind) for kind in kinds] == [4, 5]
    press(page, "target", "End", 1)
    says("tanh_several", "tanh_several", re.compile("in sight"))
    choose(page, "tanh")
    says("tanh", "tanh", re.compile("Unstable where −"))
    drag(page, "target", 0.5)
    for case in CASES:
        choose(page, case)
        says("no_target", "no_target", "Unstable where w₁ = 0 and w₂ < 0.")
        unstable = points(held(page, "fa")["unstable"])
        unstable = unstable[~np.isnan(unstable[:, 0])]
        assert (unstable[:, 0] == 0).all()
        assert (unstable[:, 1] < 0).all()
    press(page, "feedback", "Home", 1)
    says("no_target", "no_target", "Unstable where w₁ = 0 and w₂ > 0.")
    drag(page, "feedback", 0.5)
    says("no_target", "no_feedback", "")
    press(page, "target", "ArrowRight", 2)
    says("tanh_several", "no_feedback", "")
    view = seen(page, "tanh_several")
    agree(held(page, "fa"), plane_figure(view, "fa"))


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


def test_from_the_unstable_stretch_the_walk_runs_uphill_first(page: Page, site: Site) -> None:
    open_plane(page, site)
    page.click("#plane-clear")
    count(page, 0)
    assert all(not trace["visible"] for trace in held(page, "along").values())
    page.click("#plane-unstable")
    count(page, 1)
    ((w1, w2),) = starts(page)
    assert -1 < w1 < 0
    assert w1 * w2 == pytest.approx(1, abs=0.1)  # beside the hyperbola
    drawn = held(page, "along")
    loss, cosine = (numbers(drawn[f"fa {name} 1"]["y"]) for name in ("loss", "cosine"))
    top = int(np.argmax(loss))
    assert loss[top] > 100 * loss[0]
    assert (np.diff(loss[: top + 1]) > 0).all()
    assert (cosine[: top - 1] < 0).all()
    assert loss[-1] < 1e-8
    assert cosine[-2] > 0
    assert (np.diff(numbers(drawn["bp loss 1"]["y"])) < 0).all()
    end = points(held(page, "fa")["marks"])[0]
    assert end[1] + end[0] ** 2 > 0  # K
    drag(page, "feedback", 0.5)
    assert value(page, "feedback") == 0  # without feedback nothing is unstable
    page.click("#plane-unstable")
    expect(page.locator(".mantine-Notification-root")).to_contain_text("No fixed point")
    assert starts(page) == [(w1, w2)]


def test_how_a_walk_ends_is_marked_and_said(page: Page, site: Site) -> None:
    def says(name: str, words: str, symbols: list[str]) -> None:
        expect(page.locator(f"#plane-{name}-ends")).to_have_text(words)
        marks = held(page, name)["marks"]["symbol"]
        assert marks == symbols + ["circle"] * len(symbols)

    disc, ring = "circle", "circle-open"
    open_plane(page, site)
    page.fill("#plane-w1", "0")
    page.fill("#plane-w2", "-3")
    page.click("#plane-drop")
    count(page, 3)
    says("fa", "At rest: 1, 2, 3.", [disc, disc, disc])
    says("bp", "At rest: 1, 2. At rest out of sight: 3.", [disc, disc, disc])
    press(page, "rate", "End", 1)  # so large a step overshoots
    says("fa", "Left the plane, still moving: 1, 2, 3.", [ring, ring, ring])
    says("bp", "At rest: 1, 2. Left the plane, still moving: 3.", [disc, disc, ring])
    page.click("#plane-clear")
    count(page, 0)
    says("fa", "", [])
    click(page, "fa", -0.5, -2)
    count(page, 1)
    press(page, "rate", "Home", 1)
    choose(page, "tanh_several")
    for name in ("fa", "bp"):  # three samples: a slow way to the end
        says(name, "Still moving after step 1,000: 1.", [ring])


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
    for slider in ("noise", "rate", "noise", "target", "noise", "feedback", "rate"):
        others = () if slider in ("noise", "rate") else ("contours", "curves")
        for move in ("key", "drag"):
            if move == "key":
                press(page, slider, "ArrowRight", 1)
            else:
                long_drag(page, slider)
            held(page, "fa")
            for moment in ("at once", "at rest"):
                now = page.evaluate(DRAWN)
                for chart, drawn in before.items():
                    for kind, count in drawn.items():
                        told = f"{chart}: {kind} after {slider}, {move}, {moment}"
                        if kind in others:
                            assert (now[chart][kind] > 0) == (count > 0), told
                        elif kind != "grid" or chart != "plane-along":
                            assert now[chart][kind] == count, told
                until(page, RESTED)
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


def test_starts_come_by_click_and_by_number_and_are_cleared(page: Page, site: Site) -> None:
    open_plane(page, site)
    page.click("#plane-clear")
    count(page, 0)
    clicked = [(-2.0, 1.0), (1.5, 2.0), (0.5, -2.5)]
    for i, (name, start) in enumerate(zip(("fa", "bp", "fa"), clicked, strict=True)):
        click(page, name, *start)
        count(page, i + 1)
    np.testing.assert_allclose(starts(page), clicked, atol=0.02)
    page.fill("#plane-w1", "-1.25")
    page.fill("#plane-w2", "0.75")
    page.press("#plane-w2", "Enter")
    count(page, 4)
    assert starts(page)[3] == (-1.25, 0.75)
    page.fill("#plane-w1", "7")
    page.click("#plane-drop")
    wrong = page.locator("#plane-w1-error, .plane-drop .mantine-InputWrapper-error")
    expect(wrong.first).to_have_text("w₁ = '7': allowed is a number from -3 to 3")
    count(page, 4)
    page.fill("#plane-w1", "2")
    for i in range(2):
        page.click("#plane-drop")
        count(page, min(5 + i, MAX_STARTS))
    until(page, "() => document.querySelectorAll('.mantine-InputWrapper-error').length === 0")
    until(
        page,
        """() => document.querySelector('#plane-fa .js-plotly-plot').data
            .find(trace => trace.name === 'marks').x.at(-2) === 2""",
    )
    np.testing.assert_allclose(starts(page)[:2], clicked[1:], atol=0.02)  # the oldest has gone
    agree(held(page, "bp"), plane_figure(View(starts=tuple(starts(page))), "bp"))
    page.click("#plane-clear")
    count(page, 0)


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


def test_formulas_are_typeset_here(page: Page, site: Site) -> None:
    open_plane(page, site)
    until(page, "() => document.querySelectorAll('.plane mjx-container svg').length > 10")
    assert "$" not in page.locator(".plane").inner_text()


def test_a_telephone_shows_all_and_a_tap_is_a_start(
    chromium: Browser, context: Any, site: Site
) -> None:
    del context  # it says afterwards whether the console had errors; this one is narrow
    narrow = chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    errors: list[str] = []
    narrow.on("weberror", lambda error: errors.append(str(error.error)))
    page = narrow.new_page()
    open_plane(page, site)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for name in ("fa", "bp"):  # a square unit: both axes have as many pixels a weight
        per_weight = page.evaluate(
            """id => { const { xaxis, yaxis } = document.querySelector(`#${id} .js-plotly-plot`)
                ._fullLayout; return [xaxis, yaxis].map(a => a._length / (a.range[1] - a.range[0]));
            }""",
            f"plane-{name}",
        )
        assert per_weight[0] == pytest.approx(per_weight[1], rel=0.01)
        assert per_weight[0] > 45
    plane = page.locator("#plane-fa .nsewdrag")
    plane.scroll_into_view_if_needed()
    box = plane.bounding_box()
    assert box
    page.touchscreen.tap(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.25)
    count(page, 3)
    np.testing.assert_allclose(starts(page)[2], [1.5, 1.5], atol=0.03)
    narrow.close()
    assert errors == []
