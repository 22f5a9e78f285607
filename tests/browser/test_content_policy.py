"""Every page draws under its own content policy, which stops what got into a page all the same."""

from __future__ import annotations

import pytest
from browser_helpers import Site, frames, until, wait
from playwright.sync_api import BrowserContext, Page, expect

from app.pages import PAGES

pytestmark = pytest.mark.browser

LISTEN = """addEventListener('securitypolicyviolation', (event) =>
    (window.stopped ??= []).push([event.violatedDirective, event.blockedURI, event.sample]));"""
STOPPED = "() => window.stopped ?? []"
DRAWN = {
    "/": "() => document.querySelector('#charts .js-plotly-plot')?.data?.length",
    "/stability": "() => document.querySelector('#stab-numbers td')?.innerText.includes(' of ')",
    "/walk": "() => document.querySelector('#walk-shares .js-plotly-plot')?.data?.length",
    "/plane": "() => document.querySelectorAll('.js-plotly-plot').length > 1",
    "/compare": "() => document.querySelector('.js-plotly-plot')?.data?.length",
    "/runs": "() => document.querySelectorAll('.ag-row').length",
}


@pytest.fixture(scope="module")
def run(site: Site) -> str:
    """One that has ended, with something on every page."""
    run_id = site.start(epochs=2, hidden=[6, 5], replicates=2, walk=True)
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    return run_id


@pytest.mark.parametrize("path", [page.path for page in PAGES])
def test_a_page_asks_for_nothing_that_its_policy_forbids(
    page: Page, site: Site, run: str, path: str
) -> None:
    page.add_init_script(LISTEN)
    which = "runs" if path == "/compare" else "run"
    if path == "/report":
        charts = [{"comparison": f"runs={run}", "panel": "loss", "text": "Loss, by step."}]
        run, which = site.post("/api/reports", {"title": "A", "charts": charts})["id"], "report"
    page.goto(f"{site.url}{path}?{which}={run}")
    until(page, DRAWN.get(path, "() => document.querySelector('#page h1, #page h2')"))
    frames(page)
    for name in ("light", "dark"):  # what is drawn for the other theme too
        page.emulate_media(color_scheme=name)
        frames(page)
    assert page.evaluate(STOPPED) == []


def test_mathematics_is_set(page: Page, site: Site, run: str) -> None:
    page.add_init_script(LISTEN)
    page.goto(f"{site.url}/stability?run={run}")
    for details in page.locator("#page details:not([open]) > summary").all():
        details.click()
    expect(page.locator("mjx-container svg").first).to_be_attached()
    assert page.evaluate(STOPPED) == []


def test_the_policy_stops_what_got_into_a_page(fresh: BrowserContext, site: Site) -> None:
    page = fresh.new_page()
    page.add_init_script(LISTEN)
    page.goto(f"{site.url}/plane")
    expect(page.locator("#nav")).to_be_visible()
    found = page.evaluate(
        """async () => {
            const script = document.createElement('script');
            script.textContent = 'window.ran = "script"';
            document.body.append(script);
            const image = document.createElement('div');
            image.innerHTML = '<img src="data:," onerror="window.ran = \\'handler\\'">';
            document.body.append(image);
            const far = await fetch('https://example.com/').catch(() => 'stopped');
            const base = document.createElement('base');
            base.href = 'https://example.com/';
            document.head.append(base);
            await new Promise(done => setTimeout(done, 300));
            return [window.ran ?? null, far, document.baseURI];
        }"""
    )
    assert found == [None, "stopped", f"{site.url}/plane"]
    stopped = {directive for directive, *_ in page.evaluate(STOPPED)}
    assert {"script-src-elem", "script-src-attr", "connect-src", "base-uri"} <= stopped


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", True), ("localhost", False)])
def test_only_a_page_of_its_own_origin_has_it_in_a_frame(
    fresh: BrowserContext, site: Site, host: str, shown: bool
) -> None:
    page = fresh.new_page()
    around = f"{site.url}/around".replace("127.0.0.1", host)
    frame = f"<iframe src='{site.url}/plane' width=900 height=600></iframe>"
    page.route(around, lambda route: route.fulfill(body=frame, content_type="text/html"))
    page.goto(around)
    inside = page.frames[1]
    if shown:
        expect(inside.locator("#nav")).to_be_visible()
    else:
        wait(lambda: inside.url.startswith("chrome-error:"))
