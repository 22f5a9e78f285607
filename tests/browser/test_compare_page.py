"""Several runs on the same axes: raced by one click, followed, read off, made large."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from browser_helpers import Site, until, wait, wear
from playwright.sync_api import Page, expect

from app.figures.palette import css, palette

pytestmark = pytest.mark.browser

CONFIG: dict[str, Any] = {"hidden": [12, 8], "epochs": 3, "replicates": 2}
DRAWN = """() => {
    const all = [...document.querySelectorAll('#compare-charts .js-plotly-plot')];
    return all.length > 0 && all.every(gd => gd._fullLayout && gd.faAxes);
}"""
# Of the first chart: colour and number of points of each line, by its name.
LINES = """() => Object.fromEntries(
    document.querySelector('#compare-loss .js-plotly-plot').data
        .filter(({ meta }) => meta && meta.median)
        .map(({ name, x, line }) => [name, [x.length, line.color]]))"""
# Where they end.
ENDS = """document.querySelector('#compare-loss .js-plotly-plot').data
    .filter(({ meta }) => meta && meta.median).map(({ x }) => x.at(-1))"""
RANGES = """() => [...document.querySelectorAll('#compare-charts .js-plotly-plot')]
    .map(gd => gd._fullLayout.xaxis.range.map(Math.round))"""


def race(site: Site, **more: Any) -> dict[str, Any]:
    body = {"config": CONFIG | more, "values": ["bp", "fa", "dfa"]}
    return dict(site.post("/api/races", body))


@pytest.fixture(scope="module")
def ended(site: Site) -> dict[str, Any]:
    made = race(site)
    wait(lambda: site.get(f"/api/races/{made['race_id']}")["ended"])
    return made


def opened(page: Page, site: Site, query: str) -> None:
    page.goto(f"{site.url}/compare?{query}")
    until(page, DRAWN)


def test_one_click_races_three_schemes_and_their_lines_grow_and_end(page: Page, site: Site) -> None:
    page.goto(site.url + "/?hidden=12,8&epochs=40&replicates=2&measure_every=2")
    expect(page.locator("#form-note")).to_contain_text("64-12-8-10")
    page.click("#race")  # the one click
    page.wait_for_url("**/compare?race=*")
    until(page, DRAWN)
    expect(page.locator(".chip")).to_have_count(3)
    assert list(page.evaluate(LINES)) == ["BP", "FA", "DFA"]
    expect(page.locator("#compare-turns")).to_contain_text("one after the other")
    until(page, f"() => ({LINES})().BP[0] > 10")
    seen = page.evaluate(LINES)["BP"][0]
    until(page, f"() => ({LINES})().BP[0] > {seen} || ({LINES})().FA[0] > 10")
    race_id = parse_qs(urlsplit(page.url).query)["race"][0]
    wait(lambda: site.get(f"/api/races/{race_id}")["ended"])
    until(page, "() => document.querySelectorAll('.chip .dot-finished').length === 3")
    runs = [site.get(f"/api/runs/{i}") for i in site.get(f"/api/races/{race_id}")["run_ids"]]
    assert {run["config"]["hidden"] == [12, 8] for run in runs} == {True}
    # A chip may say it a frame before the line is drawn.
    until(page, f"steps => String({ENDS}) === String(steps)", [run["total_steps"] for run in runs])
    lines = page.evaluate(LINES)
    assert len({colour for _, colour in lines.values()}) == 3
    assert min(points for points, _ in lines.values()) > 100
    until(page, "() => document.querySelector('#compare-results table') !== null")


def test_a_race_is_paused_resumed_and_stopped_as_one(page: Page, site: Site) -> None:
    made = race(site, epochs=900, hidden=[64, 64])
    states = lambda: [run["state"] for run in site.get(f"/api/races/{made['race_id']}")["runs"]]  # noqa: E731
    wait(lambda: "running" in states())
    opened(page, site, f"race={made['race_id']}")
    page.click("#compare-pause")
    wait(lambda: set(states()) == {"paused"})
    expect(page.locator("#compare-resume")).to_be_enabled()
    page.click("#compare-resume")
    wait(lambda: "running" in states())
    page.click("#compare-stop")
    wait(lambda: set(states()) == {"stopped"})
    expect(page.locator("#compare-stop")).to_be_disabled()


def test_a_race_makes_a_step_and_is_begun_anew(page: Page, site: Site) -> None:
    made = race(site, epochs=900, hidden=[64, 64])

    def told(what: str) -> list[Any]:
        return [run[what] for run in site.get(f"/api/races/{made['race_id']}")["runs"]]

    wait(lambda: max(told("step")) > 0)
    opened(page, site, f"race={made['race_id']}")
    page.click("#compare-pause")
    wait(lambda: set(told("state")) == {"paused"})
    before = told("step")
    page.click("#compare-step")
    # There is one worker: the others make theirs when they have it.
    wait(lambda: sum(told("step")) > sum(before) and "paused" in told("state"))
    assert sum(told("step")) == sum(before) + 1
    assert "running" not in told("state")
    page.click("#compare-reset")
    until(page, "id => !location.search.includes(id)", made["race_id"])
    race_id = parse_qs(urlsplit(page.url).query)["race"][0]
    again = site.get(f"/api/races/{race_id}")["runs"]
    first = site.get(f"/api/races/{made['race_id']}")["runs"]
    assert [run["config"] for run in again] == [run["config"] for run in first]
    expect(page.locator(".chip")).to_have_count(3)


def test_the_legend_of_angle_against_accuracy_has_the_colours_of_the_runs(
    page: Page, site: Site, ended: dict[str, Any]
) -> None:
    opened(page, site, f"race={ended['race_id']}")
    for theme in ("light", "dark"):
        wear(page, theme, 1280, 860)
        until(page, "() => document.querySelectorAll('#compare-angle .legend .scatterpts').length")
        fills = page.evaluate(
            """() => [...document.querySelectorAll('#compare-angle .legend .scatterpts')]
                .map(symbol => getComputedStyle(symbol).fill)"""
        )
        colours = palette(theme)
        wanted = [css(colours.scheme(scheme)) for scheme in ("bp", "fa", "dfa")]
        assert [fill.replace(" ", "") for fill in fills] == [c.replace(" ", "") for c in wanted]


def test_one_cursor_reads_off_every_chart(page: Page, site: Site, ended: dict[str, Any]) -> None:
    opened(page, site, f"race={ended['race_id']}")
    chart = page.locator("#compare-accuracy .nsewdrag").first.bounding_box()
    assert chart
    page.mouse.move(chart["x"] + chart["width"] / 2, chart["y"] + 40)
    marks = page.locator(".cursor-line:visible")
    expect(marks).to_have_count(4)  # loss, accuracy and the angles of two layers
    page.mouse.click(chart["x"] + chart["width"] / 2, chart["y"] + 40)
    page.wait_for_url("**&cursor=*")
    at = float(parse_qs(urlsplit(page.url).query)["cursor"][0])
    page.mouse.move(5, 5)
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**&cursor={at + 10:g}")
    expect(page.locator("#compare-readout thead")).to_contain_text(f"step {at + 10:g}")
    run = ended["run_ids"][1]
    events = site.get(f"/api/runs/{run}/events?after=0")["events"]
    bands = [e["bands"] for e in events if e.get("bands")]
    losses = {
        step: value
        for band in bands
        for step, value in zip(band["loss"]["step"], band["loss"]["median"], strict=True)
    }
    row = page.locator(f"#compare-readout [data-line='{run}']")
    expect(row.locator("td").first).to_have_text(f"{losses[at + 10]:.4g}")
    expect(page.locator("#compare-results")).to_contain_text(f"at cursor {at + 10:g}")
    page.reload()
    until(page, DRAWN)
    expect(page.locator("#compare-readout thead")).to_contain_text(f"step {at + 10:g}")
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "cursor" not in url)


def test_the_wheel_zooms_all_charts_and_a_chart_fills_the_screen(
    page: Page, site: Site, ended: dict[str, Any]
) -> None:
    opened(page, site, f"race={ended['race_id']}&measures=loss,accuracy")
    before = page.evaluate(RANGES)
    chart = page.locator("#compare-loss .nsewdrag").first.bounding_box()
    assert chart
    page.mouse.move(chart["x"] + chart["width"] / 2, chart["y"] + 80)
    page.wait_for_timeout(500)  # the page has come to rest
    page.mouse.wheel(0, -200)
    until(page, f"before => String(({RANGES})()) !== String(before)", before)
    until(page, f"() => {{ const all = ({RANGES})(); return String(all[0]) === String(all[1]); }}")
    page.mouse.dblclick(chart["x"] + 40, chart["y"] + 40)
    until(page, f"before => String(({RANGES})()) === String(before)", before)
    page.locator("[data-full='compare-loss']").click()
    until(page, "() => document.fullscreenElement?.id === 'compare-loss-box'")
    until(page, "() => document.querySelector('#compare-loss').clientHeight > 500")
    page.locator("[data-full='compare-loss']").click()
    until(page, "() => document.fullscreenElement === null")


def test_what_is_chosen_is_the_address_and_a_wrong_word_is_named(
    page: Page, site: Site, ended: dict[str, Any]
) -> None:
    runs = ",".join(ended["run_ids"][:2])
    opened(page, site, f"runs={runs},gone&measures=loss&x=weeks&replicates=lines&smoothing=0.5")
    notes = page.locator("#compare-notes")
    expect(notes).to_contain_text("Across = 'weeks': allowed is one of step, epoch, samples")
    expect(notes).to_contain_text("There is no run 'gone'")
    expect(page.locator(".chip")).to_have_count(2)
    kinds = page.evaluate(
        "() => document.querySelector('#compare-loss .js-plotly-plot').data.map(t => t.name)"
    )
    assert {"FA, replicate 2", "FA, as it is", "FA, band", "FA"} <= set(kinds)
    page.locator("#compare-x").click()
    page.get_by_role("option", name="Epoch", exact=True).click()
    page.wait_for_url("**&x=epoch*")
    until(page, f"() => ({RANGES})()[0][1] === 3")
    page.locator(".chip-out").first.click()
    expect(page.locator(".chip")).to_have_count(1)
    page.go_back()
    expect(page.locator(".chip")).to_have_count(2)
