"""A real Chromium before a real ``python -m app``, and nothing but that host to talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser_helpers import Site, kept, lent, served, stop_all
from playwright.sync_api import (
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

expect.set_options(timeout=PATIENCE_MS)


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
def profile(
    playwright: Playwright, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    """The browser of all tests: see :func:`browser_helpers.kept`."""
    with kept(playwright, tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="session")
def second_profile(
    playwright: Playwright, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    """Another one: for a test that needs two at once, and for what is broken on purpose."""
    with kept(playwright, tmp_path_factory.mktemp("second")) as found:
        yield found


@pytest.fixture
def context(profile: BrowserContext) -> Iterator[BrowserContext]:
    """A browser that remembers no page; afterwards: no error said, no other host asked.

    What is asked of it for one page only (a script, a route, a theme) is asked of that page: it is
    the same browser for all tests.
    """
    errors: list[str] = []
    elsewhere: list[str] = []

    def asked(request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            elsewhere.append(request.url)

    def said(message: ConsoleMessage) -> None:
        # What a person typed wrong is answered with 422, and Chromium notes that here.
        if message.type == "error" and "422" not in message.text:
            errors.append(message.text)

    def broke(error: WebError) -> None:
        errors.append(str(error.error))

    with lent(profile) as made:
        made.on("console", said)
        made.on("weberror", broke)
        made.on("request", asked)
        yield made
        for page in made.pages[1:]:
            page.close()
        made.remove_listener("console", said)
        made.remove_listener("weberror", broke)
        made.remove_listener("request", asked)
    assert errors == []
    assert elsewhere == []


@pytest.fixture
def fresh(second_profile: BrowserContext) -> Iterator[BrowserContext]:
    """One of which nothing is asked: for a test that breaks something, and has errors said, and for
    somebody else's browser. A script or a route is given to a page here, too."""
    with lent(second_profile) as made:
        yield made


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def telephone(page: Page) -> Page:
    """A narrow page under a finger."""
    page.set_viewport_size({"width": 390, "height": 800})
    touched = page.context.new_cdp_session(page)  # for as long as the page is there
    touched.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 1})
    return page
