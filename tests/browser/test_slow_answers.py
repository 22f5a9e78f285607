"""A server whose answers take longer than a page waits between two questions."""

from __future__ import annotations

import pytest
from browser_helpers import Site, until, wait
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

# Every answer comes late: after twice the longest pause between two questions.
LATE = """() => {
  const { fetch } = window;
  window.fetch = async (url, options) => {
    const answer = await fetch(url, options);
    const late = String(url).includes('_dash-update-component');
    if (late) await new Promise(resolve => setTimeout(resolve, 4000));
    return answer;
  };
}"""


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (
            "/stability?n_samples=16&",
            "() => document.querySelector('#stab-numbers td')?.innerText.includes('of 160')",
        ),
        (
            "/walk?",
            """() => ['walk-shares', 'walk-msd'].every(id =>
                document.querySelector(`#${id} .js-plotly-plot`)?.data?.length >= 3)""",
        ),
    ],
    ids=["stability", "walk"],
)
def test_late_answers_are_shown_all_the_same(
    page: Page, site: Site, address: str, shown: str
) -> None:
    """Dash drops an answer that a newer question has overtaken."""
    run_id = site.start(hidden=[10, 8], epochs=3, replicates=2, walk=True)
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    page.add_init_script(f"({LATE})()")
    page.goto(f"{site.url}{address}run={run_id}")
    until(page, shown)
