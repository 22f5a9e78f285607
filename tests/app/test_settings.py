"""Settings: defaults, the environment, and messages for what is wrong."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from unittest.mock import ANY

import pytest
from pydantic import SecretStr, ValidationError

from app.cache import make_cache
from app.server import create_app
from app.settings import Settings, settings_or_exit
from app.store import LEASE_S, Store
from app.worker.data import DataSets
from app.worker.drive import Tools, drive
from fa_engine import Limits, RunConfig


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("FA_"):
            monkeypatch.delenv(name)


def test_every_field_has_a_default_and_a_description() -> None:
    settings = Settings()
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8050, 1)
    assert settings.database_url == f"sqlite:///{settings.state_dir}/runs.sqlite"
    assert settings.cache_url is None
    assert settings.threads >= 1
    # Memory is what the machine has free: tests/app/test_machine.py.
    assert settings.limits == Limits(
        max_bytes=ANY, bytes_set_by="FA_MAX_RUN_MB", max_networks=256, max_cells=1
    )
    assert all(field.description for field in Settings.model_fields.values())


def test_the_environment_sets_every_field(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {
        "data_dir": tmp_path / "data",
        "state_dir": tmp_path / "state",
        "plugins": "json, csv",
        "database_url": f"sqlite:///{tmp_path}/other.sqlite",
        "cache_url": "redis://localhost:6379/0",
        "host": "0.0.0.0",
        "port": 9000,
        "allowed_hosts": "example.com, lab.example:8443",
        "path_prefix": "/lab/fa/",
        "trusted_proxies": "127.0.0.1, 10.0.0.0/8, unix",
        "control_token": "control-0123456789",
        "view_token": "watch-0123456789~.",
        "open": True,
        "framed_by": "https://lab.example, http://school.example:8000",
        "workers": 3,
        "threads": 2,
        "max_parameters": 1000,
        "max_run_mb": 2000,
        "max_epochs": 7,
        "max_queued": 9,
        "checkpoint_mb": 0,
        "checkpoint_total_mb": 20,
        "state_every_s": 12.5,
        "max_streams": 5,
        "log_level": "warning",
        "log_format": "json",
        "max_client_streams": 3,
    }
    assert given.keys() == Settings.model_fields.keys()
    for name, value in given.items():
        monkeypatch.setenv(f"FA_{name.upper()}", str(value))
    secret = {name: SecretStr(str(given[name])) for name in ("control_token", "view_token")}
    assert Settings().model_dump() == given | secret
    assert Settings().limits == Limits(
        max_parameters=1000,
        max_bytes=2 * 10**9,
        max_epochs=7,
        bytes_set_by="FA_MAX_RUN_MB",
        max_networks=256,
        max_cells=1,
    )


def test_the_database_lies_in_the_state_directory(tmp_path: Path) -> None:
    assert Settings(state_dir=tmp_path).database_url == f"sqlite:///{tmp_path}/runs.sqlite"


ODD = [
    "with a space",
    "zürich",
    "a#b",
    "a?b=c",
    "100%41",
    "a+b",
    "a%2Fb",
    "a&b;c@d:e",
    "%s",
    "[x]*",
]


@pytest.mark.parametrize("name", ODD)
def test_whatever_a_folder_is_called_everything_is_kept_there(tmp_path: Path, name: str) -> None:
    state = tmp_path / name
    settings = Settings(state_dir=state, workers=0)
    tools = Tools(DataSets(settings.data_dir), settings.checkpoint_dir, 10**8, 10**8)
    with Store(settings.database_url) as store:
        store.create_run(RunConfig(epochs=1, hidden=(4,)))
        run = store.claim("test", LEASE_S)
        assert run is not None
        drive(store, run, "test", tools, lambda: False)
    with closing(sqlite3.connect(state / "runs.sqlite")) as database:
        assert database.execute("SELECT id FROM runs").fetchall() == [(run.id,)]
    app = create_app(settings)
    assert [listed.id for listed in app.store.runs()] == [run.id]
    make_cache(app, settings).set("key", "value")
    app.close()
    assert list((state / "cache").iterdir())
    assert list((state / "checkpoints" / run.id).iterdir())
    assert list(tmp_path.iterdir()) == [state]  # and nothing beside it


@pytest.mark.parametrize("empty", ["", None])
def test_what_is_empty_takes_its_default(
    monkeypatch: pytest.MonkeyPatch, empty: str | None, tmp_path: Path
) -> None:
    if empty is None:
        settings = Settings.model_validate({"state_dir": tmp_path, "database_url": None})
    else:
        monkeypatch.setenv("FA_DATABASE_URL", empty)
        settings = Settings(state_dir=tmp_path)
    assert settings.database_url == f"sqlite:///{tmp_path}/runs.sqlite"


def test_a_home_directory_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FA_STATE_DIR", "~/state")
    assert Settings().state_dir == tmp_path / "state"


@pytest.mark.parametrize("workers", [0, 1, 256])
def test_each_worker_has_at_least_one_thread(workers: int) -> None:
    assert Settings(workers=workers).threads >= 1


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PORT", "eighty", "a whole number from 0 to 65535"),
        ("PORT", "65536", "a whole number from 0 to 65535"),
        ("WORKERS", "-1", "a whole number from 0 to 256"),
        ("THREADS", "0", "a whole number from 1 to 1024"),
        ("MAX_EPOCHS", "0", "a whole number from 1"),
        ("MAX_STREAMS", "many", "a whole number from 1"),
        ("CHECKPOINT_MB", "-1", "a whole number from 0 to 1000000"),
        ("CHECKPOINT_TOTAL_MB", "much", "a whole number from 0 to 1000000000"),
        ("DATABASE_URL", "runs", "a database URL"),
        ("DATABASE_URL", "oracel://host/name", "a database URL"),
        ("DATABASE_URL", "sqlite:///:memory:", "a database URL"),
        ("STATE_DIR", "/dev/null/state", "a path of a directory"),
        ("ALLOWED_HOSTS", "https://example.com", "host names with commas between them"),
        ("ALLOWED_HOSTS", "example.com:http", "host names with commas between them"),
        ("ALLOWED_HOSTS", "me@example.com", "host names with commas between them"),
        ("PATH_PREFIX", "fa", "a path such as /fa/"),
        ("PATH_PREFIX", "/a b/", "a path such as /fa/"),
        ("PATH_PREFIX", "//fa/", "a path such as /fa/"),
        ("PATH_PREFIX", "/api/", "a path such as /fa/"),
        ("PATH_PREFIX", "/_dash/", "a path such as /fa/"),
        ("TRUSTED_PROXIES", "nginx", "IP addresses or networks"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "IP addresses or networks"),
        ("CACHE_URL", "memcached://host", "a URL that begins with redis://"),
    ],
)
def test_a_wrong_value_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(f"FA_{name}", value)
    with pytest.raises(ValidationError) as raised:
        Settings()
    assert f"FA_{name} = '{value}': allowed is {allowed}" in str(raised.value)


def test_a_program_ends_with_each_problem_on_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FA_WORKERS", "some")
    monkeypatch.setenv("FA_PORT", "x")
    with pytest.raises(SystemExit) as raised:
        settings_or_exit()
    assert str(raised.value).splitlines() == [
        "FA_PORT = 'x': allowed is a whole number from 0 to 65535",
        "FA_WORKERS = 'some': allowed is a whole number from 0 to 256",
    ]


@pytest.mark.parametrize("given", ["/fa", "/fa/"])
def test_a_path_prefix_ends_with_a_stroke(given: str) -> None:
    assert Settings(path_prefix=given).base == "/fa/"
    assert Settings(path_prefix="/").base == "/"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://u:secret@host/db", "postgresql+psycopg://***@host/db"),
        ("postgresql+psycopg://u:se/cret@host/db", "postgresql+psycopg://***@host/db"),
        ("postgresql+psycopg://u:se@cret@host/db", "postgresql+psycopg://***@host/db"),
        (
            "postgresql+psycopg://host/db?user=u&password=secret",
            "postgresql+psycopg://host/db?user=u&password=***",
        ),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    assert Settings(database_url=url).shown()["database_url"] == shown
    cache = Settings(cache_url="redis://host/0?password=secret&db=1").shown()["cache_url"]
    assert cache == "redis://host/0?password=***&db=1"
