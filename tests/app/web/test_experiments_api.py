"""Experiments over HTTP."""

from __future__ import annotations

from app.server import WebApp
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
