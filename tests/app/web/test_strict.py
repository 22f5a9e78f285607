"""Hostile requests: refused in a line, and nothing comes of them."""

from __future__ import annotations

import json
import logging
import re
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.server import WebApp
from app.strict import MAX_BODY_BYTES, UPDATE

FEW = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

HOSTILE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**60)
    | st.floats()
    | st.text()
    | st.sampled_from(["run", "abc", "\x00", "../../etc/passwd", "?run=", "<b>", "1e999", "💥"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(["run", "checkpoints", "params", "query", "id"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@pytest.fixture
def client(app: WebApp) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def callbacks(client: FlaskClient) -> list[dict[str, Any]]:
    told = client.get("/_dash-dependencies").get_json()
    return [one for one in told if not one["clientside_function"]]


def outputs_of(callback: dict[str, Any]) -> list[dict[str, str]]:
    names = callback["output"].removeprefix("..").removesuffix("..").split("...")
    return [dict(zip(("id", "property"), name.rsplit(".", 1), strict=True)) for name in names]


def question(callback: dict[str, Any], values: st.DataObject) -> dict[str, Any]:
    """As a page asks, with any values."""

    def told(one: dict[str, str]) -> Any:
        named = one["id"]
        value = values.draw(HOSTILE)
        if named.startswith("{"):  # a pattern: any number of components
            name = json.loads(re.sub(r'\["ALL"\]', '"x"', named))
            return [{"id": name, "property": one["property"], "value": value}]
        return {"id": named, "property": one["property"], "value": value}

    outputs = outputs_of(callback)
    inputs = [told(one) for one in callback["inputs"]]
    asked = callback["inputs"] or [{"id": "x", "property": "y"}]
    first = values.draw(st.sampled_from(asked))
    return {
        "output": callback["output"],
        "outputs": outputs if callback["output"].startswith("..") else outputs[0],
        "inputs": inputs,
        "state": [told(one) for one in callback["state"]],
        "changedPropIds": [f"{first['id']}.{first['property']}"],
    }


def nothing_came_of_it(app: WebApp) -> bool:
    return not app.store.runs() and not app.store.reports.reports()


@FEW
@given(values=st.data())
def test_callbacks_with_any_values(
    app: WebApp, client: FlaskClient, callbacks: list[dict[str, Any]], values: st.DataObject
) -> None:
    callback = values.draw(st.sampled_from(callbacks))
    body = json.dumps(question(callback, values))
    answer = client.post(UPDATE, data=body, content_type="application/json")
    assert answer.status_code < 500, (callback["output"], body)
    assert nothing_came_of_it(app)


@FEW
@given(body=HOSTILE)
def test_bodies_that_are_no_question(app: WebApp, client: FlaskClient, body: Any) -> None:
    answer = client.post(UPDATE, data=json.dumps(body), content_type="application/json")
    assert answer.status_code == 400
    assert nothing_came_of_it(app)


@FEW
@given(
    path=st.text(max_size=30), folder=st.sampled_from(["assets", "_dash-component-suites", "api"])
)
def test_addresses_of_any_letters(client: FlaskClient, path: str, folder: str) -> None:
    assert client.get(f"/{folder}/{quote(path)}").status_code < 500


@pytest.mark.parametrize("clicks", ["junk", [], {}, True, -1, 2**70, 1.5])
def test_junk_in_a_count_starts_nothing(app: WebApp, client: FlaskClient, clicks: Any) -> None:
    told = client.get("/_dash-dependencies").get_json()
    pressed = [
        one
        for one in told
        if not one["clientside_function"]
        and any(asked["property"] == "n_clicks" for asked in one["inputs"])
    ]
    assert len(pressed) > 8
    for callback in pressed:
        inputs = [
            {**one, "value": clicks if one["property"] == "n_clicks" else None}
            for one in callback["inputs"]
        ]
        body = {
            "output": callback["output"],
            "outputs": [],
            "inputs": inputs,
            "state": [],
            "changedPropIds": [],
        }
        assert client.post(UPDATE, json=body).status_code == 400
    assert nothing_came_of_it(app)


def test_a_body_has_a_limit(client: FlaskClient) -> None:
    body = b"[" + b" " * MAX_BODY_BYTES + b"]"
    assert client.post(UPDATE, data=body, content_type="application/json").status_code in (400, 413)


def test_what_a_callback_makes_of_it_is_a_line_in_the_log(
    client: FlaskClient, callbacks: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    (draw,) = [one for one in callbacks if "stab-spectrum.figure" in one["output"]]
    values = {"stab-checkpoints": {"run": 3}, "theme-now": "light"}
    inputs = [
        [] if one["id"].startswith("{") else {**one, "value": values.get(one["id"])}
        for one in draw["inputs"]
    ]
    body = {
        "output": draw["output"],
        "outputs": outputs_of(draw),
        "inputs": inputs,
        "state": [{**one, "value": None} for one in draw["state"]],
        "changedPropIds": ["stab-checkpoints.data"],
    }
    with caplog.at_level(logging.WARNING):
        assert client.post(UPDATE, json=body).status_code == 400
    (record,) = caplog.records
    assert record.exc_info is None
    assert "KeyError in shown_checkpoints, line" in vars(record)["where"]
