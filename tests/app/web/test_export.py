"""Exports as other programs read them: pandas without a word of explanation, and JSON."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pandas
import pytest
from flask.testing import FlaskClient
from web_helpers import CONFIG, Script

from app.server import WebApp
from app.store import SHAPES, Draft
from fa_engine import Measurement, RunConfig, Trainer


@pytest.fixture
def client(app: WebApp) -> FlaskClient:
    return app.test_client()


def read(client: FlaskClient, run_id: str) -> Any:
    answer = client.get(f"/api/runs/{run_id}/export.csv")
    assert answer.mimetype == "text/csv"
    return pandas.read_csv(io.BytesIO(answer.data))


def write_diverging(script: Script) -> list[Measurement]:
    """Measurements of a run whose third network is gone from step 15 on."""
    config = CONFIG.replace(
        activation="relu", loss="squared_error", learning_rate=0.3, hidden=(64, 64), epochs=2
    ).replace(measure_every=5)
    trainer = Trainer(config)
    measured = list(trainer)
    assert trainer.diverged_at == [None, None, 15]
    script.measured = measured
    script.measure(count=len(measured))
    script.write(Draft.diverged(15, trainer.diverged_at))
    script.finish()
    return measured


def test_pandas_reads_the_right_columns(client: FlaskClient, script: Script) -> None:
    script.measure(count=len(script.measured))
    script.write(Draft.control(40, "learning_rate", 0.1, 0.05))
    script.finish()
    table = read(client, script.run.id)
    assert list(table.columns[:5]) == ["step", "epoch", "replicate", "diverged", "loss"]
    assert len(table) == len(script.measured) * CONFIG.replicates
    assert table["step"].tolist() == [m.step for m in script.measured for _ in range(3)]
    assert table["replicate"].tolist() == [1, 2, 3] * len(script.measured)  # as on the pages
    assert table["diverged"].dtype == bool
    assert not table["diverged"].any()
    for name, shape in SHAPES.items():
        values = [getattr(m, name) for m in script.measured]
        missing = np.full(3, np.nan)
        if shape == "R":
            wanted = np.concatenate([missing if v is None else v for v in values])
            np.testing.assert_allclose(table[name], wanted, rtol=1e-6, err_msg=name)
        elif shape and values[0] is not None:
            for layer in range(values[0].shape[1]):
                wanted = np.concatenate([v[:, layer] for v in values])
                found = table[f"{name}_{layer + 1}"]
                np.testing.assert_allclose(found, wanted, rtol=1e-6, err_msg=name)
    columns = sum(name.startswith("descent_rate_") for name in table.columns)
    assert columns == len(CONFIG.hidden) + 1


def test_a_replicate_that_diverged_has_empty_cells_and_a_word_for_them(
    client: FlaskClient, script: Script
) -> None:
    measured = write_diverging(script)
    table = read(client, script.run.id)
    gone = (table["replicate"] == 3) & (table["step"] >= 15)
    assert gone.sum() == sum(m.step >= 15 for m in measured)
    assert (table["diverged"] == gone).all()
    measures = table.columns[4:]
    assert table.loc[gone, measures].isna().all(axis=None)
    assert table.loc[~gone, ["loss", "accuracy", "update_norm_1"]].notna().all(axis=None)
    # What a person does next counts the living alone.
    assert table.groupby("step")["accuracy"].count().tolist() == [
        3 if m.step < 15 else 2 for m in measured
    ]


def test_what_goes_beside_the_table(client: FlaskClient, script: Script) -> None:
    script.write(Draft.control(40, "learning_rate", 0.1, 0.05))
    write_diverging(script)
    answer = client.get(f"/api/runs/{script.run.id}/export.csv")
    link = re.fullmatch(
        r'<(.+)>; rel="describedby"; type="application/json"', answer.headers["Link"]
    )
    assert link is not None
    about = client.get(link[1])
    assert f"run-{script.run.id}.config.json" in about.headers["Content-Disposition"]
    found = about.get_json()
    assert RunConfig.model_validate(found["run"]["config"]) == CONFIG
    assert found["run"]["diverged_at"] == [None, None, 15]
    assert found["run"]["divergence"]["since"] == "network 3 since step 15"
    assert [change["to"] for change in found["changes"]] == [0.05]


def test_json_holds_every_replicate_and_the_settings(client: FlaskClient, script: Script) -> None:
    script.measure(count=len(script.measured))
    script.write(Draft.control(40, "learning_rate", 0.1, 0.05))
    script.finish()
    exported = client.get(f"/api/runs/{script.run.id}/export.json").get_json()
    assert exported["run"]["config"] == CONFIG.model_dump(mode="json")
    assert exported["changes"][0]["to"] == 0.05
    angles = np.array([m.gradient_angle_deg for m in script.measured])
    np.testing.assert_allclose(exported["series"]["gradient_angle_deg"], angles, rtol=1e-6)


def test_a_diverged_replicate_is_null_in_json(client: FlaskClient, script: Script) -> None:
    measured = write_diverging(script)
    answer = client.get(f"/api/runs/{script.run.id}/export.json")
    assert "NaN" not in answer.get_data(as_text=True)
    exported = answer.get_json()
    assert exported["run"]["diverged_at"] == [None, None, 15]
    for m, accuracy in zip(measured, exported["series"]["accuracy"], strict=True):
        assert (accuracy[2] is None) == (m.step >= 15)


def test_a_run_that_has_not_begun_has_a_header_and_no_rows(client: FlaskClient) -> None:
    run_id = client.post("/api/runs", json={"config": {}}).get_json()["run_id"]
    assert client.get(f"/api/runs/{run_id}/export.json").get_json()["series"]["step"] == []
    table = read(client, run_id)
    assert len(table) == 0
    assert "gradient_angle_deg_2" in table.columns


@pytest.mark.parametrize("address", ["csv", "json", "config.json"])
def test_an_unknown_run_is_not_found(client: FlaskClient, address: str) -> None:
    answer = client.get(f"/api/runs/nobody/export.{address}")
    assert answer.status_code == 404
    assert "nobody" in answer.get_json()["error"]
