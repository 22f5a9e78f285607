"""What stands beside the lines of the Train page's charts can be read, and told apart."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from browser_helpers import ENDLESS, Site, stop_all, swipe, until, wait
from playwright.sync_api import Page, expect

from app.figures.marks import GAP_PX, LEAST_PX, gap_and_kept, spread

pytestmark = pytest.mark.browser

DRAWN = """() => faLive.gd && faLive.run && faLive.drawn === faLive.head
    && document.querySelectorAll('#charts .js-line').length > 2"""
# Boxes of the words of the figure that match: [left, right, top, bottom].
BOXES = """pattern => [...document.querySelectorAll('#charts .scatterlayer .text text')]
    .filter(text => new RegExp(pattern).test(text.textContent))
    .map(text => text.getBoundingClientRect())
    .map(({ left, right, top, bottom }) => [left, right, top, bottom])"""
# The lines of all changes, in pixels of the page: [x, top, bottom].
LINES = """() => {
  const { gd } = faLive;
  const index = gd.layout.shapes.findIndex(({ name }) => name === 'changes');
  const path = gd.querySelector(`.shapelayer path[data-index="${index}"]`);
  const { left, top } = gd.getBoundingClientRect();
  return [...path.getAttribute('d').matchAll(/M([\\d.]+),([\\d.]+)L[\\d.]+,([\\d.]+)/g)]
    .map(([, x, a, b]) => [left + +x, top + Math.min(a, b), top + Math.max(a, b)]);
}"""
LABELS = """() => [...document.querySelectorAll('#charts .shape-label text')]
    .filter(text => text.textContent.trim())
    .map(text => [...text.querySelectorAll('tspan')].find(span => span.textContent.trim()) || text)
    .map(part => { const { left, right, top, bottom } = part.getBoundingClientRect();
      return [left, right, top, bottom]; })"""


def opened(page: Page, site: Site, run_id: str) -> None:
    page.goto(f"{site.url}/?run={run_id}")
    until(page, "() => window.faLive && faLive.gd && faLive.run")
    until(page, DRAWN)


def ended(site: Site, **config: Any) -> str:
    run_id = site.start(**config)
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    return run_id


def apart(boxes: list[list[float]], slack: float = 3) -> bool:
    return all(
        one[1] <= other[0] + slack
        or other[1] <= one[0] + slack
        or one[3] <= other[2] + slack
        or other[3] <= one[2] + slack
        for index, one in enumerate(boxes)
        for other in boxes[:index]
    )


def test_the_axis_of_steps_is_in_sight_while_a_run_goes_on(page: Page, site: Site) -> None:
    """At 1280 x 720, whatever the header takes; and no label of an axis stands in a title."""
    page.set_viewport_size({"width": 1280, "height": 720})
    run_id = site.start(**ENDLESS)
    opened(page, site, run_id)
    foot = """() => {
        const title = document.querySelector('#charts .g-xtitle text').getBoundingClientRect();
        const charts = document.querySelector('#charts').getBoundingClientRect();
        return [title.height > 5, title.bottom, charts.bottom, innerHeight, scrollY]; }"""
    for rate in (0.05, 0.04, 0.03):  # changes have rows of their own
        site.post(f"/api/runs/{run_id}/commands", {"command": "set", "learning_rate": rate})
        until(page, "rate => faLive.run.learning_rate === rate", rate)
        until(page, "() => Math.abs(faLive.gd.clientHeight - faLive.gd._fullLayout.height) < 2")
        seen, title, charts, height, scrolled = page.evaluate(foot)
        assert seen
        assert max(title, charts) <= height
        assert scrolled == 0
    stop_all(site)


def test_an_empty_panel_has_no_label_in_its_title(page: Page, site: Site) -> None:
    going, waiting = site.start(**ENDLESS), site.start(**ENDLESS)
    page.goto(f"{site.url}/?run={waiting}")
    until(page, "id => window.faLive && faLive.gd && faLive.run && faLive.run.id === id", waiting)
    until(page, "() => document.querySelectorAll('#charts .ytick text').length > 1")
    until(page, "() => document.querySelectorAll('#charts .y3tick text').length > 1")
    inside = """() => {
        const box = (text) => text.getBoundingClientRect();
        const ticks = [...document.querySelectorAll(
            '#charts :is(.ytick, .y2tick, .y3tick) text')].map(box);
        const titles = [...document.querySelectorAll('#charts .scatterlayer .text text')]
            .filter(({ textContent }) => /^(Loss|Accuracy|Gradient angle) /.test(textContent));
        return [titles.length, ticks.length, titles.map(box).flatMap((title) =>
            ticks.filter(({ right, bottom, top }) =>
                right > title.left - 2 && top < title.bottom && bottom > title.top)).length]; }"""
    titles, ticks, touching = page.evaluate(inside)
    assert (titles, touching) == (3, 0)
    assert ticks > 8
    assert page.evaluate("faLive.gd._fullLayout.yaxis.range[1]") < 1
    assert going != waiting
    stop_all(site)


@pytest.fixture
def changed(page: Page, site: Site) -> Iterator[Page]:
    """A page that shows a paused run with thirty changes, most of them close together."""
    run_id = site.start(hidden=[12, 12], epochs=5000, replicates=1, measure_every=5)
    opened(page, site, run_id)
    for number in range(30):
        site.post(
            f"/api/runs/{run_id}/commands",
            {"command": "set", "learning_rate": 0.01 + 0.001 * number},
        )
        until(page, "count => faLive.changes.length === count", number + 1)
    site.post(f"/api/runs/{run_id}/commands", {"command": "pause"})
    until(page, "() => faLive.run.state === 'paused' && faLive.drawn === faLive.head")
    until(page, "() => faLive.lane && faLive.lane.length > 0")
    yield page
    site.post(f"/api/runs/{run_id}/commands", {"command": "stop"})


def test_twelve_names_at_the_ends_of_lines_can_be_read(page: Page, site: Site) -> None:
    # At the beginning all angles are near 90 degrees.
    run_id = ended(site, hidden=[8] * 12, epochs=1, measure_every=5, learning_rate=0.001)
    opened(page, site, run_id)
    names = page.evaluate(BOXES, r"layer \d+ ")
    assert len(names) == 12
    assert apart(names)
    width = page.evaluate("innerWidth")
    assert all(right <= width for _, right, _, _ in names)


def test_a_pointer_makes_one_line_stand_out(page: Page, site: Site) -> None:
    run_id = ended(site, hidden=[8] * 12, epochs=1, measure_every=5, learning_rate=0.001)
    opened(page, site, run_id)
    words = page.evaluate("faLive.gd.data[faLive.meta.ends[2].trace].text")
    name = next(text.strip() for text in words if "layer 7 " in text)
    box = page.evaluate(BOXES, name)[0]
    page.mouse.move(box[0] + 20, (box[2] + box[3]) / 2)
    until(page, "() => document.querySelectorAll('#charts .trace.faded').length > 0")
    shown = """() => Object.keys(faLive.meta.places).filter(key => key.startsWith('gradient')
        && ![...faLive.gd.querySelectorAll('.trace.faded')]
          .some(g => g.__data__[0].trace.index === faLive.meta.places[key].median))"""
    assert page.evaluate(shown) == ["gradient_angle_deg/7"]
    assert page.locator("#charts .textpoint.faded").count() == 11
    page.mouse.move(5, 5)
    until(page, "() => document.querySelectorAll('#charts .faded').length === 0")


def test_lines_and_labels_of_changes_cross_nothing_and_a_label_tells_all(changed: Page) -> None:
    titles = changed.evaluate(BOXES, "^(Loss|Accuracy|Gradient angle)")
    lines = changed.evaluate(LINES)
    assert len(titles) == 3
    assert len(lines) == 3 * 30
    for left, right, top, bottom in titles:
        for x, start, end in lines:
            assert not (left < x < right and start < bottom - 3 and end > top + 3)
    labels = changed.evaluate(LABELS)
    assert labels
    assert apart(labels, slack=4)
    assert all(bottom < top + 3 for _, _, _, bottom in labels for _, _, top, _ in titles[-1:])
    # A pointer on a label is told every change that it stands for.
    lane = changed.evaluate("faLive.lane")
    assert sorted(index for label in lane for index in label["told"]) == list(range(30))
    told = []
    box = changed.locator("#charts .js-plotly-plot").bounding_box()
    assert box
    for label in lane:
        offset, top = changed.evaluate(
            """() => { const { xaxis, _size: s } = faLive.gd._fullLayout;
              return [xaxis._offset, s.t + (1 - faLive.meta.control[0].y1) * s.h]; }"""
        )
        x = box["x"] + offset + label["from"] + label["long"] / 2
        y = box["y"] + top - 8 - 16 * label["row"]
        changed.mouse.move(x, y)
        tip = changed.locator(".change-tip")
        expect(tip.locator("div")).to_have_count(len(label["told"]))
        told += tip.locator("div").all_inner_texts()
    assert len(told) == 30
    assert any("0.038 → 0.039" in line for line in told)


def test_the_browser_spreads_names_as_python_does(page: Page, site: Site) -> None:
    page.goto(site.url)
    until(page, "() => window.Spread")
    draw = random.Random(3)
    for count in (0, 1, 2, 7, 14):
        wanted = sorted(draw.uniform(0, 200) for _ in range(count))
        found = page.evaluate("([w, g]) => Spread.spread(w, g, 0, 180)", [wanted, 14])
        assert found == pytest.approx(spread(wanted, 14, 0, 180))
        sizes = {"gap": GAP_PX, "least": LEAST_PX}
        kept = page.evaluate("([n, s]) => Spread.gapAndKept(n, 120, s)", [count, sizes])
        assert (kept["gap"], kept["kept"]) == gap_and_kept(count, 120)


def test_on_a_telephone_titles_and_names_can_be_read_and_a_finger_scrolls(
    telephone: Page, site: Site
) -> None:
    page = telephone
    page.set_viewport_size({"width": 390, "height": 700})
    run_id = ended(site, hidden=[8] * 12, epochs=1, measure_every=5, learning_rate=0.001)
    opened(page, site, run_id)
    titles = page.evaluate(BOXES, "^(Loss|Accuracy|Gradient angle)")
    names = page.evaluate(BOXES, r"(layer \d+|train|test) ")
    assert len(titles) == 3
    assert len(names) == 16
    assert apart([*titles, *names])
    assert all(left >= 0 and right <= 390 for left, right, _, _ in [*titles, *names])
    expect(page.locator("#charts .modebar")).to_be_hidden()
    panel = page.locator("#charts .nsewdrag[data-subplot='xy2']").bounding_box()
    ranges = "() => ['xaxis', 'yaxis', 'yaxis2'].map(a => faLive.gd._fullLayout[a].range)"
    before = page.evaluate(ranges)
    assert panel
    swipe(page, panel["x"] + panel["width"] / 2, panel["y"] + panel["height"] / 2)
    until(page, "() => scrollY > 80")
    assert page.evaluate(ranges) == before
