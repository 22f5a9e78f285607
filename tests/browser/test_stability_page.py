"""The Stability page as a person meets it: look, play, kick, hand over."""

from __future__ import annotations

import pytest
from browser_helpers import Site, until, wait
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

# Modes on the plane: [of non-negative real part, of negative], as the chart has drawn them.
MODES = """() => [...document.querySelectorAll('#stab-spectrum .scatterlayer .trace')].slice(0, 2)
    .map(trace => trace.querySelectorAll('path.point').length)"""
COUNT = "() => document.querySelector('#stab-numbers td')?.innerText || ''"
SERIES = """() => (document.querySelector('#stab-series .js-plotly-plot')?.data || [])
    .map(trace => trace.y.length)"""
RETURN = "() => document.querySelector('#stab-return .js-plotly-plot').data.map(t => t.y)"
CONFIG = {"hidden": [10, 8], "epochs": 3, "replicates": 2, "learning_rate": 0.1}


def finished(site: Site, **config: object) -> str:
    run_id = site.start(**(CONFIG | config))
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    return run_id


def looked_at(page: Page) -> tuple[int, int]:
    """Unstable modes and modes, as written beside the chart."""
    unstable, _, modes = page.evaluate(COUNT).split()[:3]
    return int(unstable), int(modes)


def test_the_spectrum_of_every_checkpoint(page: Page, site: Site) -> None:
    run_id = finished(site)
    kept = site.get(f"/api/runs/{run_id}/checkpoints")["checkpoints"]
    page.goto(f"{site.url}/stability?run={run_id}")
    expect(page.locator("#stab-step")).to_have_text("step 66")  # the last one, first
    until(page, f"() => ({COUNT})().includes('of 640')")
    unstable, modes = looked_at(page)
    stable, growing = page.evaluate(MODES)
    assert (growing, stable + growing) == (unstable, modes)
    # The identity: three ways to one number.
    numbers = page.locator("#stab-numbers table").nth(1).locator("td").all_inner_texts()
    values = [float(text.split()[0].replace("−", "-")) for text in numbers]
    assert values[0] < 0
    assert values[1] == pytest.approx(values[0], rel=1e-3)
    assert values[2] == pytest.approx(values[0], rel=1e-2)
    page.wait_for_function(  # a spectrum each, one after another
        f"count => ({SERIES})().every(length => length === count)",
        arg=len(kept),
        timeout=120_000,
    )

    before = page.evaluate(COUNT)
    page.locator("#stab-at [role=slider]").press("Home")
    expect(page.locator("#stab-step")).to_have_text("step 0")
    until(page, f"before => ({COUNT})() !== before", before)
    assert looked_at(page)[0] != unstable
    page.click("#stab-play")
    expect(page.locator("#stab-play")).to_have_text("Pause")
    until(page, "() => document.querySelector('#stab-step').innerText !== 'step 0'")
    page.click("#stab-play")
    expect(page.locator("#stab-play")).to_have_text("Play")

    field = page.locator(".field", has_text="Probe set").locator("input")
    field.fill("20")
    until(page, f"() => ({COUNT})().includes('of 200')")
    field.fill("0")
    expect(page.get_by_text("n_samples = '0': allowed is")).to_be_visible()
    field.fill("90000")
    expect(page.get_by_text("n_samples = 90000: allowed is at most 1438")).to_be_visible()
    field = page.locator(".field", has_text="Which of the run's networks").locator("input")
    field.fill("3")
    expect(page.get_by_text("replicate = 3: allowed is from 1 to 2")).to_be_visible()


def test_what_another_scheme_would_make_of_the_weights(page: Page, site: Site) -> None:
    run_id = finished(site, scheme="bp", epochs=20)
    page.goto(f"{site.url}/stability?run={run_id}")
    until(page, f"() => ({COUNT})().includes('of 640')")
    assert looked_at(page)[0] == 0  # backpropagation is stable everywhere
    page.locator(".field", has_text="Of which scheme").locator("input").first.click()
    page.get_by_role("option", name="Feedback alignment", exact=True).click()
    until(page, f"() => !({COUNT})().startsWith('0 of')")
    assert looked_at(page)[0] > 10


