"""A run is found from any page, by the keyboard alone."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser_helpers import Site, until, wait, wear
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

MARKUP = "<b>plum</b>"
SHOWN = "([path, id]) => location.pathname === path && location.search === `?run=${id}`"


@pytest.fixture(scope="module")
def runs(site: Site) -> dict[str, str]:
    """Three short runs that have ended, by name."""
    made = {}
    for name, scheme in (("quince", "dfa"), (MARKUP, "fa"), ("medlar", "bp")):
        config = {"hidden": [8], "epochs": 1, "replicates": 1, "scheme": scheme}
        asked = {"config": config, "name": name}
        made[name] = str(site.post("/api/runs", asked)["run_id"])
    wait(lambda: all(site.get(f"/api/runs/{run_id}")["ended"] for run_id in made.values()))
    return made


def chosen(page: Page) -> str:
    return page.locator("#find-list [aria-selected=true] .find-name").inner_text()


def test_a_run_is_found_from_any_page_by_keys(page: Page, site: Site, runs: dict[str, str]) -> None:
    page.goto(f"{site.url}/plane")
    expect(page.locator("#find-button")).to_be_visible()
    page.keyboard.press("/")
    expect(page.locator("#find-field")).to_be_focused()
    expect(page.locator("#find-list a").first).to_be_visible()  # the newest, before a letter
    assert chosen(page) == "medlar"
    page.keyboard.press("ArrowDown")
    assert chosen(page) == MARKUP  # and no element
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert chosen(page) != "medlar"  # round about
    page.keyboard.type("quInce DFA")  # of its name and of its scheme
    expect(page.locator("#find-said")).to_have_text("1 run")
    assert chosen(page) == "quince"
    page.keyboard.press("Enter")
    until(
        page, "id => location.pathname === '/' && location.search === `?run=${id}`", runs["quince"]
    )
    expect(page.locator("#run-name")).to_have_text("quince")
    expect(page.locator("#find")).to_be_hidden()

    # On a page of a run the next one is opened there.
    page.locator("#nav").get_by_role("link", name="Walk").click()
    expect(page.locator("#first, #walk-shares").first).to_be_attached()
    page.locator("#find-button").click()
    page.keyboard.press("Control+a")
    page.keyboard.type("plum")
    expect(page.locator("#find-list .find-name")).to_have_text(MARKUP)
    page.locator("#find-list a").click()
    until(
        page,
        "id => location.pathname === '/walk' && location.search === `?run=${id}`",
        runs[MARKUP],
    )

    # Who does not wait for the list has what was typed, and not what was listed before.
    page.keyboard.press("/")
    expect(page.locator("#find-list a").first).to_be_visible()
    page.keyboard.type("quince")
    page.keyboard.press("Enter")
    until(page, SHOWN, ["/walk", runs["quince"]])


def test_behind_the_search_no_key_acts_on_the_run(page: Page, site: Site) -> None:
    config = {"hidden": [8], "epochs": 9000, "replicates": 1}
    run_id = site.post("/api/runs", {"config": config})["run_id"]
    page.goto(f"{site.url}/?run={run_id}")
    expect(page.locator("#pause")).to_be_enabled()
    page.locator("#find-button").click()
    page.locator("#find-said").click()  # the focus is the dialog's, and no field's
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#find")).to_be_hidden()
    page.locator("#run-name").click()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()


@pytest.mark.usefixtures("runs")
def test_the_key_is_a_letter_where_one_writes_and_what_is_none_is_said(
    page: Page, site: Site
) -> None:
    page.goto(f"{site.url}/runs")
    page.locator("#runs-search").fill("medlar")
    page.locator("#runs-search").press("/")
    expect(page.locator("#runs-search")).to_have_value("medlar/")
    expect(page.locator("#find")).to_be_hidden()
    page.locator("#find-button").click()
    page.keyboard.type("no such fruit")
    expect(page.locator("#find-said")).to_have_text("No run is like that.")
    page.keyboard.press("Enter")  # opens nothing
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("x" * 201)
    expect(page.locator("#find-said")).to_contain_text("at most 200 letters")
    page.keyboard.press("Escape")
    expect(page.locator("#find")).to_be_hidden()
    expect(page.locator("#find-button")).to_be_focused()


@pytest.mark.usefixtures("runs")
def test_no_rule_of_axe_is_broken(page: Page, site: Site) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{site.url}/plane")
    for look in (("light", 1280, 860), ("dark", 1280, 860), ("light", 390, 800)):
        wear(page, *look)
        page.locator("#find-button").click()
        expect(page.locator("#find-list a").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= look[1]
        assert Axe().run(page).response["violations"] == []
        page.keyboard.press("Escape")
