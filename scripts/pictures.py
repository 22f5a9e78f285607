"""Takes the pictures of docs/images from the running dashboard: `make pictures`.

Beside them docs/images/made_of.json keeps what the pages were made of, and tests/test_pictures.py
says when one has changed since. Pixels are not compared: fonts differ from machine to machine.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect, sync_playwright

from app.components.presets import FIRST, PRESETS
from app.server import create_app
from app.settings import Settings
from fa_engine import RunConfig
from scripts.driving import FLAGS, ROOT, chromium, dashboard

IMAGES = ROOT / "docs" / "images"
MADE_OF = IMAGES / "made_of.json"
PATIENCE_MS = 600_000  # for a run, a spectrum or a landscape on a busy machine


@dataclass(frozen=True)
class Site:
    """A dashboard that is being served."""

    url: str

    def ask(self, address: str, body: Any = None) -> Any:
        """The answer of its API."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + address, data)) as answer:
            return json.load(answer)

    def start(self, config: RunConfig, name: str) -> str:
        """Starts a run."""
        settings = config.model_dump(mode="json")
        return str(self.ask("/api/runs", {"config": settings, "name": name})["run_id"])

    def trained(self, config: RunConfig, name: str) -> str:
        """A run that has ended."""
        run_id = self.start(config, name)
        while not self.ask(f"/api/runs/{run_id}")["ended"]:
            time.sleep(0.1)
        return run_id


def train(site: Site, page: Page) -> Locator | None:
    """The first run, with a change on its way."""
    run_id = site.start(FIRST.config, FIRST.title)
    third = site.ask(f"/api/runs/{run_id}")["total_steps"] // 3
    while site.ask(f"/api/runs/{run_id}")["step"] < third:
        time.sleep(0.02)
    halved = {"command": "set", "learning_rate": FIRST.config.learning_rate / 2}
    site.ask(f"/api/runs/{run_id}/commands", halved)
    page.goto(f"{site.url}/?run={run_id}")
    expect(page.locator("#run-state")).to_have_text("finished")
    page.wait_for_function("() => faLive.drawn === faLive.head")
    return None


def stability(site: Site, page: Page) -> Locator | None:
    """A minimum that backpropagation found, under feedback alignment."""
    (minimum,) = (preset for preset in PRESETS if preset.config.train_samples == 40)
    run_id = site.trained(minimum.config, minimum.title)
    page.goto(f"{site.url}/stability?run={run_id}")
    unstable = "document.querySelector('#stab-numbers td')?.innerText || ''"
    page.wait_for_function(f"() => {unstable}.startsWith('0 of')")
    page.locator(".field", has_text="Of which scheme").locator("input").first.click()
    page.get_by_role("option", name="Feedback alignment", exact=True).click()
    page.wait_for_function(f"() => {unstable} && !{unstable}.startsWith('0 of')")
    told = "document.querySelector('#stab-series-note').innerText"
    page.wait_for_function(f"() => {told}.startsWith('From') && !{told}.includes('are computed')")
    return page.locator(".panel", has=page.locator("#stab-spectrum"))


def walk(site: Site, page: Page) -> Locator | None:
    """Two runs from one start over the loss surface."""
    config = RunConfig(hidden=(32, 32), epochs=60, replicates=1, learning_rate=0.1, walk=True)
    one = site.trained(config, "feedback alignment")
    two = site.trained(config.replace(scheme="bp"), "backpropagation")
    page.goto(f"{site.url}/walk?run={one}")
    page.click("#walk-others")
    page.get_by_role("option").filter(has_text=two).click()
    page.keyboard.press("Escape")
    page.click("#walk-go")
    page.wait_for_function(
        "() => document.querySelector('#walk-landscape .js-plotly-plot')?.data?.length === 3"
    )
    return page.locator(".panel", has=page.locator("#walk-landscape"))


def plane(site: Site, page: Page) -> Locator | None:
    """The way out of the unstable stretch."""
    page.goto(f"{site.url}/plane")
    drawn = """count => document.querySelector('#plane-fa .js-plotly-plot')?.data
        ?.find(trace => trace.name === 'marks')?.x.length === 2 * count"""
    page.wait_for_function(drawn, arg=2)
    page.click("#plane-clear")
    page.wait_for_function(drawn, arg=0)
    page.click("#plane-unstable")
    page.wait_for_function(drawn, arg=1)
    page.wait_for_function("() => document.querySelectorAll('.plane mjx-container').length > 10")
    return None


def compare(site: Site, page: Page) -> Locator | None:
    """A race of three schemes, from equal weights and on equal batches."""
    race = _raced(site)
    page.goto(f"{site.url}/compare?race={race}")
    page.wait_for_function(
        """() => [...document.querySelectorAll('#compare-charts .js-plotly-plot')]
            .filter(gd => gd.data?.length > 3 && gd.faAxes).length >= 4"""
    )
    return None


def runs(site: Site, page: Page) -> Locator | None:
    """What has been trained, the best first."""
    _raced(site)
    page.goto(f"{site.url}/runs")
    expect(page.locator(".ag-row .runs-name a").nth(2)).to_be_visible()
    page.locator(".ag-header-cell[col-id='best_accuracy'] .ag-header-cell-label").click()
    expect(page.locator(".ag-header-cell[col-id='best_accuracy']")).to_have_attribute(
        "aria-sort", "descending"
    )
    return None


def _raced(site: Site) -> str:
    """A race that has ended."""
    config = RunConfig(hidden=(64, 64), epochs=40, learning_rate=0.05, replicates=8)
    asked = {"config": config.model_dump(mode="json"), "values": ["bp", "fa", "dfa"]}
    race = str(site.ask("/api/races", asked)["race_id"])
    while not site.ask(f"/api/races/{race}")["ended"]:
        time.sleep(0.1)
    return race