def test_a_diverged_network_has_no_spectrum(page: Page, site: Site) -> None:
    run_id = finished(site, activation="linear", loss="squared_error", learning_rate=5)
    assert site.get(f"/api/runs/{run_id}")["state"] == "diverged"
    page.goto(f"{site.url}/stability?run={run_id}")
    expect(page.locator("#stab-numbers")).to_contain_text("This network had diverged by step")
    page.click("#stab-kick-go")
    expect(page.locator("#stab-kick-note")).to_contain_text("diverged")
    page.goto(f"{site.url}/walk?run={run_id}")
    until(page, "() => document.querySelector('#walk-shares .js-plotly-plot')?.data?.length >= 3")


def test_a_kick_is_watched(page: Page, site: Site) -> None:
    run_id = finished(site)
    page.goto(f"{site.url}/stability?run={run_id}")
    expect(page.locator("#stab-step")).to_have_text("step 66")
    steps = page.locator(".field", has_text="How long they are trained on").locator("input")
    steps.fill("0")
    page.click("#stab-kick-go")
    expect(page.get_by_text("steps = '0': allowed is a whole number from 1")).to_be_visible()
    steps.fill("40")
    page.locator(".field", has_text="least stable mode, both ways").locator("input").first.click()
    page.get_by_role("option", name="Random").click()
    page.click("#stab-kick-go")
    expect(page.locator("#stab-kick-note")).to_contain_text("times as far apart in the end")
    expect(page.locator("#stab-kick-note")).to_contain_text("Kicked at step 66")
    curves = [y for y in page.evaluate(RETURN) if len(y) > 1]
    assert len(curves) == 3 * (8 + 1) + 2
    assert {len(y) for y in curves} == {41}
    assert curves[0][0] == pytest.approx(curves[1][0], rel=1e-3)  # all kicks are equally long


def test_a_minimum_is_handed_over(page: Page, site: Site) -> None:
    run_id = finished(site, scheme="bp")
    page.goto(f"{site.url}/stability?run={run_id}")
    expect(page.locator("#stab-step")).to_have_text("step 66")
    expect(page.locator("#hand-rate")).to_have_value("0.1")
    page.fill("#hand-rate", "-1")
    page.click("#hand-start")
    expect(page.get_by_text("learning_rate = '-1': allowed is")).to_be_visible()
    page.fill("#hand-rate", "0.05")
    page.fill("#hand-epochs", "2")
    page.click("#hand-start")
    until(page, "() => location.pathname === '/' && window.faLive.run")
    child = site.get(f"/api/runs/{page.url.rpartition('=')[2]}")
    assert child["parent"] == {"run_id": run_id, "step": 66}
    assert (child["scheme"], child["learning_rate"], child["epochs"]) == ("fa", 0.05, 2)
    expect(page.locator("#run-parent")).to_have_text("parent run, step 66")
    expect(page.locator("#run-state")).to_have_text("finished")
    page.locator("#nav a", has_text="Stability").click()
    expect(page.get_by_text("began with the weights of step 66 of another run")).to_be_visible()


def test_a_running_run_is_tracked(page: Page, site: Site) -> None:
    run_id = site.start(**(CONFIG | {"epochs": 9000}))
    page.goto(f"{site.url}/stability?run={run_id}")
    page.click("#stab-keep")
    address = f"/api/runs/{run_id}/checkpoints"
    wait(lambda: len(site.get(address)["checkpoints"]) > 10)
    page.fill("#stab-every", "0.5")
    page.click("#stab-track")
    expect(page.get_by_text("every = '0.5': allowed is a whole number")).to_be_visible()
    before = len(site.get(address)["checkpoints"])
    page.fill("#stab-every", "50")
    page.click("#stab-track")
    wait(lambda: len(site.get(address)["checkpoints"]) > before + 8)
    until(page, f"() => Math.max(...({SERIES})()) > 3")
    site.post(f"/api/runs/{run_id}/commands", {"command": "stop"})
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    expect(page.locator("#stab-tracking")).to_be_hidden()


def test_without_a_run_it_says_what_to_do(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/stability?run=nobody")
    expect(page.locator("#stab-run")).to_contain_text("There is no run 'nobody'")
    page.locator("#stab-run a").click()
    until(page, "() => location.pathname === '/'")


def test_it_fits_a_narrow_screen(chromium: Browser, site: Site) -> None:
    run_id = finished(site)
    page = chromium.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{site.url}/stability?run={run_id}")
    expect(page.locator("#stab-step")).to_have_text("step 66")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.close()
