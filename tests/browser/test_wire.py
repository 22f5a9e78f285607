"""What a page costs on the wire, for a browser that has nothing of it yet, and for one that has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_helpers import Site, kept, until
from playwright.sync_api import BrowserContext, Playwright

BYTES = """() => {
    const all = [...performance.getEntriesByType("navigation"),
                 ...performance.getEntriesByType("resource")];
    const sum = (name) => all.reduce((total, entry) => total + entry[name], 0);
    const [plain, wire] = [sum("decodedBodySize"), sum("encodedBodySize")];
    return { plain, wire, sent: sum("transferSize") };
}"""


@pytest.fixture
def new(playwright: Playwright, tmp_path: Path) -> Iterator[BrowserContext]:
    """A browser that has seen nothing: the others have what their tests asked for."""
    with kept(playwright, tmp_path) as found:
        yield found


def test_a_page_is_a_third_on_the_wire_and_next_to_nothing_again(
    new: BrowserContext, site: Site
) -> None:
    page = new.new_page()
    page.goto(f"{site.url}/plane")
    until(page, "() => document.querySelectorAll('.js-plotly-plot .main-svg').length > 2")
    cold = page.evaluate(BYTES)
    assert cold["plain"] > 6_000_000  # plotly and the components
    assert cold["wire"] < cold["plain"] / 3
    page.goto(f"{site.url}/plane")
    until(page, "() => document.querySelectorAll('.js-plotly-plot .main-svg').length > 2")
    assert page.evaluate(BYTES)["sent"] < cold["wire"] / 10
