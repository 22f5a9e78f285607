"""The Claims page as a person meets it: read the rule, run it, see what the networks say."""

from __future__ import annotations

import re

import pytest
from browser_helpers import Site, until, wait
from playwright.sync_api import Page, expect

from fa_engine.studies.catalogue import EXPERIMENTS

pytestmark = pytest.mark.browser

LINES = """id => (document.querySelector(`#${id} .js-plotly-plot`)?.data || [])
    .filter(trace => trace.x && trace.x.length > 1).length"""


def test_a_claim_is_run_and_answered(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/claims")
    expect(page.locator(".claim")).to_have_count(len(EXPERIMENTS))
    page.get_by_role("link", name="Alignment does not always drive the descent").click()
    expect(page.locator(".claims-one h2")).to_have_text(
        "Alignment does not always drive the descent"
    )
    # Question, predictions and rules stand there before the data.
    rules = page.locator(".claim-rule")
    expect(rules).to_have_count(2)
    expect(rules.first).to_contain_text("Borne out where the interval of the median lies above 80")
    expect(page.locator("#claims-verdict")).to_contain_text("not been run on this installation")
    expect(page.locator("#claims-effects-box")).to_be_hidden()
    page.click("#claims-run")
    expect(page.locator("#claims-run")).to_be_disabled()
    until(page, f"() => ({LINES})('claims-curves') > 0")  # while it is under way, or at its end
    expect(page.locator(".claim-came-to")).to_have_text(
        re.compile(r"^borne out\s*with 8 networks an arm, in \d+ s, on "),
    )
    expect(page.locator(".claim-predictions .verdict")).to_have_text(["borne out", "borne out"])
    expect(page.locator(".claim.here .verdict").first).to_have_text("borne out")
    until(page, f"() => ({LINES})('claims-effects') >= 4")  # dots and an interval for each
    outcome = site.get("/api/experiments/drives")["outcome"]
    drawn = page.evaluate(
        """() => document.querySelector('#claims-effects .js-plotly-plot').data[0].x"""
    )
    said = outcome["predictions"][0]["values"]
    assert drawn == pytest.approx([100 * value for value in said])
    # It is there for whoever comes later, and an arm of it can be trained.
    page.reload()
    expect(page.locator(".claim-came-to")).to_contain_text("borne out")
    page.get_by_text("Train one of them yourself").click()
    page.locator("#claims-arms").get_by_role("link", name="Backpropagation").click()
    until(page, "() => location.search.includes('scheme=bp')")


def test_all_are_started_and_one_is_stopped(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/claims?claim=walks&dataset=digits")
    page.click("#claims-all")
    expect(page.locator("#claims-verdict")).to_contain_text("Waiting for its turn")
    expect(page.locator("#claims-progress-words")).to_have_text("waits its turn")
    page.click("#claims-stop")
    expect(page.locator("#claims-verdict")).to_contain_text("not been run on this installation")
    going = [one for one in site.get("/api/experiments")["experiments"] if one["going"]]
    assert len(going) >= len(EXPERIMENTS) - 3  # the rest is left, in its order
    assert all(one["going"][0]["waiting"] for one in going[2:])
    for one in going:
        page.request.delete(f"{site.url}/api/experiments/{one['name']}")
    wait(lambda: not any(one["going"] for one in site.get("/api/experiments")["experiments"]))


def test_a_wrong_address_is_named_and_the_rest_is_taken(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/claims?claim=stable&dataset=spirals")
    note = page.locator("#claims-note-address")
    expect(note).to_contain_text("Data set = 'spirals': allowed is one of Digits")
    expect(page.locator(".claim.here")).to_contain_text("what makes a fixed point stable")
    page.goto(f"{site.url}/claims?claim=nothing")
    expect(note).to_contain_text("Experiment = 'nothing': allowed is one of learns, extrema")
    expect(page.locator(".claim.here")).to_contain_text("learns")
