"""One drives, others watch: the links, the cookie, what a page says to who may change nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser_helpers import ENDLESS, until
from guarded_helpers import CONTROL, VIEW, Guarded, came_in, guarded_site, insist
from playwright.sync_api import BrowserContext, Page, expect
from waiting import wait

from app.access import WATCHING

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded_site(tmp_path_factory.mktemp("state")) as site:
        yield site


def says(page: Page, words: str) -> None:
    """A notification says these words; it is put away."""
    note = page.locator("#notes, .mantine-Notifications-notification", has_text=words).first
    expect(note).to_be_visible()


def test_one_drives_and_another_watches(
    profile: BrowserContext, second_profile: BrowserContext, guarded: Guarded
) -> None:
    with (
        came_in(profile, guarded, CONTROL) as driver,
        came_in(second_profile, guarded, VIEW) as watcher,
    ):
        assert driver.url == f"{guarded.url}/"  # the token is out of it
        assert watcher.url == f"{guarded.url}/"
        expect(watcher.locator("#watching")).to_have_text("Watching")
        expect(driver.locator("#watching")).to_have_count(0)

        insist(watcher)
        watcher.click("#first")
        says(watcher, WATCHING)
        expect(watcher.locator("#first")).not_to_have_attribute("data-loading", "true")
        assert guarded.ask("/api/runs")["runs"] == []

        run = guarded.ask("/api/runs", {"config": ENDLESS})["run_id"]
        for page in (driver, watcher):
            page.goto(f"{guarded.url}/?run={run}")
            until(page, "() => faLive.stats.frames > 3 && faLive.drawn > 0")
            assert page.evaluate("faLive.link.kind()") in ("shared", "own")

        expect(watcher.locator("#pause")).to_be_disabled()
        insist(watcher)
        watcher.click("#pause")
        says(watcher, WATCHING)
        assert guarded.state(run) == "running"
        driver.click("#pause")
        expect(driver.locator("#run-state")).to_have_text("paused")
        expect(watcher.locator("#run-state")).to_have_text("paused")

        href = watcher.locator("#export-json").get_attribute("href")
        assert watcher.evaluate("async href => (await fetch(href)).status", href) == 200
        driver.click("#stop")
        expect(watcher.locator("#run-state")).to_have_text("stopped")


def test_who_watches_changes_nothing_in_the_table_of_runs(
    profile: BrowserContext, guarded: Guarded
) -> None:
    run = guarded.ask("/api/runs", {"config": {"epochs": 1, "hidden": [4]}})["run_id"]
    wait(lambda: guarded.state(run) == "finished")
    with came_in(profile, guarded, VIEW, "/runs") as watcher:
        watcher.locator(".ag-row input[type=checkbox]").first.check()
        insist(watcher)
        watcher.click("#runs-delete")
        says(watcher, WATCHING)
        assert run in [one["id"] for one in guarded.ask("/api/runs")["runs"]]


def test_who_watches_may_ask_the_lab(profile: BrowserContext, guarded: Guarded) -> None:
    config = {"dataset": "digits", "hidden": [4], "epochs": 2, "replicates": 1}
    run = guarded.ask("/api/runs", {"config": config})["run_id"]
    wait(lambda: guarded.state(run) == "finished")
    with came_in(profile, guarded, VIEW, f"/stability?run={run}") as watcher:
        expect(watcher.locator("#stab-numbers td").first).to_contain_text(" of 640")


def test_who_has_no_token_is_told_so(fresh: BrowserContext, guarded: Guarded) -> None:
    page = fresh.new_page()
    answer = page.goto(guarded.url)
    assert answer is not None
    assert answer.status == 401
    expect(page.locator("body")).to_contain_text("asks for a token")


def test_a_page_whose_cookie_is_gone_says_so(fresh: BrowserContext, guarded: Guarded) -> None:
    page = fresh.new_page()
    page.goto(f"{guarded.url}/?token={VIEW}")
    expect(page.locator("#first")).to_be_disabled()
    insist(page)
    fresh.clear_cookies()
    page.click("#first")
    says(page, "You are not let in any more")
