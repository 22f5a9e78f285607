"""The Studies page as a person meets it: say what varies, watch the answers come, open a run."""

from __future__ import annotations

import re

import pytest
from browser_helpers import Site, frames, until, wait, wear
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

DRAWN = """id => (document.querySelector(`#${id} .js-plotly-plot`)?._fullData || [])
    .reduce((sum, trace) => sum + Array.from(trace.x || []).filter(x => x !== null).length, 0)"""
SMALL = "hidden=8;+6&learning_rate=0.1,+0.3&epochs=2&replicates=3"


def ended(page: Page, cells: int) -> None:
    expect(page.locator("#studies-state")).to_have_text(f"{cells} cells: {cells} finished")


def test_a_question_is_asked_and_answered(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/studies")
    expect(page.locator("#study-start")).to_be_disabled()
    page.get_by_role("link", name=re.compile("Depth × scheme")).click()
    expect(page.locator("#study-preview")).to_contain_text("12 cells, 48 networks")
    assert "scheme=bp" in page.url
    # Another question is typed, and is the address at once.
    page.goto(f"{site.url}/studies?{SMALL}")
    expect(page.locator("#study-preview")).to_contain_text("4 cells, 12 networks in 2 runs")
    values = page.get_by_label("Values of field 2")
    values.fill("0.1, nothing")
    expect(page.locator("#study-preview")).to_contain_text("Learning rate = 'nothing'")
    expect(page.locator("#study-start")).to_be_disabled()
    values.fill("log 0.1 0.4 3")
    expect(page.locator("#study-preview")).to_contain_text("6 cells, 18 networks")
    expect(page.locator("#study-preview")).to_contain_text("Learning rate 0.1, 0.2, 0.4")
    until(page, "() => location.search.includes('log+0.1+0.4+3')")
    page.click("#study-start")  # one click
    expect(page.locator("#studies-title")).to_have_text("Hidden layers × Learning rate")
    ended(page, 6)
    until(page, f"() => ({DRAWN})('studies-scatter') === 18")  # a point a network
    until(page, f"() => ({DRAWN})('studies-parallel') > 0")
    expect(page.locator("#studies-correlation")).to_contain_text("takes eight cells or more")
    expect(page.locator(".study-best tbody tr")).to_have_count(6)
    # What is drawn is what was measured.
    study = page.url.partition("study=")[2]
    told = site.get(f"/api/studies/{study}")
    best = max(sorted(r["values"]["test_accuracy"])[1] for r in told["results"])
    first = page.locator(".study-best tbody tr").first
    expect(first).to_contain_text(f"{100 * best:.1f} %")
    # Others are looked at, and the address is what is seen.
    page.locator("#studies-measure").click()
    page.get_by_role("option", name="Loss", exact=True).click()
    until(page, "() => location.search.includes('measure=loss')")
    until(
        page,
        """() => document.querySelector('#studies-lines .js-plotly-plot')
            ?._fullLayout?.yaxis?.title?.text?.includes('Loss')""",
    )
    page.go_back()
    expect(page.locator("#studies-measure")).to_have_value("Test accuracy")
    # A cell is a run.
    page.locator(".study-best tbody a").first.click()
    until(page, "() => location.search.startsWith('?run=')")
    until(page, "() => document.querySelector('.js-plotly-plot .scatterlayer .trace')")
    run_id = page.url.partition("run=")[2]
    assert re.fullmatch(r"\w+\.\d", run_id)
    assert site.get(f"/api/runs/{run_id}")["config"]["replicates"] == 3


def test_a_study_is_extended_stopped_deleted_and_brought_back(page: Page, site: Site) -> None:
    study = site.post("/api/studies", {"fields": {"seed": "0, 1", "epochs": 9000}})["id"]
    page.goto(f"{site.url}/studies?study={study}")
    expect(page.locator("#studies-state")).to_contain_text("2 cells")
    page.click("#studies-pause")
    expect(page.locator("#studies-state")).to_contain_text("2 paused")
    page.click("#studies-resume")
    expect(page.locator("#studies-state")).to_contain_text(re.compile("training|waiting"))
    page.click("#studies-stop")
    expect(page.locator("#studies-state")).to_contain_text("2 stopped")
    page.click("#studies-more")
    expect(page.locator("#studies-what")).to_have_text("What further values?")
    values = page.get_by_label("Values of field 1")
    expect(values).to_have_value("0, 1")
    values.fill("0")
    expect(page.locator("#study-preview")).to_contain_text("does not have yet")
    values.fill("2")
    expect(page.locator("#study-preview")).to_contain_text("1 further cell")
    page.click("#study-start")
    expect(page.locator("#studies-state")).to_contain_text("3 cells")
    page.click("#studies-stop")
    expect(page.locator("#studies-state")).to_contain_text("3 stopped")
    page.click("#studies-delete")
    expect(page.locator("#studies-said")).to_have_text("Seed is deleted.")
    expect(page.locator(f"#studies-list a[href*='{study}']")).to_have_count(0)
    page.click("#studies-undo")
    expect(page.locator("#studies-title")).to_have_text("Seed")
    until(page, f"() => location.search === '?study={study}'")


def test_a_box_of_the_heat_map_opens_its_run_and_axes_are_brushed(page: Page, site: Site) -> None:
    asked = {"hidden": "8; 6", "learning_rate": "0.1, 0.3", "epochs": "2", "replicates": "2"}
    study = site.post("/api/studies", {"fields": asked})["id"]
    page.goto(f"{site.url}/studies?study={study}&x=learning_rate&y=hidden")
    ended(page, 4)
    until(page, f"() => ({DRAWN})('studies-parallel') > 0")
    box = _area(page, "studies-parallel")
    # Of the first axis, the upper half: one of two architectures.
    page.mouse.move(box["x"] + 0.02 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    middle = (box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.move(*middle, steps=5)
    page.mouse.up()
    until(
        page,
        """() => {
            const [pale, ...rest] =
                document.querySelector('#studies-parallel .js-plotly-plot').data;
            const lines = rest.slice(0, -1).flatMap(t => t.x.filter(x => x === null));
            return pale.x.filter(x => x === null).length === 2 && lines.length === 2;
        }""",
    )
    # It stays so when the chart is drawn anew.
    wear(page, "dark", 1280, 860)
    until(
        page,
        """() => {
            const gd = document.querySelector('#studies-parallel .js-plotly-plot');
            const lines = gd.data[0].x.filter(x => x === null).length;
            const dark = gd.layout.font.color !== 'rgb(33,37,41)';
            return dark && lines === 2 && gd.layout.selections?.length === 1;
        }""",
    )
    until(page, "() => document.querySelector('#studies-heat .heatmaplayer image')")
    box = _area(page, "studies-heat")
    at = (box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])

    def opened() -> bool:
        # A chart that is just being fitted to its box does not know what is pointed at.
        page.mouse.move(at[0] - 5, at[1] + 5)
        page.mouse.move(*at)
        page.mouse.down()
        page.mouse.up()
        frames(page, 10)
        return bool(page.evaluate("location.search.startsWith('?run=')"))

    wait(opened)
    config = site.get(f"/api/runs/{page.url.partition('run=')[2]}")["config"]
    assert (config["learning_rate"], config["hidden"]) == (0.3, [6])


def test_an_address_that_names_nothing_says_so(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/studies?study=none")
    expect(page.locator("#studies-said")).to_contain_text("There is no study 'none'")
    page.goto(f"{site.url}/studies?lr=3&seed=1,2")
    expect(page.locator("#studies-note-address")).to_contain_text("lr")
    expect(page.locator("#study-preview")).to_contain_text("2 cells")


def _area(page: Page, chart: str) -> dict[str, float]:
    """Where a chart's drag area is, with the chart in the middle of the window."""
    page.evaluate(
        "id => document.getElementById(id).scrollIntoView({block: 'center', behavior: 'instant'})",
        chart,
    )
    found = page.locator(f"#{chart} .nsewdrag").first.bounding_box()
    assert found is not None
    return {**found}
