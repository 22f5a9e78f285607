"""Runs as files: Parquet, several runs in one table, a script, a page, weights; and in again."""

from __future__ import annotations

import io
import json
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow.parquet
import pytest
import torch
from flask.testing import FlaskClient
from safetensors.torch import load as load_tensors
from test_export import read, write_diverging
from web_helpers import CONFIG, LEASE_S, OWNER, Script

from app.files.document import SERIES
from app.files.intake import MOST_BYTES
from app.server import WebApp
from app.store import SHAPES, Draft, Parent, Progress, RunState
from app.worker.keeping import checkpoint_path
from fa_engine import Measurement, RunConfig, Trainer
from fa_engine.files.table import ABOUT


@pytest.fixture
def client(app: WebApp) -> FlaskClient:
    return app.test_client()


def strictly(text: str) -> Any:
    """JSON as the most particular of parsers reads it."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def document(client: FlaskClient, run_id: str) -> Any:
    return strictly(client.get(f"/api/runs/{run_id}/export.json").get_data(as_text=True))


def portable(exported: Any) -> Any:
    """Without what is an installation's own."""
    run = {k: v for k, v in exported["run"].items() if k not in ("id", "revision", "imported_from")}
    changes = [{k: v for k, v in c.items() if k != "seq"} for c in exported["changes"]]
    return exported | {"run": run, "changes": changes}


# -- out -------------------------------------------------------------------------------------------


def test_parquet_holds_the_same_table_and_its_settings(client: FlaskClient, script: Script) -> None:
    script.write(Draft.control(40, "learning_rate", 0.3, 0.05))
    write_diverging(script)
    data = client.get(f"/api/runs/{script.run.id}/export.parquet").data
    table = pandas.read_parquet(io.BytesIO(data))
    pandas.testing.assert_frame_equal(
        table, read(client, script.run.id), check_dtype=False, check_exact=False, rtol=1e-6
    )
    assert table["loss"].dtype == np.float32
    about = strictly(pyarrow.parquet.read_schema(io.BytesIO(data)).metadata[ABOUT].decode())
    assert about["run"]["id"] == script.run.id
    assert about["changes"][0]["to"] == 0.05


def test_values_are_those_of_the_store_bit_for_bit(client: FlaskClient, script: Script) -> None:
    write_diverging(script)
    series = script.store.series(script.run.id)
    table = read(client, script.run.id)
    exported = document(client, script.run.id)["series"]
    assert set(exported) == set(SERIES)
    for name, shape in SHAPES.items():
        stored = getattr(series, name)
        found = np.array(exported[name], dtype=np.float32).reshape(stored.shape)
        stored = np.where(np.isfinite(stored), stored, np.nan)
        np.testing.assert_array_equal(found, stored, err_msg=name)
        if shape == "R":
            column = table[name].to_numpy(np.float32).reshape(stored.shape)
            np.testing.assert_array_equal(column, stored, err_msg=name)


def test_a_long_run_is_sent_in_pieces(client: FlaskClient, script: Script) -> None:
    script.measure(count=250, blocks=80)
    for kind in ("csv", "parquet", "json"):
        answer = client.get(f"/api/runs/{script.run.id}/export.{kind}", buffered=False)
        pieces = [len(piece) for piece in answer.response]
        assert len(pieces) > 3, kind
        assert max(pieces) < sum(pieces) / 2, kind
    assert len(read(client, script.run.id)) == 3 * 250 * 80


def test_several_runs_are_one_table_with_what_differs(app: WebApp, client: FlaskClient) -> None:
    configs = [CONFIG, CONFIG.replace(scheme="bp", hidden=(5,), weight_std=0.5)]
    ids = []
    for config in configs:
        app.store.create_run(config)
        run = app.store.claim(OWNER, LEASE_S)
        assert run is not None
        measured = list(Trainer(config))[:4]
        draft = Draft.measurements(measured, Progress(3, 0.1, 50.0))
        app.store.append(run.id, OWNER, [draft, Draft.state(RunState.STOPPED, 3)], LEASE_S)
        ids.append(run.id)
    answer = client.get(f"/api/export.csv?runs={','.join(ids)},{ids[0]}")
    table = pandas.read_csv(io.BytesIO(answer.data))
    assert len(table) == 2 * 4 * 3
    assert set(table.columns[:4]) == {"run", "config_hidden", "config_scheme", "config_weight_std"}
    first, second = (table[table["run"] == run_id] for run_id in ids)
    assert set(first["config_scheme"]) == {"fa"}
    assert set(second["config_hidden"].astype(str)) == {"5"}
    assert second["config_weight_std"].tolist() == [0.5] * 12
    assert first["config_weight_std"].isna().all()
    assert first["update_norm_2"].notna().all()
    assert second["update_norm_2"].isna().all()
    assert second["loss"].tolist() == read(client, ids[1])["loss"].tolist()
    link = re.fullmatch(r"<(.+)>; .*", answer.headers["Link"])
    assert link is not None
    about = strictly(client.get(link[1]).get_data(as_text=True))
    assert [one["run"]["id"] for one in about["runs"]] == ids
    parquet = client.get(f"/api/export.parquet?runs={','.join(ids)}").data
    assert len(pandas.read_parquet(io.BytesIO(parquet))) == len(table)
    together = strictly(client.get(f"/api/export.json?runs={','.join(ids)}").get_data(as_text=True))
    assert together["runs"] == [document(client, run_id) for run_id in ids]


