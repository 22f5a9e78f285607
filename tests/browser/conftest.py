"""A real Chromium before a real ``python -m app``, and nothing but that host to talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser_helpers import Site, served, stop_all
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    WebError,
    expect,
    sync_playwright,
)
from waiting import PATIENCE_MS

from scripts.driving import FLAGS
from scripts.driving import chromium as find_chromium

expect.set_options(timeout=PATIENCE_MS)

KEPT = "local_storage,indexeddb,cache_storage,file_systems,service_workers"
"""What a page may keep in a browser, cookies and what is compiled apart."""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """``python -m app`` with one worker and a state of its own, for all tests."""
    with served(tmp_path_factory.mktemp("state")) as found:
        yield found


@pytest.fixture(scope="module")
def empty_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Another one, in which there is no run."""
    with served(tmp_path_factory.mktemp("empty")) as found:
        yield found
        assert found.runs() == []


@pytest.fixture(scope="module", autouse=True)
def free_worker(site: Site) -> Iterator[None]:
    """What a file started does not hold up the next one's runs."""
    yield
    stop_all(site)


@pytest.fixture(autouse=True)
def ended_runs(site: Site) -> Iterator[None]:
    """What a test left going, because it failed, does not hold up the next one's runs."""
    before = {run["id"] for run in site.runs()}
    yield
    stop_all(site, besides=before)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """One for all: a process cannot have two."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The system's Chromium, or else the one that playwright installs."""
    browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
    browser.on("context", lambda context: context.set_default_timeout(PATIENCE_MS))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def profile(
    playwright: Playwright, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    """One that keeps its files: what it has compiled once of plotly and the components is not
    compiled anew in every test, which is a third of what a page costs."""
    kept = playwright.chromium.launch_persistent_context(
        tmp_path_factory.mktemp("profile"),
        executable_path=find_chromium(),
        args=FLAGS,
        viewport={"width": 1280, "height": 860},
    )
    kept.set_default_timeout(PATIENCE_MS)
    yield kept
    kept.close()


@pytest.fixture
def context(profile: BrowserContext) -> Iterator[BrowserContext]:
    """A browser that remembers no page; afterwards: no error said, no other host asked.

    What is asked of it for one page only (a script, a route) is asked of that page: it is the same
    browser for all tests.
    """
    made = profile
    errors: list[str] = []
    elsewhere: list[str] = []
    seen: set[str] = set()

    def asked(request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            elsewhere.append(request.url)
        elif request.url.startswith("http:"):
            seen.add("/".join(request.url.split("/")[:3]))

    def said(message: ConsoleMessage) -> None:
        # What a person typed wrong is answered with 422, and Chromium notes that here.
        if message.type == "error" and "422" not in message.text:
            errors.append(message.text)

    def broke(error: WebError) -> None:
        errors.append(str(error.error))

    blank = made.pages[0]  # the one that it began with, and that keeps it open
    made.on("console", said)
    made.on("weberror", broke)
    made.on("request", asked)
    yield made
    for page in made.pages[1:]:
        page.close()
    made.remove_listener("console", said)
    made.remove_listener("weberror", broke)
    made.remove_listener("request", asked)
    made.clear_cookies()
    made.clear_permissions()
    device = made.new_cdp_session(blank)
    for origin in seen:
        device.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": KEPT})
    device.detach()
    assert errors == []
    assert elsewhere == []


@pytest.fixture
def fresh(chromium: Browser) -> Iterator[BrowserContext]:
    """One of which nothing is asked: for a test that breaks something, and has errors said."""
    made = chromium.new_context()
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
