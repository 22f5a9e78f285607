"""What the pages' controls tell the server, whichever page they are on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.pages import PAGES
from app.server import WebApp


def parts(answer: Any) -> Iterator[dict[str, Any]]:
    """The properties of every component of a layout, as the browser gets it."""
    if isinstance(answer, dict):
        if "props" in answer:
            yield answer["props"]
        for value in answer.values():
            yield from parts(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from parts(value)


def layout(app: WebApp, path: str) -> Any:
    return (
        app.test_client()
        .post(
            "/_dash-update-component",
            json={
                "output": "page.children",
                "outputs": {"id": "page", "property": "children"},
                "inputs": [{"id": "url", "property": "pathname", "value": path}],
                "changedPropIds": ["url.pathname"],
            },
        )
        .get_json()
    )


def test_enter_says_what_is_in_the_field_in_the_same_breath(app: WebApp) -> None:
    """A field that tells every letter tells the last one a moment after Enter: too late."""
    acting = {
        asked["id"]
        for callback in app.test_client().get("/_dash-dependencies").get_json()
        for asked in callback["inputs"]
        if asked["property"] == "n_submit"
    }
    fields = {
        props["id"]: props.get("debounce")
        for page in PAGES
        for props in parts(layout(app, page.path))
        if str(props.get("id")) in acting
    }
    assert len(acting) >= 3
    assert fields == dict.fromkeys(acting, True)


def test_no_answer_of_the_server_is_for_all_of_a_pattern(app: WebApp) -> None:
    """Dash lets such an answer overtake a newer one: app/components/wrong.py says how."""
    callbacks = app.test_client().get("/_dash-dependencies").get_json()
    server = [asked["output"] for asked in callbacks if not asked["clientside_function"]]
    assert len(server) > 40
    assert [output for output in server if '["ALL"]' in output] == []
    browser = {asked["output"] for asked in callbacks if asked["clientside_function"]}
    assert '{"name":["ALL"],"type":"field"}.error' in browser
