"""What the cells of a study have come to, trained by a real worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.store import Draft, Progress, RunState, Store
from app.studies import Asked, Results, plan_of
from fa_engine import Limits, Trainer

FIELDS = {
    "learning_rate": "0.1, 100",  # the second leads away from everything
    "hidden": "8; 6",
    "activation": "relu",
    "loss": "squared_error",
    "epochs": "2",
    "replicates": "2",
}


class Kept(dict[str, Any]):
    """A cache that keeps all, and counts what was found."""

    hits = 0

    def get(self, key: str, default: Any = None) -> Any:
        self.hits += key in self
        return super().get(key, default)

    def set(self, key: str, value: Any) -> None:
        self[key] = value


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store(f"sqlite:///{tmp_path}/runs.sqlite") as found:
        yield found


def train_next(store: Store) -> None:
    """Trains the next run as a worker does, without its clock."""
    run = store.claim("w", 30)
    assert run is not None
    trainer = Trainer(run.run_config())
    measured = [*trainer]
    store.append(
        run.id,
        "w",
        [
            Draft.measurements(measured, Progress(trainer.step, trainer.epoch, 1.0, 1.0)),
            Draft.diverged(trainer.step, trainer.diverged_at),
            Draft.state(RunState.FINISHED, trainer.step),
        ],
        30,
    )


def test_results_come_cell_by_cell(store: Store) -> None:
    limits = Limits()
    study = plan_of(Asked({**FIELDS, "learning_rate": "0.01, 0.03"}), limits, store).start(store)
    cache = Kept()
    results = Results(store, cache)  # type: ignore[arg-type]
    told = results.told(study.id)
    assert told.states == {"queued": 4}
    assert (told.progress, told.ended) == (0.0, False)
    assert told.best("test_accuracy", 3) == []
    before = results.revision(study.id)
    train_next(store)
    assert results.revision(study.id) != before
    told = results.told(study.id)
    assert told.states == {"finished": 2, "queued": 2}
    assert told.progress == 0.5
    there = [cell.number for cell in told.cells if len(cell.of("test_accuracy"))]
    assert there == [0, 2]
    train_next(store)
    told = results.told(study.id)
    assert told.ended
    for cell in told.cells:
        alone = [*Trainer(cell.config)][-1]
        np.testing.assert_allclose(cell.values["loss"], alone.loss, rtol=1e-3)
        assert cell.run_id is not None
        assert store.run(cell.run_id).run_config() == cell.config
    assert cache.hits == 1  # the first run was not read again
    best = told.best("test_accuracy", 3)
    middles = [cell.middle("test_accuracy") for cell in told.cells]
    assert best[0].middle("test_accuracy") == max(middles)
    assert len(best) == 3


def test_a_cell_that_diverged_is_told_as_such(store: Store) -> None:
    study = plan_of(Asked(FIELDS), Limits(), store).start(store)
    train_next(store)
    train_next(store)
    told = Results(store, Kept()).told(study.id)  # type: ignore[arg-type]
    assert told.states == {"finished": 2, "diverged": 2}
    gone = [cell for cell in told.cells if cell.config.learning_rate > 1]
    assert [cell.lost for cell in gone] == [2, 2]
    for cell in gone:
        assert cell.middle("diverged") == 1.0
        assert np.isnan(cell.middle("test_accuracy"))
    assert {cell.number for cell in told.best("test_accuracy", 9)} == {0, 1}


def test_a_cell_whose_run_is_gone_is_told_as_such(store: Store) -> None:
    study = plan_of(Asked(FIELDS), Limits(), store).start(store)
    first = store.studies.runs(study.id)[0]
    store.studies.delete(study.id)
    store.keep.purge(lambda _: None)
    store.studies.restore(study.id)
    assert first.id not in {run.id for run in store.studies.runs(study.id)}
    told = Results(store, Kept()).told(study.id)  # type: ignore[arg-type]
    assert told.states == {"gone": 4}
    assert told.ended
    assert [cell.run_id for cell in told.cells] == [None] * 4
