"""The Train page as a person meets it: choose, train, watch."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser_helpers import ENDLESS, Site, frames, served, until, wait
from playwright.sync_api import BrowserContext, Page, expect

from app.figures.palette import DARK, LIGHT, css
from app.settings import Settings
from app.store import LEASE_S, Store
from app.store.database import MOST_DEATHS
from fa_engine import RunConfig

pytestmark = pytest.mark.browser

# Points on the chart of a panel, as the browser has drawn them (and not as it was told).
POINTS = "key => faLive.gd.data[faLive.meta.places[key].median].x.length"
DRAWN = """keys => faLive.gd && faLive.meta && faLive.meta.run && keys.every(key =>
    faLive.gd.data[faLive.meta.places[key].median].x.length > 3)"""
CONTROLS = "() => faLive.gd.layout.shapes.filter(s => s.name === 'control').map(s => s.label.text)"
KEYS = ["loss", "accuracy", "gradient_angle_deg/1", "gradient_angle_deg/2"]
LONG = ENDLESS


def points(page: Page, key: str = "loss") -> int:
    return int(page.evaluate(POINTS, key))


def steps(page: Page) -> list[int]:
    return list(page.evaluate("faLive.gd.data[faLive.meta.places.loss.median].x"))


def state(page: Page, wanted: str) -> None:
    expect(page.locator("#run-state")).to_have_text(wanted)


def open_run(page: Page, site: Site, run_id: str) -> None:
    page.goto(f"{site.url}/?run={run_id}")
    until(page, DRAWN, KEYS)


def stop(site: Site, run_id: str) -> None:
    site.post(f"/api/runs/{run_id}/commands", {"command": "stop"})


def test_choose_train_change_pause_resume_and_reload(page: Page, site: Site) -> None:
    page.goto(site.url)
    expect(page.locator("#first")).to_be_visible()  # the page before any run invites to one
    page.locator(".field-hidden input").fill("24, 16")
    page.locator(".field-epochs input").fill("4000")
    page.locator(".field-replicates input").fill("3")
    expect(page.locator("#form-note")).to_contain_text("64-24-16-10 · 3 ×")
    page.click("#train")
    until(page, DRAWN, KEYS)
    state(page, "running")
    first = points(page)
    until(page, f"count => ({POINTS})('loss') > count + 5", first)
    assert "?run=" in page.url

    page.fill("#now-lr", "0.005")
    page.press("#now-lr", "Enter")
    until(page, f"() => ({CONTROLS})().length === 1")
    assert page.evaluate(CONTROLS)[0].startswith("lr 0.02 → 0.005")
    expect(page.locator(".chip")).to_contain_text("lr 0.02 → 0.005")
    page.click("#now-scheme")
    page.get_by_role("option", name="Backpropagation").click()
    until(page, f"() => ({CONTROLS})().length === 2")

    page.click("#pause")
    state(page, "paused")
    expect(page.locator("#pause")).to_be_hidden()
    until(page, "() => faLive.drawn === faLive.head")
    halted = page.locator("#run-step").inner_text()
    page.click("#step")
    expect(page.locator("#run-step")).not_to_have_text(halted)
    state(page, "paused")
    page.click("#resume")
    state(page, "running")
    before = points(page)
    until(page, f"count => ({POINTS})('loss') > count + 5", before)

    page.reload()
    until(page, DRAWN, KEYS)
    until(page, f"count => ({POINTS})('loss') > count + 5", before)
    assert len(page.evaluate(CONTROLS)) == 2
    expect(page.locator(".field-hidden input")).to_have_value("24, 16")
    expect(page.locator("#now-lr")).to_have_value("0.005")
    page.click("#stop")
    state(page, "stopped")
    until(page, "() => faLive.drawn === faLive.head")
    run = site.get(f"/api/runs/{page.url.rpartition('=')[2]}")
    exported = site.get(f"/api/runs/{run['id']}/export.json")["series"]["step"]
    shown = steps(page)
    assert shown[-1] == exported[-1]  # to the very last point
    words = page.evaluate("faLive.meta.ends.flatMap(end => faLive.gd.data[end.trace].text)")
    for name in ("train", "test", "layer 1", "layer 2"):  # each line has its value at its end
        assert any(word.startswith(f"\u2003{name} ") for word in words)
    assert len(set(shown)) == len(shown)
    assert len(shown) == len(exported) or len(shown) >= 900  # thinned at most by the backfill

    page.click("#reset")  # once more from the same weights, as a run of its own
    expect(page.locator("#run-state")).not_to_have_text("stopped")
    until(page, "id => faLive.run && faLive.run.id !== id", run["id"])
    again = site.get(f"/api/runs/{page.url.rpartition('=')[2]}")
    assert again["config"] == run["config"]
    stop(site, again["id"])


def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_queued(
    page: Page, site: Site
) -> None:
    queued = len(site.runs())
    page.goto(site.url)
    for name, wrong, said in [
        ("hidden", "64, 0", "64, 0"),
        ("hidden", "wide", "wide"),
        ("learning_rate", "nan", "nan"),
        ("learning_rate", "-1", "-1"),
        ("epochs", "0", "from 1"),
    ]:
        field = page.locator(f".field-{name}")
        control = field.locator("input")
        good = control.input_value()
        control.fill(wrong)
        expect(field.locator(".mantine-InputWrapper-error")).to_contain_text(said)
        expect(page.locator("#train")).to_be_disabled()
        control.fill(good)
        expect(field.locator(".mantine-InputWrapper-error")).to_have_count(0)
        expect(page.locator("#train")).to_be_enabled()
    page.locator("#fold-step summary").click()
    page.locator(".field-batch_size input").fill("999999")
    page.locator("#fold-step summary").click()  # what is wrong cannot hide in the fold
    page.locator(".field-seed input").fill("5")
    expect(page.locator(".field-batch_size input")).to_be_visible()
    expect(page.locator("#form-note")).to_contain_text("Batch size")
    assert len(site.runs()) == queued


def test_a_wrong_change_is_said_and_changes_nothing(page: Page, site: Site) -> None:
    run_id = site.start(**LONG)
    open_run(page, site, run_id)
    page.fill("#now-lr", "much")
    page.press("#now-lr", "Enter")
    expect(page.locator("#now .mantine-InputWrapper-error")).to_contain_text("much")
    assert site.get(f"/api/runs/{run_id}")["learning_rate"] == 0.1
    assert page.evaluate(CONTROLS) == []
    stop(site, run_id)
    state(page, "stopped")


def test_zoom_survives_what_arrives(page: Page, site: Site) -> None:
    run_id = site.start(**LONG)
    open_run(page, site, run_id)
    until(page, "() => faLive.gd.data[faLive.meta.places.loss.median].x.at(-1) > 300")
    panel = page.locator("#charts .nsewdrag[data-subplot='xy2']")
    box = panel.bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.3 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], y, steps=4)
    page.mouse.up()
    until(page, "() => faLive.gd.layout.xaxis.autorange === false")
    zoomed = page.evaluate("faLive.gd.layout.xaxis.range")
    before = points(page)
    until(page, f"count => ({POINTS})('loss') > count + 10", before)
    assert page.evaluate("faLive.gd.layout.xaxis.range") == zoomed
    token = page.evaluate("faLive.meta.token")
    page.click("#theme")  # drawn anew by the server
    until(page, "token => faLive.meta.token > token", token)
    until(page, f"count => ({POINTS})('loss') > count", before)
    assert page.evaluate("faLive.gd.layout.xaxis.range") == pytest.approx(zoomed)
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    stop(site, run_id)
    state(page, "stopped")


def drag(page: Page) -> None:
    """Zooms into the middle of the loss panel."""
    box = page.locator("#charts .nsewdrag[data-subplot='xy']").bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.3 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], y, steps=4)
    page.mouse.up()
    until(page, "() => faLive.gd.layout.xaxis.autorange === false")


def twice(page: Page) -> None:
    """Zooms out again; what a slow browser takes for two single clicks is done once more."""
    box = page.locator("#charts .nsewdrag[data-subplot='xy']").bounding_box()
    assert box
    x, y = box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"]

    def zoomed_out() -> bool:
        page.mouse.dblclick(x, y)
        frames(page)
        return bool(page.evaluate("faLive.gd.layout.xaxis.autorange === true"))

    wait(zoomed_out)


def in_order(page: Page) -> None:
    """No line has a step twice, or one before another that is smaller."""
    lines = page.evaluate(
        """Object.values(faLive.meta.places).flatMap(Object.values)
            .map(index => Array.from(faLive.gd.data[index].x))"""
    )
    for line in lines:
        assert line == sorted(set(line))


def test_a_zoom_adds_nothing_and_a_double_click_shows_all(page: Page, site: Site) -> None:
    # So slow that no line is thinned; and no step but the first is done before the page is there.
    run_id = site.start(**(LONG | {"measure_every": 200}))
    site.post(f"/api/runs/{run_id}/commands", {"command": "step"})
    page.goto(f"{site.url}/?run={run_id}")
    state(page, "paused")
    page.click("#resume")
    until(page, DRAWN, KEYS)
    page.fill("#now-lr", "0.05")  # a line across the charts that only the browser has drawn
    page.press("#now-lr", "Enter")
    until(page, f"() => ({CONTROLS})().length === 1")
    until(page, f"() => ({POINTS})('loss') > 60")
    page.evaluate("faLive.reacted = 0; faLive.gd.on('plotly_react', () => faLive.reacted++)")
    for end in (False, True):
        if end:
            stop(site, run_id)
            state(page, "stopped")
            until(page, "() => faLive.drawn === faLive.head")
        drag(page)
        until(page, "() => faLive.reacted > 0")
        if not end:
            until(page, f"count => ({POINTS})('loss') > count + 3", points(page))
        frames(page)
        in_order(page)
        assert len(page.evaluate(CONTROLS)) == 1
        page.evaluate("faLive.reacted = 0")
        values = "#charts .scatterlayer .text text >> text=/^\\s*(train|test|layer)/"
        expect(page.locator(values)).to_have_count(0)  # the run goes on beyond this window
        twice(page)
        if not end:
            until(page, f"count => ({POINTS})('loss') > count + 3", points(page))
        frames(page)
        in_order(page)
        expect(page.locator(values)).to_have_count(6)
        assert page.evaluate("faLive.gd.layout.yaxis.autorange") is True
        until(  # at one moment: the run goes on
            page,
            """() => faLive.gd._fullLayout.xaxis.range[1]
                >= faLive.gd.data[faLive.meta.places.loss.median].x.at(-1)""",
        )
    measured = site.get(f"/api/runs/{run_id}/export.json")["series"]["step"]
    assert steps(page)[-1] == measured[-1]
    assert len(steps(page)) == len(measured)
    assert page.evaluate("faLive.refreshes") == 0


# What stands on the screen, in the units of the data: the ends of each line and band, and the
# words. Nothing until assets/quick.js has drawn, on its own.
ON_SCREEN = """last => {
  const live = faLive, gd = live.gd, layout = gd._fullLayout, stats = live.stats;
  const resting = performance.now() - live.whole > 300 && live.queue.length === 0;
  if (!resting || stats.quick <= last) return null;
  const groups = new Map([...gd.querySelectorAll('.scatterlayer > .trace')]
    .map(group => [group.__data__[0].trace.index, group]));
  const points = path => path.getAttribute('d').match(/-?[0-9.]+(e-?[0-9]+)?,-?[0-9.]+/g)
    .map(pair => pair.split(',').map(Number));
  const value = (index, [x, y]) => {
    const up = layout[gd.data[index].yaxis.replace('y', 'yaxis')];
    return [layout.xaxis.p2d(x), up.p2d(y)];
  };
  const told = index => [gd.data[index].x.at(-1), gd.data[index].y.at(-1)];
  const lines = [], bands = [];
  for (const [key, { low, high, median }] of Object.entries(live.meta.places)) {
    if (key.startsWith('test')) continue;
    const line = points(groups.get(median).querySelector('.lines > .js-line')).at(-1);
    lines.push([key, value(median, line), told(median)]);
    const drawn = points(groups.get(low).querySelector('.js-fill'));
    const half = drawn.length / 2;
    bands.push([key, value(high, drawn[half - 1]), told(high)]);
    bands.push([key, value(low, drawn[half]), told(low)]);
  }
  const words = live.meta.ends.flatMap(({ trace }) =>
    [...groups.get(trace).querySelectorAll('.textpoint')].map(point =>
      [point.firstChild.textContent, gd.data[trace].text[point.__data__.i]]));
  return { lines, bands, words };
}"""


def test_between_two_drawings_by_plotly_the_screen_shows_what_was_told(
    page: Page, site: Site
) -> None:
    run_id = site.start(**(LONG | {"replicates": 4, "measure_every": 50}))
    open_run(page, site, run_id)
    # Far enough along that the axes rest for some seconds.
    until(page, "() => faLive.gd.data[faLive.meta.places.loss.median].x.at(-1) > 6000")
    before = page.evaluate("faLive.stats.quick")
    until(page, f"last => ({ON_SCREEN})(last)", before)
    shown = page.wait_for_function(ON_SCREEN, arg=before, polling=50).json_value()
    spans = {"loss": 0.02, "accuracy": 0.01}
    assert len(shown["lines"]) == 4
    for key, (x, y), (step, told) in [*shown["lines"], *shown["bands"]]:
        assert x == pytest.approx(step, rel=1e-4)
        assert y == pytest.approx(told, rel=0.02, abs=spans.get(key, 0.5))
    assert len(shown["words"]) >= 8
    for on_screen, told in shown["words"]:
        if "<" not in told:  # a title, which plotly sets itself
            assert on_screen.strip() == told.strip()
    page.click("#pause")  # drawn by plotly, from the same data
    state(page, "paused")
    until(page, "() => faLive.drawn === faLive.head")
    in_order(page)
    measured = site.get(f"/api/runs/{run_id}/export.json")["series"]["step"]
    assert steps(page)[-1] == measured[-1]
    stop(site, run_id)
    state(page, "stopped")


# Whether each panel's axis stands upright and holds all that it shows, now.
UPRIGHT = """() => {
  const { gd, meta } = faLive;
  return Object.values(meta.places).flatMap(Object.values).every(index => {
    const trace = gd.data[index];
    const axis = gd._fullLayout[trace.yaxis.replace('y', 'yaxis')];
    const [low, high] = axis.range;
    const at = value => axis.type === 'log' ? Math.log10(value) : value;
    const room = 0.02 * (high - low);
    return low < high && trace.y.every(value =>
      value === null || (axis.type === 'log' && value <= 0)
      || (at(value) >= low - room && at(value) <= high + room));
  });
}"""


def test_the_axes_stand_upright_and_hold_all_that_is_measured(page: Page, site: Site) -> None:
    run_id = site.start(  # slow enough that most of the fall of the loss is watched
        hidden=[64, 64], replicates=8, learning_rate=0.02, epochs=1_000_000, measure_every=20
    )
    open_run(page, site, run_id)
    for _ in range(25):
        assert page.evaluate(UPRIGHT)
        frames(page, 8)
    assert page.evaluate("faLive.stats.quick") > 5
    page.reload()
    until(page, DRAWN, KEYS)
    assert page.evaluate(UPRIGHT)
    stop(site, run_id)
    state(page, "stopped")
    until(page, "() => faLive.drawn === faLive.head")
    assert page.evaluate(UPRIGHT)


def test_a_loss_of_zero_on_a_zoomed_axis_is_drawn_once(page: Page, site: Site) -> None:
    run_id = site.start(
        hidden=[32], activation="relu", learning_rate=0.05, batch_size=1, epochs=1_000_000,
        replicates=8, measure_every=10,
    )  # fmt: skip
    page.goto(f"{site.url}/?run={run_id}")
    until(page, DRAWN, ["loss"])
    drag(page)
    until(page, "() => faLive.gd.data[faLive.meta.places.loss.median].x.at(-1) > 12000")
    in_order(page)
    stop(site, run_id)
    state(page, "stopped")
    in_order(page)


def test_a_band_is_empty_where_nothing_is_defined(page: Page, site: Site) -> None:
    run_id = site.start(**(LONG | {"replicates": 4, "measure_every": 10}))
    open_run(page, site, run_id)
    address = f"/api/runs/{run_id}/commands"
    for scheme in ("shallow", "fa"):
        step = steps(page)[-1]
        site.post(address, {"command": "set", "scheme": scheme})
        until(page, f"step => ({POINTS})('loss') && faLive.run.step > step + 1500", step)
    site.post(address, {"command": "pause"})
    state(page, "paused")
    until(page, "() => faLive.drawn === faLive.head")
    live, reloaded = [], []
    for found in (live, reloaded):
        found += page.evaluate(
            """() => { const { low, high, median } = faLive.meta.places['gradient_angle_deg/1'];
              const [l, h, m] = [low, high, median].map(index => faLive.gd.data[index]);
              return [m.y.filter(v => v === null).length > 3,
                l.y.every(v => v !== null), h.y.every(v => v !== null),
                m.x.every((x, i) => m.y[i] !== null || l.x[i] !== x || l.y[i] === h.y[i])]; }"""
        )
        page.reload()
        until(page, DRAWN, KEYS)
    assert live == [True] * 4
    assert reloaded[1:3] == [True, True]
    stop(site, run_id)


def test_the_charts_follow_the_theme_of_the_system(page: Page, site: Site) -> None:
    run_id = site.start(epochs=2)
    ink = "() => faLive.gd && faLive.gd._fullLayout.font.color"
    page.emulate_media(color_scheme="dark")
    open_run(page, site, run_id)
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    until(page, f"ink => ({ink})() === ink", css(DARK.ink))
    page.emulate_media(color_scheme="light")
    until(page, f"ink => ({ink})() === ink", css(LIGHT.ink))
    page.click("#theme")
    until(page, f"ink => ({ink})() === ink", css(DARK.ink))


def test_changes_close_together_can_be_read(page: Page, site: Site) -> None:
    run_id = site.start(**LONG)
    open_run(page, site, run_id)
    for number in range(8):
        site.post(
            f"/api/runs/{run_id}/commands",
            {"command": "set", "learning_rate": 0.01 + 0.001 * number},
        )
        until(page, f"count => ({CONTROLS})().length === count", number + 1)
    site.post(f"/api/runs/{run_id}/commands", {"command": "pause"})
    state(page, "paused")
    until(page, "() => faLive.drawn === faLive.head")
    frames(page)
    assert len(page.evaluate(CONTROLS)) == 8  # every line, the newest label
    assert "0.017" in page.evaluate(CONTROLS)[-1]
    labels = page.evaluate(
        """[...document.querySelectorAll('#charts .shape-label text')]
            .filter(text => text.textContent.trim())
            .flatMap(text => { const spans = [...text.querySelectorAll('tspan')];
              return (spans.length ? spans : [text])
                .filter(part => part.textContent.trim())
                .map(part => part.getBoundingClientRect())
                .map(({left, right, top, bottom}) => [left, right, top, bottom]); })"""
    )
    assert labels
    for index, (left, right, top, bottom) in enumerate(labels):
        for other in labels[:index]:
            beside = right <= other[0] or left >= other[1]
            assert beside or bottom <= other[2] + 4 or top >= other[3] - 4
    chips = page.locator(".chip")
    expect(chips.first).to_contain_text("more")
    assert "step" in (chips.first.get_attribute("title") or "")
    bar = page.locator("#changes").bounding_box()
    last = chips.last.bounding_box()
    assert bar
    assert last
    assert last["x"] + last["width"] <= bar["x"] + bar["width"] + 1
    stop(site, run_id)
    state(page, "stopped")


def test_a_lost_connection_is_said_until_it_is_back(fresh: BrowserContext, site: Site) -> None:
    run_id = site.start(**LONG)
    page = fresh.new_page()
    page.add_init_script("delete window.SharedWorker; delete window.EventSource")
    open_run(page, site, run_id)
    lost = page.get_by_text("connection lost, trying again")
    expect(lost).to_be_hidden()
    page.route("**/events?*", lambda route: route.abort())
    expect(lost).to_be_visible()
    page.unroute("**/events?*")
    expect(lost).to_be_hidden()
    before = points(page)
    until(page, f"count => ({POINTS})('loss') > count", before)
    stop(site, run_id)


def test_what_is_typed_is_what_is_checked(page: Page, site: Site) -> None:
    page.goto(site.url)
    field = page.locator(".field-epochs")
    field.locator("input").fill("")
    field.locator("input").press_sequentially("1e3")
    expect(field.locator("input")).to_have_value("1e3")
    expect(field.locator("input")).to_have_attribute("inputmode", "numeric")
    expect(field.locator(".mantine-InputWrapper-error")).to_contain_text("1e3")
    page.click("#new-seed")
    expect(page.locator(".field-seed input")).not_to_have_value("0")


def test_charts_say_why_they_are_empty_and_mark_a_single_point(page: Page, site: Site) -> None:
    run_id = site.start(epochs=2, scheme="shallow")
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    page.goto(f"{site.url}/?run={run_id}")
    expect(page.get_by_text("undefined: hidden layers get no feedback")).to_be_visible()
    run_id = site.start(epochs=1, measure_every=100_000, evaluate_every=100_000)
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    page.goto(f"{site.url}/?run={run_id}")
    until(page, f"() => faLive.gd && faLive.meta && faLive.meta.run && ({POINTS})('loss') > 0")
    if points(page) < 3:
        assert page.locator("#charts .scatterlayer path.point").count() > 0


def test_tabs_share_a_stream_and_see_the_same(context: BrowserContext, site: Site) -> None:
    run_id = site.start(**LONG)
    one, two = context.new_page(), context.new_page()
    open_run(one, site, run_id)
    open_run(two, site, run_id)  # late: it backfills, then streams on
    one.bring_to_front()
    one.click("#pause")
    state(one, "paused")
    two.bring_to_front()
    state(two, "paused")
    for page in (one, two):
        page.bring_to_front()
        until(page, "() => faLive.drawn === faLive.head && faLive.taken === faLive.head")
        shown = steps(page)
        assert shown == sorted(set(shown))
    assert steps(one)[-1] == steps(two)[-1]
    assert len(set(steps(one)) ^ set(steps(two))) == 0 or len(steps(one)) >= 900
    for page in (one, two):
        # The stream is the shared worker's: a browser has only six connections a host. A machine so
        # busy that the worker is late has the tab take one of its own, and give it back.
        until(page, "() => faLive.link.kind() === 'shared'")
    two.close()
    one.bring_to_front()
    before = points(one)
    one.click("#resume")
    until(one, f"count => ({POINTS})('loss') > count", before)
    stop(site, run_id)
    state(one, "stopped")


@pytest.mark.parametrize(
    ("missing", "left"),
    [("SharedWorker", "frames"), ("SharedWorker,EventSource", "fetches")],
)
def test_browsers_that_lack_something_are_served_too(
    page: Page, site: Site, missing: str, left: str
) -> None:
    for name in missing.split(","):
        page.add_init_script(f"delete window.{name}")
    run_id = site.start(**LONG)
    open_run(page, site, run_id)
    before = points(page)
    until(page, f"count => ({POINTS})('loss') > count", before)
    assert page.evaluate(f"faLive.stats.{left}") > 0
    if "EventSource" in missing:
        assert page.evaluate("faLive.stats.frames") == 0
    stop(site, run_id)
    state(page, "stopped")
    until(page, "() => faLive.drawn === faLive.head")
    assert steps(page) == sorted(set(steps(page)))


def test_a_gap_is_filled_and_a_duplicate_dropped(page: Page, site: Site) -> None:
    run_id = site.start(**(LONG | {"epochs": 20}))
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    events = site.get(f"/api/runs/{run_id}/events")["events"]
    open_run(page, site, run_id)
    wanted = steps(page)
    third = [event for event in events if event["kind"] == "measurements"][2]
    # The page is put back to this event, as if it had heard no more, and then told the last.
    page.evaluate(
        """([seq, steps]) => {
          for (const parts of Object.values(faLive.meta.places))
            for (const index of Object.values(parts)) {
              const line = faLive.gd.data[index];
              const kept = line.x.filter(x => x <= steps).length;
              line.x.length = line.y.length = kept;
            }
          faLive.taken = faLive.drawn = seq;
        }""",
        [third["seq"], third["bands"]["loss"]["step"][-1]],
    )
    page.evaluate("event => faLive.take([event])", events[-1])
    until(page, "last => faLive.drawn === last", events[-1]["seq"])
    assert page.evaluate("faLive.stats.gaps") == 1
    page.evaluate("event => faLive.take([event])", events[-1])
    assert page.evaluate("faLive.stats.duplicates") >= 1
    assert steps(page) == wanted


HOLD = """status => {
  const { fetch } = window;
  window.release = null;
  window.fetch = async (url, options) => {
    if (!String(url).includes('/events?') || window.release) return fetch(url, options);
    const answer = await fetch(url, options);
    await new Promise(resolve => { window.release = resolve; });
    return status === 200 ? answer : new Response('{}', { status });
  };
}"""


@pytest.mark.parametrize("trouble", ["refused", "drawn anew"])
def test_a_late_answer_leaves_no_gap_at_the_end(page: Page, site: Site, trouble: str) -> None:
    run_id = site.start(**LONG)
    open_run(page, site, run_id)
    page.evaluate(HOLD, 503 if trouble == "refused" else 200)
    page.evaluate("() => faLive.take([{ seq: faLive.taken + 2, kind: 'progress' }])")  # a hole
    until(page, "() => window.release !== null && faLive.fetching")
    if trouble == "drawn anew":  # from further on than what the answer brings
        taken = page.evaluate("faLive.taken")
        page.evaluate("window.dash_clientside.set_props('refresh', { data: 99 })")
        until(page, "taken => faLive.taken > taken", taken)
    stop(site, run_id)
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    last = site.get(f"/api/runs/{run_id}")["revision"]
    until(page, "last => faLive.head >= last", last)  # the stream has said all that it had to say
    page.evaluate("window.release()")
    state(page, "stopped")
    until(page, "() => faLive.drawn === faLive.head")
    shown = steps(page)
    assert shown == sorted(set(shown))
    expect(page.get_by_text("connection lost, trying again")).to_be_hidden()


def test_a_reset_begins_with_the_parents_weights_again(page: Page, site: Site) -> None:
    parent = site.start(epochs=2)
    wait(lambda: site.get(f"/api/runs/{parent}")["ended"])
    step = site.get(f"/api/runs/{parent}/checkpoints")["checkpoints"][-1]["step"]
    child = site.post(
        "/api/runs",
        {
            "config": site.get(f"/api/runs/{parent}")["config"],
            "name": "handed over",
            "parent": {"run_id": parent, "step": step},
        },
    )["run_id"]
    wait(lambda: site.get(f"/api/runs/{child}")["ended"])
    open_run(page, site, child)
    page.click("#reset")
    until(page, "id => faLive.run && faLive.run.id !== id", child)
    again = page.evaluate("faLive.run.id")
    wait(lambda: site.get(f"/api/runs/{again}")["ended"])
    runs = [site.get(f"/api/runs/{run_id}") for run_id in (child, again)]
    assert runs[0]["parent"] == runs[1]["parent"] == {"run_id": parent, "step": step}
    assert runs[1]["name"] == "handed over (2)"  # no two runs are called alike
    losses = [
        site.get(f"/api/runs/{run_id}/export.json")["series"]["loss"] for run_id in (child, again)
    ]
    assert losses[0] == losses[1]


def test_an_interrupted_run_is_resumed_by_a_click(page: Page, tmp_path: Path) -> None:
    with Store(Settings(state_dir=tmp_path).database_url) as store:
        run_id = store.create_run(RunConfig(epochs=3, hidden=(8,))).id
        for _ in range(MOST_DEATHS):  # of workers, before the server has its own
            assert store.claim("w", LEASE_S)
            store.take_back("w", "its worker was killed by SIGKILL")
    with served(tmp_path) as site:
        page.goto(f"{site.url}/?run={run_id}")
        state(page, "interrupted")
        expect(page.locator("#run-reason")).to_contain_text("killed by SIGKILL, as 2 before it")
        expect(page.locator("#pause")).to_be_hidden()
        page.click("#resume")
        state(page, "finished")
        expect(page.locator("#resume")).to_be_hidden()
        until(page, "() => faLive.gd.data[faLive.meta.places.loss.median].x.at(-1) === 66")


def test_a_run_that_has_ended_goes_on(page: Page, site: Site) -> None:
    """One that was stopped by a click, one that has finished for more epochs; the chart goes on."""
    run_id = site.start(hidden=[10, 8], epochs=2, replicates=2, measure_every=1)
    open_run(page, site, run_id)
    state(page, "finished")
    expect(page.locator("#resume")).to_be_hidden()
    total = steps(page)[-1]
    page.click("#extend-choose")
    expect(page.locator("#extend-epochs")).to_have_value("2")
    page.fill("#extend-epochs", "3")
    page.click("#extend")
    expect(page.locator("#run-step")).to_have_text(f"{total * 5 // 2} / {total * 5 // 2}")
    state(page, "finished")
    until(
        page,
        "last => faLive.gd.data[faLive.meta.places.loss.median].x.at(-1) === last",
        total * 5 // 2,
    )
    assert steps(page) == list(range(total * 5 // 2 + 1))
    assert page.evaluate(CONTROLS) == ["epochs 2 → 5"]
    page.reload()
    until(page, DRAWN, KEYS)
    assert page.evaluate(CONTROLS) == ["epochs 2 → 5"]
    expect(page.locator("#run-step")).to_have_text(f"{total * 5 // 2} / {total * 5 // 2}")

    endless = site.start(**LONG)
    open_run(page, site, endless)
    page.click("#stop")
    state(page, "stopped")
    expect(page.locator("#extend-choose")).to_be_hidden()
    stood = site.get(f"/api/runs/{endless}")["step"]
    page.click("#resume")
    state(page, "running")
    until(
        page, "stood => faLive.gd.data[faLive.meta.places.loss.median].x.at(-1) > stood + 50", stood
    )
    drawn = steps(page)
    assert drawn == sorted(set(drawn))
    stop(site, endless)


def test_a_queued_run_says_which_paused_one_keeps_the_worker(page: Page, site: Site) -> None:
    paused = site.start(**LONG)
    wait(lambda: site.get(f"/api/runs/{paused}")["state"] == "running")
    site.post(f"/api/runs/{paused}/commands", {"command": "pause"})
    wait(lambda: site.get(f"/api/runs/{paused}")["state"] == "paused")
    waiting = site.start(epochs=1)
    page.goto(f"{site.url}/?run={waiting}")
    state(page, "queued")
    expect(page.locator("#run-reason")).to_contain_text("FA on digits, 16-16, rate 0.1")
    expect(page.locator("#run-reason")).to_contain_text(": paused, and keeps one")
    stop(site, paused)
    state(page, "finished")
    expect(page.locator("#run-reason")).to_be_empty()


def test_a_few_steps_have_whole_ticks_each_once(page: Page, site: Site) -> None:
    run_id, stood = "", 0
    while stood != 1:  # else its worker was quicker than the command
        stop(site, run_id) if run_id else None
        run_id = site.start(**(LONG | {"measure_every": 1}))
        site.post(f"/api/runs/{run_id}/commands", {"command": "step"})
        wait(lambda run_id=run_id: site.get(f"/api/runs/{run_id}")["state"] == "paused")
        stood = site.get(f"/api/runs/{run_id}")["step"]
    page.goto(f"{site.url}/?run={run_id}")
    state(page, "paused")
    until(page, f"() => faLive.gd && faLive.meta && faLive.meta.run && ({POINTS})('loss') > 0")
    ticks = """() => [...document.querySelectorAll('#charts .xaxislayer-above .xtick text')]
        .map(text => text.textContent)"""
    # Two at once, before the page has come to hear of one: both count.
    page.evaluate("() => { const { step } = window; step.click(); step.click(); }")
    until(page, "() => faLive.drawn === faLive.head && faLive.run.step === 3")
    until(page, f"() => ({ticks})().length > 1 && new Set(({ticks})()).size === ({ticks})().length")
    assert page.evaluate(ticks)[:3] == ["0", "1", "2"]
    site.post(f"/api/runs/{run_id}/commands", {"command": "resume"})
    until(page, f"() => ({POINTS})('loss') > 30")
    until(page, f"() => new Set(({ticks})()).size === ({ticks})().length")
    assert len(page.evaluate(ticks)) < 15
    stop(site, run_id)
    state(page, "stopped")


def test_a_long_line_is_drawn_anew_and_thinned(page: Page, site: Site) -> None:
    run_id = site.start(**(LONG | {"measure_every": 1}))
    open_run(page, site, run_id)
    until(page, "() => faLive.refreshes > 0")
    until(page, f"() => !faLive.refreshing && ({POINTS})('loss') < 4000")
    page.click("#pause")
    state(page, "paused")
    until(page, "() => faLive.drawn === faLive.head && !faLive.refreshing")
    shown = steps(page)
    assert shown == sorted(set(shown))
    assert shown[-1] == site.get(f"/api/runs/{run_id}/export.json")["series"]["step"][-1]
    stop(site, run_id)
    state(page, "stopped")


def test_recent_runs_open_from_the_menu(page: Page, site: Site) -> None:
    run_id = site.start(epochs=2)
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    page.goto(site.url)
    page.click("#runs-button")
    page.locator(".runs-list a").first.click()
    until(page, "id => faLive.run && faLive.run.id === id", run_id)
    state(page, "finished")


@pytest.mark.parametrize("deleted", [False, True])
def test_a_run_that_is_not_there_is_said_and_no_other_one_offered(
    page: Page, site: Site, deleted: bool
) -> None:
    run_id = "nobody"
    if deleted:
        run_id = site.start(epochs=1)
        wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
        assert site.post("/api/runs/delete", {"ids": [run_id]})["deleted"] == [run_id]
    page.goto(f"{site.url}/?run={run_id}")
    expect(page.get_by_role("heading", name="This run cannot be shown")).to_be_visible()
    said = page.get_by_text(f"There is no run '{run_id}': it was deleted, or never was.")
    expect(said).to_be_visible()
    expect(page.locator("#first")).to_be_hidden()
    expect(page.locator("#reset")).to_be_disabled()
    if deleted:  # and it is there again as soon as it is brought back
        site.post("/api/runs/restore", {"ids": [run_id]})
        page.reload()
        state(page, "finished")
        expect(said).to_be_hidden()
        return
    page.get_by_role("link", name="Start page").click()
    expect(page.locator("#first")).to_be_visible()
    expect(said).to_be_hidden()
    expect(page).to_have_url(f"{site.url}/")


def test_a_narrow_screen_has_one_column_and_no_sideways(page: Page, site: Site) -> None:
    run_id = site.start(**LONG)
    page.set_viewport_size({"width": 390, "height": 844})
    open_run(page, site, run_id)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    cut = """() => [...document.querySelectorAll('.actions .mantine-Button-label')]
        .filter(label => label.scrollWidth > label.clientWidth).map(label => label.textContent)"""
    assert page.evaluate(cut) == []
    stop(site, run_id)
    state(page, "stopped")
    assert page.evaluate(cut) == []
    charts = page.locator("#charts").bounding_box()
    form = page.locator(".form").bounding_box()
    assert charts
    assert form
    assert charts["width"] > 340
    assert form["y"] > charts["y"] + charts["height"]
