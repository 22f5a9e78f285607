"""The Runs page as a person uses it: find a run, rename it, note it, delete it and undo."""

from __future__ import annotations

import pytest
from browser_helpers import ENDLESS, Site, until, wait
from playwright.sync_api import Locator, Page, Route, expect

pytestmark = pytest.mark.browser

MARKUP = "<img src=x onerror='document.title=1'>"


def cell(page: Page, run_id: str, column: str) -> Locator:
    return page.locator(f".ag-row[row-id='{run_id}'] .ag-cell[col-id='{column}']")


def tick(page: Page, run_id: str) -> None:
    page.locator(f".ag-row[row-id='{run_id}'] input[type=checkbox]").click()


@pytest.fixture(scope="module")
def runs(site: Site) -> dict[str, str]:
    """Three short runs that have ended, by name."""
    config = {"hidden": [8], "epochs": 1, "replicates": 2}
    made = {
        name: site.post("/api/runs", {"config": config | {"learning_rate": rate}, "name": name})[
            "run_id"
        ]
        for name, rate in (("apple", 0.1), ("pear", 0.05), (MARKUP, 0.2))
    }
    wait(lambda: all(site.get(f"/api/runs/{run_id}")["ended"] for run_id in made.values()))
    return made


def test_a_run_is_found_renamed_noted_deleted_and_brought_back(
    page: Page, site: Site, runs: dict[str, str]
) -> None:
    apple, pear = runs["apple"], runs["pear"]
    page.set_viewport_size({"width": 2600, "height": 860})  # columns out of sight are not there
    page.goto(site.url)
    page.locator("#nav").get_by_role("link", name="Runs").click()
    expect(cell(page, pear, "name")).to_contain_text("pear")
    expect(cell(page, pear, "state")).to_contain_text("finished")
    expect(cell(page, pear, "best_accuracy")).to_contain_text("%")
    # Names are text: no element was made of this one.
    expect(cell(page, runs[MARKUP], "name")).to_contain_text(MARKUP)
    assert page.locator("img[src=x]").count() == 0

    # Found: one click, into the search.
    page.locator("#runs-search").click()
    page.keyboard.type("apPLE")
    expect(page.locator("#runs-count")).to_have_text("1 run found")
    expect(page.locator(".ag-cell[col-id='name']")).to_have_count(1)

    # Renamed: one click, on the pen. A name that is none is refused in words, and stays.
    cell(page, apple, "name").hover()
    page.get_by_role("button", name="Rename apple").click()
    page.keyboard.press("Control+a")
    page.keyboard.type("=apple")
    page.keyboard.press("Enter")
    expect(page.locator(".mantine-Notification-root")).to_contain_text("allowed")
    expect(cell(page, apple, "name")).not_to_contain_text("=")
    page.get_by_role("button", name="Rename apple").click()
    page.keyboard.press("Control+a")
    page.keyboard.type("apple tart")
    page.keyboard.press("Enter")
    wait(lambda: site.get(f"/api/runs/{apple}")["name"] == "apple tart")

    # Noted: one click, on the place of the note.
    cell(page, apple, "note").scroll_into_view_if_needed()
    cell(page, apple, "note").click()
    page.keyboard.type("with cinnamon")
    page.keyboard.press("Enter")
    wait(lambda: site.get(f"/api/runs/{apple}")["note"] == "with cinnamon")
    expect(cell(page, apple, "note")).to_have_text("with cinnamon")
    page.locator("#runs-search").fill("")
    expect(page.locator("#runs-count")).not_to_contain_text("found")
    page.locator("#runs-search").fill("cinnamon")
    expect(page.locator("#runs-count")).to_have_text("1 run found")
    before = site.get(f"/api/runs/{apple}")

    # Deleted: two clicks, the tick and the button; brought back: one.
    tick(page, apple)
    page.locator("#runs-delete").click()
    expect(page.locator("#runs-undo-note")).to_contain_text("1 run is deleted")
    expect(page.locator("#runs-undo-note")).to_contain_text("of checkpoints with it")
    expect(page.locator("#runs-empty")).to_contain_text("No run is like that.")
    assert apple not in {run["id"] for run in site.runs()}
    page.locator("#runs-undo").click()
    expect(cell(page, apple, "name")).to_contain_text("apple tart")
    assert site.get(f"/api/runs/{apple}") == before
    expect(page.locator("#runs-undo-note")).to_be_hidden()

    # Opened: one click, and the form holds its settings for the next one.
    cell(page, apple, "name").get_by_role("link").click()
    until(page, "id => location.search === `?run=${id}`", apple)
    expect(page.locator(".field-hidden input")).to_have_value("8")


def test_nothing_can_be_ticked_before_it_is_there(
    page: Page, site: Site, runs: dict[str, str]
) -> None:
    """A tick in a row that waits for its run would be gone when the run comes."""
    held: list[Route] = []
    late = True

    def hold(route: Route) -> None:
        if late and "getRowsResponse" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route("**/_dash-update-component*", hold)
    page.goto(f"{site.url}/runs")
    box = page.locator(".ag-row input[type=checkbox]").first
    expect(page.locator(".ag-row .runs-coming")).to_be_visible()
    expect(box).to_be_hidden()
    wait(lambda: page.evaluate("1") and held)
    late = False
    for route in held:
        route.continue_()
    expect(cell(page, runs["pear"], "name")).to_contain_text("pear")
    box.check()
    expect(page.locator("#runs-ticked")).to_have_text("1 ticked:")


