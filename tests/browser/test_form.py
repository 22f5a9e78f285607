"""The form of the Train page: seen whole, typed into at once, and never beside what it trains."""

from __future__ import annotations

import json

import pytest
from browser_helpers import Site, until, wait
from playwright.sync_api import Page, Route, expect

from app.components.form import COMMON
from fa_engine import RunConfig

pytestmark = pytest.mark.browser

LONG = {"epochs": 9000, "replicates": 1, "hidden": [16, 16], "measure_every": 20}
RUNNING = "id => faLive.run && faLive.run.id === id && faLive.run.state === 'running'"
STATE = "document.documentElement.dataset.run"
IN_SIGHT = """element => {
  const { left, right, top, bottom, width, height } = element.getBoundingClientRect();
  const at = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  return width > 0 && height > 0 && left >= 0 && top >= 0 && right <= innerWidth
    && bottom <= innerHeight && (element.contains(at) || at.contains(element));
}"""


def stop(site: Site, run_id: str) -> None:
    site.post(f"/api/runs/{run_id}/commands", {"command": "stop"})
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])


def running(page: Page, site: Site) -> str:
    run_id = site.start(**LONG)
    page.goto(f"{site.url}/?run={run_id}")
    until(page, RUNNING, run_id)
    return run_id


def release(page: Page, held: list[Route]) -> None:
    """Lets the request go on that is held back, as soon as it is there."""
    while not held:
        page.wait_for_timeout(50)  # and not a sleep: it would hear of none
    held[0].continue_()


