"""Names, notes, tags and titles that want to be more than text: they are text wherever they go."""

from __future__ import annotations

import csv
import io
import json
import logging
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from test_files import document
from test_strict import outputs_of
from web_helpers import Script

from app.api import LONGEST_ECHO
from app.figures.comparison import Cloud, Paint, angle_figure, descent_figure
from app.figures.walk import landscape_figure
from app.server import WebApp
from app.strict import UPDATE
from fa_engine import RunConfig

NAME = "</script><script>alert(1)</script> <a href=x>%{y} \"\"\" '''\\N & 100 %"
HEBREW = "יישור"
SCRIPTED = "<script>alert"


@pytest.fixture
def client(app: WebApp) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def run_id(client: FlaskClient, script: Script) -> str:
    """A run of a hostile name that has ended."""
    script.measure(30)
    script.finish()
    labels = {"name": NAME, "note": f"=1+1\n{NAME}", "tags": ["=tag", "<b>"]}
    assert client.patch(f"/api/runs/{script.run.id}", json=labels).status_code == 200
    return script.run.id


def test_files_hold_it_as_text(client: FlaskClient, run_id: str, tmp_path: Path) -> None:
    page = client.get(f"/api/runs/{run_id}/export.html").get_data(as_text=True)
    assert SCRIPTED not in page
    assert "&lt;/script&gt;" in page
    assert document(client, run_id)["run"]["name"] == NAME
    program = tmp_path / "repeats.py"
    program.write_bytes(client.get(f"/api/runs/{run_id}/export.py").data)
    assert NAME in str(runpy.run_path(str(program))["__doc__"]).replace('\\"', '"').replace(
        "\\\\", "\\"
    )
    for name in ("csv", "parquet", "json", "py", "html", "config.json"):
        header = client.get(f"/api/runs/{run_id}/export.{name}").headers["Content-Disposition"]
        assert header == f'attachment; filename="run-{run_id}.{name}"'
    table = client.get(f"/api/export.csv?runs={run_id}").get_data(as_text=True)
    assert not any(
        cell.startswith(("=", "+", "@")) for row in csv.reader(io.StringIO(table)) for cell in row
    )


def test_a_report_holds_it_as_text(client: FlaskClient, run_id: str) -> None:
    chart = {"comparison": f"runs={run_id}", "text": NAME}
    charts = [{**chart, "panel": panel} for panel in ("loss", "angle", "descent")]
    made = client.post("/api/reports", json={"title": NAME, "charts": charts}).get_json()
    page = client.get(f"/api/reports/{made['id']}/export.html").get_data(as_text=True)
    assert SCRIPTED not in page
    assert "<a href=x>" not in page
    assert '<h1 dir="auto">' in page


def texts(figure: Any) -> str:
    return json.dumps(json.loads(figure.to_json()) if hasattr(figure, "to_json") else figure)


def test_plotly_is_given_no_markup_of_a_name() -> None:
    points = np.array([0.5, 1.0])
    cloud = Cloud(NAME, np.array([1, 2]), points, points)
    found = {
        "x": points,
        "y": points,
        "surface": np.ones((2, 2)),
        "run": np.array([0, 0]),
        "steps": np.array([0, 1]),
        "at": np.ones((2, 2)),
        "off": points,
        "loss": points,
        "update": np.ones((2, 2)),
        "gradient": np.ones((2, 2)),
    }
    for figure in (
        angle_figure([cloud, cloud], [Paint(), Paint()]),
        descent_figure([(NAME, points)]),
        landscape_figure(found, [NAME], "light"),
    ):
        told = texts(figure)
        assert "&lt;a href" in told
        assert "<a href" not in told
        assert "%{y} " not in told


def test_a_wrong_value_is_not_sent_back_whole(client: FlaskClient, app: WebApp) -> None:
    for body in ({"note": "n" * 500_000}, {"tags": ["t" * 500_000]}, {"name": ["n"] * 100_000}):
        app.store.create_run(RunConfig())
        run_id = app.store.runs()[0].id
        answer = client.patch(f"/api/runs/{run_id}", json=body)
        assert answer.status_code == 422
        assert len(answer.data) < 4 * LONGEST_ECHO
        (wrong,) = answer.get_json()["errors"]
        assert "characters)" in str(wrong["value"])


def test_a_comparison_is_of_ids(client: FlaskClient) -> None:
    for runs in ("a%00b", "<b>", "a b", "é"):
        charts = [{"comparison": f"runs={runs}", "panel": "loss"}]
        answer = client.post("/api/reports", json={"title": "x", "charts": charts})
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["field"] == "comparison"


def test_ids_that_are_no_list_are_refused(client: FlaskClient) -> None:
    told = client.get("/_dash-dependencies").get_json()
    (undo,) = [one for one in told if any(i["id"] == "runs-undo" for i in one["inputs"])]
    body = {
        "output": undo["output"],
        "outputs": outputs_of(undo),
        "inputs": [{**one, "value": 1} for one in undo["inputs"]],
        "state": [{**one, "value": "a\0b"} for one in undo["state"]],
        "changedPropIds": ["runs-undo.n_clicks"],
    }
    assert client.post(UPDATE, json=body).status_code == 400


def test_nul_is_in_no_address(client: FlaskClient) -> None:
    for where in ("/api/runs/%00", "/api/runs?search=a%00", "/runs?x=%00"):
        assert client.get(where).status_code == 400


def test_a_line_of_the_log_is_one_line(
    app: WebApp,
    client: FlaskClient,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(_rest: str) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setitem(app.view_functions, "api.nothing", fails)
    with caplog.at_level(logging.ERROR):
        assert client.get("/api/%0AERROR%20all%20is%20lost%1b[2J").status_code == 500
    (record,) = caplog.records
    assert record.getMessage().isprintable()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "a\0b"),
        ("id", "<b>"),
        ("reason", "a\x1b[31mb"),
        ("reason", "a\u202eb"),
        ("note", "a\0b"),
        ("created_at", 1e300),
        ("ended_at", -1.0),
        ("learning_rate", 1e200),
        ("diverged_at", [2**70, None, None]),
        ("parent", {"run_id": "a\0", "step": 1}),
    ],
)
def test_what_comes_from_elsewhere_is_held_against_the_same(
    client: FlaskClient, app: WebApp, run_id: str, path: str, value: Any
) -> None:
    exported = document(client, run_id)
    exported["run"][path] = value
    before = len(app.store.runs())
    answer = client.post("/api/import", data=json.dumps(exported))
    assert answer.status_code == 422, answer.data
    assert path in answer.get_json()["errors"][0]["field"] or path == "diverged_at"
    assert len(app.store.runs()) == before
