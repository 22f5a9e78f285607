"""What the browser tests share."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal
from urllib.error import HTTPError

from playwright.sync_api import BrowserContext, Page, Playwright, Request
from waiting import PATIENCE_MS, PATIENCE_S, wait

from app.figures.palette import css, palette
from scripts.driving import FLAGS, chromium, dashboard

__all__ = [
    "ENDLESS",
    "MAX_EPOCHS",
    "Site",
    "frames",
    "kept",
    "lent",
    "served",
    "stop_all",
    "swipe",
    "tap",
    "until",
    "wait",
    "wear",
]

# A run that goes on until it is stopped, however slow the browser is beside it.
MAX_EPOCHS = 1_000_000
ENDLESS = {"epochs": MAX_EPOCHS, "replicates": 1, "hidden": [16, 16], "measure_every": 20}


class Site:
    """The address of a dashboard, and its API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, address: str) -> Any:
        with urllib.request.urlopen(self.url + address, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def post(self, address: str, body: Any) -> Any:
        request = urllib.request.Request(self.url + address, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def start(self, **config: Any) -> str:
        return str(self.post("/api/runs", {"config": config})["run_id"])

    def runs(self) -> list[dict[str, Any]]:
        return list(self.get("/api/runs")["runs"])


@contextmanager
def served(state: Path) -> Iterator[Site]:
    """``python -m app`` with one worker and the folder ``state``, ended as Ctrl-C ends it."""
    with dashboard(state, patience_s=PATIENCE_S, max_epochs=MAX_EPOCHS) as url:
        site = Site(url)
        yield site
        stop_all(site)


def stop_all(site: Site, besides: Collection[str] = ()) -> None:
    """Stops the runs that go on, so that the worker is free; those whose ids are named go on."""
    for run in site.runs():
        if not run["ended"] and run["id"] not in besides:
            with suppress(HTTPError):  # 409: it has ended since
                site.post(f"/api/runs/{run['id']}/commands", {"command": "stop"})


KEPT = "local_storage,indexeddb,cache_storage,file_systems,service_workers"
"""What a page may keep in a browser, cookies and what is compiled apart."""


@contextmanager
def kept(playwright: Playwright, folder: Path, *flags: str) -> Iterator[BrowserContext]:
    """The system's Chromium, or else the one that playwright installs, with its files in a folder.

    What it has compiled once of plotly and the components is not compiled anew for every page, as
    it is in a context that keeps none: that is half or more of what a page costs. It is kept at
    the first page already, where Chromium would wait for the second (v8CacheOptions).
    """
    made = playwright.chromium.launch_persistent_context(
        folder,
        executable_path=chromium(),
        args=[*FLAGS, "--blink-settings=v8CacheOptions=3", *flags],
        viewport={"width": 1280, "height": 860},
    )
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


@contextmanager
def lent(browser: BrowserContext) -> Iterator[BrowserContext]:
    """A browser that is used for long; afterwards it has no page, and remembers none."""
    seen: set[str] = set()

    def asked(request: Request) -> None:
        if request.url.startswith("http:"):
            seen.add("/".join(request.url.split("/")[:3]))

    blank = browser.pages[0]  # the one that it began with, and that keeps it open
    browser.on("request", asked)
    try:
        yield browser
    finally:
        for page in browser.pages[1:]:
            page.close()
        browser.remove_listener("request", asked)
        browser.clear_cookies()
        browser.clear_permissions()
        device = browser.new_cdp_session(blank)
        for origin in seen:
            device.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": KEPT})
        device.detach()


def wear(page: Page, theme: Literal["light", "dark"], width: int, height: int) -> None:
    """The page in another theme and size, with what its charts show drawn for them."""
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=theme)
    ink = css(palette(theme).ink)
    until(
        page,
        """([theme, ink, width]) => document.documentElement.dataset.mantineColorScheme === theme
            && innerWidth === width
            && [...document.querySelectorAll('.js-plotly-plot')].every(
                gd => !gd.data?.length || gd._fullLayout?.font.color === ink)""",
        [theme, ink, width],
    )
    frames(page)


def until(page: Page, condition: str, argument: Any = None) -> None:
    """Until the JavaScript ``condition`` holds on the page."""
    page.wait_for_function(condition, arg=argument, timeout=PATIENCE_MS, polling=50)


def frames(page: Page, count: int = 20) -> None:
    """Until the browser has drawn so many times more: what was set off has happened by then.

    At 60 frames a second, which it never exceeds, 20 are a third of a second.
    """
    page.evaluate(
        """count => new Promise(done => {
            const next = () => count-- > 0 ? requestAnimationFrame(next) : done();
            next();
        })""",
        count,
    )


def tap(page: Page, x: float, y: float) -> None:
    """A finger that is put down and taken away."""
    device = page.context.new_cdp_session(page)
    point = {"x": x, "y": y}
    device.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    device.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def swipe(page: Page, x: float, y: float) -> None:
    """A finger that moves 20 pixels to the right and 150 up."""
    device = page.context.new_cdp_session(page)
    for part in range(11):
        kind = "touchMove" if part else "touchStart"
        point = {"x": x + 2 * part, "y": y - 15 * part}
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    device.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
