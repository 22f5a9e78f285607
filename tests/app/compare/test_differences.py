"""What is said of several runs beside their lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.compare import Comparer, Selection, differing, results
from app.compare.differences import labels, shown
from app.compare.lines import Panel, Rows, line
from app.components.compared import result_table
from app.store import Draft, Run, Store, pack
from fa_engine import RunConfig, Trainer
from fa_engine.measures.catalogue import MEASURES


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path / 'runs.sqlite'}") as opened:
        yield opened


def made(store: Store, *changes: dict[str, Any]) -> list[Run]:
    return [store.create_run(RunConfig(**change)) for change in changes]


def test_fields_that_differ_are_listed_in_words(store: Store) -> None:
    runs = made(
        store,
        {"scheme": "bp", "hidden": (64, 64), "weight_std": None},
        {"scheme": "fa", "hidden": (32,), "weight_std": 0.5},
    )
    assert differing(runs) == {
        "hidden": ["64-64", "32"],
        "scheme": ["BP", "FA"],
        "weight_std": ["1/√(fan-in)", "0.5"],
    }
    assert differing(runs[:1]) == {}


def test_a_run_is_called_what_tells_it_from_the_others_here(store: Store) -> None:
    runs = made(store, {"scheme": "bp"}, {"scheme": "fa"}, {"scheme": "dfa"})
    assert [*labels(runs).values()] == ["BP", "FA", "DFA"]
    rates = made(store, {"learning_rate": 0.1}, {"learning_rate": 0.05})
    assert [*labels(rates).values()] == ["rate 0.1", "rate 0.05"]
    both = made(store, {"scheme": "bp", "seed": 1}, {"scheme": "bp", "seed": 2}, {"scheme": "fa"})
    assert len(set(labels(both).values())) == 3


def test_runs_that_differ_in_nothing_are_numbered(store: Store) -> None:
    runs = made(store, {}, {}, {})
    assert len(set(labels(runs).values())) == 3


def test_a_row_of_results_says_how_many_networks_are_left(
    store: Store,
) -> None:
    (run,) = made(store, {"replicates": 3, "hidden": (8,)})
    assert store.claim("w", 60.0) is not None
    measured = [*Trainer(run.run_config().replace(epochs=1))]
    lost = measured[-1]
    for value in vars(lost).values():
        if isinstance(value, np.ndarray):
            value[2] = np.nan
    drafts = [Draft("measurements", *pack(measured)), Draft.diverged(lost.step, [None, None, 20])]
    store.append(run.id, "w", drafts, 60.0)
    selection = Selection(runs=(run.id,), measures=("test_accuracy",))
    table = result_table(Comparer(store).compare(selection), selection)
    *_, row = table["rows"]
    said = dict(zip(table["head"], row, strict=True))
    assert said["networks"] == "2 of 3 left"
    assert lost.test_accuracy is not None
    assert said["last"] == shown(float(np.nanmedian(lost.test_accuracy)), "share")


def test_every_line_of_every_panel_has_a_row_of_results() -> None:
    rows = Rows(np.arange(4.0), np.array([[3.0, 5], [1, 3], [2, 4], [2, 6]]))
    measure = MEASURES["loss"]
    panel = Panel("loss", measure, None, [line("a", [rows], measure, cursor=1.5)])
    (row,) = results([panel], {"a": "FA"})
    assert (row["measure"], row["line"], row["replicates"]) == ("Loss", "FA", 2)
    assert (row["best_at"], row["best"]) == (1.0, 2.0)
    assert (row["last_at"], row["last"]) == (3.0, 4.0)
    assert (row["cursor_at"], row["cursor"]) == (1.0, 2.0)
    assert (row["mean"], row["min"], row["max"]) == (4.0, 2.0, 6.0)
    assert row["std"] == pytest.approx(np.std([2, 6], ddof=1))
    nothing = Panel(
        "loss", measure, None, [line("a", [Rows(np.zeros(0), np.zeros((0, 1)))], measure)]
    )
    (row,) = results([nothing], {"a": "FA"})
    assert row["best"] is row["last"] is row["cursor"] is row["mean"] is None


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.963, "share", "96.3 %"),
        (45.678, "°", "45.7°"),
        (0.01236, "loss", "0.01236"),
        (-2.0, "norm", "−2"),
        (1e-7, "loss", "1.00e−07"),
        (None, "loss", "–"),
        (float("nan"), "loss", "–"),
    ],
)
def test_values_are_shown_with_their_unit(value: float | None, unit: str, text: str) -> None:
    assert shown(value, unit) == text