def test_what_everyone_changes_is_in_sight_on_a_small_screen(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(site.url)
    expect(page.locator("#first")).to_be_visible()
    expect(page.locator("#form-note")).to_contain_text("steps")
    for name in COMMON:
        assert page.locator(f".field-{name} input").first.evaluate(IN_SIGHT), name
    for index in range(page.locator(".presets button").count()):
        assert page.locator(".presets button").nth(index).evaluate(IN_SIGHT)
    page.locator("#fold-machine summary").click()  # far down
    page.locator(".field-dtype").scroll_into_view_if_needed()
    assert page.locator("#train").evaluate(IN_SIGHT)


def test_a_description_is_a_tooltip_and_read_out(page: Page, site: Site) -> None:
    page.goto(site.url)
    field = page.locator(".field-replicates input")
    field.focus()
    expect(page.get_by_role("tooltip")).to_contain_text("trained side by side")
    expect(field).to_have_accessible_description(
        "Networks trained side by side, each with weights and feedback matrices of its own."
    )


def test_what_is_typed_before_the_page_is_ready_is_trained(page: Page, site: Site) -> None:
    # What the form asks of the server first is held back and answered late, and once not at all.
    held: list[Route] = []

    def late(route: Route) -> None:
        body = json.loads(route.request.post_data or "")
        if "form-shown.data" in body["changedPropIds"] and len(held) < 2:
            held.append(route)
            if len(held) == 2:  # out of order: the second answer comes first
                route.continue_()
                held[0].fulfill(status=204)
        else:
            route.continue_()

    page.route("**/_dash-update-component*", late)
    page.goto(site.url)
    for name, text in (("hidden", "24, 16"), ("epochs", "4,000"), ("replicates", "3")):
        page.locator(f".field-{name} input").fill(text)
    expect(page.locator("#form-note")).to_contain_text("64-24-16-10 · 3 ×")
    expect(page.locator("#form-note")).to_contain_text("88,000 steps")
    page.locator(".field-seed input").fill("7")
    page.click("#train")  # at once, before anything has been checked
    until(page, "() => faLive.run")
    config = site.get(f"/api/runs/{page.url.rpartition('=')[2]}")["config"]
    assert (config["hidden"], config["epochs"], config["replicates"]) == ([24, 16], 4000, 3)
    assert config["seed"] == 7
    stop(site, page.evaluate("faLive.run.id"))


def test_what_is_typed_before_the_values_of_a_run_arrive_stays(page: Page, site: Site) -> None:
    run_id = site.start(epochs=1, hidden=[20])
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    held: list[Route] = []

    def late(route: Route) -> None:
        if "form-given" in json.loads(route.request.post_data or "")["output"]:
            held.append(route)
        else:
            route.continue_()

    page.route("**/_dash-update-component*", late)
    page.goto(f"{site.url}/?run={run_id}")
    until(page, "id => faLive.run && faLive.run.id === id", run_id)
    page.locator(".field-seed input").fill("77")
    release(page, held)
    expect(page.locator(".field-hidden input")).to_have_value("20")
    expect(page.locator(".field-epochs input")).to_have_value("1")
    expect(page.locator(".field-seed input")).to_have_value("77")


def test_another_run_is_trained_while_one_goes_on(page: Page, site: Site) -> None:
    first = running(page, site)
    name = site.get(f"/api/runs/{first}")["name"]
    expect(page.locator("#train")).to_have_text("Train new", use_inner_text=True)
    expect(page.locator("#pause")).to_be_visible()
    expect(page.locator(".field[data-changed]")).to_have_count(0)
    page.locator(".field-epochs input").fill("2")
    page.locator(".field-learning_rate input").fill("0.3")
    expect(page.locator(".field[data-changed]")).to_have_count(2)
    expect(page.locator("#next-note")).to_contain_text("Learning rate, Epochs")
    expect(page.locator("#queue-note")).to_contain_text(f"queued behind {name}")
    expect(page.locator("#now-lr")).to_have_value("0.1")  # what acts now
    page.click("#train")
    until(page, "id => faLive.run && faLive.run.id !== id", first)
    second = page.evaluate("faLive.run.id")
    assert site.get(f"/api/runs/{first}")["state"] == "running"
    assert site.get(f"/api/runs/{first}")["learning_rate"] == 0.1
    expect(page.locator("#run-reason")).to_contain_text(f"behind {name}")
    stop(site, first)
    wait(lambda: site.get(f"/api/runs/{second}")["state"] == "finished")
    expect(page.locator("#train")).to_have_text("Train", use_inner_text=True)
    expect(page.locator("#queue-note")).to_be_empty()


def test_keys_start_pause_and_step_and_are_listed(page: Page, site: Site) -> None:
    page.goto(site.url)
    expect(page.locator("#form-note")).to_contain_text("steps")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    page.locator(".field-epochs input").fill("9000")
    page.locator(".field-hidden input").fill("16")
    page.locator(".field-hidden input").press("Enter")
    until(page, "() => faLive.run && faLive.run.state === 'running'")
    run_id = page.evaluate("faLive.run.id")
    config = site.get(f"/api/runs/{run_id}")["config"]
    assert (config["hidden"], config["epochs"]) == ([16], 9000)
    page.locator(".field-hidden input").press("Space")  # typed, not obeyed
    expect(page.locator(".field-hidden input")).to_have_value("16 ")
    assert page.evaluate("faLive.run.state") == "running"
    page.locator("#run-name").click()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    expect(page.locator("#run-state")).to_have_text("paused")
    until(page, "() => faLive.drawn === faLive.head")
    at = page.evaluate("faLive.run.step")
    page.keyboard.press("ArrowRight")
    until(page, "at => faLive.run.step === at + 1", at)
    page.keyboard.press("Space")
    expect(page.locator("#run-state")).to_have_text("running")
    assert page.locator("#pause").get_attribute("aria-keyshortcuts") == "Space"
    page.locator("#keys-button").focus()
    page.keyboard.press("Space")  # the button's own key
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert page.evaluate("faLive.run.state") == "running"
    stop(site, run_id)


WELCOMES = """
  window.welcomed = 0;
  const look = () => {
    const first = document.getElementById('first');
    if (first && first.getClientRects().length && getComputedStyle(first).visibility !== 'hidden')
      window.welcomed += 1;
    requestAnimationFrame(look);
  };
  look();
"""


def test_a_link_to_a_run_never_invites_to_another(page: Page, site: Site) -> None:
    run_id = site.start(epochs=1)
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    page.add_init_script(WELCOMES)
    held: list[Route] = []

    def late(route: Route) -> None:
        if json.loads(route.request.post_data or "")["output"] == "charts.figure" and not held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/_dash-update-component*", late)
    page.goto(f"{site.url}/?run={run_id}")
    expect(page.get_by_text("Opening the run")).to_be_visible()  # what the page waits for
    assert page.evaluate(STATE) == "waiting"
    release(page, held)
    until(page, "id => faLive.run && faLive.run.id === id", run_id)
    expect(page.get_by_text("Opening the run")).to_be_hidden()
    assert page.evaluate("window.welcomed") == 0
    page.goto(site.url)  # and here it is seen
    until(page, "() => window.welcomed > 0")


def test_a_refused_rate_says_what_acts(page: Page, site: Site) -> None:
    run_id = running(page, site)
    page.fill("#now-lr", "0,2")
    page.press("#now-lr", "Enter")
    said = page.locator("#now .mantine-InputWrapper-error")
    expect(said).to_have_text(
        "Learning rate = '0,2': allowed is a number above 0, at most 100: write 0.2. "
        "0.1 goes on acting."
    )
    page.press("#now-lr", "Escape")
    expect(said).to_have_count(0)
    expect(page.locator("#now-lr")).to_have_value("0.1")
    stop(site, run_id)


@pytest.mark.parametrize("address", ["/stability", "/walk"])
def test_the_lab_names_its_run_in_the_address(page: Page, site: Site, address: str) -> None:
    run_id = site.start(epochs=1)
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    page.goto(site.url)
    page.goto(f"{site.url}{address}")
    page.wait_for_url(f"**{address}?run={run_id}")
    expect(page.locator(".lab-run h2")).to_be_visible()
    expect(page.locator(".nav-link[aria-current]")).to_have_attribute(
        "href", f"{address}?run={run_id}"
    )
    site.start(epochs=1)  # the newest from now on
    page.reload()
    until(page, f"() => location.search === '?run={run_id}'")
    page.go_back()
    assert page.url.rstrip("/") == site.url  # no step in between


def test_a_field_says_what_it_is_under_the_pointer(page: Page, site: Site) -> None:
    page.goto(site.url)
    # Others are told what happens to what they stand beside; a tooltip is not (assets/lean.js).
    told = """() => Object.entries(window.dash_mantine_components)
        .filter(([, part]) => part?.dashChildrenUpdate).map(([name]) => name)"""
    names = page.evaluate(told)
    assert names
    assert "Tooltip" not in names
    page.locator(".field-epochs input").hover()
    said = page.get_by_role("tooltip").filter(has_text=RunConfig.model_fields["epochs"].description)
    expect(said).to_be_visible()
    page.locator("#nav").hover()
    expect(said).to_have_count(0)
