"""A store of its own for each test, on SQLite and, where a server can be had, on PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from app.store import Store
from app.store.tables import metadata
from scripts.postgres import NoServer, server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Of the database that FA_TEST_DATABASE_URL names, else of a server that is begun here."""
    given = os.environ.get("FA_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with ExitStack() as stack:
        try:
            url, _ = stack.enter_context(server("-F"))
        except NoServer as error:
            pytest.skip(f"FA_TEST_DATABASE_URL names no PostgreSQL server, and {error}")
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of an empty database, whose tables go."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/state/runs.sqlite"
        return
    found: str = request.getfixturevalue("postgresql")
    engine = create_engine(found)
    metadata.drop_all(engine)
    yield found
    metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A store on an empty database."""
    with Store(url) as opened:
        yield opened
