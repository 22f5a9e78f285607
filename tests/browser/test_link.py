"""How events get to a tab when the shared worker is deaf, missing, or forgetful."""

from __future__ import annotations

import pytest
from browser_helpers import Site, until
from playwright.sync_api import BrowserContext, Page, expect

# Some events a second, so that many tabs have little to draw.
LONG = {"epochs": 10_000, "batch_size": 1, "replicates": 1, "hidden": [16], "measure_every": 2000}
CONNECTIONS = 6  # that a browser opens to a host, for all tabs
# The script of the shared worker is asked for where the server has none, as while it restarts.
DEAF = """
    const Real = window.SharedWorker;
    window.SharedWorker = class extends Real {
        constructor(_address, options) { super("/api/nothing.js", options); }
    };
"""
ALONE = "delete window.SharedWorker"
# A tab of a headless browser is never hidden.
HIDE = """is => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => is });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture(scope="module")
def run_id(site: Site) -> str:
    return site.start(**LONG)


def watch(context: BrowserContext, site: Site, run_id: str, script: str = "") -> Page:
    """A tab that has heard of the run from its stream, after a script of its own."""
    page = context.new_page()
    page.add_init_script(script)
    page.goto(f"{site.url}/?run={run_id}")
    until(page, "() => window.faLive && faLive.run && faLive.stats.frames > 0")
    return page


def test_a_worker_that_did_not_load_is_replaced(
    fresh: BrowserContext, site: Site, run_id: str
) -> None:
    for _ in range(3):  # the later ones are told of no error
        page = watch(fresh, site, run_id, DEAF)
        assert page.evaluate("faLive.link.kind()") == "own"
        expect(page.get_by_text("connection lost, trying again")).to_be_hidden()


def test_hidden_tabs_leave_their_connection_to_others(
    fresh: BrowserContext, site: Site, run_id: str
) -> None:
    others = fresh.new_page()
    others.goto(f"{site.url}/healthz")
    others.evaluate(
        """([address, count]) => Promise.all(Array.from({ length: count }, () =>
            new Promise((done) => { new EventSource(address).onopen = done; })))""",
        [f"/api/runs/{run_id}/stream?after=0", CONNECTIONS - 1],
    )
    one = watch(fresh, site, run_id, ALONE)
    one.evaluate(HIDE, True)  # what the browser does when another tab is opened
    two = watch(fresh, site, run_id, ALONE)  # it would not even load
    heard = one.evaluate("faLive.stats.frames")
    two.evaluate(HIDE, True)
    one.evaluate(HIDE, False)
    until(one, "frames => faLive.stats.frames > frames", heard)
    until(one, "() => faLive.drawn > 0 && !document.documentElement.dataset.lost")


def test_a_tab_that_slept_is_heard_again(fresh: BrowserContext, site: Site, run_id: str) -> None:
    page = watch(fresh, site, run_id)
    assert page.evaluate("faLive.link.kind()") == "shared"
    # The worker forgets a tab that has not spoken for long; this one says goodbye and stays.
    page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide'))")
    frames = page.evaluate("faLive.stats.frames")
    until(page, "frames => faLive.stats.frames > frames", frames)
    page.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")


def test_silence_is_said(fresh: BrowserContext, site: Site, run_id: str) -> None:
    page = fresh.new_page()
    page.add_init_script(ALONE)
    page.route("**/stream?*", lambda _route: None)  # neither an answer nor a refusal
    page.goto(f"{site.url}/?run={run_id}")
    expect(page.get_by_text("connection lost, trying again")).to_be_visible()