def test_many_runs_are_pinned_tagged_stopped_and_led_to_a_comparison(
    page: Page, site: Site, runs: dict[str, str]
) -> None:
    going = site.start(**ENDLESS)
    wait(lambda: site.get(f"/api/runs/{going}")["state"] == "running")
    page.goto(f"{site.url}/runs")
    expect(cell(page, going, "state").locator(".runs-live")).to_be_visible()
    for run_id in (runs["pear"], going):
        tick(page, run_id)
    expect(page.locator("#runs-ticked")).to_have_text("2 ticked:")
    compare = page.locator("#runs-compare")
    expect(compare).to_have_attribute("href", f"/compare?runs={runs['pear']},{going}")
    page.locator("#runs-tag").fill("lecture, week 3")
    page.keyboard.press("Enter")
    wait(lambda: site.get(f"/api/runs/{going}")["tags"] == ["lecture", "week 3"])
    page.locator("#runs-pin").click()
    wait(lambda: site.get(f"/api/runs/{runs['pear']}")["pinned"])
    expect(page.locator(".ag-row[row-index='0'] .runs-pin")).to_be_visible()
    page.locator("#runs-stop").click()
    # By itself, without a look anew: the list follows what happens.
    expect(cell(page, going, "state")).to_have_text("stopped")

    # What is sorted and which columns are shown is remembered by the browser.
    page.locator(".ag-header-cell[col-id='learning_rate'] .ag-header-cell-label").click()
    page.locator("#runs-choose").click()
    page.get_by_role("checkbox", name="Data").click()
    expect(page.locator(".ag-header-cell[col-id='dataset']")).to_have_count(0)
    page.reload()
    expect(page.locator(".ag-header-cell[col-id='learning_rate']")).to_have_attribute(
        "aria-sort", "descending"
    )
    expect(page.locator(".ag-header-cell[col-id='dataset']")).to_have_count(0)
    shown = page.locator(".ag-row .ag-cell[col-id='learning_rate']")
    expect(shown.first).not_to_be_empty()

    # What is deleted waits among the deleted ones until room is freed.
    tick(page, going)
    page.locator("#runs-delete").click()
    expect(page.locator("#room-note")).to_contain_text("1 deleted run")
    page.get_by_role("switch", name="Deleted ones").click()
    expect(page.locator(".ag-cell[col-id='name']")).to_have_count(1)
    page.locator("#room-free").click()
    expect(page.locator("#room-note")).to_contain_text("1 run is gone for good")
    expect(page.locator("#runs-empty")).to_contain_text("No run is deleted.")
    assert going not in {run["id"] for run in site.runs()}


def test_the_rule_that_thins_is_read_and_changed(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/runs")
    expect(page.locator("#room-rule")).to_contain_text("up to 200 MB")
    page.locator("#room-all").fill("no number")
    page.locator("#room-change").click()
    expect(page.locator(".room-form")).to_contain_text("allowed is a whole number from 0")
    page.locator("#room-all").fill("1,500")
    page.locator("#room-one").fill("50")
    page.keyboard.press("Enter")
    expect(page.locator("#room-rule")).to_contain_text("up to 50 MB")
    expect(page.locator("#room-rule")).to_contain_text("more than 1.5 GB")
    expect(page.locator(".room-form")).not_to_contain_text("allowed")
    changed = {"checkpoint_mb": 50, "checkpoint_total_mb": 1500}
    assert site.get("/api/room/rule") == changed
    page.reload()
    expect(page.locator("#room-one")).to_have_value("50")
    for field in ("one", "all"):
        page.locator(f"#room-{field}").fill("")
    page.locator("#room-change").click()
    expect(page.locator("#room-rule")).to_contain_text("up to 200 MB")


def test_what_is_written_in_one_tab_is_seen_in_the_others(
    page: Page, site: Site, runs: dict[str, str]
) -> None:
    pear = runs["pear"]
    page.set_viewport_size({"width": 2600, "height": 860})
    page.goto(f"{site.url}/runs")
    expect(cell(page, pear, "name")).to_contain_text("pear")
    train = page.context.new_page()
    train.goto(f"{site.url}/?run={pear}")
    expect(train.locator("#run-name")).to_have_text("pear")
    page.bring_to_front()
    page.get_by_role("button", name="Rename pear").click()
    page.keyboard.press("Control+a")
    page.keyboard.type("nashi")
    page.keyboard.press("Enter")
    wait(lambda: site.get(f"/api/runs/{pear}")["name"] == "nashi")
    train.bring_to_front()
    expect(train.locator("#run-name")).to_have_text("nashi")
    train.locator("#runs-button").click()
    expect(train.locator(".run-item-name").get_by_text("nashi")).to_be_visible()
    request = {"name": "pear", "note": "ripe", "add_tags": ["fruit"], "pinned": True}
    answer = page.request.patch(f"{site.url}/api/runs/{pear}", data=request)  # somebody else
    assert answer.ok
    expect(train.locator("#run-name")).to_have_text("pear")
    page.bring_to_front()
    expect(cell(page, pear, "note")).to_have_text("ripe")
    expect(cell(page, pear, "tags")).to_contain_text("fruit")
    expect(cell(page, pear, "name").locator(".runs-pin")).to_be_visible()
    page.request.patch(f"{site.url}/api/runs/{pear}", data={"pinned": False})
