"""From page to page, while a run goes on."""

from __future__ import annotations

import pytest
from browser_helpers import ENDLESS, Site, until
from playwright.sync_api import BrowserContext, Page, expect

from app.pages import PAGES as ALL_PAGES

pytestmark = pytest.mark.browser
PAGES = [page for page in ALL_PAGES if page.in_navigation]

STEPS = "Array.from(faLive.gd.data[faLive.meta.places.loss.median].x)"
DRAWN = f"""() => window.faLive && faLive.gd && faLive.gd.isConnected && faLive.meta
    && faLive.meta.run && {STEPS}.length > 3"""


def test_a_run_is_taken_along_and_streams_on_afterwards(page: Page, site: Site) -> None:
    run_id = site.start(**ENDLESS)
    page.goto(f"{site.url}/?run={run_id}")
    until(page, DRAWN)
    last = page.evaluate(f"{STEPS}.at(-1)")
    page.get_by_role("link", name="Plane").click()
    expect(page).to_have_url(f"{site.url}/plane?run={run_id}")
    expect(page).to_have_title("The plane of two weights")
    expect(page.locator(".nav [aria-current=page]")).to_have_text("Plane")
    until(page, "() => document.querySelector('#plane-fa') && !document.querySelector('#charts')")
    heard = page.evaluate("faLive.taken")
    until(page, "heard => faLive.taken > heard + 5", heard)  # it listens, and draws nothing
    assert page.evaluate("faLive.queue.length") == 0

    page.locator(".brand").focus()  # and back with the keyboard
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/?run={run_id}")
    until(page, DRAWN)
    until(page, f"last => {STEPS}.at(-1) > last + 1000", last)
    steps = page.evaluate(STEPS)
    assert steps == sorted(set(steps))
    expect(page.locator("#now-lr")).to_have_value("0.1")
    page.click("#stop")  # the buttons know the run again
    expect(page.locator("#run-state")).to_have_text("stopped")


def test_every_page_can_be_reached_on_a_telephone(context: BrowserContext, site: Site) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(site.url)
    for target in PAGES:
        page.get_by_role("link", name=target.name, exact=True).click()
        expect(page.locator(".nav [aria-current=page]")).to_have_text(target.name)
        expect(page).to_have_title(target.title)
        expect(page.locator("#theme")).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.goto(f"{site.url}/nowhere")
    expect(page.locator(".nowhere")).to_be_visible()
    expect(page.locator(".nav [aria-current=page]")).to_have_count(0)
