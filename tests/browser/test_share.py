"""An address is what is seen: it fills the page, follows it, and is handed on."""

from __future__ import annotations

import pytest
from browser_helpers import Site, until, wait
from playwright.sync_api import BrowserContext, FilePayload, Page, expect

pytestmark = pytest.mark.browser


def until_ended(site: Site, run_id: str) -> None:
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])


def search(page: Page) -> str:
    return str(page.evaluate("decodeURIComponent(location.search)"))


def test_a_link_opens_the_configuration_that_was_seen(
    page: Page, fresh: BrowserContext, site: Site
) -> None:
    page.goto(f"{site.url}/?scheme=dfa&hidden=48,32&learning_rate=200&lerning_rate=1&seed=7")
    note = page.locator("#address-note")
    expect(note).to_contain_text("Learning rate = '200': allowed is a number above 0, at most 100")
    expect(note).to_contain_text("lerning_rate")
    expect(page.locator(".field-hidden input")).to_have_value("48, 32")
    expect(page.locator(".field-learning_rate input")).to_have_value("0.02")
    expect(page.locator("#form-note")).to_contain_text("64-48-32-10")
    until(page, "() => location.search === '?hidden=48,32&scheme=dfa&seed=7'")
    # A field that is typed in: no step back for any key.
    steps = page.evaluate("history.length")
    page.locator(".field-epochs input").fill("3")
    page.locator(".field-learning_rate input").fill("0.05")
    until(page, "() => location.search.includes('learning_rate=0.05&epochs=3')")
    assert page.evaluate("history.length") == steps
    page.get_by_role("button", name="Digits by backprop").click()
    until(page, "() => location.search === '?scheme=bp'")
    page.go_back()
    expect(page.locator(".field-hidden input")).to_have_value("48, 32")
    expect(page.locator(".field-epochs input")).to_have_value("3")
    # Somebody else's browser.
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".form-head .copy-link").click()
    expect(page.locator(".form-head .copy-link")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.url
    other = fresh.new_page()
    other.goto(copied)
    expect(other.locator(".field-learning_rate input")).to_have_value("0.05")
    expect(other.locator("#address-note")).to_have_count(0)
    page.locator("#train").click()
    other.locator("#train").click()
    for one in (page, other):
        until(one, "() => faLive.run && faLive.run.ended")
        until(one, "() => location.search === `?run=${faLive.run.id}`")
    one, two = (site.get(f"/api/runs/{p.evaluate('faLive.run.id')}") for p in (page, other))
    assert one["id"] != two["id"]
    assert one["config"] == two["config"]
    assert (one["config"]["hidden"], one["config"]["scheme"]) == ([48, 32], "dfa")
    # The run's configuration with a change, and the charts of the run all the same.
    page.goto(f"{site.url}/?run={one['id']}&scheme=bp&seed=8")
    until(page, "id => faLive.run && faLive.run.id === id", one["id"])
    expect(page.locator(".field-seed input")).to_have_value("8")
    expect(page.locator(".field-hidden input")).to_have_value("48, 32")
    until(page, f"() => location.search === '?run={one['id']}&scheme=bp&seed=8'")
    drawn = page.evaluate("faLive.meta.token")
    page.locator(".field-seed input").fill("7")
    until(page, f"() => location.search === '?run={one['id']}&scheme=bp'")
    assert page.evaluate("faLive.meta.token") == drawn  # nothing is drawn anew for that
    page.locator("#train").click()
    until(page, "id => faLive.run && faLive.run.id !== id && faLive.run.ended", one["id"])
    three = site.get(f"/api/runs/{page.evaluate('faLive.run.id')}")["config"]
    assert three == one["config"] | {"scheme": "bp"}
    page.go_back()
    until(page, "id => faLive.run && faLive.run.id === id", one["id"])
    expect(page.locator("#form-note")).to_contain_text("64-48-32-10")
    until(page, f"() => location.search === '?run={one['id']}&scheme=bp'")
    # Away as a file, and in again.
    page.locator("details.export summary").click()
    with page.expect_download() as download:
        page.locator("#export-json").click()
    expect(page.locator(".export-list")).to_be_hidden()
    for text, said in ((download.value.path().read_bytes(), "Imported"), (b"[]", "format")):
        page.reload()  # with the menu closed
        until(page, "() => faLive.run && faLive.run.ended")
        page.locator("#runs-button").click()
        with page.expect_file_chooser() as chooser:
            page.locator(".import-run").click()
        file = FilePayload(name="run.json", mimeType="application/json", buffer=text)
        chooser.value.set_files(file)
        expect(page.get_by_text(said).first).to_be_visible()
    expect(page.locator("#run-origin")).to_have_text("imported")
    imported = site.get(f"/api/runs/{page.evaluate('faLive.run.id')}")
    assert (imported["imported_from"], imported["config"]) == (one["id"], one["config"])
    until(page, "() => faLive.gd.data.some(({ x }) => x && x.length > 2)")


def test_charts_alone_and_larger_type(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/plane?show=charts&type=huge")
    expect(page.get_by_text("type = 'huge': allowed is large")).to_be_visible()
    expect(page.locator("#plane-fa")).to_be_visible()
    for hidden in (".top", ".plane-side"):
        expect(page.locator(hidden)).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator(".plane-side")).to_be_visible()
    page.go_back()
    expect(page.locator(".plane-side")).to_be_hidden()
    page.goto(f"{site.url}/?scheme=bp&type=large")
    until(page, "() => document.documentElement.dataset.type === 'large'")
    page.get_by_role("link", name="Plane").click()
    until(page, "() => location.pathname === '/plane' && location.search === '?type=large'")
    page.go_back()
    expect(page.locator(".field-scheme input").first).to_have_value("Backpropagation")
    until(page, "() => location.search === '?type=large&scheme=bp'")


def test_the_plane_is_its_address(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/plane?case=tanh&target=1.5&starts=0.5:1,-1:2&noise=7")
    note = page.locator("#plane-note-address")
    expect(note).to_contain_text("Gradient noise = '7': allowed is less than or equal to 1")
    expect(page.locator("#plane-target-value")).to_have_text("1.50")
    page.locator("#plane-feedback [role=slider]").press("ArrowRight")
    page.locator("#plane-clear").click()
    until(page, "() => location.search === '?case=tanh&target=1.5&feedback=1.05&starts='")
    page.get_by_role("link", name="Walk", exact=True).click()
    until(page, "() => location.pathname === '/walk'")
    expect(page.locator(".lab-lead")).to_be_visible()
    page.go_back()
    expect(page.locator("#plane-target-value")).to_have_text("1.50")
    expect(page.locator("#plane-feedback-value")).to_have_text("1.05")
    expect(page.locator("#plane-case")).to_have_value("tanh, one sample")


def test_a_link_to_the_lab_opens_what_was_seen(
    page: Page, fresh: BrowserContext, site: Site
) -> None:
    config = {"hidden": [10, 8], "epochs": 3, "replicates": 2, "learning_rate": 0.1}
    run_id = site.start(**config)
    until_ended(site, run_id)
    step = site.get(f"/api/runs/{run_id}/checkpoints")["checkpoints"][1]["step"]
    page.goto(f"{site.url}/stability?run={run_id}")
    expect(page.locator("#stab-step")).to_have_text("step 66")
    page.locator("#stab-at [role=slider]").press("Home")
    page.locator("#stab-at [role=slider]").press("ArrowRight")
    until(page, f"() => location.search === '?run={run_id}&step={step}'")
    expect(page.locator("#stab-step")).to_have_text(f"step {step}")  # what is drawn is kicked
    page.locator(".field", has_text="Probe set").locator("input").fill("20")
    page.locator(".field", has_text="Length of the kick").locator("input").fill("0.1")
    page.get_by_text("Log steps").click()
    page.locator("#stab-kick-go").click()
    expect(page.locator("#stab-kick-note")).to_contain_text(f"kicked at step {step}")
    fields = f"step={step}&scale=log&kicked=yes&n_samples=20&epsilon=0.1"
    until(page, f"() => location.search === '?run={run_id}&{fields}'")
    said = page.locator("#stab-kick-note").inner_text()
    other = fresh.new_page()
    other.goto(page.url)
    expect(other.locator("#stab-kick-note")).to_have_text(said)
    expect(other.locator("#stab-step")).to_have_text(f"step {step}")
    expect(other.locator("#stab-numbers")).to_contain_text("of 200")
    # What is wrong is named, and the rest is taken.
    page.goto(f"{site.url}/stability?run={run_id}&step=65&under=nobody&n_samples=20")
    expect(page.locator("#stability-note-address")).to_contain_text("Feedback = 'nobody'")
    expect(page.get_by_text("Checkpoint = 65: allowed is the step of a")).to_be_visible()
    expect(page.locator("#stab-numbers")).to_contain_text("of 200")

    page.goto(
        f"{site.url}/walk?run={run_id}&plane=three&through=0,{step},66&resolution=7&drawn=yes"
    )
    expect(page.locator("#walk-plane-note")).to_contain_text("off the plane")
    until(page, f"() => location.search.startsWith('?run={run_id}&through=0,{step},66&drawn=yes')")
    page.goto(f"{site.url}/walk?run={run_id}&plane=three&through=0,65,66&resolution=7&drawn=yes")
    expect(page.get_by_text("Three checkpoints = '65': allowed is the step of")).to_be_visible()
