"""The Stability page as a person meets it: look, play, kick, hand over."""

from __future__ import annotations

import json
import re

import pytest
from browser_helpers import Site, frames, until, wait
from playwright.sync_api import Page, Route, expect

pytestmark = pytest.mark.browser

# Modes on the plane: [of non-negative real part, of negative], as the chart has drawn them.
MODES = """() => [...document.querySelectorAll('#stab-spectrum .scatterlayer .trace')].slice(0, 2)
    .map(trace => trace.querySelectorAll('path.point').length)"""
COUNT = "() => document.querySelector('#stab-numbers td')?.innerText || ''"
SERIES = """() => (document.querySelector('#stab-series .js-plotly-plot')?.data || [])
    .map(trace => trace.y.filter(y => y !== null).length)"""
RETURN = "() => document.querySelector('#stab-return .js-plotly-plot').data.map(t => t.y)"
# A spectrum of 16 samples takes a hundredth of what one of 64 does: many are asked for here.
FEW = "&n_samples=16"
CONFIG = {"hidden": [10, 8], "epochs": 3, "replicates": 2, "learning_rate": 0.1}


def finished(site: Site, **config: object) -> str:
    run_id = site.start(**(CONFIG | config))
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    return run_id


@pytest.fixture(scope="module")
def ended(site: Site) -> str:
    """One for all that only look at it: what is computed of it once is there for the next."""
    return finished(site)


def looked_at(page: Page) -> tuple[int, int]:
    """Unstable modes and modes, as written beside the chart."""
    unstable, _, modes = page.evaluate(COUNT).split()[:3]
    return int(unstable), int(modes)


def test_the_spectrum_of_every_checkpoint(page: Page, site: Site, ended: str) -> None:
    run_id = ended
    kept = site.get(f"/api/runs/{run_id}/checkpoints")["checkpoints"]
    page.goto(f"{site.url}/stability?run={run_id}&n_samples=32")
    expect(page.locator("#stab-step")).to_have_text("step 66")  # the last one, first
    until(page, f"() => ({COUNT})().includes('of 320')")
    unstable, modes = looked_at(page)
    stable, growing = page.evaluate(MODES)
    assert (growing, stable + growing) == (unstable, modes)
    assert unstable > 0
    overshoot = page.locator("#stab-numbers tr", has_text="overshoots").locator("td")
    expect(overshoot).to_contain_text("0.0 %")  # unstable modes do not
    # The identity: three ways to one number.
    numbers = page.locator("#stab-numbers table").nth(1).locator("td").all_inner_texts()
    values = [float(text.split()[0].replace("−", "-")) for text in numbers]
    assert values[0] < 0
    assert values[1] == pytest.approx(values[0], rel=1e-3)
    assert values[2] == pytest.approx(values[0], rel=1e-2)
    if page.evaluate(SERIES)[0] < len(kept):
        done = page.locator("#stab-series-note")
        expect(done).to_have_text(re.compile(rf"\d+ of {len(kept)} checkpoints are computed"))
    until(page, f"count => ({SERIES})().every(length => length === count)", len(kept))
    note = page.locator("#stab-series-note")
    expect(note).to_have_text(re.compile(r"^From step 0 to step 66 the share of modes [^?]*\.$"))
    page.get_by_text("Log steps").click()
    ticks = page.locator("#stab-series .xaxislayer-above .xtick text")
    expect(ticks).to_have_text(["0", "1", "2", "5", "10", "20", "50"])
    points = page.locator("#stab-series .scatterlayer .trace").first.locator("path.point")
    for point, step in ((points.first, 0), (points.last, kept[-1]["step"])):
        point.hover(force=True)  # the layer that catches the pointer lies above it
        title = page.locator("#stab-series .hoverlayer .legendtitletext")
        expect(title).to_have_text(f"step {step}")

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
    expect(page.get_by_text("Probe set = '0': allowed is")).to_be_visible()
    for value, shown in (("abc", "'abc'"), ("90000", "90000"), ("201", "201")):
        field.fill(value)
        allowed = f"Probe set = {shown}: allowed is a whole number from 1 to 200"
        expect(page.get_by_text(allowed)).to_be_visible()
    field.fill("64")
    expect(page.get_by_text("Probe set = ")).to_have_count(0)
    field = page.locator(".field", has_text="Which of the run's networks").locator("input")
    field.fill("3")
    expect(page.get_by_text("Network = 3: allowed is from 1 to 2")).to_be_visible()