def claims(site: Site, page: Page) -> Locator | None:
    """A claim of the paper, and what the networks say of it."""
    page.goto(f"{site.url}/claims?claim=stable")
    page.click("#claims-run")
    expect(page.locator(".claim-came-to")).to_be_visible()
    page.wait_for_function(
        """() => [...document.querySelectorAll('.claims-page .js-plotly-plot')]
            .filter(gd => gd.data?.length > 5).length === 2"""
    )
    return None


def studies(site: Site, page: Page) -> Locator | None:
    """A study that has ended: where it is good, and what goes together."""
    page.goto(f"{site.url}/studies")
    page.click("#studies-ready-scale")
    page.click("#study-start:not([disabled])")
    expect(page.locator("#studies-state")).to_contain_text("25 finished")
    page.wait_for_function(
        "() => document.querySelector('#studies-parallel .js-plotly-plot')?.data?.length > 5"
    )
    return None


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        address: of its page.
        take: brings the page to where it is worth a picture; the part to be shown, or all that
            is in sight.
        size: width and height of the window, in pixels.
        files: what the page is drawn with, beside its layout.
    """

    address: str
    take: Callable[[Site, Page], Locator | None]
    size: tuple[int, int]
    files: tuple[str, ...]


_ALL = (
    "assets/css/1-frame.css",
    "app/figures/look.py",
    "app/figures/palette.py",
    "fa_engine/colours.py",
)
_LAB = (*_ALL, "assets/css/4-lab.css")
PICTURES = {
    "train": Picture(
        "/",
        train,
        (1440, 900),
        (
            *_ALL,
            "assets/css/2-form.css",
            "assets/css/3-run.css",
            "assets/chart-marks.js",
            "app/figures/training.py",
        ),
    ),
    "stability": Picture(
        "/stability",
        stability,
        (1180, 1400),
        (*_LAB, "app/figures/stability.py", "app/figures/spectrum.py"),
    ),
    "claims": Picture(
        "/claims",
        claims,
        (1180, 1400),
        (*_LAB, "assets/css/9-claims.css", "app/figures/experiment.py"),
    ),
    "studies": Picture(
        "/studies",
        studies,
        (1180, 1700),
        (*_LAB, "assets/css/9-studies.css", "assets/studies.js", "app/figures/study.py"),
    ),
    "walk": Picture("/walk", walk, (1180, 1400), (*_LAB, "app/figures/walk.py")),
    "compare": Picture(
        "/compare",
        compare,
        (1440, 1000),
        (*_ALL, "assets/css/8-compare.css", "app/figures/comparison.py"),
    ),
    "runs": Picture(
        "/runs",
        runs,
        (1440, 760),
        (*_ALL, "assets/css/8-runs.css", "app/components/runs_table.py"),
    ),
    "plane": Picture(
        "/plane",
        plane,
        (1280, 840),
        (*_ALL, "assets/css/5-plane.css", "assets/plane.js", "app/figures/plane.py"),
    ),
}


def made_of() -> dict[str, dict[str, str]]:
    """By picture a digest of each part that its page is made of."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        app = create_app(Settings(state_dir=place, data_dir=place, workers=0))
        client = app.test_client()
        found = {
            name: {
                "the frame around it": _digest(
                    json.dumps(client.get("/_dash-layout").json, sort_keys=True)
                ),
                "its layout": _digest(_layout(client, picture.address)),
                **{path: _digest(_code(ROOT / path)) for path in picture.files},
            }
            for name, picture in PICTURES.items()
        }
        app.close()
    return found


def _layout(client: Any, address: str) -> str:
    asked = {
        "output": "page.children",
        "outputs": {"id": "page", "property": "children"},
        "inputs": [{"id": "url", "property": "pathname", "value": address}],
        "changedPropIds": ["url.pathname"],
    }
    answer = client.post("/_dash-update-component", json=asked)
    assert answer.status_code == 200, answer.text
    return json.dumps(answer.json, sort_keys=True)  # Dash writes some in another order each time


def _code(path: Path) -> str:
    """A file without its comments and its spaces, which nobody sees on a page."""
    text = path.read_text()
    if path.suffix in (".css", ".js"):
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    comment = {".py": "#", ".js": "//"}.get(path.suffix)
    if comment:
        text = re.sub(rf"(^|\s){comment} .*$", "", text, flags=re.MULTILINE)
    return "".join(text.split())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def main() -> int:
    """Takes all pictures, or those that are named."""
    names = sys.argv[1:] or list(PICTURES)
    kept = json.loads(MADE_OF.read_text()) if MADE_OF.exists() else {}
    expect.set_options(timeout=PATIENCE_MS)
    with (
        tempfile.TemporaryDirectory() as state,
        dashboard(state) as url,
        sync_playwright() as playwright,
    ):
        site = Site(url)
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        for name in names:
            picture = PICTURES[name]
            width, height = picture.size
            page = browser.new_page(
                viewport={"width": width, "height": height}, reduced_motion="reduce"
            )
            page.set_default_timeout(PATIENCE_MS)
            shown = picture.take(site, page)
            page.mouse.move(0, 0)
            page.wait_for_timeout(1000)  # what fades has faded
            (shown or page).screenshot(path=IMAGES / f"{name}.png")
            page.close()
            print(f"docs/images/{name}.png")
        browser.close()
    kept |= {name: parts for name, parts in made_of().items() if name in names}
    MADE_OF.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
