"""The Walk page as a person meets it."""

from __future__ import annotations

import pytest
from browser_helpers import Site, until, wait
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

DATA = "id => document.querySelector(`#${id} .js-plotly-plot`)?.data || []"
CONFIG = {"hidden": [10, 8], "epochs": 8, "replicates": 2, "learning_rate": 0.1}


def finished(site: Site, **config: object) -> str:
    run_id = site.start(**(CONFIG | config))
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    return run_id


def traces(page: Page, chart: str, count: int) -> list[dict[str, object]]:
    """The traces of a chart, once there are so many."""
    until(page, f"([id, count]) => ({DATA})(id).length >= count", [chart, count])
    return list(page.evaluate(f"({DATA})('{chart}')"))


def test_a_walk_that_was_followed(page: Page, site: Site) -> None:
    run_id = finished(site, walk=True)
    series = site.get(f"/api/runs/{run_id}/export.json")["series"]
    page.goto(f"{site.url}/walk?run={run_id}")
    drawn = traces(page, "walk-distances", 11)
    lines = {trace["name"]: trace["y"] for trace in drawn}
    for key, name in (("displacement", "displacement"), ("path_length", "path length")):
        for layer, words in enumerate(("layer 1", "layer 2", "output layer")):
            last = [replicate[layer] for replicate in series[key][-1]]
            assert lines[f"{name}, {words}"][-1] == pytest.approx(sum(last) / 2, rel=1e-4)
    # Stacked, the shares are everything.
    shares = [trace["y"] for trace in traces(page, "walk-shares", 3)]
    for column in zip(*shares, strict=True):
        assert sum(abs(share) for share in column) == pytest.approx(1.0, abs=1e-6)
    spread = traces(page, "walk-msd", 6)
    lag, squared = spread[0]["x"], spread[0]["y"]
    assert isinstance(lag, list)
    assert isinstance(squared, list)
    assert lag == sorted(lag)
    assert squared[-1] > squared[0] > 0


def test_a_walk_that_was_not_followed_says_how_to(page: Page, site: Site) -> None:
    run_id = finished(site)
    page.goto(f"{site.url}/walk?run={run_id}")
    traces(page, "walk-shares", 3)
    expect(page.locator("#walk-note")).to_contain_text("Follow the walk")
    expect(page.locator("#walk-distances-box")).to_be_hidden()
    page.goto(f"{site.url}/?run={run_id}")
    page.get_by_text("More", exact=True).click()
    expect(page.locator(".field-walk")).to_contain_text("Follow the walk")  # as the note has it


def test_two_runs_on_one_landscape(page: Page, site: Site) -> None:
    one, two = finished(site), finished(site, scheme="bp")
    other = finished(site, hidden=[9])  # of another network: not to be chosen
    page.goto(f"{site.url}/walk?run={one}")
    field = page.locator(".field", has_text="Points of the surface").locator("input")
    field.fill("4")
    page.click("#walk-go")
    expect(page.get_by_text("resolution = '4': allowed is a whole number from 5")).to_be_visible()
    field.fill("9")
    page.click("#walk-others")
    options = page.get_by_role("option")
    expect(options.filter(has_text=two)).to_be_visible()
    expect(options.filter(has_text=other)).to_have_count(0)
    options.filter(has_text=two).click()
    page.keyboard.press("Escape")
    page.click("#walk-go")
    expect(page.locator("#walk-plane-note")).to_contain_text("of the variance", timeout=45_000)
    surface, *paths = traces(page, "walk-landscape", 3)
    assert len(surface["z"]) == 9  # type: ignore[arg-type]
    kept = [len(site.get(f"/api/runs/{run}/checkpoints")["checkpoints"]) for run in (one, two)]
    assert [len(path["x"]) for path in paths] == kept  # type: ignore[arg-type]
    assert page.locator("#walk-landscape .annotation-arrow-g").count() > 20

    page.locator(".field", has_text="Spanned by").locator("input").first.click()
    page.get_by_role("option", name="Through three checkpoints").click()
    page.click("#walk-go")
    expect(page.get_by_text("through = 0: allowed is three checkpoints")).to_be_visible()
    page.click("#walk-through")
    for step in ("step 0", "step 4", "step 176"):
        page.get_by_role("option", name=step, exact=True).click()
    page.keyboard.press("Escape")
    page.click("#walk-go")
    until(
        page,
        f"""() => {{ const path = ({DATA})('walk-landscape')[1];
            return Math.abs(path.x[0]) < 1e-6 && Math.abs(path.y[0]) < 1e-6; }}""",
    )


def test_it_fits_a_narrow_screen(chromium: Browser, site: Site) -> None:
    run_id = finished(site, walk=True)
    page = chromium.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{site.url}/walk?run={run_id}")
    traces(page, "walk-msd", 6)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.close()
