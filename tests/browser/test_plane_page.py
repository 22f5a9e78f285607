"""The Plane page: click, drag, press, type and tap, and what it says of it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from browser_helpers import Site, swipe, tap, until
from plane_helpers import (
    SLIDERS,
    agree,
    choose,
    click,
    count,
    drag,
    held,
    numbers,
    open_plane,
    points,
    press,
    seen,
    starts,
    value,
)
from playwright.sync_api import Page, expect

from app.components.plane_words import TEXTS
from app.figures.plane import plane_figure
from app.figures.plane_view import CASES, MAX_STARTS, View

pytestmark = pytest.mark.browser


def test_the_words_are_those_of_the_picture(page: Page, site: Site) -> None:
    def says(kind: str, fa_kind: str, told: str | re.Pattern[str]) -> None:
        expect(page.locator("#plane-told")).to_have_text(told)
        for picture, which in (("fa", fa_kind), ("bp", kind), ("along", fa_kind)):
            expect(page.locator(f"#plane-{picture}-text")).to_have_text(TEXTS[picture][which])

    open_plane(page, site)
    until(page, "() => document.querySelectorAll('.plane mjx-container svg').length > 10")
    assert "$" not in page.locator(".plane").inner_text()  # formulas are typeset
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


def test_a_telephone_shows_all_and_a_tap_is_a_start(telephone: Page, site: Site) -> None:
    page = telephone
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
    tap(page, box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.25)
    count(page, 3)
    np.testing.assert_allclose(starts(page)[2], [1.5, 1.5], atol=0.03)
    for name in ("fa", "bp", "along"):  # the sliders stay in sight, and a finger scrolls past
        chart = page.locator(f"#plane-{name} .nsewdrag").first
        chart.evaluate("chart => chart.scrollIntoView({ block: 'center' })")
        for slider in SLIDERS:
            expect(page.locator(f"#plane-{slider} [role=slider]")).to_be_in_viewport()
        at = page.evaluate("scrollY")
        box = chart.bounding_box()
        assert box
        swipe(page, box["x"] + box["width"] / 2, box["y"] + min(box["height"] / 2, 150))
        until(page, "at => Math.abs(scrollY - at) > 80", at)
    count(page, 3)
    page.locator("#plane-fa .nsewdrag").scroll_into_view_if_needed()
    press(page, "target", "ArrowLeft", 4)
    agree(held(page, "fa"), plane_figure(seen(page, "linear"), "fa"))
