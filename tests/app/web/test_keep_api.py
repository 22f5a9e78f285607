"""Keeping through HTTP: lists, labels, deletion and undo, room, and the document of it all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient
from web_helpers import LEASE_S, OWNER, Script

from app.described import DeletedView, RunPage, Runs, RunView
from app.server import WebApp, create_app
from app.settings import Settings
from app.store import Draft, Rule, RunState, Store
from fa_engine import RunConfig


@pytest.fixture
def client(app: WebApp) -> FlaskClient:
    return app.test_client()


def named(client: FlaskClient, *names: str) -> list[str]:
    made = [client.post("/api/runs", json={"config": {}, "name": name}) for name in names]
    return [answer.get_json()["run_id"] for answer in made]


def test_a_list_is_searched_sorted_and_paged(client: FlaskClient) -> None:
    ids = named(client, "apple", "pear", "plum", "apple tart")
    client.patch(f"/api/runs/{ids[2]}", json={"note": "with apples"})
    found = RunPage.model_validate(client.get("/api/runs?search=apple&sort=name").get_json())
    assert [run.name for run in found.runs] == ["apple", "apple tart", "plum"]
    assert found.total == 3
    page = client.get("/api/runs?sort=-name&limit=2&offset=1").get_json()
    assert [run["name"] for run in page["runs"]] == ["pear", "apple tart"]
    assert (page["total"], page["offset"]) == (4, 1)
    page = client.get("/api/runs", query_string={"where": ["name^p", "note!=none"]}).get_json()
    assert [run["id"] for run in page["runs"]] == [ids[2]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("offset=-1", "offset"),
        ("sort=colour", "sort"),
        ("where=scheme", "where"),
        ("where=step>x", "where"),
        ("deleted=yes", "deleted"),
        ("serach=fa", "serach"),
        (f"search={'s' * 201}", "search"),
    ],
)
def test_a_wrong_list_is_refused_by_name(client: FlaskClient, query: str, field: str) -> None:
    answer = client.get(f"/api/runs?{query}")
    assert answer.status_code == 422
    (wrong,) = answer.get_json()["errors"]
    assert wrong["field"] == field
    assert wrong["allowed"]


def test_lists_of_conditions_and_of_runs_have_an_end(app: WebApp, client: FlaskClient) -> None:
    many = "&".join(["where=step>1"] * 21)
    answer = client.get(f"/api/runs?{many}")
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "where")
    assert client.get(f"/api/runs?{many.removesuffix('&where=step>1')}").status_code == 200
    (run_id,) = named(client, "one")
    body = {"ids": [run_id] * 1001, "command": "checkpoint"}
    answer = client.post("/api/runs/commands", json=body)
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "ids")
    # One that is named twice is told once.
    client.post("/api/runs/commands", json={"ids": [run_id] * 1000, "command": "checkpoint"})
    assert len(app.store.commands(run_id)) == 1


def test_a_run_takes_no_end_of_commands_but_is_always_stopped(
    app: WebApp, client: FlaskClient
) -> None:
    (run_id,) = named(client, "one")
    assert app.store.claim("w", 30)
    path, body = f"/api/runs/{run_id}/commands", {"command": "checkpoint"}
    statuses = [client.post(path, json=body).status_code for _ in range(101)]
    assert statuses == [202] * 100 + [409]
    assert client.post(path, json={"command": "stop"}).status_code == 202


def test_who_resumes_waits_in_the_queue_like_others(tmp_path: Path) -> None:
    app = create_app(Settings(state_dir=tmp_path, workers=0, max_queued=2))
    client = app.test_client()
    paused = named(client, "one", "two")
    for run_id in paused:
        client.post(f"/api/runs/{run_id}/commands", json={"command": "pause"})
    named(client, "three", "four")
    answer = client.post(f"/api/runs/{paused[0]}/commands", json={"command": "resume"})
    assert answer.status_code == 429
    assert app.store.run(paused[0]).state.value == "paused"
    app.close()


def test_labels_are_changed_and_checked(client: FlaskClient) -> None:
    first, second = named(client, "one", "two")
    text = "<img src=x onerror=alert(1)>"
    body = {"name": text, "note": text, "tags": [text, "b"], "pinned": True}
    run = RunView.model_validate(client.patch(f"/api/runs/{first}", json=body).get_json())
    assert (run.name, run.note, run.tags, run.pinned) == (text, text, [text, "b"], True)
    assert client.get(f"/api/runs/{first}").get_json()["name"] == text
    for wrong, field in (
        ({"name": "=HYPERLINK(1)"}, "name"),
        ({"tags": ["a,b"]}, "tags"),
        ({"colour": 1}, "colour"),
        ({}, "body"),
        ([], "body"),
    ):
        answer = client.patch(f"/api/runs/{first}", json=wrong)
        assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, field)
    assert client.post("/api/runs", json={"config": {}, "name": "=1"}).status_code == 422
    assert client.patch("/api/runs/nobody", json={"note": "x"}).status_code == 404

    many = {"ids": [second, first], "add_tags": ["c"], "note": "both"}
    found = Runs.model_validate(client.patch("/api/runs", json=many).get_json())
    assert [(run.id, run.tags, run.note) for run in found.runs] == [
        (second, ["c"], "both"),
        (first, [text, "b", "c"], "both"),
    ]
    before = client.get("/api/runs").get_json()
    for wrong, status in (
        ({"ids": [first, "nobody"], "note": "x"}, 404),
        ({"ids": [first, second], "name": "x"}, 422),
        ({"ids": [], "note": "x"}, 422),
        ({"ids": "all", "note": "x"}, 422),
        ({"note": "x"}, 422),
        ({"ids": ["a"] * 1001, "note": "x"}, 422),
    ):
        assert client.patch("/api/runs", json=wrong).status_code == status
    assert client.get("/api/runs").get_json() == before


def test_a_deleted_run_is_nowhere_until_it_is_restored(
    client: FlaskClient, app: WebApp, script: Script
) -> None:
    script.measure(count=5)
    run_id = script.run.id
    folder = app.settings.checkpoint_dir / run_id
    folder.mkdir(parents=True)
    (folder / "5.safetensors").write_bytes(b"x" * 4_000)
    script.write(Draft.checkpoint(5, 4_000))
    script.finish()
    heir = client.post(
        "/api/runs",
        json={"config": script.run.config, "parent": {"run_id": run_id, "step": 5}},
    ).get_json()["run_id"]
    addresses = [
        rule.rule.replace("<run_id>", run_id)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/runs/<run_id>") and "GET" in (rule.methods or ())
    ]
    assert len(addresses) >= 7
    addresses.remove(f"/api/runs/{run_id}/stream")
    before = [client.get(address).data for address in addresses]

    answer = client.delete(f"/api/runs/{run_id}")
    deleted = DeletedView.model_validate(answer.get_json())
    assert (deleted.deleted, deleted.stopped, deleted.checkpoint_bytes) == ([run_id], [], 4_000)
    assert [(one.id, one.parent_id) for one in deleted.handed_over] == [(heir, run_id)]
    for address in (*addresses, f"/api/runs/{run_id}/stream"):
        assert client.get(address).status_code == 404, address
    for again in (
        client.delete(f"/api/runs/{run_id}"),
        client.patch(f"/api/runs/{run_id}", json={"note": "x"}),
        client.post(f"/api/runs/{run_id}/commands", json={"command": "stop"}),
    ):
        assert again.status_code == 404
    assert [run["id"] for run in client.get("/api/runs").get_json()["runs"]] == [heir]
    assert client.get("/api/runs?deleted=1").get_json()["runs"][0]["id"] == run_id

    assert client.post(f"/api/runs/{run_id}/restore").get_json()["id"] == run_id
    assert [client.get(address).data for address in addresses] == before


def test_many_are_stopped_deleted_and_restored_at_once(client: FlaskClient, app: WebApp) -> None:
    ids = named(client, "one", "two", "three")
    assert app.store.claim(OWNER, LEASE_S) is not None
    more = {"ids": ids, "command": "extend", "epochs": 10**6}
    assert client.post("/api/runs/commands", json=more).status_code == 422
    answer = client.post("/api/runs/commands", json={"ids": ids[1:], "command": "stop"})
    assert (answer.status_code, set(answer.get_json()["commands"])) == (202, set(ids[1:]))
    answer = client.post("/api/runs/commands", json={"ids": ids, "command": "stop"})
    assert set(answer.get_json()["commands"]) == {ids[0]}
    body = {"ids": [*ids, "nobody"]}
    assert client.post("/api/runs/commands", json=body | {"command": "stop"}).status_code == 404
    assert client.post("/api/runs/delete", json=body).status_code == 404
    assert client.post("/api/runs/delete", json={"ids": ids, "now": True}).status_code == 422
    answer = client.post("/api/runs/delete", json={"ids": ids}).get_json()
    assert (answer["deleted"], answer["stopped"]) == (ids, [ids[0]])
    assert client.get("/api/runs").get_json() == {"runs": [], "total": 0, "offset": 0}
    restored = client.post("/api/runs/restore", json={"ids": ids}).get_json()["runs"]
    assert [run["name"] for run in restored] == ["one", "two", "three"]


def test_the_rule_of_checkpoints_is_told_changed_and_given_back(
    client: FlaskClient, app: WebApp
) -> None:
    where = "/api/room/rule"
    own = {"checkpoint_mb": 200, "checkpoint_total_mb": 4000}
    assert client.get(where).get_json() == own
    changed = client.patch(where, json={"checkpoint_mb": 0, "checkpoint_total_mb": 50}).get_json()
    assert changed == {"checkpoint_mb": 0, "checkpoint_total_mb": 50}
    changed = client.patch(where, json={"checkpoint_mb": None}).get_json()  # the other one stays
    assert changed == client.get(where).get_json() == own | {"checkpoint_total_mb": 50}
    with Store(app.settings.database_url) as another:  # a worker's
        assert another.rules.rule() == Rule(checkpoint_total_mb=50)
    for wrong in (
        {"checkpoint_mb": -1},
        {"checkpoint_mb": True},
        {"checkpoint_mb": "7"},
        {"mb": 7},
    ):
        answer = client.patch(where, json=wrong)
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["field"] == next(iter(wrong))
    assert client.patch(where, json=[]).status_code == 422
    assert client.get(where).get_json() == own | {"checkpoint_total_mb": 50}
    assert client.patch(where, json={"checkpoint_total_mb": None}).get_json() == own


def test_room_is_told_and_freed(client: FlaskClient, app: WebApp, script: Script) -> None:
    for _ in range(40):
        script.measure(count=40)
    kept, gone = named(client, "kept", "gone")
    for run_id in (script.run.id, kept, gone):
        folder = app.settings.checkpoint_dir / run_id
        folder.mkdir(parents=True)
        (folder / "0.safetensors").write_bytes(b"x" * 1_000)
        (folder / "trajectory.safetensors").write_bytes(b"x" * 100)
    client.delete(f"/api/runs/{gone}")
    client.delete(f"/api/runs/{script.run.id}")
    before = client.get("/api/room").get_json()
    assert (before["checkpoints"], before["trajectories"]) == (3_000, 300)
    assert (before["of_deleted"], before["deleted"]) == (2_200, 2)
    for wrong in ({"what": []}, {"what": ["all"]}, {"what": "deleted"}, {"what": [[]]}, {}):
        assert client.post("/api/room/free", json=wrong).status_code == 422

    # One of them still goes on, and the other's room is not given back by the database yet.
    freed = client.post("/api/room/free", json={"what": ["deleted"]}).get_json()
    assert (freed["runs"], freed["shrunk"]) == ([gone], False)
    script.write(Draft.state(RunState.STOPPED, 9, "told to"))
    client.post(f"/api/runs/{kept}/commands", json={"command": "stop"})
    freed = client.post("/api/room/free", json={"what": ["deleted", "cache"]}).get_json()
    assert (freed["runs"], freed["shrunk"]) == ([script.run.id], True)
    after = client.get("/api/room").get_json()
    assert (after["checkpoints"], after["deleted"]) == (1_000, 0)
    assert after["cache"] < 100  # the cache's own count of what it holds
    assert after["database"] < before["database"] / 2
    assert freed["bytes"] > before["database"] / 2
    assert client.post(f"/api/runs/{gone}/restore").status_code == 404
    assert client.get(f"/api/runs/{kept}").status_code == 200


def test_the_document_has_every_address_and_its_models(client: FlaskClient, app: WebApp) -> None:
    document = client.get("/api/openapi.json").get_json()
    there = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/") and rule.endpoint != "api.nothing"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, of in document["paths"].items() for method in of}
    assert described == there
    for path, methods in document["paths"].items():
        for of in methods.values():
            assert of["summary"].endswith((".", "?")), (path, of["summary"])
    schemas = document["components"]["schemas"]
    config = schemas["RunConfig"]["properties"]
    assert set(config) == set(RunConfig.model_fields)
    names = set(re.findall(r'"#/components/schemas/(\w+)"', client.get("/api/openapi.json").text))
    assert names <= set(schemas)
    assert schemas["RunView"]["properties"]["tags"]["type"] == "array"


def test_the_page_that_shows_it_asks_nobody_else(client: FlaskClient) -> None:
    page = client.get("/api/docs").text
    assert "PATCH" in page
    assert not re.search(r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//""", page)
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r'id="([^"]+)"', page))


@pytest.fixture
def below(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(settings.model_copy(update={"path_prefix": "/fa/"}))
    yield app.test_client()
    app.close()


def test_it_leads_below_the_path_of_a_proxy(below: FlaskClient) -> None:
    assert below.get("/fa/api/openapi.json").get_json()["servers"] == [{"url": "/fa"}]
    assert 'href="/fa/api/openapi.json"' in below.get("/fa/api/docs").text


def test_a_summary_comes_with_the_run(client: FlaskClient, script: Script) -> None:
    script.measure(count=20)
    run = RunView.model_validate(client.get(f"/api/runs/{script.run.id}").get_json())
    tested = [m.test_accuracy for m in script.measured[:20] if m.test_accuracy is not None]
    assert run.best_accuracy == pytest.approx(max(np.median(a) for a in tested), abs=1e-6)
    assert run.last_angle_deg is not None
