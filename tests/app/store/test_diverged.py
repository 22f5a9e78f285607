"""Which networks of a run are gone, kept with the run; older databases say so too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from sqlalchemy import create_engine, text

from app.store import Draft, Progress, RunState, Store, pack, unpack
from fa_engine import Measurement, RunConfig, Trainer

CONFIG = RunConfig(
    activation="relu",
    loss="squared_error",
    learning_rate=0.3,
    replicates=3,
    epochs=2,
    measure_every=5,
)


def test_it_is_stored_with_the_run(store: Store) -> None:
    run_id = store.create_run(CONFIG).id
    assert store.run(run_id).diverged_at == [None] * 3
    assert store.claim("w", 10.0) is not None
    store.append(run_id, "w", [Draft.diverged(15, [None, None, 15])], 10.0)
    store.append(run_id, "w", [Draft.diverged(20, [20, None, 15])], 10.0)
    store.append(run_id, "w", [Draft.state(RunState.FINISHED, 44)], 10.0)
    assert store.run(run_id).diverged_at == [20, None, 15]
    assert store.runs()[0].diverged_at == [20, None, 15]


def as_it_was(measured: list[Measurement]) -> Draft:
    """A block as it was written before: an accuracy of what has no loss, and the old name."""
    made = []
    for m in measured:
        gone = np.isnan(m.loss)
        made.append(replace(m, accuracy=np.where(gone, 0.0625, m.accuracy)))
    header, payload = pack(made)
    names = ["descent_share" if name == "descent_rate" else name for name in header["fields"]]
    return Draft("measurements", header | {"fields": names}, payload)


def test_an_older_block_is_read_by_the_same_rule() -> None:
    measured = list(Trainer(CONFIG))
    block = as_it_was(measured)
    series = unpack(block.header, block.payload)
    gone = np.isnan(np.array([m.loss for m in measured]))
    assert gone.any()
    assert np.isnan(series.accuracy[gone]).all()
    assert np.isfinite(series.accuracy[~gone]).all()
    np.testing.assert_allclose(series.descent_rate[0], measured[0].descent_rate, rtol=1e-6)


def test_an_older_database_opens_and_says_since_when(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    measured = list(Trainer(CONFIG))
    with Store(url) as store:
        partly, well, gone = (store.create_run(CONFIG).id for _ in range(3))
        for run_id in (partly, well, gone):
            assert store.claim("w", 10.0) is not None
            blocks = measured if run_id != well else measured[:3]
            store.append(run_id, "w", [as_it_was(blocks)], 10.0)
        message = "Network 3 of 3 diverged: its loss is not finite any more at step 15."
        store.append(partly, "w", [Draft.notice(15, message)], 10.0)
        store.append(partly, "w", [Draft.state(RunState.FINISHED, 44)], 10.0)
        store.append(gone, "w", [Draft.state(RunState.DIVERGED, 44, "gone")], 10.0)
    engine = create_engine(url)
    with engine.begin() as connection:
        for column in ("diverged_at", "trained_s"):
            connection.execute(text(f"ALTER TABLE runs DROP COLUMN {column}"))
    engine.dispose()
    with Store(url) as store:
        assert store.run(partly).diverged_at == [None, None, 15]
        assert store.run(gone).diverged_at == [None, None, 15]
        assert store.run(well).diverged_at == [None] * 3
        assert store.run(well).trained_s is None
        progress = Progress(5, 0.2, 10.0, 0.5)
        store.append(well, "w", [Draft.notice(5, "on").at(progress)], 10.0)
        assert store.run(well).trained_s == 0.5