def test_a_late_answer_takes_the_place_of_no_newer_one(page: Page, site: Site) -> None:
    run_id = finished(site, train_samples=40, batch_size=8)
    page.goto(f"{site.url}/stability?run={run_id}{FEW}")
    until(page, f"() => ({COUNT})().includes('of 160')")
    note = page.locator("#stab-series-note")
    expect(note).not_to_contain_text("are computed")
    held: list[Route] = []

    def hold(route: Route) -> None:
        asked = json.loads(route.request.post_data or "")
        if "stab-spectrum.figure" in asked["output"] and not held:
            held.append(route)
        else:
            route.continue_()

    # Of the first checkpoint, whose answer comes when that of the one after is drawn.
    page.route("**/_dash-update-component*", hold)
    page.locator("#stab-at [role=slider]").press("Home")
    wait(lambda: page.evaluate("1") and held)
    page.locator("#stab-at [role=slider]").press("ArrowRight")
    expect(page.locator("#stab-step")).to_have_text("step 1")
    with page.expect_response(lambda answer: answer.request == held[0].request) as answer:
        held[0].continue_()
    answer.value.finished()
    frames(page)
    expect(page.locator("#stab-step")).to_have_text("step 1")


def test_what_another_scheme_would_make_of_the_weights(page: Page, site: Site) -> None:
    run_id = finished(site, scheme="bp", epochs=20)
    page.goto(f"{site.url}/stability?run={run_id}&n_samples=32")
    until(page, f"() => ({COUNT})().includes('of 320')")
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


def test_a_kick_is_watched(page: Page, site: Site, ended: str) -> None:
    page.goto(f"{site.url}/stability?run={ended}{FEW}")
    expect(page.locator("#stab-step")).to_have_text("step 66")
    steps = page.locator(".field", has_text="How long they are trained on").locator("input")
    steps.fill("-1")
    page.click("#stab-kick-go")
    expect(page.get_by_text("Steps = '-1': allowed is a whole number from 0")).to_be_visible()
    note = page.locator("#stab-kick-note")
    expect(note).to_have_text("Nothing was kicked.")
    steps.fill("3")
    length = page.locator(".field", has_text="As a share of the length").locator("input")
    length.fill("1e-12")
    page.click("#stab-kick-go")
    expect(note).to_contain_text("Length of the kick = 1e-12: allowed is a number above")
    steps.fill("-1")
    page.click("#stab-kick-go")
    expect(note).to_have_text("Nothing was kicked.")  # and nothing of the kick before
    length.fill("0.1")
    steps.fill("3")
    network = page.locator(".field", has_text="Which of the run's networks").locator("input")
    network.fill("9")
    expect(page.get_by_text("Network = 9: allowed is from 1 to 2")).to_be_visible()
    page.click("#stab-kick-go")
    expect(note).to_have_text("Nothing was kicked. Network = 9: allowed is from 1 to 2")
    network.fill("2")
    expect(page.get_by_text("allowed is from 1 to 2")).to_have_count(1)  # of the kick's note
    page.click("#stab-kick-go")
    expect(note).to_contain_text("Network 2, kicked at step 66 along the mode λ = ")
    ticks = page.locator("#stab-return .xaxislayer-above .xtick text")
    expect(ticks).to_have_text(["0", "1", "2", "3"])
    steps.fill("40")
    page.locator(".field", has_text="A mode, both ways").locator("input").first.click()
    page.get_by_role("option", name="Random").click()
    page.click("#stab-kick-go")
    until(page, f"() => ({RETURN})().some(y => y.length === 41)")
    expect(note).to_contain_text("times as far apart")
    curves = [y for y in page.evaluate(RETURN) if len(y) > 1]
    assert len(curves) == 4 * (8 + 1) + 2
    assert {len(y) for y in curves} == {41}
    # All kicks are equally long; what the outputs see of them is not.
    assert curves[9][0] == pytest.approx(curves[10][0], rel=1e-3)
    assert curves[0][0] != pytest.approx(curves[1][0], rel=1e-3)


def test_a_long_kick_is_left_off_and_holds_nobody_up(page: Page, site: Site, ended: str) -> None:
    page.goto(f"{site.url}/stability?run={ended}{FEW}")
    until(page, f"() => ({COUNT})().includes('of 160')")
    leave = page.get_by_role("button", name="Leave off")
    expect(leave).to_be_disabled()
    # The default way, along the least stable mode, has two directions alone.
    page.locator(".field", has_text="A mode, both ways").locator("input").first.click()
    page.get_by_role("option", name="Random").click()
    page.locator(".field", has_text="How many, of random ones").locator("input").fill("64")
    page.locator(".field", has_text="How long they are trained on").locator("input").fill("20000")
    page.click("#stab-kick-go")
    note = page.locator("#stab-kick-note")
    expect(note).to_contain_text("%")
    probe = page.locator(".field", has_text="outputs are looked at").locator("input")
    probe.fill("9")  # another spectrum is wanted meanwhile
    until(page, f"() => ({COUNT})().includes('of 90')")
    expect(note).to_contain_text("%")
    leave.click()
    expect(note).to_have_text("The kick was left off.")
    expect(leave).to_be_disabled()


def test_a_minimum_is_handed_over(page: Page, site: Site) -> None:
    run_id = finished(site, scheme="bp")
    page.goto(f"{site.url}/stability?run={run_id}")
    expect(page.locator("#stab-step")).to_have_text("step 66")
    expect(page.locator("#hand-rate")).to_have_value("0.1")
    page.fill("#hand-rate", "-1")
    page.click("#hand-start")
    expect(page.get_by_text("Learning rate = '-1': allowed is")).to_be_visible()
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
    name = site.get(f"/api/runs/{run_id}")["name"]
    origin = page.get_by_text(f"began with the weights of step 66 of {name}")
    expect(origin).to_have_attribute("href", f"?run={run_id}")


