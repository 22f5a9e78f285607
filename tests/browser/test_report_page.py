"""A report as a person makes it: from a comparison, written, arranged, handed on."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser_helpers import Site, until, wait
from playwright.sync_api import BrowserContext, Page, expect

pytestmark = pytest.mark.browser


def test_charts_are_put_together_written_and_taken_away(
    page: Page, fresh: BrowserContext, site: Site, tmp_path: Path
) -> None:
    config = {"hidden": [8], "epochs": 2, "replicates": 2}
    race = site.post("/api/races", {"config": config, "values": ["bp", "fa"]})
    wait(lambda: site.get(f"/api/races/{race['race_id']}")["ended"])
    page.goto(f"{site.url}/compare?race={race['race_id']}&measures=loss,accuracy")
    expect(page.locator("#compare-charts .compare-panel")).to_have_count(2)
    page.locator("#compare-report").click()
    page.get_by_role("menuitem", name="A new report of these charts").click()
    until(page, "() => location.pathname === '/report'")
    parts = page.locator(".report-part")
    expect(parts).to_have_count(4)
    expect(parts.first.locator("h2")).to_have_text("Loss")
    report_id = page.url.rpartition("=")[2]

    def kept() -> dict[str, object]:
        return dict(site.get(f"/api/reports/{report_id}"))

    page.get_by_role("textbox", name="Title of the report").fill("Who is quicker?")
    page.get_by_role("textbox", name="Paragraph beside Loss").fill("BP is quicker by a little.")
    wait(lambda: kept()["title"] == "Who is quicker?")
    wait(lambda: site.get(f"/api/reports/{report_id}")["charts"][0]["text"])
    page.get_by_role("button", name="Leave out: Each layer's share").click()
    expect(parts).to_have_count(3)
    page.get_by_role("button", name="Move down: Loss").click()
    expect(parts.first.locator("h2")).to_have_text("Accuracy")
    words = page.get_by_role("textbox", name="Paragraph beside Loss")
    expect(words).to_have_value("BP is quicker by a little.")
    until(page, "() => [...document.querySelectorAll('.report .js-plotly-plot')].length === 3")

    # Somebody else's browser, and the file.
    other = fresh.new_page()
    other.goto(page.url)
    expect(other.locator(".report-part h2")).to_have_text(
        ["Accuracy", "Loss", "Accuracy against hidden angle"]
    )
    expect(other.get_by_role("textbox", name="Title of the report")).to_have_value(
        "Who is quicker?"
    )
    with other.expect_download() as download:
        other.get_by_role("link", name="Save as one HTML file").click()
    download.value.save_as(tmp_path / "report.html")
    other.goto((tmp_path / "report.html").as_uri())
    expect(other.locator("h1")).to_have_text("Who is quicker?")
    expect(other.locator("section .js-plotly-plot")).to_have_count(3)
    expect(other.get_by_text("BP is quicker by a little.")).to_be_visible()

    # Deleted with two clicks at the most, and undone with one.
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The report is deleted.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(parts).to_have_count(3)
    # More charts, into the same report.
    page.goto(f"{site.url}/compare?race={race['race_id']}&measures=hidden_angle_deg")
    page.locator("#compare-report").click()
    page.get_by_role("menuitem", name="Add them to “Who is quicker?”").click()
    expect(parts).to_have_count(6)
    page.get_by_role("link", name="All reports").click()
    expect(page.get_by_role("link", name="Who is quicker?")).to_be_visible()
