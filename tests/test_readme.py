"""What the README says to type, ask and import is typed, asked and imported here."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import PATIENCE_S, wait

from app.server import create_app
from app.settings import Settings
from fa_engine.cli.texts import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ADDRESS = "http://127.0.0.1:8050"
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
REQUESTS = sorted(set(re.findall(r"`(GET|POST|PATCH|DELETE) (/[^`]*)`", README)))


def block(text: str) -> str:
    """The Python block of the README that holds this text."""
    (found,) = (code for code in PYTHON if text in code)
    return str(found)


def run_code(code: str, folder: Path) -> str:
    """What ``code`` prints, run as it stands in ``folder``."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ask(address: str, method: str = "GET", body: Any = None) -> bytes:
    """The answer to a request."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(address, data, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        assert answer.status in (200, 201, 202, 204)
        return bytes(answer.read())


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard as the README starts it, with a worker."""
    state = str(tmp_path_factory.mktemp("state"))
    process = subprocess.Popen(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=os.environ | {"FA_STATE_DIR": state, "FA_PORT": "0"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        found = re.search(r"http://[\d.:]+", process.stdout.readline())
        assert found
        yield found[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


@pytest.fixture(scope="module")
def run_id(url: str) -> str:
    """A run that has ended."""
    config = {"hidden": [8], "replicates": 2, "epochs": 2}
    made = json.loads(ask(f"{url}/api/runs", "POST", {"config": config, "name": "read"}))
    started: str = made["run_id"]
    wait(lambda: json.loads(ask(f"{url}/api/runs/{started}"))["ended"])
    return started


def test_the_blocks_that_train_run_as_they_stand(tmp_path: Path) -> None:
    said = run_code(block("trainer.save("), tmp_path)
    assert len(said.splitlines()) > 10
    assert (tmp_path / "run.safetensors").exists()
    assert run_code(block("hand_over("), tmp_path).strip()  # on the file of the first
    assert len(run_code(block("vary="), tmp_path).splitlines()) == 4  # a line a cell


def test_every_python_block_of_the_readme_is_run_here(
    tmp_path: Path, url: str, run_id: str
) -> None:
    own = r"trainer\.save\(|hand_over\(|vary=|\"run\.csv\""
    rest = [code for code in PYTHON if not re.search(own, code)]
    for code in rest:  # those that ask a server, which runs elsewhere here
        assert ADDRESS in code
        assert run_code(code.replace(ADDRESS, url).replace("/RUN/", f"/{run_id}/"), tmp_path)
    assert len(rest) == len(PYTHON) - 4


def test_the_commands_of_the_engine_do_what_they_say(tmp_path: Path) -> None:
    typed = re.findall(r"^    fa-engine (.*)$", README, flags=re.MULTILINE)
    assert {line.split()[0] for line in typed} >= {"train", "sweep", "export", "schemes"}
    for line in typed:
        done = subprocess.run(
            [sys.executable, "-m", "fa_engine", *shlex.split(line)],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert (done.returncode, done.stderr) == (0, ""), line
        assert done.stdout
    written = re.findall(r"--(?:csv|json|plot|save|weights|script) (\S+)", "\n".join(typed))
    assert {path.name for path in tmp_path.iterdir()} == set(written)
    assert run_code(block('"run.csv"'), tmp_path)
    told = set(
        re.findall(
            r"`(?:fa-engine )?(train|sweep|export|schemes|measures|datasets|experiments)", README
        )
    )
    assert told | {line.split()[0] for line in typed} == set(COMMANDS)


def test_the_readme_has_every_request_and_no_other(tmp_path: Path) -> None:
    app = create_app(Settings(state_dir=tmp_path, workers=0))
    served = {
        (method, re.sub("<(run|report|study)_id>", "<id>", rule.rule))
        for rule in app.url_map.iter_rules()
        # Races are told of in prose, and a comparison is its page's own.
        if re.match(r"/api/(?!<path|races|compare)|/(health|ready)z|/metrics", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    app.close()
    assert {(method, path.partition("?")[0]) for method, path in REQUESTS} == served


MANY: dict[str, dict[str, Any]] = {
    "/api/runs/delete": {},
    "/api/runs/restore": {},
    "/api/runs/commands": {"command": "stop"},
}
"""Requests that name runs in their bodies, and what else is there."""


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M1 1L8 8"/></svg>'


def sent(method: str, path: str, run_id: str) -> list[Any]:
    """The bodies that the README says this request may have."""
    if method == "GET" or method == "DELETE":
        return [None]
    if path in MANY:
        return [{"ids": [run_id], **MANY[path]}]
    if path == "/api/room/rule":
        return [{"checkpoint_mb": 100}, {"checkpoint_mb": None}]
    if path == "/api/room/free":
        return [{"what": ["deleted", "cache"]}]
    if path.startswith("/api/experiments/"):
        return [{}, {"dataset": "digits"}]
    if path.startswith("/api/studies"):
        return studied(method, path)
    if path.startswith("/api/reports"):
        return [{}] if path.endswith("/restore") else [{"title": "Alignment", "charts": []}]
    if path.endswith("/restore"):
        return [{}]
    if path.endswith("/commands"):
        return [
            *({"command": name} for name in ("pause", "step", "resume", "checkpoint")),
            {"command": "track", "every": 50},
            {"command": "set", "learning_rate": 0.05},
            {"command": "set", "scheme": "bp"},
            {"command": "stop"},
        ]
    if method == "PATCH":
        changes = {"note": "a note", "tags": ["a"], "pinned": True}
        some = [{"ids": [run_id], **changes}] if path == "/api/runs" else []
        return some or [{"name": "renamed", **changes}]
    config = {"hidden": [8], "replicates": 2, "epochs": 1}
    named = {"config": config, "name": "child"}
    return [{"config": config}, named, named | {"parent": {"run_id": run_id, "step": 0}}]


def studied(method: str, path: str) -> list[Any]:
    """Bodies of the requests of studies."""
    end = path.rpartition("/")[2]
    if method == "PATCH":
        return [{"title": "scale and rate"}]
    if end == "commands":
        return [{"command": name} for name in ("pause", "resume", "stop")]
    fields = {"learning_rate": "log 0.01 0.1 2", "epochs": "1", "replicates": 1, "hidden": "4"}
    if end == "cells":
        return [{"fields": fields | {"learning_rate": [0.03]}}]
    drawn = {"sampling": "sobol", "samples": 2, "title": "two"}
    return [{}] if end == "restore" else [{"fields": fields}, {"fields": fields, **drawn}]


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_a_request_of_the_readme_is_answered(method: str, path: str, url: str, run_id: str) -> None:
    asked = run_id
    if path.startswith("/api/reports/"):
        asked = json.loads(ask(f"{url}/api/reports", "POST", {}))["id"]
    elif path.startswith("/api/studies/<id>"):
        fields = studied("POST", "/api/studies")[0]
        asked = json.loads(ask(f"{url}/api/studies", "POST", fields))["id"]
    elif method != "GET" and ("<id>" in path or path in MANY):  # on a run of its own, which goes on
        long = {"config": {"hidden": [8], "epochs": 9000}}
        asked = json.loads(ask(f"{url}/api/runs", "POST", long))["run_id"]
    address = url + path.replace("<id>", asked).replace("<name>", "drives").replace("SEQ", "0")
    if path == "/api/import":
        assert ask(address, method, json.loads(ask(f"{url}/api/runs/{run_id}/export.json")))
        return
    if path == "/api/chart.pdf":
        assert ask(address, method, SVG)[:5] == b"%PDF-"
        return
    for body in sent(method, path, asked if path in MANY else run_id):
        assert ask(address, method, body) or method == "DELETE"


def test_what_is_typed_exists() -> None:
    """Indented lines and backticked commands of the README."""
    typed = re.findall(r"^    (\w[^\n]*)$", README, flags=re.MULTILINE)
    typed += re.findall(r"`((?:make|python|docker)\b[^`\n]*)`", README)
    commands = [line.partition("#")[0].split() for line in typed]
    commands = [words for words in commands if words and words[0] in {"make", "python", "docker"}]
    assert {words[0] for words in commands} == {"make", "python", "docker"}
    for words in commands:
        if words[0] == "make" and shutil.which("make"):
            dry = subprocess.run(
                ["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True
            )
            assert dry.returncode == 0, dry.stderr
        elif words[:2] == ["python", "-m"]:
            assert importlib.util.find_spec(words[2]), words
        elif words[0] == "docker":
            assert words == ["docker", "compose", "up"]
            assert (ROOT / "compose.yaml").exists()


def test_the_settings_are_those_of_the_table() -> None:
    table = README.partition("## Settings")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`FA_.*?) \| (.*?) \| .* \|$", table, flags=re.MULTILINE)
    found = {}
    for names, default in rows:
        named = re.findall(r"`FA_(\w+)`", names)
        values = re.split(r", (?=\d{1,2}\b|\d{4})| and ", default) if len(named) > 1 else [default]
        assert len(values) == len(named), names
        found |= dict(zip(named, values, strict=True))
    fields = Settings.model_fields
    assert {name.lower() for name in found} == set(fields)
    for name, said in found.items():
        default = fields[name.lower()].default
        if isinstance(default, bool):
            assert said == ("yes" if default else "no"), name
        elif isinstance(default, int):
            assert said == (f"{default:,}" if default >= 10_000 else str(default)), name
        elif isinstance(default, str) and default:
            assert default in said, name


def test_the_readme_shows_pictures_that_exist() -> None:
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert shown
    assert {Path(name) for name in shown} == {
        path.relative_to(ROOT) for path in (ROOT / "docs" / "images").glob("*.png")
    }
