"""Races and comparisons over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from web_helpers import CONFIG, LEASE_S, OWNER, Script

from app.server import WebApp
from app.store import RunState
from fa_engine import Measurement

BODY = {"config": {"hidden": [12, 7], "replicates": 3, "epochs": 2}, "values": ["bp", "fa", "dfa"]}


def created(app: WebApp, **more: Any) -> dict[str, Any]:
    answer = app.test_client().post("/api/races", json=BODY | more)
    assert answer.status_code == 201, answer.json
    assert answer.headers["Location"].endswith(f"/api/races/{answer.json['race_id']}")
    return dict(answer.json)


def test_a_race_is_created_looked_at_and_commanded(app: WebApp) -> None:
    client = app.test_client()
    made = created(app)
    found = client.get(f"/api/races/{made['race_id']}").json
    assert found["run_ids"] == made["run_ids"] == [run["id"] for run in found["runs"]]
    assert [run["scheme"] for run in found["runs"]] == ["bp", "fa", "dfa"]
    assert {run["race"] for run in found["runs"]} == {made["race_id"]}
    assert found["ended"] is False
    rates = created(app, field="learning_rate", values=[0.1, 0.2])
    assert len(rates["run_ids"]) == 2
    sent = client.post(f"/api/races/{made['race_id']}/commands", json={"command": "stop"})
    assert (sent.status_code, sent.json["sent"]) == (202, 3)
    found = client.get(f"/api/races/{made['race_id']}").json
    assert found["ended"] is True
    assert {run["state"] for run in found["runs"]} == {"stopped"}


@pytest.mark.parametrize(
    ("body", "field", "allowed"),
    [
        ({"values": ["bp", "fax"]}, "scheme", "one of bp, fa, dfa"),
        ({"values": ["bp"]}, "values", "2 to 12 values"),
        ({"values": ["bp", "bp"]}, "values", "differ"),
        ({"field": "colour"}, "field", "learning_rate"),
        ({"field": "learning_rate", "values": [0.1, -1]}, "learning_rate", "greater"),
        ({"config": {"hiden": [3]}}, "hiden", "one of the fields"),
        ({"config": []}, "config", "an object"),
        ({"name": "x"}, "name", "one of the fields config, field, values"),
    ],
)
def test_a_race_that_is_none_starts_nothing(
    app: WebApp, body: dict[str, Any], field: str, allowed: str
) -> None:
    answer = app.test_client().post("/api/races", json=BODY | body)
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert error["field"] == field
    assert allowed in error["allowed"] or allowed == "greater"
    assert app.store.runs() == []


def test_an_unknown_race_and_a_command_that_is_none(app: WebApp) -> None:
    client = app.test_client()
    assert client.get("/api/races/none").status_code == 404
    stop = {"command": "stop"}
    assert client.post("/api/races/none/commands", json=stop).status_code == 404
    made = created(app)
    wrong = client.post(f"/api/races/{made['race_id']}/commands", json={"command": "set"})
    assert wrong.status_code == 422


def test_a_page_is_sent_what_has_changed_and_no_more(
    app: WebApp, script: Script, measured: list[Measurement]
) -> None:
    client = app.test_client()
    other = app.store.create_run(CONFIG.replace(scheme="bp"))
    app.store.claim(OWNER, LEASE_S)
    second = Script(app.store, other, measured)
    script.measure(10)
    second.measure(10)
    query = f"/api/compare?runs={script.run.id},{other.id}&measures=loss,gradient_angle_deg"
    first = client.get(query).json
    assert sorted(first["panels"]) == [
        "compare-gradient_angle_deg-1",
        "compare-gradient_angle_deg-2",
        "compare-loss",
    ]
    assert first["going"] is True
    again = client.get(f"{query}&have={first['have']}").json
    assert (again["panels"], again["have"]) == ({}, first["have"])

    script.measure(5)
    news = client.get(f"{query}&have={first['have']}").json
    loss = news["panels"]["compare-loss"]
    # Of five traces, two bands, two lines, the names: those of the run that went on, and the names.
    assert loss["count"] == 5
    assert sorted(map(int, loss["traces"])) == [0, 2, 4]
    assert len(loss["traces"]["2"]["x"]) == 15
    assert loss["traces"]["2"]["x"] == [m.step for m in measured[:15]]

    for going in (script, second):
        going.finish()
    done = client.get(f"{query}&have={news['have']}").json
    assert done["going"] is False
    assert {run["state"] for run in done["runs"]} == {RunState.FINISHED.value}


def test_a_cursor_of_a_comparison_that_is_none_is_named(app: WebApp, script: Script) -> None:
    answer = app.test_client().get(f"/api/compare?runs={script.run.id}&have=abc")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "have"
