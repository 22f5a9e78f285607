"""The lab's pages under a finger, on a telephone."""

from __future__ import annotations

from itertools import pairwise

import pytest
from browser_helpers import Site, swipe, until, wait
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

RANGES = """id => {
    const { xaxis, yaxis } = document.querySelector(`#${id} .js-plotly-plot`)._fullLayout;
    return [...xaxis.range, ...yaxis.range];
}"""
# By how many pixels the buttons of each chart reach over what is drawn in it.
COVERED = """() => [...document.querySelectorAll('.lab .js-plotly-plot')].map(gd => {
    const buttons = gd.querySelector('.modebar-group').getBoundingClientRect();
    return Math.round(buttons.bottom - gd.getBoundingClientRect().top);
})"""


def test_the_spectrum_has_room_for_its_words_and_numbers(telephone: Page, site: Site) -> None:
    run_id = site.start(hidden=[8], epochs=2, learning_rate=0.1)
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    telephone.goto(f"{site.url}/stability?run={run_id}")
    boxes = """part => [...document.querySelectorAll(`#stab-spectrum ${part}`)]
        .map(text => text.getBoundingClientRect()).filter(({ width }) => width)
        .map(({ left, right }) => [left, right])"""
    words = f"() => ({boxes})('.annotation').length >= 4"  # the two ends among them
    until(telephone, words)
    for left, right in telephone.evaluate(boxes, ".annotation"):
        assert left >= 0
        assert right <= 390
    numbers = telephone.evaluate(boxes, ".xtick text")
    assert len(numbers) >= 5
    for (_, right), (left, _) in pairwise(numbers):
        assert left - right >= 8


@pytest.mark.parametrize(
    ("address", "charts"),
    [
        ("/stability?n_samples=16&", ("stab-spectrum", "stab-series")),
        ("/walk?", ("walk-shares",)),
    ],
    ids=["stability", "walk"],
)
def test_a_finger_on_a_chart_scrolls_the_page(
    telephone: Page, site: Site, address: str, charts: tuple[str, ...]
) -> None:
    run_id = site.start(hidden=[8], epochs=2, learning_rate=0.1)
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    telephone.goto(f"{site.url}{address}run={run_id}")
    for chart in charts:
        scrolls(telephone, chart)


def scrolls(telephone: Page, chart: str) -> None:
    drawn = """id => document.querySelector(`#${id} .js-plotly-plot`)?.data
        ?.some(trace => trace.y.length > 1)"""
    until(telephone, drawn, chart)
    if chart == "stab-series":  # checkpoint by checkpoint, and its range with them
        all_there = """id => document.querySelector(`#${id} .js-plotly-plot`).data
            .filter(trace => trace.y.length > 1)
            .some(trace => trace.y.every(value => Number.isFinite(value)))"""
        until(telephone, all_there, chart)
    plot = telephone.locator(f"#{chart} .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box, before = plot.bounding_box(), telephone.evaluate(RANGES, chart)
    at = telephone.evaluate("scrollY")
    assert box
    swipe(telephone, box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    until(telephone, "at => Math.abs(scrollY - at) > 80", at)
    assert telephone.evaluate(RANGES, chart) == before, chart
    assert max(telephone.evaluate(COVERED)) <= 0
