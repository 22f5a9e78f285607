"""The HTTP API, on a real store and, for one run, with a real worker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from waiting import wait
from web_helpers import CONFIG, Script

from app.components.form import config_from
from app.server import WebApp, create_app
from app.settings import Settings
from app.store import Draft
from app.worker.supervisor import Supervisor
from fa_engine import RunConfig
from fa_engine.optimizers import OPTIMIZERS

BAD = [
    ("hidden", [0]),
    ("hidden", [-3]),
    ("hidden", "wide"),
    ("hidden", []),
    ("hidden", [16_000, 16_000]),
    ("scheme", "magic"),
    ("dataset", "cats"),
    ("learning_rate", float("nan")),
    ("learning_rate", 0),
    ("learning_rate", -0.1),
    ("learning_rate", "fast"),
    ("epochs", 10_001),
    ("epochs", 0),
    ("speed", 1),
]


@pytest.fixture
def client(app: WebApp) -> FlaskClient:
    return app.test_client()


def test_a_run_is_queued_and_listed(client: FlaskClient) -> None:
    answer = client.post("/api/runs", json={"config": {"hidden": [8], "seed": 3}, "name": "mine"})
    assert answer.status_code == 201
    run_id = answer.get_json()["run_id"]
    run = client.get(f"/api/runs/{run_id}").get_json()
    assert run["state"] == "queued"
    assert run["name"] == "mine"
    assert run["config"]["hidden"] == [8]
    assert run["config"]["seed"] == 3
    assert run["total_steps"] == RunConfig(hidden=(8,)).total_steps
    assert [entry["id"] for entry in client.get("/api/runs").get_json()["runs"]] == [run_id]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_field_is_named_and_nothing_is_queued(
    client: FlaskClient, name: str, value: object
) -> None:
    answer = client.post("/api/runs", data=json.dumps({"config": {name: value}}))
    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    assert error["field"] == name
    assert error["allowed"]
    title = RunConfig.model_fields[name].title if name in RunConfig.model_fields else ""
    assert error["message"].startswith(f"{title}, {name} = " if title else f"{name} = ")
    assert error["allowed"] in error["message"]
    assert client.get("/api/runs").get_json()["runs"] == []


def test_a_message_has_title_and_name_and_words_for_a_page_have_titles_alone(
    app: WebApp, client: FlaskClient
) -> None:
    wrong = {"optimizer": "nesterov"}
    (error,) = client.post("/api/runs", json={"config": wrong}).get_json()["errors"]
    assert error["message"].startswith(
        "Momentum, momentum = 0.0: allowed is above 0 with optimizer"
    )
    title = OPTIMIZERS["nesterov"].title
    assert error["words"] == f"Momentum = 0.0: allowed is above 0 with Optimizer {title}"
    # One definition: the form says the same.
    assert config_from(wrong, app.settings.limits)[1] == {"momentum": error["words"]}


def test_every_wrong_field_is_named(client: FlaskClient) -> None:
    answer = client.post("/api/runs", json={"config": {"epochs": 0, "replicates": 0}})
    assert {error["field"] for error in answer.get_json()["errors"]} == {"epochs", "replicates"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("", "body"),
        ("{", "body"),
        ("not json", "body"),
        ("[1, 2]", "body"),
        ("null", "body"),
        ("[" * 100_000, "body"),
        ("{}", "config"),
        ('{"config": [1]}', "config"),
        ('{"config": {}, "name": 5}', "name"),
        ('{"config": {}, "colour": 1}', "colour"),
    ],
)
def test_a_body_that_is_none_is_refused_alike(client: FlaskClient, body: str, field: str) -> None:
    answer = client.post("/api/runs", data=body)
    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    assert error["field"] == field
    assert set(error) == {"field", "value", "allowed", "message", "words"}
    assert client.get("/api/runs").get_json()["runs"] == []


def test_a_body_too_large_is_refused(client: FlaskClient) -> None:
    answer = client.post("/api/runs", data="x" * 2_000_000)
    assert answer.status_code == 413
    assert "error" in answer.get_json()


def test_limits_are_those_of_the_installation(tmp_path: Path) -> None:
    app = create_app(Settings(state_dir=tmp_path, workers=0, max_epochs=5, max_parameters=1000))
    client = app.test_client()
    refused = client.post("/api/runs", json={"config": {"epochs": 6}}).get_json()["errors"]
    assert "5" in refused[0]["allowed"]
    refused = client.post("/api/runs", json={"config": {"epochs": 5}}).get_json()["errors"]
    assert refused[0]["field"] == "hidden"
    assert "1,000" in refused[0]["allowed"]
    app.close()


def test_commands_are_taken_refused_and_too_late(client: FlaskClient, script: Script) -> None:
    address = f"/api/runs/{script.run.id}/commands"
    assert client.post(address, json={"command": "pause"}).status_code == 202
    assert client.post(address, json={"command": "set", "learning_rate": 0.5}).status_code == 202
    sent = [command for _, command in script.store.commands(script.run.id)]
    assert [command.command for command in sent] == ["pause", "set"]
    assert sent[1].learning_rate == 0.5
    for body, field in [
        ({"command": "fly"}, "command"),
        ({"command": "set", "learning_rate": -1}, "learning_rate"),
        ({"command": "set", "scheme": "magic"}, "scheme"),
        ({"command": "set"}, "command"),
    ]:
        answer = client.post(address, json=body)
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["field"] == field
    assert client.post(address, data="pause").get_json()["errors"][0]["field"] == "body"
    script.finish()
    late = client.post(address, json={"command": "pause"})
    assert late.status_code == 409
    assert script.run.id in late.get_json()["error"]


def test_a_run_begins_with_a_checkpoint(client: FlaskClient, script: Script) -> None:
    script.write(Draft.checkpoint(0, 1000), Draft.checkpoint(7, 1000))
    script.write(Draft.checkpoint(7, 1000))  # once more, with another scheme
    parent = script.run.id
    kept = client.get(f"/api/runs/{parent}/checkpoints").get_json()["checkpoints"]
    assert [(c["run_id"], c["step"]) for c in kept] == [(parent, 0), (parent, 7)]
    config = CONFIG.replace(scheme="bp", learning_rate=0.3, epochs=1).model_dump(mode="json")
    place = {"run_id": parent, "step": 7}
    answer = client.post("/api/runs", json={"config": config, "parent": place})
    assert answer.status_code == 201
    child = answer.get_json()["run_id"]
    assert client.get(f"/api/runs/{child}").get_json()["parent"] == place
    assert client.get(f"/api/runs/{parent}").get_json()["parent"] is None

    count = len(client.get("/api/runs").get_json()["runs"])

    def refused(parent: object, **changes: object) -> tuple[int, str]:
        answer = client.post("/api/runs", json={"config": config | changes, "parent": parent})
        return answer.status_code, answer.get_data(as_text=True)

    for wrong in (7, {"run_id": parent}, place | {"step": "7"}, place | {"more": 1}, [parent, 7]):
        status, said = refused(wrong)
        assert status == 422
        assert '"field":"parent"' in said.replace(" ", "")
    assert refused(place | {"step": 8}) == (404, refused(place | {"step": 8})[1])
    assert "no checkpoint of step 8" in refused(place | {"step": 8})[1]
    assert refused({"run_id": "nobody", "step": 7})[0] == 404
    for name, value in (("hidden", [5]), ("activation", "relu"), ("replicates", 1)):
        status, said = refused(place, **{name: value})
        assert status == 422
        assert f'"field":"{name}"' in said.replace(" ", "")
    assert len(client.get("/api/runs").get_json()["runs"]) == count
    assert client.get("/api/runs/nobody/checkpoints").status_code == 404


def test_an_unknown_run_is_not_found(client: FlaskClient) -> None:
    answer = client.get("/api/runs/nobody")
    assert answer.status_code == 404
    assert "nobody" in answer.get_json()["error"]
    command = client.post("/api/runs/nobody/commands", json={"command": "pause"})
    assert command.status_code == 404


def test_a_wrong_method_or_address_answers_in_json(client: FlaskClient) -> None:
    assert "error" in client.delete("/api/runs").get_json()
    assert client.delete("/api/runs").status_code == 405
    assert client.get("/api/nothing").status_code == 404
    assert "error" in client.get("/api/nothing").get_json()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:1234", "Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://["},
        {"Origin": "localhost"},
        {"Origin": "file://"},
    ],
)
def test_pages_of_other_sites_cannot_post(client: FlaskClient, headers: dict[str, str]) -> None:
    answer = client.post("/api/runs", json={"config": {}}, headers=headers)
    assert answer.status_code == 403
    assert client.get("/api/runs").get_json()["runs"] == []


def test_a_run_is_trained_by_a_real_worker(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, workers=1, threads=1)
    app = create_app(settings)
    client = app.test_client()
    config = {"hidden": [16], "epochs": 3, "replicates": 2}
    with Supervisor(settings):
        run_id = client.post("/api/runs", json={"config": config}).get_json()["run_id"]
        wait(lambda: client.get(f"/api/runs/{run_id}").get_json()["ended"])
    run = client.get(f"/api/runs/{run_id}").get_json()
    assert run["state"] == "finished"
    assert run["step"] == run["total_steps"]
    exported = client.get(f"/api/runs/{run_id}/export.json").get_json()
    assert exported["series"]["loss"][-1][0] < exported["series"]["loss"][0][0]
    app.close()


@pytest.mark.parametrize("text", ['{"config":{"dataset":"\\ud800"}}', '{"\\ud800": 1}'])
def test_half_a_character_is_refused(client: FlaskClient, text: str) -> None:
    answer = client.post("/api/runs", data=text, content_type="application/json")
    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    assert error["field"] == "body"
    assert "surrogate" in error["allowed"]


def test_a_full_queue_says_how_long_it_is(tmp_path: Path) -> None:
    app = create_app(Settings(state_dir=tmp_path, workers=0, max_queued=4))
    client = app.test_client()
    for _ in range(3):
        assert client.post("/api/runs", json={"config": {}}).status_code == 201
    for path in ("/api/races", "/api/runs", "/api/runs"):
        body = {"config": {}} if path == "/api/runs" else {"values": ["fa", "dfa"]}
        answer = client.post(path, json=body)
    assert answer.status_code == 429
    assert answer.get_json()["error"].startswith("4 runs are queued and 1 would join them")
    assert client.get("/api/runs").get_json()["total"] == 4
    app.close()


def test_a_run_may_say_that_it_is_not_to_be_taken_up(client: FlaskClient, app: WebApp) -> None:
    answer = client.post("/api/runs", json={"config": {}, "taken_up": "no"})
    assert answer.status_code == 422
    assert "allowed is true or false" in answer.get_json()["errors"][0]["message"]
    run_id = client.post("/api/runs", json={"config": {}, "taken_up": False}).get_json()["run_id"]
    assert app.store.run(run_id).taken_up is False


def test_more_epochs_than_are_allowed_are_none(client: FlaskClient, app: WebApp) -> None:
    run_id = client.post("/api/runs", json={"config": {"epochs": 9_000}}).get_json()["run_id"]
    told = {"command": "extend", "epochs": 2_000}
    answer = client.post(f"/api/runs/{run_id}/commands", json=told)
    assert answer.status_code == 422
    (problem,) = answer.get_json()["errors"]
    assert (problem["field"], problem["value"]) == ("epochs", 11_000)
    answer = client.post(f"/api/runs/{run_id}/commands", json=told | {"epochs": 2})
    assert answer.status_code == 409
    assert answer.get_json() == {"error": "A run can be extended when it has finished."}
    assert app.store.run(run_id).config["epochs"] == 9_000
