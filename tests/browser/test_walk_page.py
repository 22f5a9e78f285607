"""The Walk page as a person meets it."""

from __future__ import annotations

import pytest
from browser_helpers import Site, frames, until, wait
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

DATA = "id => document.querySelector(`#${id} .js-plotly-plot`)?.data || []"
# What is seen of the landscape: the ranges drawn, pixels a unit, and where surface and paths lie.
DRAWN = """() => {
    const gd = document.querySelector('#walk-landscape .js-plotly-plot');
    const [surface, ...paths] = gd.data;
    const along = name => {
        const axis = gd._fullLayout[`${name}axis`];
        return {
            range: [...axis.range],
            length: axis._length,
            scale: axis._length / (axis.range[1] - axis.range[0]),
            surface: [...surface[name]],
            paths: paths.map(path => [...path[name]]),
        };
    };
    const { w, h } = gd._fullLayout._size;
    const box = document.querySelector('#walk-surface').getBoundingClientRect();
    const at_rest = Math.abs(box.height - gd._fullLayout.height) < 1;
    return { x: along('x'), y: along('y'), room: w * h, at_rest };
}"""
# By how many pixels each panel's title reaches beyond its chart.
OVERHANG = """id => {
    const right = document.getElementById(id).getBoundingClientRect().right;
    return [...document.querySelectorAll(`#${id} .annotation-text`)].map(
        text => text.getBoundingClientRect().right - right);
}"""
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
    # Stacked, the shares are everything; the line beside them is what they come to together.
    drawn = traces(page, "walk-shares", 3)
    shares = [trace["y"] for trace in drawn if trace["name"] != "together"]
    together = [trace["y"] for trace in drawn if trace["name"] == "together"]
    for place, column in enumerate(zip(*shares, strict=True)):
        assert sum(abs(share) for share in column) == pytest.approx(1.0, abs=1e-6)
        for line in together:
            assert line[place] == pytest.approx(sum(column), abs=1e-6)
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
    page.locator("#fold-measuring summary").click()
    expect(page.locator(".field-walk")).to_contain_text("Follow the walk")  # as the note has it


def seen(page: Page) -> None:
    """The landscape is drawn to one scale, all of the surface, with every path upon it."""
    until(page, f"() => ({DRAWN})().at_rest")
    drawn = page.evaluate(DRAWN)
    for name in ("x", "y"):
        low, high = drawn[name]["range"]
        surface = drawn[name]["surface"]
        assert [low, high] == pytest.approx([surface[0], surface[-1]], rel=1e-6)
        for path in drawn[name]["paths"]:
            assert low < min(path) <= max(path) < high
    assert drawn["x"]["scale"] == pytest.approx(drawn["y"]["scale"], rel=0.01)
    # Nor is it a strip in an empty box, whichever way it lies.
    width, height = drawn["x"]["length"], drawn["y"]["length"]
    assert 0.45 < width / height < 2.2
    assert width * height > 0.4 * drawn["room"]


def draw(page: Page, paths: int) -> None:
    """Presses Draw, until so many paths are there."""
    page.evaluate(f"() => ({DATA})('walk-landscape').forEach(trace => {{ trace.old = true; }})")
    page.click("#walk-go")
    until(
        page,
        f"""count => {{ const traces = ({DATA})('walk-landscape');
            return traces.length === count && !traces[0].old; }}""",
        1 + paths,
    )


def choose_run(page: Page, run_id: str) -> None:
    page.click("#walk-others")
    page.get_by_role("option").filter(has_text=run_id).click()
    page.keyboard.press("Escape")


def test_two_runs_on_one_landscape(page: Page, site: Site) -> None:
    one, two = finished(site), finished(site, scheme="bp", replicates=1)
    other = finished(site, hidden=[9])  # of another network: not to be chosen
    page.goto(f"{site.url}/walk?run={one}")
    chart = page.locator("#walk-landscape")
    expect(chart.get_by_text("Here will be the path over the loss surface")).to_be_visible()
    expect(chart.locator(".xtick")).to_have_count(0)
    field = page.locator(".field", has_text="Points of the surface").locator("input")
    field.fill("4")
    page.click("#walk-go")
    expect(page.get_by_text("Resolution = '4': allowed is a whole number from 5")).to_be_visible()
    field.fill("9")
    draw(page, 1)
    seen(page)
    page.click("#walk-others")
    options = page.get_by_role("option")
    expect(options.filter(has_text=two)).to_be_visible()
    expect(options.filter(has_text=other)).to_have_count(0)
    page.keyboard.press("Escape")
    choose_run(page, two)
    number = page.locator(".field", has_text="Which of the run's networks").locator("input")
    number.fill("2")
    page.click("#walk-go")
    name = next(run["name"] for run in site.runs() if run["id"] == two)
    said = f"Network = 2: allowed is from 1 to 1, the networks of {name} · {two}"
    expect(page.get_by_text(said)).to_be_visible()
    number.fill("1")
    draw(page, 2)
    expect(page.locator("#walk-plane-note")).to_contain_text("of the variance")
    seen(page)
    surface, *paths = traces(page, "walk-landscape", 3)
    assert len(surface["z"]) == 9  # type: ignore[arg-type]
    kept = [len(site.get(f"/api/runs/{run}/checkpoints")["checkpoints"]) for run in (one, two)]
    assert [len(path["x"]) for path in paths] == kept  # type: ignore[arg-type]
    assert page.locator("#walk-landscape .annotation-arrow-g").count() > 20
    # From near to all of it again.
    box = page.locator("#walk-landscape .nsewdrag").bounding_box()
    assert box
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1] + 60, steps=4)
    page.mouse.up()
    until(page, f"() => {{ const {{ x }} = ({DRAWN})(); return x.range[0] > x.surface[0]; }}")
    for _ in range(2):  # the second time there is nothing to undo
        page.mouse.dblclick(*middle)
        until(page, f"() => {{ const {{ x }} = ({DRAWN})(); return x.range[0] <= x.surface[0]; }}")
        seen(page)
        frames(page, 30)  # two double clicks, not one of four

    page.locator(".field", has_text="Spanned by").locator("input").first.click()
    page.get_by_role("option", name="Through three checkpoints").click()
    page.click("#walk-go")
    expect(page.get_by_text("Checkpoints = 0: allowed is three checkpoints")).to_be_visible()
    page.click("#walk-through")
    for step in ("step 0", "step 4", "step 176"):
        page.get_by_role("option", name=step, exact=True).click()
    page.keyboard.press("Escape")
    draw(page, 2)
    seen(page)
    path = traces(page, "walk-landscape", 3)[1]
    assert [path["x"][0], path["y"][0]] == pytest.approx([0, 0], abs=1e-6)  # type: ignore[index]


def test_it_fits_a_narrow_screen(page: Page, site: Site) -> None:
    run_id = finished(site, walk=True)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.url}/walk?run={run_id}")
    traces(page, "walk-msd", 6)
    traces(page, "walk-distances", 11)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    overhang = page.evaluate(OVERHANG, "walk-distances")
    assert len(overhang) == 3
    assert max(overhang) <= 0
    clear = """() => document.querySelector('#walk-shares .nsewdrag').getBoundingClientRect().top
        - document.querySelector('#walk-shares .legend').getBoundingClientRect().bottom"""
    assert page.evaluate(clear) >= 0
    page.click("#theme")
    until(
        page, "() => document.querySelector('#walk-shares .legendtext').style.fill.includes('23')"
    )
    assert page.evaluate(clear) >= 0
    draw(page, 1)
    seen(page)
