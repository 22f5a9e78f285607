"""A run that has lost networks, opened later by somebody who did not watch it."""

from __future__ import annotations

import re

import pytest
from browser_helpers import Site, until, wait
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

# Its third network is no longer finite from step 15 on, the first from 70, the second from 75.
THREE = {
    "activation": "relu",
    "loss": "squared_error",
    "learning_rate": 0.3,
    "replicates": 3,
    "measure_every": 5,
}
WORDS = "place => faLive.gd.data[faLive.meta.ends[place].trace].text.at(-1)"


def ended(site: Site, **config: object) -> str:
    run_id = site.start(**config)
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    return run_id


def opened(page: Page, site: Site, run_id: str) -> None:
    page.goto(f"{site.url}/?run={run_id}")
    until(page, "id => window.faLive && faLive.run && faLive.run.id === id && faLive.gd", run_id)


def test_a_partly_diverged_run_says_so_to_whoever_opens_it_later(page: Page, site: Site) -> None:
    run_id = ended(site, **THREE, epochs=2)
    opened(page, site, run_id)
    expect(page.locator("#run-state")).to_have_text("finished, 1 of 3 networks diverged")
    expect(page.locator("#run-since")).to_have_text("network 3 since step 15")
    expect(page.locator("#chart-note")).to_contain_text("3 at first, 2 from step 15 on.")
    expect(page.locator("#chart-note")).not_to_contain_text("the median of 3 networks")
    expect(page.locator("#chart-note")).to_contain_text("Train is one batch, before its step")
    colour = "id => getComputedStyle(document.getElementById(id)).color"
    said = page.evaluate(colour, "run-state")
    # Ended as it was asked to: its speed and its time are those of the whole run.
    expect(page.locator("#run-speed-title")).to_have_text("steps/s, mean")
    expect(page.locator("#run-speed")).to_have_text(re.compile(r"^[\d,.]+$"))
    expect(page.locator("#run-left-title")).to_have_text("trained for")
    expect(page.locator("#run-left")).to_have_text(re.compile(r"^[\d.]+ (s|min.*)$"))
    page.click("#runs-button")
    item = page.locator(".runs-list a, .runs-list [role=menuitem]").filter(
        has_text="finished, 1 of 3 networks diverged"
    )
    expect(item.first).to_be_visible()
    expect(item.first.locator(".dot-partly")).to_be_visible()
    page.goto(f"{site.url}/walk?run={run_id}")
    expect(page.locator("#walk-run")).to_contain_text("finished, 1 of 3 networks diverged")
    expect(page.locator("#walk-run")).to_contain_text("network 3 since step 15")
    whole = ended(site, epochs=1)
    opened(page, site, whole)
    expect(page.locator("#run-state")).to_have_text("finished")
    assert page.evaluate(colour, "run-state") != said  # that one is plain green


def test_a_run_without_a_network_left_says_why_its_panels_are_empty(page: Page, site: Site) -> None:
    run_id = ended(site, **THREE | {"learning_rate": 50.0, "weight_std": 1.0}, epochs=4)
    opened(page, site, run_id)
    expect(page.locator("#run-state")).to_have_text("diverged")
    expect(page.locator("#run-since")).to_have_text("networks 1 to 3 since step 5")
    expect(page.locator("#chart-note")).to_contain_text("3 at first, none from step 5 on.")
    for panel in range(3):
        until(page, f"place => ({WORDS})(place) !== ' '", panel)
        said = page.evaluate(WORDS, panel)
        assert said == "no value: all 3 networks diverged by step 5"


def test_a_run_is_paused_in_the_queue_and_its_name_follows_a_switch(page: Page, site: Site) -> None:
    first = site.start(epochs=9000, replicates=1, hidden=[16, 16])
    wait(lambda: site.get(f"/api/runs/{first}")["state"] == "running")
    queued = site.start(epochs=9000, replicates=1, hidden=[20, 20], learning_rate=0.01)
    opened(page, site, queued)
    expect(page.locator("#run-state")).to_have_text("queued")
    page.click("#pause")
    expect(page.locator("#run-state")).to_have_text("paused")
    expect(page.locator("#run-reason")).to_have_text("paused before it began")
    site.post(f"/api/runs/{first}/commands", {"command": "stop"})
    wait(lambda: site.get(f"/api/runs/{first}")["ended"])
    page.click("#resume")
    expect(page.locator("#run-state")).to_have_text("running")
    expect(page.locator("#run-name")).to_have_text(re.compile("^FA on digits, 20-20, rate 0.01"))
    site.post(f"/api/runs/{queued}/commands", {"command": "set", "scheme": "bp"})
    expect(page.locator("#run-name")).to_have_text(
        re.compile(r"^FA → BP at step [\d,]+ on digits, 20-20, rate 0.01")
    )
    expect(page.locator(".chip")).to_contain_text("FA → BP")
    site.post(f"/api/runs/{queued}/commands", {"command": "stop"})
    expect(page.locator("#run-state")).to_have_text("stopped")
    expect(page.locator("#run-reason")).to_have_text(re.compile(r"^stopped at step [\d,]+$"))
