"""What is said of a damaged installation, and what is saved of it."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from waiting import PATIENCE_S

from app.__main__ import serve
from app.check import check, run
from app.server import create_app
from app.settings import Settings
from app.store import LEASE_S, Store
from app.store.engine import PAGE_BYTES
from app.store.salvage import save
from app.worker.data import DataSets
from app.worker.drive import Tools, drive
from fa_engine import RunConfig

CONFIG = RunConfig(epochs=1, hidden=(8,), replicates=2, measure_every=1)
N_RUNS = 4
PAGE = PAGE_BYTES
NOBODY = 65534


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of an installation with some finished runs."""
    state = tmp_path_factory.mktemp("made") / "state"
    settings = Settings(state_dir=state, workers=0)
    tools = Tools(DataSets(settings.data_dir), settings.checkpoint_dir, 10**8, 10**8)
    with Store(settings.database_url) as store:
        for number in range(N_RUNS):
            store.create_run(CONFIG, name=f"run {number}")
            claimed = store.claim("test", LEASE_S)
            assert claimed is not None
            drive(store, claimed, "test", tools, lambda: False)
    with closing(sqlite3.connect(state / "runs.sqlite")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return state


@pytest.fixture
def settings(made: Path, tmp_path: Path) -> Settings:
    """Of a copy that may be damaged."""
    shutil.copytree(made, tmp_path / "state")
    return Settings(state_dir=tmp_path / "state", workers=0)


@pytest.fixture
def database(settings: Settings) -> Path:
    return settings.state_dir / "runs.sqlite"


def overwrite(path: Path, at: int, count: int, seed: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(random.Random(seed).randbytes(count))


def problems(settings: Settings) -> list[str]:
    return [str(found) for found in check(settings) if found.problem]


def told(settings: Settings, target: Path | None = None) -> tuple[int, str]:
    lines: list[str] = []
    code = run(settings, target, lines.append)
    return code, "\n".join(lines)


def counted(path: Path) -> dict[str, list[int]]:
    """The numbers of the events of every run of a database, as it can be served."""
    with Store(f"sqlite:///{path}") as store:
        return {
            one.id: [event.seq for event in store.events(one.id)] for one in store.runs(limit=1000)
        }


def test_what_is_whole_is_said_to_be_and_not_touched(settings: Settings, database: Path) -> None:
    before = database.read_bytes()
    code, said = told(settings)
    assert code == 0
    assert f"ok  database: {database} is whole" in said
    assert f"ok  runs: {N_RUNS}, with every event in its place" in said
    assert "all whole" in said
    assert "BAD" not in said
    assert database.read_bytes() == before


def test_what_is_whole_is_saved_whole(settings: Settings, database: Path, tmp_path: Path) -> None:
    code, said = told(settings, tmp_path / "saved.sqlite")
    assert code == 0
    assert f"{N_RUNS} runs with" in said
    assert "Lost" not in said
    assert counted(tmp_path / "saved.sqlite") == counted(database)


@pytest.mark.parametrize("page", [PAGE_BYTES, 4096])  # the second is an older version's
def test_a_new_beginning_is_put_before_the_rest(
    settings: Settings, database: Path, tmp_path: Path, page: int
) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as opened:
        for said in ("journal_mode = DELETE", f"page_size = {page}"):
            opened.execute(f"PRAGMA {said}")
        opened.execute("VACUUM")
        opened.execute("PRAGMA journal_mode = WAL")
        assert opened.execute("PRAGMA page_size").fetchone() == (page,)
    events = counted(database)
    overwrite(database, 0, 100)
    assert problems(settings) == [f"BAD database: the beginning of {database} is damaged"]
    saved = save(database, tmp_path / "saved.sqlite")
    assert (saved.runs, saved.lost, saved.unread) == (N_RUNS, {}, [])
    assert counted(tmp_path / "saved.sqlite") == events


def test_around_a_damaged_page_everything_else_is_saved(
    settings: Settings, database: Path, tmp_path: Path
) -> None:
    events = counted(database)
    n_pages = database.stat().st_size // PAGE
    whole = database.read_bytes()
    saved_runs = []
    for page in range(1, n_pages):  # the first one holds what the tables are
        database.write_bytes(whole)
        overwrite(database, page * PAGE, PAGE, seed=page)
        target = tmp_path / f"saved-{page}.sqlite"
        saved = save(database, target)
        found = counted(target)
        saved_runs.append(len(found))
        assert found.keys() <= events.keys()
        for run_id, seqs in found.items():
            assert seqs == list(range(1, len(seqs) + 1))  # numbered without a gap
            assert len(seqs) <= len(events[run_id]) + 1  # and a notice where some are lost
        lost = sum(saved.lost.values())
        assert saved.events + lost == sum(len(events[run_id]) for run_id in found)
        # Nothing is lost in silence: what is missing is damaged, and that is said.
        if len(found) < N_RUNS or lost:
            assert problems(settings)
    assert saved_runs.count(N_RUNS) > len(saved_runs) / 2


def test_a_saved_database_can_be_served_and_says_what_it_lacks(
    settings: Settings, database: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(database)) as opened:
        (run_id,) = opened.execute("SELECT id FROM runs ORDER BY number LIMIT 1").fetchone()
        opened.execute("DELETE FROM events WHERE run_id = ? AND seq = 2", (run_id,))
        opened.commit()
    (problem,) = problems(settings)
    assert problem == f"BAD run {run_id} (run 0): event 2 is missing"
    saved = save(database, tmp_path / "saved.sqlite")
    assert saved.lost == {f"run 0 ({run_id})": 1}
    app = create_app(Settings(state_dir=tmp_path / "new", workers=0,
                              database_url=f"sqlite:///{tmp_path}/saved.sqlite"))  # fmt: skip
    client = app.test_client()
    assert client.get("/api/runs").get_json()["total"] == N_RUNS
    events = client.get(f"/api/runs/{run_id}/events").get_json()["events"]
    assert "1 of the" in events[-1]["message"]
    assert client.get(f"/api/runs/{run_id}/export.csv").status_code == 200
    app.close()


def test_nothing_is_written_over(settings: Settings, tmp_path: Path) -> None:
    target = tmp_path / "there.sqlite"
    target.write_text("mine")
    code, said = told(settings, target)
    assert code == 2
    assert "exists already" in said
    assert target.read_text() == "mine"


@pytest.mark.parametrize("content", [b"", b"no database at all" * 1000])
def test_what_is_no_database_leaves_nothing_behind(
    settings: Settings, database: Path, tmp_path: Path, content: bytes
) -> None:
    database.write_bytes(content)
    code, said = told(settings, tmp_path / "saved.sqlite")
    assert code != 0
    assert "BAD database" in said
    assert "0 runs" in said or "Nothing could be saved" in said


def test_a_damaged_checkpoint_is_named(settings: Settings) -> None:
    path = sorted(settings.checkpoint_dir.glob("*/[0-9]*.safetensors"))[0]
    overwrite(path, path.stat().st_size - 8, 4)
    (problem,) = problems(settings)
    assert problem.startswith(f"BAD checkpoint {path.parent.name}/{path.name}: ")
    assert "damaged" in problem


def served(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"FA_STATE_DIR": str(settings.state_dir), "FA_PORT": "0"}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("module", "begin"),
    [("app", "The dashboard cannot start: "), ("app.worker", "The workers cannot start: ")],
)
def test_a_damaged_database_is_one_line_at_the_start(
    settings: Settings, database: Path, module: str, begin: str
) -> None:
    overwrite(database, 0, 100)
    done = served(settings, module)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line == (
        f"{begin}the database sqlite:///{database} is damaged (file is not a database). "
        "`python -m app check` says what is whole, and saves what can be"
    )


def test_the_command_says_it_and_exits_with_it(settings: Settings, database: Path) -> None:
    assert served(settings, "app", "check").returncode == 0
    overwrite(database, 0, 100)
    done = served(settings, "app", "check")
    assert done.returncode == 1
    assert "BAD database" in done.stdout
    assert "Traceback" not in done.stderr


def test_while_it_is_served_a_damaged_page_is_said_where_it_lies(
    settings: Settings, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(database)) as opened:
        table = opened.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events'")
        (root,) = table.fetchone()
    overwrite(database, (root - 1) * PAGE, PAGE)
    app = create_app(settings)
    client = app.test_client()
    (first, *_) = client.get("/api/runs").get_json()["runs"]
    answer = client.get(f"/api/runs/{first['id']}/events")
    assert answer.status_code == 500
    said = "The database is damaged. `python -m app check` says what is whole."
    assert answer.get_json() == {"error": said}
    (record,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert record.getMessage() == "the database is damaged"
    assert record.exc_info is None
    app.close()


def refused(settings: Settings, say: Connection) -> None:
    """Starts the dashboard as somebody else than the owner of its state."""
    for name in ("app.links", "app.serving", "app.worker.supervisor"):  # while it may read them
        importlib.import_module(name)
    os.seteuid(NOBODY)
    os.environ["FA_STATE_DIR"] = str(settings.state_dir)
    os.environ["FA_DATA_DIR"] = str(settings.state_dir)
    os.environ["FA_WORKERS"] = "0"  # somebody else may not read what they are made of
    try:
        serve()
    except BaseException as error:
        say.send(f"{type(error).__name__}: {error}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize(
    ("mode", "why"),
    [
        (0o000, "unable to open database file ({url})"),
        (0o444, "attempt to write a readonly database ({url})"),
    ],
)
def test_a_database_that_may_not_be_written_is_one_line_at_the_start(
    settings: Settings, database: Path, mode: int, why: str
) -> None:
    for folder in [*settings.state_dir.parents, settings.state_dir]:
        if folder.stat().st_uid == 0 and folder.is_relative_to(tempfile.gettempdir()):
            folder.chmod(0o755)
    database.chmod(mode)
    # Forked: what it imports lies where somebody else may not read.
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=refused, args=(settings, there))
    process.start()
    process.join(PATIENCE_S)
    assert here.recv() == "SystemExit: The dashboard cannot start: " + why.format(
        url=settings.database_url
    )
