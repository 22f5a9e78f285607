"""Runs that were started together are found together."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, inspect, text

from app.store import New, Store
from fa_engine import RunConfig


def test_runs_of_a_race_come_in_the_order_of_their_start(store: Store) -> None:
    alone = store.create_run(RunConfig())
    raced = store.create_runs([New(RunConfig(scheme=s)) for s in ("bp", "fa", "dfa")], "r1")
    store.create_runs([New(RunConfig())], "r2")
    assert store.race("r1") == raced
    assert [run.race_id for run in raced] == ["r1"] * 3
    assert store.run(alone.id).race_id is None
    assert store.race("nobody's") == []


def test_an_older_database_learns_of_races(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    with Store(url) as store:
        store.create_run(RunConfig())
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX runs_by_race"))
        connection.execute(text("ALTER TABLE runs DROP COLUMN race_id"))
    with Store(url) as store:
        (run,) = store.create_runs([New(RunConfig())], "r1")
        assert store.race("r1") == [run]
    assert "runs_by_race" in {index["name"] for index in inspect(engine).get_indexes("runs")}
    engine.dispose()
