"""Real workers, one supervisor for the tests that do it no harm, and patience instead of clocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
import waiting

from app.settings import Settings
from app.store import Store
from app.worker import supervisor
from app.worker.supervisor import Supervisor

Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is slow to end is not killed: the machine may be busy."""
    monkeypatch.setattr(supervisor, "STOP_S", waiting.PATIENCE_S)


@pytest.fixture(name="wait")
def _wait() -> Wait:
    return partial(waiting.wait, pause_s=0.005)


def make_settings(state_dir: Path, **changes: object) -> Settings:
    """One worker of one thread, and a data directory with nothing in it."""
    given = {"state_dir": state_dir, "data_dir": state_dir / "data", "workers": 1, "threads": 1}
    return Settings.model_validate(given | changes)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a directory of this test's own."""
    return make_settings(tmp_path)


@pytest.fixture(scope="module")
def shared_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """What ``shared`` runs on."""
    return make_settings(tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def shared(shared_settings: Settings) -> Iterator[Store]:
    """A store whose runs a worker trains; the worker is warm and must be left alive."""
    with Supervisor(shared_settings), Store(shared_settings.database_url) as store:
        yield store


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """Of ``settings``."""
    with Store(settings.database_url) as opened:
        yield opened


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Training is the same bit for bit at equal threads alone."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
