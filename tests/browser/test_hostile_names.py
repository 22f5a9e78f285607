"""Names, notes and paragraphs that want to be more than text, looked at on every page."""

from __future__ import annotations

import pytest
from browser_helpers import Site, until, wait
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

NAME = "<img src=x onerror=alert(1)><a href=x>%{y}</a> & <b>bold</b>"
HEBREW = "יישור משוב (1)"


@pytest.fixture(scope="module")
def run_ids(site: Site) -> list[str]:
    """Two runs that have ended, one with a hostile name and one that is written the other way."""
    config = {"hidden": [8], "epochs": 1, "replicates": 2, "walk": True}
    made = []
    for name, rate in ((NAME, 0.1), (HEBREW, 0.1)):
        asked = {"config": config | {"learning_rate": rate}, "name": name}
        made.append(site.post("/api/runs", asked)["run_id"])
    wait(lambda: all(site.get(f"/api/runs/{run_id}")["ended"] for run_id in made))
    return made


def harmless(page: Page) -> None:
    """Nothing was made of the name but text."""
    assert page.locator("img[src=x]").count() == 0
    assert page.locator("a[href=x], a[*|href=x]").count() == 0
    assert page.locator("svg tspan[style*=bold]", has_text="bold").count() == 0


def test_a_name_is_text_on_every_page(page: Page, site: Site, run_ids: list[str]) -> None:
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    hostile, hebrew = run_ids
    page.goto(f"{site.url}/?run={hostile}")
    expect(page.locator("#run-name")).to_have_text(NAME)
    harmless(page)
    page.goto(f"{site.url}/?run={hebrew}")
    expect(page.locator("#run-name")).to_have_text(HEBREW)
    # It runs the other way, and its page does not.
    direction = "(name) => getComputedStyle(document.querySelector(name)).direction"
    assert page.evaluate(direction, "#run-name") == "rtl"
    assert page.evaluate(direction, "#run-state") == "ltr"
    page.get_by_role("button", name="Recent").click()
    expect(page.locator(".run-item-name", has_text="img src=x").first).to_have_text(NAME)
    harmless(page)

    for path in ("stability", "walk"):
        page.goto(f"{site.url}/{path}?run={hostile}")
        expect(page.locator("h2", has_text="img src=x").first).to_have_text(NAME)
        harmless(page)

    page.goto(f"{site.url}/runs")
    cell = page.locator(f".ag-row[row-id='{hostile}'] .ag-cell[col-id='name']")
    expect(cell).to_contain_text(NAME)
    harmless(page)

    # Equal but for their names, so that lines, legends and bars are called by them.
    page.goto(f"{site.url}/compare?runs={hostile},{hebrew}&measures=loss")
    expect(page.locator("#compare-charts .compare-panel")).to_have_count(1)
    until(page, "() => document.querySelectorAll('.js-plotly-plot .legendtext').length >= 2")
    legend = page.locator(".js-plotly-plot .legendtext", has_text="img src=x").first
    assert "<img src=x" in (legend.text_content() or "")
    harmless(page)


def test_a_report_is_text(page: Page, site: Site, run_ids: list[str]) -> None:
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    chart = {"comparison": f"runs={','.join(run_ids)}", "panel": "angle", "text": NAME}
    report = site.post("/api/reports", {"title": NAME, "charts": [chart]})
    page.goto(f"{site.url}/report?report={report['id']}")
    expect(page.get_by_role("textbox", name="Title of the report")).to_have_value(NAME)
    until(page, "() => document.querySelectorAll('.js-plotly-plot .legendtext').length >= 2")
    harmless(page)
    page.goto(f"{site.url}/report")
    expect(page.get_by_role("link", name=NAME)).to_be_visible()
    harmless(page)
