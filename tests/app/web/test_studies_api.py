"""Studies over HTTP."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from app.components.study_address import Looked
from app.server import WebApp
from app.store import Draft, Progress, RunState
from fa_engine import Trainer

FIELDS = {"learning_rate": "0.1, 0.3", "hidden": "8; 6", "epochs": "1", "replicates": 2}


def test_a_study_is_previewed_started_followed_and_ended(app: WebApp) -> None:
    client = app.test_client()
    told = client.post("/api/studies/preview", json={"fields": FIELDS}).json
    assert (told["cells"], told["runs"], told["networks"]) == (4, 2, 8)
    assert told["bytes"] > 1e6
    assert client.get("/api/studies").json == {"studies": []}  # nothing was started
    answer = client.post("/api/studies", json={"fields": FIELDS, "title": "rates"})
    assert answer.status_code == 201
    study = client.get(answer.headers["Location"]).json
    assert (study["title"], sorted(study["varied"])) == ("rates", ["hidden", "learning_rate"])
    assert study["states"] == {"queued": 4}
    first = study["results"][0]
    assert first["fields"] == {"learning_rate": 0.1, "hidden": [8]}
    # A cell is a run to look at, on every address of runs.
    cell = client.get(f"/api/runs/{first['run_id']}").json
    assert (cell["config"]["hidden"], cell["learning_rate"]) == ([8], 0.1)
    assert client.get(f"/api/runs/{first['run_id']}/events?after=0").json["events"]
    assert client.get(f"/api/runs/{first['run_id']}/export.csv").status_code == 200
    sent = client.post(f"/api/studies/{study['id']}/commands", json={"command": "pause"})
    assert (sent.status_code, sent.json["sent"]) == (202, 2)
    assert client.get(f"/api/studies/{study['id']}").json["states"] == {"paused": 4}
    more = {"fields": FIELDS | {"learning_rate": [0.2]}}
    assert client.post(f"/api/studies/{study['id']}/cells", json=more).json["cells"] == 6
    client.post(f"/api/studies/{study['id']}/commands", json={"command": "stop"})
    (listed,) = client.get("/api/studies").json["studies"]
    assert (listed["ended"], listed["cells"]) == (True, 6)
    renamed = client.patch(f"/api/studies/{study['id']}", json={"title": " two "})
    assert renamed.json["title"] == "two"
    table = client.get(f"/api/studies/{study['id']}/export.csv").get_data(as_text=True)
    rows = [*csv.DictReader(io.StringIO(table))]
    assert len(rows) == 12  # a row a network
    assert (rows[0]["cell"], rows[0]["hidden"], rows[1]["network"]) == ("1", "8", "2")
    assert rows[0]["test_accuracy"] == ""
    assert client.delete(f"/api/studies/{study['id']}").status_code == 200
    assert client.get(f"/api/studies/{study['id']}").status_code == 404
    assert client.post(f"/api/studies/{study['id']}/restore", json={}).json["title"] == "two"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"fields": {"learning_rate": "0.1, -1"}}, "Learning rate, learning_rate = '-1'"),
        ({"fields": {"learning_rate": "0.1"}}, "two or more values"),
        ({"fields": {"seed": "linear 1 900 900", "epochs": "1, 2"}}, "= 1,800"),
        ({"fields": {"hidden": "99999; 8"}}, "hidden = '99999'"),
        ({"field": {}}, "one of the fields"),
        ({}, "two or more values"),
        ({"fields": {"epochs": "1, 2"}, "sampling": "sobol"}, "where cells are drawn"),
    ],
)
def test_what_cannot_be_is_named_and_nothing_is_queued(app: WebApp, body: Any, said: str) -> None:
    client = app.test_client()
    for path in ("/api/studies", "/api/studies/preview"):
        answer = client.post(path, json=body)
        assert answer.status_code == 422
        assert said in answer.json["errors"][0]["message"]
    assert client.get("/api/studies").json == {"studies": []}
    assert app.store.runs(of_studies=True) == []


def test_what_is_no_study_is_said(app: WebApp) -> None:
    client = app.test_client()
    for answer in (
        client.get("/api/studies/none"),
        client.delete("/api/studies/none"),
        client.patch("/api/studies/none", json={"title": "a"}),
        client.post("/api/studies/none/restore", json={}),
        client.post("/api/studies/none/commands", json={"command": "stop"}),
        client.post("/api/studies/none/cells", json={"fields": FIELDS}),
        client.get("/api/studies/none/export.csv"),
    ):
        assert answer.status_code == 404
        assert "There is no study 'none'" in answer.json["error"]
    study = client.post("/api/studies", json={"fields": FIELDS}).json["id"]
    for wrong in ({"command": "step"}, {"command": "stop", "a": 1}, {}):
        assert client.post(f"/api/studies/{study}/commands", json=wrong).status_code == 422
    for wrong in ({"title": ""}, {"title": "=a"}, {"name": "a"}, {"title": "a", "note": "b"}):
        assert client.patch(f"/api/studies/{study}", json=wrong).status_code == 422


def test_a_run_of_several_cells_is_refused_with_what_to_do(app: WebApp) -> None:
    client = app.test_client()
    study = client.post("/api/studies", json={"fields": FIELDS}).json["id"]
    run_id = app.store.studies.runs(study)[0].id
    answer = client.get(f"/api/runs/{run_id}")
    assert answer.status_code == 404
    assert "several cells of a study; open one of them" in answer.json["error"]
    stop = client.post(f"/api/runs/{run_id}.0/commands", json={"command": "stop"})
    assert stop.status_code == 409
    assert client.get("/api/runs").json["runs"] == []


def test_a_cell_is_exported_and_taken_in_as_a_run(app: WebApp) -> None:
    client = app.test_client()
    study = client.post("/api/studies", json={"fields": FIELDS}).json["id"]
    run = app.store.claim("w", 30)
    assert run is not None
    trainer = Trainer(run.run_config())
    block = Draft.measurements([*trainer], Progress(trainer.step, trainer.epoch, 1.0, 1.0))
    app.store.append(run.id, "w", [block, Draft.state(RunState.FINISHED, trainer.step)], 30)
    cell = f"{run.id}.1"
    rows = [*csv.DictReader(io.StringIO(client.get(f"/api/runs/{cell}/export.csv").text))]
    last = app.store.series(cell).loss[-1]
    assert [float(row["loss"]) for row in rows[-2:]] == pytest.approx(last.tolist())
    whole = client.get(f"/api/runs/{cell}/export.json").data
    (taken,) = client.post("/api/import", data=whole).json["runs"]
    assert taken["imported_from"] == cell
    assert app.store.series(taken["id"]).loss[-1].tolist() == last.tolist()
    assert client.get(f"/api/runs/{cell}/export.py").status_code == 200
    assert client.get(f"/api/runs/{cell}/export.html").status_code == 200
    both = client.get(f"/api/export.csv?runs={cell},{run.id}.0").text
    assert "config_learning_rate" in both.partition("\n")[0]
    assert study


@pytest.mark.parametrize(
    "search",
    [
        "",
        "?study=abc",
        "?study=abc&measure=loss&against=test_loss&x=seed&y=hidden",
        "?learning_rate=log+0.01+1+5&hidden=64;64,64",
        "?learning_rate=0.1,0.2&sampling=sobol&samples=8&title=two+of+them",
        "?extend=abc&seed=1",
    ],
)
def test_an_address_is_what_is_seen(search: str) -> None:
    looked = Looked.read(search)
    assert not looked.problems
    assert Looked.read(looked.search()) == looked
    assert sorted(looked.search().lstrip("?").split("&")) == sorted(search.lstrip("?").split("&"))


def test_what_an_address_says_wrongly_is_named_and_the_rest_taken() -> None:
    looked = Looked.read("?study=abc&measure=nothing&lr=3&x=seed&show=charts")
    assert [problem.field for problem in looked.problems] == ["measure", "lr"]
    assert (looked.study, looked.measure, looked.x) == ("abc", "test_accuracy", "seed")
