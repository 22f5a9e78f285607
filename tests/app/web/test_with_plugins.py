"""A dashboard with a plugin from a folder of its own, and the same one without it afterwards."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from waiting import PATIENCE_S, wait

from app.store import SHAPES, RunState, Store, UnreadableRun

ROOT = Path(__file__).parents[3]
CONFIG = {
    "scheme": "clipped_dfa",
    "dataset": "moons",
    "activation": "swish",
    "hidden": [8, 8],
    "epochs": 2,
    "replicates": 2,
}


@contextmanager
def dashboard(state: Path, plugins: str) -> Iterator[str]:
    """The address of one that serves."""
    environment = os.environ | {
        "FA_STATE_DIR": str(state),
        "FA_PORT": "0",
        "FA_PLUGINS": plugins,
        "PYTHONPATH": str(ROOT / "examples"),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "app"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        found = re.search(r"http://[\d.:]+", process.stdout.readline())
        assert found
        try:
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)
            status = process.wait(PATIENCE_S)
        assert status == 0


def ask(address: str, body: Any = None) -> tuple[int, bytes]:
    """Status and answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, dict[str, bytes]]:
    """The folder of a dashboard that had a plugin, its run, and that run's files."""
    state = tmp_path_factory.mktemp("state")
    with dashboard(state, "my_rules") as url:
        status, answer = ask(f"{url}/api/runs", {"config": CONFIG})
        assert status == 201, answer
        run = json.loads(answer)["run_id"]
        wait(lambda: json.loads(ask(f"{url}/api/runs/{run}")[1])["state"] == "finished")
        files = {kind: ask(f"{url}/api/runs/{run}/export.{kind}")[1] for kind in ("csv", "json")}
        status, answer = ask(f"{url}/api/runs", {"config": CONFIG | {"scheme": "clipped"}})
        assert status == 422
        assert b"clipped_dfa" in answer  # it is among what is allowed
    return state, run, files


def test_scheme_data_and_activation_of_a_plugin_train_and_its_measure_is_exported(
    trained: tuple[Path, str, dict[str, bytes]],
) -> None:
    _, _, files = trained
    document = json.loads(files["json"])
    assert document["run"]["config"]["plugins"] == ["own_activation", "own_data", "own_scheme"]
    asleep = document["series"]["asleep"]
    assert len(asleep) == len(document["series"]["step"])
    assert all(share == 0 for networks in asleep for layers in networks for share in layers)
    header, *rows = files["csv"].decode().splitlines()
    assert {"asleep_1", "asleep_2"} <= set(header.split(","))
    assert all(row.endswith(",0,0") for row in rows)


def test_without_it_the_run_is_there_and_what_it_needs_is_named(
    trained: tuple[Path, str, dict[str, bytes]],
) -> None:
    state, run, _ = trained
    with dashboard(state, "") as url:
        status, answer = ask(f"{url}/api/runs")
        assert status == 200
        assert [row["id"] for row in json.loads(answer)["runs"]] == [run]
        # What was measured is there for whoever wants it, as it is.
        status, answer = ask(f"{url}/api/runs/{run}/export.json")
        assert status == 200
        assert json.loads(answer)["run"]["config"]["scheme"] == "clipped_dfa"
        for path in ("export.csv", "export.py"):
            status, answer = ask(f"{url}/api/runs/{run}/{path}")
            assert status == 409, (path, answer)
            assert b"own_scheme would bring it and is not loaded here (FA_PLUGINS)" in answer
        status, answer = ask(f"{url}/api/runs", {"config": {"epochs": 1}})
        assert status == 201
        other = json.loads(answer)["run_id"]
        wait(lambda: json.loads(ask(f"{url}/api/runs/{other}")[1])["state"] == "finished")
        # One that nobody here can train ends with the reason, and the worker goes on.
        assert ask(f"{url}/api/runs/{run}/commands", {"command": "resume"})[0] in (409, 422)


def test_its_measurements_are_read_past_a_measure_that_is_not_known(
    trained: tuple[Path, str, dict[str, bytes]],
) -> None:
    state, run, files = trained
    assert "asleep" not in SHAPES
    with Store(f"sqlite:///{state}/runs.sqlite") as store:
        found = store.run(run)
        assert found.state is RunState.FINISHED
        with pytest.raises(UnreadableRun, match=r"cDFA on moons.* cannot be shown here\. Data set"):
            found.run_config()
        series = store.series(run)
    assert series.step.tolist() == json.loads(files["json"])["series"]["step"]
    assert not hasattr(series, "asleep")
