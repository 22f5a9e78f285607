"""Experiments over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from dash.development.base_component import Component
from pydantic import SecretStr

from app.components.claims import predictions_table
from app.pages.claims import chosen_by
from app.server import WebApp, create_app
from app.settings import Settings
from fa_engine.studies.catalogue import EXPERIMENTS


def test_experiments_are_listed_started_followed_and_stopped(app: WebApp) -> None:
    client = app.test_client()
    listed = client.get("/api/experiments").json["experiments"]
    assert [one["name"] for one in listed] == list(EXPERIMENTS)
    assert all(one["outcomes"] == one["going"] == [] for one in listed)
    assert "interval of the median" in listed[0]["predictions"][0]["rule"]
    answer = client.post("/api/experiments/stable", json={"dataset": "mnist"})
    assert answer.status_code == 202
    state = client.get(answer.headers["Location"]).json
    assert state["outcome"] is None
    assert state["going"] == {"dataset": "mnist", "progress": 0.0, "waiting": True, "problem": ""}
    assert client.get("/api/experiments/stable").json["going"] is None  # on digits
    told = {"experiment": "stable", "dataset": "digits", "verdict": "borne out"}
    app.store.outcomes.put(told | {"networks": 8, "seconds": 20.0})
    listed = client.get("/api/experiments").json["experiments"]
    stable = next(one for one in listed if one["name"] == "stable")
    assert [one["verdict"] for one in stable["outcomes"]] == ["borne out"]
    assert [one["dataset"] for one in stable["going"]] == ["mnist"]
    assert client.delete("/api/experiments/stable?dataset=mnist").status_code == 200
    assert client.get("/api/experiments/stable?dataset=mnist").json["going"] is None
    assert client.get("/api/experiments/stable").json["outcome"]["verdict"] == "borne out"


def test_what_is_no_experiment_is_said(app: WebApp) -> None:
    client = app.test_client()
    for answer in (
        client.get("/api/experiments/nothing"),
        client.post("/api/experiments/nothing", json={}),
        client.delete("/api/experiments/nothing"),
    ):
        assert answer.status_code == 404
        assert answer.json == {"error": "There is no experiment 'nothing'."}
    wrong = client.post("/api/experiments/learns", json={"dataset": "spirals"})
    assert wrong.status_code == 422
    assert wrong.json["errors"][0]["field"] == "dataset"
    assert "digits, mnist" in wrong.json["errors"][0]["message"]
    assert client.post("/api/experiments/learns", json={"more": 1}).status_code == 422
    assert client.get("/api/experiments/learns?dataset=nothing").status_code == 422
    assert client.get("/api/experiments").json["experiments"][0]["going"] == []


def test_what_there_is_no_room_for_is_refused(app: WebApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.store.tasks.MOST_WANTED", 1)
    client = app.test_client()
    assert client.post("/api/experiments/learns", json={}).status_code == 202
    full = client.post("/api/experiments/stable", json={})
    assert full.status_code == 429
    assert "try again later" in full.json["error"]


def test_one_that_is_asked_of_another_data_set_alone_is_asked_of_that(
    app: WebApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    learns = EXPERIMENTS["learns"]
    only = replace(learns, settings={"mnist": learns.settings["mnist"]})
    monkeypatch.setitem(EXPERIMENTS, "mine", only)
    client = app.test_client()
    assert client.get("/api/experiments/mine").json["dataset"] == "mnist"
    assert client.post("/api/experiments/mine", json={}).json["dataset"] == "mnist"
    assert chosen_by("?claim=mine").dataset == "mnist"
    assert chosen_by("?claim=mine&dataset=digits").experiment == "mine"


def test_who_only_watches_neither_starts_nor_stops_one(settings: Settings) -> None:
    tokens = {"control_token": SecretStr("c" * 16), "view_token": SecretStr("v" * 16)}
    made = create_app(settings.model_copy(update=tokens))
    client = made.test_client()
    watching = {"Authorization": f"Bearer {'v' * 16}"}
    driving = {"Authorization": f"Bearer {'c' * 16}"}
    place = "/api/experiments/learns"
    assert client.post(place, json={}, headers=watching).status_code == 403
    assert client.get("/api/experiments", headers=watching).json["experiments"][0]["going"] == []
    assert client.post(place, json={}, headers=driving).status_code == 202
    assert client.delete(place, headers=watching).status_code == 403
    assert client.get(place, headers=watching).json["going"] is not None
    made.close()


def test_an_outcome_is_shown_by_the_rules_that_decided_it() -> None:
    learns = EXPERIMENTS["learns"]
    told = [
        {
            "words": prediction.words,
            "rule": "Borne out above 0.5 %.",
            "unit": "share",
            "interval": {"low": 0.01, "middle": 0.02, "high": 0.03, "level": 0.992},
            "verdict": "borne out",
        }
        for prediction in learns.predictions[:1]  # there was one then
    ]
    shown = json.dumps(
        predictions_table(learns, {"predictions": told}).to_plotly_json(), default=_plain
    )
    assert "Borne out above 0.5 %." in shown
    assert "rules that have changed since" in shown
    assert "2 % (1 % to 3 %)" in shown
    assert learns.predictions[1].words not in shown
    now = json.dumps(predictions_table(learns, None).to_plotly_json(), default=_plain)
    assert learns.predictions[1].words in now
    assert "changed since" not in now


def _plain(part: Component) -> object:
    return part.to_plotly_json()
