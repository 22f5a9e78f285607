"""The application as a whole: its parts, the form, the backfill, and the two ways to serve it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest
from flask_caching.backends import FileSystemCache, RedisCache
from waiting import PATIENCE_S, wait
from web_helpers import Script

from app.backfills import MAX_POINTS, Backfills
from app.cache import make_cache
from app.components.form import FIELDS, config_from, form_values
from app.components.presets import PRESETS
from app.figures.bands import bands
from app.server import WebApp, create_app
from app.settings import Settings
from app.store import Draft
from fa_engine import Limits, RunConfig
from fa_engine.config import knob_of, listed_fields

ROOT = Path(__file__).parents[3]


def components(value: Any) -> list[dict[str, Any]]:
    """All components below ``value``, props only."""
    found = []
    if isinstance(value, dict):
        if "props" in value:
            found.append(value["props"])
        for item in value.values():
            found += components(item)
    elif isinstance(value, list):
        for item in value:
            found += components(item)
    return found


def test_the_index_loads_only_what_is_served_here(app: WebApp) -> None:
    index = app.test_client().get("/").get_data(as_text=True)
    sources = re.findall(r"(?:src|href)=\"([^\"]+)\"", index)
    assert sources
    assert all(source.startswith("/") for source in sources)
    assert any("assets/live.js" in source for source in sources)
    assert any("assets/css/1-frame.css" in source for source in sources)


def test_the_shared_worker_is_served_but_not_run_by_the_page(app: WebApp) -> None:
    client = app.test_client()
    assert "live-worker" not in client.get("/").get_data(as_text=True)
    for name in ("live-worker.js", "hub.js"):
        with client.get(f"/assets/{name}") as answer:
            assert answer.status_code == 200


def test_two_applications_share_nothing(tmp_path: Path) -> None:
    one, other = (
        create_app(Settings(state_dir=tmp_path / name, workers=0)) for name in ("one", "other")
    )
    one.test_client().post("/api/runs", json={"config": {}})
    assert len(one.test_client().get("/api/runs").get_json()["runs"]) == 1
    assert other.test_client().get("/api/runs").get_json()["runs"] == []
    one.close()
    other.close()


def test_every_knob_has_one_control_with_its_words(app: WebApp) -> None:
    controls = {
        entry["id"]["name"]: entry
        for entry in components(layout(app))
        if isinstance(entry.get("id"), dict) and entry["id"].get("type") == "field"
    }
    assert set(controls) == set(listed_fields(RunConfig)) == set(FIELDS)
    for name, field in listed_fields(RunConfig).items():
        control = json.dumps(controls[name])
        about = knob_of(field)
        assert json.dumps(field.title)[1:-1] in control
        assert json.dumps(field.description)[1:-1] in control
        if about.unit:
            assert about.unit in control
        if about.options:
            assert [o["value"] for o in controls[name]["data"]] == list(about.options)


def layout(app: WebApp) -> Any:
    """The frame and the training page, as the browser gets them."""
    client = app.test_client()
    page = client.post(
        "/_dash-update-component",
        json={
            "output": "page.children",
            "outputs": {"id": "page", "property": "children"},
            "inputs": [{"id": "url", "property": "pathname", "value": "/"}],
            "changedPropIds": ["url.pathname"],
        },
    )
    return [client.get("/_dash-layout").get_json(), page.get_json()]


def form_of(config: RunConfig, **changes: Any) -> dict[str, Any]:
    return dict(zip(FIELDS, form_values(config.model_dump()), strict=True)) | changes


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.title)
def test_a_preset_survives_the_form(preset: Any) -> None:
    config, wrong = config_from(form_of(preset.config), Limits())
    assert wrong == {}
    assert config == preset.config


def test_the_form_says_what_the_engine_says() -> None:
    values = form_of(RunConfig(), hidden="64, 0", learning_rate="nan", batch_size="", epochs=11)
    config, wrong = config_from(values, Limits(max_epochs=10))
    assert config is None
    assert set(wrong) == {"hidden", "learning_rate", "batch_size", "epochs"}
    assert "64, 0" in wrong["hidden"]
    assert "nan" in wrong["learning_rate"]
    assert "10" in wrong["epochs"]


def test_an_empty_scale_is_the_default_one() -> None:
    config, wrong = config_from(form_of(RunConfig(), weight_std=" "), Limits())
    assert wrong == {}
    assert config is not None
    assert config.weight_std is None


def test_a_number_is_text_so_that_what_was_typed_is_checked(app: WebApp) -> None:
    controls = {
        entry["id"]["name"]: entry
        for entry in components(layout(app))
        if isinstance(entry.get("id"), dict) and entry["id"].get("type") == "field"
    }
    assert controls["epochs"]["inputProps"] == {"inputMode": "numeric"}
    assert isinstance(controls["epochs"]["value"], str)
    config, wrong = config_from(form_of(RunConfig(), epochs="1e3"), Limits())
    assert config is None
    assert "1e3" in wrong["epochs"]


def test_a_backfill_is_kept_for_its_revision(app: WebApp, script: Script) -> None:
    backfills = Backfills(app.store, make_cache(app, app.settings))
    script.measure(count=5)
    first = backfills.history(script.run.id)
    assert first.meta["seq"] == script.revision
    assert first.lines["loss"]["median"][0] == [m.step for m in script.measured[:5]]
    assert backfills.history(script.run.id) == first
    script.measure(count=5)
    script.write(Draft.control(10, "scheme", "fa", "bp"))
    second = backfills.history(script.run.id)
    assert second.meta["seq"] == script.revision
    assert len(second.lines["loss"]["median"][0]) == 10
    assert [control.label for control in second.controls] == ["FA → BP"]


def test_a_kept_backfill_is_not_read_again(app: WebApp, script: Script) -> None:
    backfills = Backfills(app.store, make_cache(app, app.settings))
    script.measure(count=5)
    wanted = backfills.history(script.run.id)
    with app.store._writer.begin() as connection:  # what is gone can only come from the cache
        connection.exec_driver_sql("DELETE FROM events WHERE kind = 'measurements'")
    assert backfills.history(script.run.id).lines == wanted.lines


def test_a_long_run_is_thinned(app: WebApp, script: Script) -> None:
    script.measure(count=3 * MAX_POINTS)
    history = Backfills(app.store, make_cache(app, app.settings)).history(script.run.id)
    drawn = [line for lines in history.lines.values() for line in lines.values()]
    assert all(len(x) == len(y) <= MAX_POINTS for x, y in drawn)
    full = bands(app.store.series(script.run.id))["loss"].median
    assert max(history.lines["loss"]["median"][1]) == pytest.approx(full.max(), rel=1e-5)


def test_the_cache_is_files_or_redis(tmp_path: Path, app: WebApp) -> None:
    assert isinstance(make_cache(app, app.settings).backend, FileSystemCache)
    pytest.importorskip("redis")
    remote = Settings(state_dir=tmp_path, cache_url="redis://localhost:1/0")
    assert isinstance(make_cache(app, remote).backend, RedisCache)


def environment(state: Path, **more: str) -> dict[str, str]:
    return os.environ | {"FA_STATE_DIR": str(state), "FA_WORKERS": "0", **more}


def test_one_command_serves_and_ends_when_it_is_asked(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=environment(tmp_path, FA_PORT="0"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found
        with urllib.request.urlopen(f"{found[0]}/healthz", timeout=PATIENCE_S) as answer:
            assert json.load(answer) == {"status": "ok"}
        assert psutil.Process(process.pid).children() == []  # nothing that no worker is made of
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-m", "app"],
            cwd=ROOT,
            env=environment(tmp_path, FA_PORT=port),
            capture_output=True,
            text=True,
        )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"The dashboard cannot start: port {port} of 127.0.0.1 is taken; set FA_PORT to another"
    )


def test_who_comes_while_it_starts_waits_and_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    process = subprocess.Popen(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=environment(tmp_path / "state", FA_HOST=f"unix:{path}", FA_WORKERS="1", FA_OPEN="yes"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        wait(lambda: process.poll() is not None or listens(path))
        assert b'"status":"ok"' in get(path, "/healthz")
        # Nobody had been told to come yet.
        assert process.stdout.readline().startswith("Feedback alignment is at")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


def test_a_start_that_is_ended_leaves_nobody_behind(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    process = subprocess.Popen(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=environment(tmp_path / "state", FA_HOST=f"unix:{path}", FA_WORKERS="1", FA_OPEN="yes"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        started: list[psutil.Process] = []  # the template at the least

        def begun() -> bool:
            started[:] = psutil.Process(process.pid).children(recursive=True)
            return bool(started) and listens(path)

        wait(lambda: process.poll() is not None or begun())
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == ""  # it had not been there yet
        assert process.wait(PATIENCE_S) == 0
    assert started
    _, alive = psutil.wait_procs(started, PATIENCE_S)
    assert not alive
    assert not path.exists()


@pytest.mark.parametrize("how", ["by the module", "by uvicorn"])
def test_it_is_served_on_a_unix_socket(tmp_path: Path, how: str) -> None:
    path = tmp_path / "socket"
    uvicorn = ["uvicorn", "--factory", "app.serving:create_asgi", "--uds", str(path)]
    command = ["app"] if how == "by the module" else uvicorn
    host = f"unix:{path}" if how == "by the module" else "127.0.0.1"
    proxied = {"FA_TRUSTED_PROXIES": "unix", "FA_ALLOWED_HOSTS": "lab.example", "FA_OPEN": "yes"}
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=environment(tmp_path / "state", FA_HOST=host, **proxied),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait(lambda: process.poll() is not None or listens(path))
        assert b'"status":"ok"' in get(path, "/healthz")
        assert how == "by uvicorn" or path.stat().st_mode & 0o777 == 0o660
        assert b"assets/live.js" in get(path, "/")
        # A proxy there is believed.
        assert b"200 OK" in get(path, "/", "X-Forwarded-Host: lab.example\r\n")
        assert b"403" in get(path, "/", "X-Forwarded-Host: evil.example\r\n").splitlines()[0]
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
    assert how == "by uvicorn" or not path.exists()


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(path)) == 0


def get(path: Path, address: str, headers: str = "") -> bytes:
    """The answer to a GET over a Unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_S)
        connection.connect(str(path))
        request = f"GET {address} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n"
        connection.sendall(request.encode())
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)
