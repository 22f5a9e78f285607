"""A store of its own for each test, on SQLite and, where a server is given, on PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from app.store import Store
from app.store.tables import metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of an empty database; of PostgreSQL only with FA_TEST_DATABASE_URL, whose tables go."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/state/runs.sqlite"
        return
    given = os.environ.get("FA_TEST_DATABASE_URL")
    if not given:
        pytest.skip("FA_TEST_DATABASE_URL names no PostgreSQL server")
    engine = create_engine(given)
    metadata.drop_all(engine)
    yield given
    metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A store on an empty database."""
    with Store(url) as opened:
        yield opened