@pytest.mark.parametrize("runs", ["", ",", ",".join(map(str, range(101)))])
def test_a_comparison_of_no_run_is_refused(client: FlaskClient, runs: str) -> None:
    answer = client.get(f"/api/export.csv?runs={runs}")
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "runs"
    assert client.get("/api/export.json?runs=nobody").status_code == 404


def test_the_script_repeats_the_run_bit_for_bit(
    app: WebApp, client: FlaskClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = CONFIG.replace(measure_every=3, walk=True)
    app.store.create_run(config, name='a "name" \\ """ {x}')
    run = app.store.claim(OWNER, LEASE_S)
    assert run is not None
    trainer = Trainer(config)
    measured: list[Measurement] = []
    while trainer.step < 30:
        if trainer.step == 12:
            trainer.learning_rate = 0.03
        if trainer.step == 21:
            trainer.scheme = "bp"
        found = trainer.advance()
        measured += [found] if found else []
    drafts = [
        Draft.measurements(measured, Progress(30, 1.0, 50.0)),
        Draft.control(12, "learning_rate", 0.1, 0.03),
        Draft.control(21, "scheme", "fa", "bp"),
        Draft.state(RunState.STOPPED, 30),
    ]
    app.store.append(run.id, OWNER, drafts, LEASE_S)
    path = tmp_path / "run.py"
    path.write_bytes(client.get(f"/api/runs/{run.id}/export.py").data)
    threads = torch.get_num_threads()
    repeated = list(runpy.run_path(str(path))["measurements"]())
    torch.set_num_threads(threads)
    stored = app.store.series(run.id)
    assert [m.step for m in repeated] == stored.step.tolist()
    for name in SHAPES:
        values = [getattr(m, name) for m in repeated]
        some = [i for i, value in enumerate(values) if value is not None]
        again = np.array([values[i] for i in some]).astype(np.float32)
        np.testing.assert_array_equal(again, getattr(stored, name)[some], err_msg=name)
    assert capsys.readouterr().out == ""


def test_the_script_of_a_run_that_was_handed_over_says_with_what(
    app: WebApp, client: FlaskClient
) -> None:
    parent = app.store.create_run(CONFIG)
    app.store.claim(OWNER, LEASE_S)
    app.store.append(parent.id, OWNER, [Draft.checkpoint(20, 1)], LEASE_S)
    child = app.store.create_run(CONFIG, parent=Parent(parent.id, 20))
    text = client.get(f"/api/runs/{child.id}/export.py").get_data(as_text=True)
    assert f"hand_over('{parent.id}-20.safetensors', config)" in text
    compile(text, "script", "exec")


def test_weights_are_those_of_the_checkpoint(app: WebApp, client: FlaskClient) -> None:
    run = app.store.create_run(CONFIG)
    app.store.claim(OWNER, LEASE_S)
    address = f"/api/runs/{run.id}/weights.safetensors"

    def kept(of: str) -> dict[str, torch.Tensor]:
        with client.get(of) as answer:
            return load_tensors(answer.data)

    assert client.get(address).status_code == 404
    trainer = Trainer(CONFIG)
    for step in (0, 5):
        while trainer.step < step:
            trainer.advance()
        path = checkpoint_path(app.settings.checkpoint_dir, run.id, step)
        path.parent.mkdir(parents=True, exist_ok=True)
        trainer.save(path)
        app.store.append(run.id, OWNER, [Draft.checkpoint(step, path.stat().st_size)], LEASE_S)
    tensors = kept(address)
    own = trainer.network.state()
    for name, tensor in own.items():
        assert torch.equal(tensors[name], tensor), name
    first = kept(f"{address}?step=0")
    assert not torch.equal(first[next(iter(own))], tensors[next(iter(own))])
    assert client.get(f"{address}?step=x").status_code == 422
    path.unlink()
    assert client.get(address).status_code == 404


def test_the_page_of_charts_needs_nobody(app: WebApp, client: FlaskClient, script: Script) -> None:
    write_diverging(script)
    text = client.get(f"/api/runs/{script.run.id}/export.html").get_data(as_text=True)
    head = text.partition("plotly.js")[0] + text[-20_000:]
    assert "Learning rate" in head
    assert not re.findall(r"(?:src|href)=[\"'](?!#)", head)
    assert "<script src=" not in text
    named = app.store.create_run(CONFIG, name="<b>bold</b>")
    assert '<h1 dir="auto">&lt;b&gt;bold' in client.get(f"/api/runs/{named.id}/export.html").text


# -- in --------------------------------------------------------------------------------------------


def test_what_goes_out_and_comes_in_goes_out_the_same(
    app: WebApp, client: FlaskClient, script: Script
) -> None:
    script.write(Draft.control(10, "learning_rate", 0.3, 0.05))
    script.write(Draft.control(12, "scheme", "fa", "dfa"))
    write_diverging(script)
    client.patch(f"/api/runs/{script.run.id}", json={"note": "the good start", "tags": ["a", "b"]})
    sent = client.get(f"/api/runs/{script.run.id}/export.json").data
    answer = client.post("/api/import", data=sent)
    assert answer.status_code == 201, answer.get_json()
    (run,) = answer.get_json()["runs"]
    assert run["id"] != script.run.id
    assert run["imported_from"] == script.run.id
    assert portable(document(client, run["id"])) == portable(strictly(sent.decode()))
    assert app.store.run(run["id"]).run_config() == script.run.run_config()
    assert client.get(f"/api/runs/{run['id']}/export.html").status_code == 200
    both = client.get(f"/api/export.json?runs={script.run.id},{run['id']}").data
    assert len(client.post("/api/import", data=both).get_json()["runs"]) == 2


def damaged(exported: Any, path: str, value: Any) -> bytes:
    """The document with something else at ``path``."""
    at = exported
    *way, last = path.split(".")
    for name in way:
        at = at[int(name) if isinstance(at, list) else name]
    at[int(last) if isinstance(at, list) else last] = value
    return json.dumps(exported).encode()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", "x"),
        ("version", 2),
        ("version", "1"),
        ("run.config.learning_rate", -1),
        ("run.config.unknown", 1),
        ("run.name", "=1+1"),
        ("run.name", 7),
        ("run.state", "running away"),
        ("run.step", -1),
        ("run.created_at", "now"),
        ("run.diverged_at", [None]),
        ("run.scheme", "none"),
        ("run.tags", [["x"]]),
        ("changes", {}),
        ("changes.0.name", "seed"),
        ("changes.0.to", "fast"),
        ("series", []),
        ("series.step", [1.5]),
        ("series.step.0", 10**6),
        ("series.unknown", []),
        ("series.loss", [[0.1]]),
        ("series.loss.0", [0.1, 0.2]),
        ("series.loss.0.0", "0.1"),
    ],
)
def test_a_damaged_document_is_refused_by_name_and_nothing_is_written(
    app: WebApp, client: FlaskClient, script: Script, path: str, value: Any
) -> None:
    script.write(Draft.control(10, "learning_rate", 0.1, 0.05))
    script.measure(count=5)
    script.finish()
    before = len(app.store.runs())
    answer = client.post("/api/import", data=damaged(document(client, script.run.id), path, value))
    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    field = error["field"]
    assert path.startswith(field) or field.startswith((path, "changes"))
    assert error["allowed"]
    known = RunConfig.model_fields.get(field.removeprefix("run.config."))
    if known:  # a page says its title
        assert error["words"].startswith(f"{known.title} = ")
    assert len(app.store.runs()) == before


