"""An application of a test's own, really served, and a run whose events the test writes itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from web_helpers import CONFIG, LEASE_S, OWNER, Script, serve

from app.server import WebApp, create_app
from app.settings import Settings
from fa_engine import Measurement, Trainer


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state", workers=0, max_streams=4)


@pytest.fixture
def app(settings: Settings) -> Iterator[WebApp]:
    made = create_app(settings)
    yield made
    made.close()


@pytest.fixture
def url(app: WebApp) -> Iterator[str]:
    with serve(app) as address:
        yield address


@pytest.fixture(scope="session")
def measured() -> list[Measurement]:
    """Real measurements: two hidden layers, three replicates, the test set now and then."""
    return list(Trainer(CONFIG))


@pytest.fixture
def script(app: WebApp, measured: list[Measurement]) -> Script:
    """A run that has just been claimed."""
    app.store.create_run(CONFIG)
    run = app.store.claim(OWNER, LEASE_S)
    assert run is not None
    return Script(app.store, run, measured)
