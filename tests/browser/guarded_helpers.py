"""What tests of tokens share: a dashboard that asks for them, a browser that came in by a link."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from browser_helpers import MAX_EPOCHS, lent
from playwright.sync_api import BrowserContext, ConsoleMessage, Page
from waiting import PATIENCE_S

from app.access import WATCHING
from scripts.driving import dashboard

CONTROL, VIEW = "control-of-the-tests", "view-of-the-tests-01"


@dataclass
class Guarded:
    """The address of a dashboard that asks for tokens, and its API for who controls."""

    url: str

    def ask(self, address: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {CONTROL}"}
        request = urllib.request.Request(self.url + address, data, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def state(self, run: str) -> str:
        return str(self.ask(f"/api/runs/{run}")["state"])


@contextmanager
def guarded_site(state: Path) -> Iterator[Guarded]:
    """``python -m app`` with one worker and tokens of its own."""
    tokens = {"control_token": CONTROL, "view_token": VIEW}
    with dashboard(state, patience_s=PATIENCE_S, max_epochs=MAX_EPOCHS, **tokens) as url:
        yield Guarded(url)


@contextmanager
def came_in(
    browser: BrowserContext, guarded: Guarded, token: str, path: str = "/", *, hasty: bool = False
) -> Iterator[Page]:
    """The page of a browser that followed a link; afterwards: nothing was wrong but refusals.

    Unless it is ``hasty``: all is pressed at once, and charts are taken away while they are drawn.
    """
    wrong: list[str] = []

    def said(message: ConsoleMessage) -> None:
        refused = "403" in message.text or WATCHING in message.text  # as Chromium and Dash note it
        if message.type == "error" and not refused:
            wrong.append(message.text)

    with lent(browser):
        page = browser.new_page()
        page.on("console", said)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{guarded.url}{path}{'&' if '?' in path else '?'}token={token}")
        yield page
        page.close()
    assert hasty or wrong == []


def insist(page: Page) -> None:
    """The page as it would be for who puts back into use what it withholds from who watches."""
    page.evaluate(
        """() => {
            document.getElementById("watching").remove();
            for (const one of document.querySelectorAll("[data-drives], [data-drives] *")) {
                if ("disabled" in one) one.disabled = false;
            }
        }"""
    )