def test_a_running_run_is_tracked(page: Page, site: Site) -> None:
    run_id = site.start(**(CONFIG | {"epochs": 1_000_000}))
    page.goto(f"{site.url}/stability?run={run_id}{FEW}")
    said = page.locator("#stab-tracking-note")
    page.click("#stab-keep")
    expect(said).to_contain_text("Asked for a checkpoint now")
    address = f"/api/runs/{run_id}/checkpoints"
    wait(lambda: len(site.get(address)["checkpoints"]) > 10)
    page.fill("#stab-every", "0.5")
    page.click("#stab-track")
    expect(page.get_by_text("Track every = '0.5': allowed is a whole number")).to_be_visible()
    expect(said).to_have_text("")
    before = len(site.get(address)["checkpoints"])
    page.fill("#stab-every", "50")
    page.click("#stab-track")
    expect(said).to_have_text("A checkpoint is kept every 50 steps from now on.")
    wait(lambda: len(site.get(address)["checkpoints"]) > before + 8)
    until(page, f"() => Math.max(...({SERIES})()) > 3")
    page.fill("#stab-every", "0")
    page.click("#stab-track")
    expect(said).to_contain_text("Tracking ends")
    site.post(f"/api/runs/{run_id}/commands", {"command": "stop"})
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    expect(page.locator("#stab-tracking")).to_be_hidden()


def test_the_newest_spectrum_that_is_there_is_shown(page: Page, site: Site) -> None:
    """Of a run that keeps checkpoints faster than their spectra come."""
    run_id = site.start(**(CONFIG | {"epochs": 1_000_000}))
    page.goto(f"{site.url}/stability?run={run_id}{FEW}")
    until(page, f"() => ({COUNT})().includes('of 160')")
    page.fill("#stab-every", "50")
    page.click("#stab-track")
    seen = set()
    for _ in range(3):  # they go on coming, and none is withdrawn for another on its way
        until(
            page,
            f"""steps => {{
                const [step, note] = ['step', 'note'].map(id =>
                    document.querySelector(`#stab-${{id}}`).innerText);
                return !steps.includes(step) && note.includes('is on its way')
                    && note.startsWith(`Shown is ${{step}}, the newest`)
                    && document.querySelector('#stab-look').className === 'lab-split'
                    && ({COUNT})().includes('of 160') && step;
            }}""",
            list(seen),
        )
        seen.add(page.locator("#stab-step").inner_text())
    assert len(seen) == 3
    # No line is drawn to what is still to come.
    gaps = """() => document.querySelector('#stab-series .js-plotly-plot').data[0].y
        .some(y => y === null)"""
    assert page.evaluate(gaps)
    # What is kicked is what is shown, and not what is on its way.
    shown = page.evaluate("""() => {
        document.querySelector('#stab-kick-go').click();
        return document.querySelector('#stab-step').innerText;
    }""")
    expect(page.locator("#stab-kick-note")).to_contain_text(f"Network 1, kicked at {shown} ")
    site.post(f"/api/runs/{run_id}/commands", {"command": "stop"})
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    newest = max(
        kept["step"] for kept in site.get(f"/api/runs/{run_id}/checkpoints")["checkpoints"]
    )
    expect(page.locator("#stab-step")).to_have_text(f"step {newest:,}")


def test_another_run_has_its_own_probe_set(page: Page, site: Site) -> None:
    few = finished(site, train_samples=40, batch_size=8)
    many = finished(site)
    page.goto(f"{site.url}/stability?run={few}")
    field = page.locator(".field", has_text="Probe set").locator("input")
    expect(field).to_have_value("40")
    until(page, f"() => ({COUNT})().includes('of 400')")
    page.click("#runs-button")
    page.locator(f"#runs-list a[href$='{many}']").click()
    expect(field).to_have_value("64")
    until(page, f"() => ({COUNT})().includes('of 640')")


def test_without_a_run_it_says_what_to_do(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/stability?run=nobody")
    expect(page.locator("#stab-run")).to_contain_text("There is no run 'nobody'")
    # Nothing looks broken: every figure has its axes, and nothing can be played or kicked.
    for figure in ("spectrum", "series", "return"):
        expect(page.locator(f"#stab-{figure} .xtick text").first).to_be_visible()
        expect(page.locator(f"#stab-{figure} .ytick text").first).to_be_visible()
    expect(page.locator("#stab-play")).to_be_disabled()
    page.click("#stab-kick-go")
    expect(page.locator("#stab-kick-note")).to_have_text("There is no checkpoint to kick.")
    page.locator("#stab-run a").click()
    until(page, "() => location.pathname === '/'")


def test_it_fits_a_narrow_screen(page: Page, site: Site, ended: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.url}/stability?run={ended}{FEW}")
    expect(page.locator("#stab-step")).to_have_text("step 66")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
