"""The frame around the pages: navigation and the recent runs."""

from __future__ import annotations

from typing import Any

import pytest
from web_helpers import CONFIG

from app.components.shell import Link, nav, run_of, runs_list
from app.pages import PAGES
from app.server import WebApp

LINKS = [Link("/", "Train", "One", True), Link("/walk", "Walk", "Two", True)]


def anchors(components: Any) -> list[dict[str, Any]]:
    return [component.to_plotly_json()["props"] for component in components]


@pytest.mark.parametrize(
    ("search", "query"),
    [("?run=r1", "?run=r1"), ("?run=r1&more=2", "?run=r1"), ("?run=a%26b", "?run=a%26b")]
    + [(nothing, "") for nothing in ("", None, "?more=2")],
)
def test_a_link_takes_the_run_along_and_nothing_else(search: str | None, query: str) -> None:
    assert [a["href"] for a in anchors(nav(LINKS, "/", run_of(search)))] == [
        f"/{query}",
        f"/walk{query}",
    ]


@pytest.mark.parametrize(("path", "marked"), [("/", [0]), ("/walk", [1]), ("/nowhere", [])])
def test_the_page_that_is_shown_is_marked(path: str, marked: list[int]) -> None:
    drawn = anchors(nav(LINKS, path, None))
    assert [i for i, a in enumerate(drawn) if a.get("aria-current") == "page"] == marked


def test_every_page_has_a_link_and_an_address_of_its_own(app: WebApp) -> None:
    answer = app.test_client().post(
        "/_dash-update-component",
        json={
            "output": "nav.children",
            "outputs": {"id": "nav", "property": "children"},
            "inputs": [
                {"id": "url", "property": "pathname", "value": "/"},
                {"id": "run-named", "property": "data", "value": {"run": "x"}},
            ],
            "changedPropIds": ["url.pathname"],
        },
    )
    links = [entry["props"] for entry in answer.get_json()["response"]["nav"]["children"]]
    assert [(a["children"], a["href"]) for a in links] == [
        (page.name, f"{page.path}?run=x") for page in PAGES if page.in_navigation
    ]
    assert len({page.path for page in PAGES}) == len({page.name for page in PAGES}) == len(PAGES)


def test_a_recent_run_opens_on_the_page_that_is_shown(app: WebApp) -> None:
    run = app.store.create_run(CONFIG)
    item = anchors(runs_list(app.store.runs(limit=5), "/walk"))[1]
    assert item["href"] == f"/walk?run={run.id}"
    assert run_of(item["href"].removeprefix("/walk")) == run.id
