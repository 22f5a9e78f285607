"""Every chart of every page can be saved: on white, in light colours, with its words."""

from __future__ import annotations

import base64
import html
import io
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from browser_helpers import Site, until, wait, wear
from playwright.sync_api import Page
from pypdf import PdfReader

from app.figures.palette import DARK, LIGHT, css

pytestmark = pytest.mark.browser

# The colours of the corners and of the middle of a picture, as [r, g, b, a].
PIXELS = """async address => {
    const picture = Object.assign(new Image(), { src: address });  // which the page's policy allows
    await picture.decode();
    const bitmap = await createImageBitmap(picture);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const pen = canvas.getContext('2d');
    pen.drawImage(bitmap, 0, 0);
    const { width: w, height: h } = bitmap;
    const edge = pen.getImageData(0, 0, w, 6).data;
    const white = [...edge].every(value => value === 255);
    return { width: w, edge: white, corners: [[2, 2], [w - 3, 2], [2, h - 3], [w - 3, h - 3]]
        .map(([x, y]) => [...pen.getImageData(x, y, 1, 1).data]) };
}"""
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SHOWN = """id => document.querySelector(`[data-chart="${id}"] .js-plotly-plot`)
    ?.data?.some(trace => trace.x && trace.x.length > 1)"""


def saved(page: Page, chart: str, kind: str) -> tuple[str, bytes]:
    """Name and content of the file that the button gives."""
    with page.expect_download() as found:
        page.locator(f"[data-chart='{chart}'] [data-save='{kind}']").click()
    return found.value.suggested_filename, Path(found.value.path()).read_bytes()


def points_of(svg: bytes) -> list[float]:
    """Width and height of an SVG: 96 pixels are an inch, 72 points too."""
    found = re.search(rb'width="([\d.]+)" height="([\d.]+)"', svg)
    assert found
    return [float(pixels) * 72 / 96 for pixels in found.groups()]


def words(svg: bytes) -> str:
    return html.unescape(" ".join(re.findall(r">([^<>]+)<", svg.decode())))


@pytest.fixture(scope="module")
def run(site: Site) -> dict[str, Any]:
    """A finished run with everything that charts show."""
    config = {"hidden": [12, 8], "epochs": 3, "replicates": 2, "walk": True, "measure_every": 5}
    run_id = site.post("/api/runs", {"config": config, "name": "Ünder <test> 7"})["run_id"]
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    return dict(site.get(f"/api/runs/{run_id}"))


# For each page its charts, with words that a saved picture has to have.
SAYS = {
    "/": {"charts": ["gradient angle", "step", "Accuracy", "train", "test", "layer 2"]},
    "/stability": {
        "stab-spectrum": ["Spectrum of the feedback kernel", "real part"],
        "stab-series": ["Stability through training", "step"],
    },
    "/walk": {
        "walk-shares": ["shares of the descent", "share of the change", "layer 1"],
        "walk-distances": ["Distance", "step"],
        "walk-msd": ["mean squared displacement", "lag, in steps", "layer 2"],
    },
    "/plane": {
        "plane-fa": ["feedback alignment", "input to hidden", "path 1", "stable"],
        "plane-along": ["along the way", "step", "Loss", "Backpropagation, 1"],
    },
}


@pytest.mark.parametrize("address", SAYS)
def test_charts_are_saved_on_white_with_their_words(
    page: Page, site: Site, run: dict[str, Any], address: str
) -> None:
    # Few samples are enough for a spectrum with all of its words.
    few = "&n_samples=16" if address == "/stability" else ""
    page.goto(f"{site.url}{address}?run={run['id']}{few}")
    for chart in SAYS[address]:
        until(page, SHOWN, chart)
    for theme in THEMES:
        wear(page, theme, 1280, 860)
        for chart, said in SAYS[address].items():
            name, png = saved(page, chart, "png")
            assert name.endswith(".png")
            assert address == "/plane" or name.startswith("Ünder-test-7-")
            data = "data:image/png;base64," + base64.b64encode(png).decode()
            pixels = page.evaluate(PIXELS, data)
            assert pixels["corners"] == [[255, 255, 255, 255]] * 4
            assert pixels["edge"]  # nothing is cut off there
            assert pixels["width"] >= 2 * 640
            name, svg = saved(page, chart, "svg")
            assert name.endswith(".svg")
            written = words(svg)
            for part in said:
                assert part in written
            assert address == "/plane" or "Ünder <test> 7" in written
            name, pdf = saved(page, chart, "pdf")
            assert name.endswith(".pdf")
            assert pdf.startswith(b"%PDF")
            (sheet,) = PdfReader(io.BytesIO(pdf)).pages
            assert [sheet.mediabox.width, sheet.mediabox.height] == points_of(svg)
            for part in said:
                assert part in sheet.extract_text()
            colours = svg.decode().replace(", ", ",")  # as plotly writes some of them
            assert css(LIGHT.ink) in colours
            assert css(DARK.ink) not in colours


def test_every_chart_has_its_buttons(page: Page, site: Site, run: dict[str, Any]) -> None:
    for address, chart in {"/": "charts", "/walk": "walk-shares", "/plane": "plane-fa"}.items():
        page.goto(f"{site.url}{address}?run={run['id']}")
        until(page, SHOWN, chart)
        lacking = page.evaluate(
            """() => [...document.querySelectorAll('.js-plotly-plot')]
                .filter(gd => gd.data && gd.data.length)
                .filter(gd => !gd.closest('[data-chart]')?.querySelector('[data-save]')).length"""
        )
        assert lacking == 0
