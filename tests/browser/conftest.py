"""A real Chromium before a real ``python -m app``, and nothing but that host to talk to."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_helpers import MAX_EPOCHS, Site
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    expect,
    sync_playwright,
)
from waiting import PATIENCE_MS, PATIENCE_S

ROOT = Path(__file__).parents[2]
expect.set_options(timeout=PATIENCE_MS)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """``python -m app`` with one worker and a state of its own, ended as Ctrl-C ends it."""
    state = tmp_path_factory.mktemp("state")
    process = subprocess.Popen(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=os.environ
        | {
            "FA_STATE_DIR": str(state),
            "FA_PORT": "0",
            "FA_WORKERS": "1",
            "FA_MAX_EPOCHS": str(MAX_EPOCHS),
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        found = re.search(r"http://[\d.:]+", process.stdout.readline())
        assert found
        served = Site(found[0])
        try:
            yield served
            for run in served.runs():
                if not run["ended"]:
                    served.post(f"/api/runs/{run['id']}/commands", {"command": "stop"})
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 0


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """One for all: a process cannot have two."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The system's Chromium, or else the one that playwright installs."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
    browser.on("context", lambda context: context.set_default_timeout(PATIENCE_MS))
    yield browser
    browser.close()


@pytest.fixture
def context(chromium: Browser, site: Site) -> Iterator[BrowserContext]:
    """A browser without a past; afterwards: no error said, no other host asked."""
    made = chromium.new_context(viewport={"width": 1280, "height": 860})
    errors: list[str] = []
    elsewhere: list[str] = []

    def asked(request: Request) -> None:
        if not request.url.startswith((site.url, "data:", "blob:")):
            elsewhere.append(request.url)

    def said(message: ConsoleMessage) -> None:
        # What a person typed wrong is answered with 422, and Chromium notes that here.
        if message.type == "error" and "422" not in message.text:
            errors.append(message.text)

    made.on("console", said)
    made.on("weberror", lambda error: errors.append(str(error.error)))
    made.on("request", asked)
    yield made
    made.close()
    assert errors == []
    assert elsewhere == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
