"""What who only watches may not do is out of use on every page, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from browser_helpers import ENDLESS, frames
from guarded_helpers import CONTROL, VIEW, Guarded, came_in, guarded_site, insist
from playwright.sync_api import BrowserContext, Page, Request, Response, expect
from waiting import wait

from app.components.shell import DIMMED
from app.pages import PAGES

pytestmark = pytest.mark.browser

THERE = {
    "/": "#run-state:has-text('running')",
    "/runs": ".ag-row input[type=checkbox]",
    "/compare": ".chip",
    "/stability": "#stab-tracking",
    "/walk": "#walk-surface",
    "/plane": ".plane-picture",
    "/claims": "#claims-question h2",
    "/studies": "#studies-title:has-text('Seed')",
    "/report": ".report-part",
    "/system": "#system-now section",
}
"""What says of a page that it shows what it is about."""

DRIVES = ("/", "/runs", "/compare", "/stability", "/claims", "/studies", "/report")
"""Pages on which something can be changed."""

_MARK = "[data-drives]"

# Of each control that changes something: whether it is out of use.
_STATES = f"""() => [...document.querySelectorAll("button, input, select, textarea")]
    .filter(one => one.closest("#page {_MARK}"))
    .map(one => one.disabled || (one.tagName === "TEXTAREA" && one.readOnly))"""

# A press by the script reaches what is hidden too, and nothing that is disabled. Nobody saves all
# charts at once, nor takes every run out of them while they are drawn.
_PRESS = f"""async marked => {{
    const all = [...document.querySelectorAll("button, summary, [role=switch]")];
    const pressed = [];
    for (const one of all) {{
        if (one.disabled || one.closest(".save, .chip-out")) continue;
        if (Boolean(one.closest("{_MARK}")) !== marked) continue;
        one.click();
        pressed.push(one.id || one.textContent);
        await new Promise(requestAnimationFrame);
    }}
    return pressed;
}}"""


@dataclass
class Shown:
    """A dashboard with something on every page."""

    site: Guarded
    going: str
    ended: str
    report: str
    study: str

    def address(self, path: str) -> str:
        """Of a page, with what it is to show."""
        named = {
            "/": f"?run={self.going}",
            "/compare": f"?runs={self.going},{self.ended}",
            "/stability": f"?run={self.going}",
            "/walk": f"?run={self.ended}",
            "/report": f"?report={self.report}",
            "/studies": f"?study={self.study}",
        }
        return path + named.get(path, "")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with guarded_site(tmp_path_factory.mktemp("state")) as site:
        short = {"dataset": "digits", "hidden": [4], "epochs": 1, "replicates": 1}
        ended = site.ask("/api/runs", {"config": short})["run_id"]
        wait(lambda: site.state(ended) == "finished")
        going = site.ask("/api/runs", {"config": ENDLESS})["run_id"]
        wait(lambda: site.state(going) == "running")
        site.ask(f"/api/runs/{going}/commands", {"command": "pause"})
        wait(lambda: site.state(going) == "paused")
        chart = {"comparison": f"runs={ended}", "text": "It falls."}
        charts = [chart | {"panel": name} for name in ("loss", "accuracy")]
        report = site.ask("/api/reports", {"title": "Two charts", "charts": charts})["id"]
        seeds = {"hidden": "4", "epochs": "1", "replicates": "1", "seed": "0, 1"}
        study = site.ask("/api/studies", {"fields": seeds})["id"]
        yield Shown(site, going, ended, report, study)
        site.ask(f"/api/runs/{going}/commands", {"command": "stop"})


@contextmanager
def let_in(
    profile: BrowserContext, shown: Shown, token: str, path: str, *, hasty: bool = False
) -> Iterator[Page]:
    """A browser that came in, before any page; see :func:`guarded_helpers.came_in`.

    The run trains only where it is watched: elsewhere it would take what the page needs.
    """
    command = f"/api/runs/{shown.going}/commands"
    if path == "/":
        shown.site.ask(command, {"command": "resume"})
        wait(lambda: shown.site.state(shown.going) == "running")
    with came_in(profile, shown.site, token, "/api/runs", hasty=hasty) as page:
        yield page
    if path == "/":
        shown.site.ask(command, {"command": "pause"})
        wait(lambda: shown.site.state(shown.going) == "paused")


def show(page: Page, shown: Shown, path: str) -> None:
    """A page that shows what it is about, the first of the runs ticked where they can be."""
    page.goto(shown.site.url + shown.address(path))
    expect(page.locator(THERE[path]).first).to_be_visible()
    if path == "/runs":
        page.locator(THERE[path]).first.check()
        expect(page.locator("#runs-ticked")).to_have_text("1 ticked:")
    frames(page)


@contextmanager
def refusals(page: Page) -> Iterator[list[str]]:
    """The requests that are refused of all that are sent in the meantime; filled in at its end."""
    asked: list[Request] = []
    over: list[Request] = []
    refused: list[str] = []

    def answered(response: Response) -> None:
        if response.status == 403:
            refused.append(f"{response.url} {response.request.post_data}")

    page.on("request", lambda request: asked.append(request))
    page.on("response", answered)
    for end in ("requestfinished", "requestfailed"):
        page.on(end, lambda request: over.append(request))
    yield refused
    frames(page)
    # What is only looked at is refused to nobody, and a stream has no end.
    sent = [request for request in asked if request.method == "POST"]

    def answered_all() -> bool:
        frames(page, 1)
        return set(sent) <= set(over)

    wait(answered_all)


@pytest.mark.parametrize("path", [page.path for page in PAGES])
def test_nothing_that_who_watches_can_use_is_refused(
    profile: BrowserContext, shown: Shown, path: str
) -> None:
    with (
        let_in(profile, shown, VIEW, path, hasty=True) as page,
        refusals(page) as refused,
    ):
        show(page, shown, path)  # to open it is no press
        expect(page.get_by_text(DIMMED)).to_be_visible(visible=path in DRIVES)
        withheld = page.evaluate(_STATES)
        assert bool(withheld) == (path in DRIVES)
        assert all(withheld)
        page.locator("#runs-button").click()
        expect(page.locator(".import-run")).to_be_disabled()
        page.locator("#runs-button").click()
        if path == "/":  # keys are presses too
            page.locator(".form .field input").nth(1).press("Enter")
            for key in ("Space", "ArrowRight"):
                page.locator("#page").press(key)
        if path == "/runs":
            page.locator(".ag-row [col-id=name]").first.press("F2")
            expect(page.locator(".ag-cell-edit-wrapper, .runs-pen")).to_have_count(0)
        assert "theme" in page.evaluate(_PRESS, False)
        assert all(page.evaluate(_STATES))  # what has come since, too
    assert refused == []


@pytest.mark.parametrize("path", DRIVES)
def test_who_drives_has_all_of_it(profile: BrowserContext, shown: Shown, path: str) -> None:
    with let_in(profile, shown, CONTROL, path) as page:
        show(page, shown, path)
        expect(page.get_by_text(DIMMED)).to_have_count(0)
        assert False in page.evaluate(_STATES)
        if path == "/runs":
            page.locator(".ag-row [col-id=name]").first.press("F2")
            expect(page.locator(".ag-cell-edit-wrapper")).to_be_visible()
        page.locator("#runs-button").click()
        expect(page.locator(".import-run")).to_be_enabled()


@pytest.mark.parametrize("path", DRIVES)
def test_what_is_withheld_would_be_refused(
    profile: BrowserContext, shown: Shown, path: str
) -> None:
    with let_in(profile, shown, VIEW, path) as page:
        show(page, shown, path)
        with refusals(page) as refused:
            insist(page)
            page.evaluate(_PRESS, True)
    assert refused
