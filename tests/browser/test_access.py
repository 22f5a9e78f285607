"""Without a mouse, without seeing, and without anything that moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browser_helpers import Site, until, wait, wear
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

CHARTED = ("/", "/compare", "/stability", "/walk", "/plane")
PAGES = ("/runs", "/report", "/claims", "/studies", "/system", *CHARTED)
# Every chart of the page has been drawn once, and every notice of it has come to rest.
SETTLED = """() => {
    const charts = [...document.querySelectorAll('.chart')];
    return document.querySelector('main h1') && charts.every(chart => {
        if (chart.offsetParent === null) return true;  // it has nothing to show yet
        const gd = chart.querySelector('.js-plotly-plot');
        return gd && gd._fullLayout && gd.getBoundingClientRect().height > 0;
    });
}"""
DRAWN = """id => (document.querySelector(`#${id} .js-plotly-plot`)?.data || [])
    .some(trace => trace.x && trace.x.length > 1)"""
# Theme, width and height.
LOOKS: tuple[tuple[Literal["light", "dark"], int, int], ...] = (
    ("dark", 1280, 860),
    ("light", 390, 800),
    ("light", 1280, 860),
)


@pytest.fixture
def calm(page: Page) -> Page:
    # Nothing fades in: half a colour is none that axe could judge.
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    return page


@pytest.fixture(scope="module")
def finished(site: Site) -> str:
    run_id = site.start(hidden=[12, 8], epochs=3, learning_rate=0.1, replicates=2, walk=True)
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    return run_id


def broken(page: Page) -> list[tuple[Any, ...]]:
    """The rules of axe that the page breaks, with the elements; no rule is left out."""
    if page.evaluate("() => !window.axe"):  # it stays as long as the page does
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(
        "() => axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)"
    )
    return [(v["id"], [(n["html"][:200], n["failureSummary"]) for n in v["nodes"]]) for v in found]


def broken_in_any_look(
    page: Page, *states: Callable[[], AbstractContextManager[None]]
) -> list[tuple[Any, ...]]:
    """The same in light, dark and on a telephone; as the page is, and in further states of it."""
    found = []
    for look in LOOKS:
        wear(page, *look)
        for number, state in enumerate((nullcontext, *states)):
            with state():
                found += [(look, number, *rule) for rule in broken(page)]
    return found


def opened(page: Page, site: Site, address: str) -> None:
    page.goto(site.url + address)
    until(page, SETTLED if address != "/nowhere" else "() => document.querySelector('main h1')")


def skip_to_the_content(page: Page, url: str) -> None:
    """The first key on a page that was opened leads past what all pages have."""
    page.keyboard.press("Tab")
    skip = page.locator("#skip")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id || document.activeElement.className") == (
        "page"
    )
    assert page.url.split("?")[0] == url  # with the run, where one is shown
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.closest('main') !== null")


def test_no_rule_is_broken_before_any_run(calm: Page, empty_site: Site) -> None:
    for address in sorted((*PAGES, "/nowhere"), key="/walk".__eq__):  # the one that goes on, last
        opened(calm, empty_site, address)
        if address in PAGES and address not in CHARTED:
            skip_to_the_content(calm, empty_site.url + address)
        assert broken_in_any_look(calm) == [], address
        if address in ("/stability", "/walk"):
            for chart in calm.locator(".chart").all():
                expect(chart.locator(".coming")).to_be_visible()
                expect(chart.locator(".coming-start")).to_be_visible()
    calm.locator(".coming-start").first.click()
    expect(calm.locator("#first")).to_be_visible()
    calm.click("#runs-button")
    expect(calm.get_by_role("menu")).to_be_visible()
    assert broken(calm) == []
    expect(calm.locator("#runs-button")).to_have_attribute("aria-expanded", "true")
    calm.keyboard.press("Escape")
    expect(calm.get_by_role("menu")).to_have_count(0)
    expect(calm.locator("#runs-button")).to_have_attribute("aria-expanded", "false")
    expect(calm.locator("#runs-button")).to_be_focused()


def test_no_rule_is_broken_beside_a_run(calm: Page, site: Site, finished: str) -> None:
    @contextmanager
    def race() -> Iterator[None]:
        calm.click("#race-choose")
        expect(calm.locator("#race-values")).to_be_visible()
        yield
        calm.keyboard.press("Escape")
        expect(calm.locator("#race-values")).to_be_hidden()

    @contextmanager
    def recent() -> Iterator[None]:
        calm.click("#runs-button")
        expect(calm.get_by_role("menuitem").first).to_be_visible()
        yield
        calm.keyboard.press("Escape")

    @contextmanager
    def choice() -> Iterator[None]:
        calm.locator("input[aria-haspopup=listbox]").first.click()
        expect(calm.get_by_role("option").first).to_be_visible()
        yield
        calm.keyboard.press("Escape")

    for address, chart, states in (
        ("/?", "charts", [race]),
        ("/compare?", "compare-loss", []),
        # Of few samples: hundreds of modes cost axe seconds, and are all alike.
        ("/stability?n_samples=16&", "stab-series", []),
        ("/walk?", "walk-msd", [recent, choice]),
    ):
        opened(calm, site, f"{address}run={finished}")
        until(calm, DRAWN, chart)
        if chart == "walk-msd":
            expect(calm.locator("#walk-shares ~ .coming")).to_be_hidden()
        assert broken_in_any_look(calm, *states) == [], address
    opened(calm, site, "/runs")
    expect(calm.locator(".ag-row .runs-name a").first).to_be_visible()
    assert broken_in_any_look(calm) == []


def test_no_rule_is_broken_while_a_run_goes_on(calm: Page, site: Site) -> None:
    run_id = site.start(hidden=[64], epochs=2000, replicates=4)
    wait(lambda: site.get(f"/api/runs/{run_id}")["state"] == "running")
    opened(calm, site, f"/?run={run_id}")
    until(calm, DRAWN, "charts")
    assert broken_in_any_look(calm) == []
    site.post(f"/api/runs/{run_id}/commands", {"command": "stop"})
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])


def test_every_chart_has_a_name_and_says_its_last_values(
    page: Page, site: Site, finished: str
) -> None:
    figures = page.get_by_role("figure")

    def charts() -> None:
        events = site.get(f"/api/runs/{finished}/events?after=0")["events"]
        bands = [event["bands"] for event in events if event.get("bands")]
        angle = bands[-1]["gradient_angle_deg/1"]["median"][-1]
        accuracy = bands[-1]["test_accuracy"]["median"][-1]
        words = page.locator("#charts-words")
        expect(words).to_contain_text(f"layer 1 {round(angle, 1):g}°")
        expect(words).to_contain_text(f"test {round(100 * accuracy, 1):g} %")

    def walk() -> None:
        expect(page.locator("#walk-distances-words")).to_contain_text("displacement, output layer")
        expect(page.locator("#walk-msd-words")).to_contain_text("Exponents: layer 1")
        expect(page.locator("#walk-distances .legendtext")).to_have_text(
            ["layer 1", "layer 2", "output layer"]
        )

    def spectrum() -> None:
        expect(page.locator("#stab-spectrum-words")).to_contain_text("modes")

    said: dict[str, Callable[[], None]] = {"/": charts, "/walk": walk, "/stability": spectrum}
    for address in CHARTED:
        opened(page, site, f"{address}?run={finished}")
        skip_to_the_content(page, site.url + address)
        # A landscape comes when it is computed, beside the charts that are there at once.
        wait(lambda: figures.count() == page.locator(".js-plotly-plot").count() > 0)
        for figure in figures.all():
            assert (figure.get_attribute("aria-label") or "").strip()
            assert not figure.locator("figcaption").get_attribute("aria-live")
        if address in said:
            said[address]()


def test_the_words_follow_a_live_chart_but_not_at_every_frame(page: Page, site: Site) -> None:
    run_id = site.start(hidden=[16], epochs=2000, replicates=2)
    opened(page, site, f"/?run={run_id}")
    expect(page.locator("#charts-words")).to_contain_text("At step")
    page.evaluate(
        """() => { window.said = 0; new MutationObserver(() => { said += 1; }).observe(
            document.querySelector('#charts-words'), { childList: true, characterData: true }); }"""
    )
    drawn = "() => faLive.stats.quick + faLive.stats.draws"
    before = page.evaluate(drawn)
    until(page, "() => said >= 3")
    assert page.evaluate(drawn) - before > page.evaluate("said")
    site.post(f"/api/runs/{run_id}/commands", {"command": "stop"})


def test_figures_in_words(page: Page, site: Site) -> None:
    opened(page, site, "/plane")

    def words(data: list[dict[str, Any]], layout: dict[str, Any]) -> str:
        return str(
            page.evaluate("figure => ChartWords.words(figure)", {"data": data, "layout": layout})
        )

    steps = {"xaxis": {"title": {"text": "step"}}}
    loss = {"name": "train", "x": [0, 1200], "y": [2, 0.12345], "hovertemplate": "%{y:.3g}"}
    angle = {"name": "layer 1", "yaxis": "y2", "hovertemplate": "%{y:.1f}°<extra></extra>"}
    band = {"name": "low", "x": [0], "y": [1], "hoverinfo": "skip"}
    assert words([loss], steps) == "At step 1,200. train 0.1235."
    assert words([{**loss, "y": [2, None]}], steps) == "At step 0. train 2."
    panels = {"meta": {"panels": {"y2": "Angle", "y": "<b>Loss</b>"}}} | steps
    both = [loss, {**angle, "x": [5, 900], "y": [90, 45.67]}, band]
    assert words(both, panels) == (
        "At step 1,200. Angle: layer 1 45.7° (at 900). Loss: train 0.1235."
    )
    share = {"name": "test", "x": [3], "y": [0.9625], "hovertemplate": "%{y:.0%}"}
    assert words([share], {}) == "test 96.3 %."
    assert words([{**loss, "y": [1, 3.2e-7]}], {}) == "train 3.2e−7."
    assert words([], steps) == words([{**loss, "visible": False}], {}) == "Nothing is drawn yet."
    assert words([loss], {"meta": {"words": "Said."}}) == "Said."
    path = {"name": "path 1", "mode": "lines", "x": [0, -1], "y": [1, 0.5]}
    assert words([path], {"meta": {"weights": True}}) == "path 1 ends at −1, 0.5."


def test_the_keyboard_reaches_every_control(page: Page, site: Site) -> None:
    opened(page, site, "/plane")
    skip_to_the_content(page, f"{site.url}/plane")
    # From here on everything in order: nothing twice, each with a mark that can be seen.
    seen: list[str] = []
    for _ in range(40):
        marked = page.evaluate(
            """() => { const e = document.activeElement;
                const marks = [e, ...e.querySelectorAll('*'), e.parentElement];
                const style = marks.map(x => getComputedStyle(x));
                return [e.outerHTML.slice(0, 300), style.some(s => s.outlineStyle !== 'none'
                    && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none')
                    || e.matches('input')]; }"""
        )
        if marked[0] in seen or "BODY" in marked[0][:6].upper():
            break
        assert marked[1], marked[0]
        seen.append(marked[0])
        page.keyboard.press("Tab")
    page.evaluate("() => document.querySelector('#plane-rate [role=slider]').focus()")
    before = page.locator("#plane-rate-value").inner_text()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#plane-rate-value")).not_to_have_text(before)
    named = " ".join(seen)
    for slider in ("Target t", "Feedback b", "Learning rate", "Gradient noise"):
        assert slider in named
    for control in ("plane-unstable", "plane-w1", "plane-w2", "plane-drop", "plane-clear"):
        assert control in named


def test_nothing_moves_for_who_wants_no_motion(page: Page, site: Site, finished: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    opened(page, site, f"/stability?run={finished}")
    moving = """() => [...document.querySelectorAll('*')].filter(element => {
        const { transitionDuration, animationDuration } = getComputedStyle(element);
        return /[1-9]/.test(transitionDuration + animationDuration);
    }).map(element => element.outerHTML.slice(0, 100))"""
    assert page.evaluate(moving) == []
    thumb = page.locator("#stab-at [role=slider]")
    until(page, "() => !document.querySelector('#stab-play').disabled")
    last = thumb.get_attribute("aria-valuemax") or ""
    assert int(last) > 1
    expect(thumb).to_have_attribute("aria-valuenow", last)
    page.click("#stab-play")  # from the end to the start,
    expect(thumb).to_have_attribute("aria-valuenow", "0")
    expect(page.locator("#stab-play")).to_have_text("Play")
    page.click("#stab-play")  # and to the end, without what lies between
    expect(thumb).to_have_attribute("aria-valuenow", last)