def test_few_letters_do_not_name_gigabytes(
    app: WebApp, client: FlaskClient, script: Script
) -> None:
    """What a document leaves out is undefined, and takes as much room as what it says."""
    script.measure(count=5)
    script.finish()
    found = document(client, script.run.id)
    found["run"]["config"] |= {"hidden": [4] * 31, "replicates": 256}
    found["run"]["diverged_at"] = [None] * 256
    found["series"] = {"step": [0] * 2000}
    answer = client.post("/api/import", data=json.dumps(found).encode())
    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    assert error["field"] == "series"
    assert "bytes in a document of this length" in error["allowed"]
    assert len(app.store.runs()) == 1


def test_what_is_no_document_is_refused(client: FlaskClient, script: Script) -> None:
    script.measure(count=5)
    script.finish()
    whole = client.get(f"/api/runs/{script.run.id}/export.json").data
    for body in (b"", b"\xff\xfe", whole[:-40], b"[1]", b"1", b'{"format": NaN}'):
        answer = client.post("/api/import", data=body)
        assert answer.status_code == 422, body
        assert answer.get_json()["errors"][0]["message"]
    large = client.post("/api/import", data=b" " * (MOST_BYTES + 1))
    assert large.status_code == 422
    assert f"at most {MOST_BYTES:,} bytes" in large.get_json()["errors"][0]["message"]
