"""``fa-engine sweep``: which runs it makes, and what it says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from cli_helpers import SMALL

from fa_engine import RunConfig, Trainer
from fa_engine.cli.outputs import Trained
from fa_engine.cli.sweep import cells_of, mean_and_spread
from fa_engine.files.collected import Collected


def test_all_combinations_are_cells_in_the_order_of_the_options() -> None:
    varied = [("hidden", ["64", "64,64"]), ("walk", ["yes", "no"])]
    cells = cells_of(varied, {"epochs": "3"})
    found = [(cell.config.hidden, cell.config.walk, cell.config.epochs) for cell in cells]
    assert found == [
        ((64,), True, 3),
        ((64,), False, 3),
        ((64, 64), True, 3),
        ((64, 64), False, 3),
    ]
    assert [cell.values for cell in cells][2] == {"hidden": "64,64", "walk": "yes"}


def test_a_sweep_is_one_table_of_all_its_runs(here: Any, tmp_path: Path) -> None:
    path = tmp_path / "sweep.csv"
    vary = ["--vary", "scheme=fa,bp", "--vary", "hidden=8;6,6"]
    status, said, error = here("sweep", *vary, *SMALL[2:], "--csv", str(path))
    assert (status, error) == (0, "")
    assert "run 4 of 4  scheme=bp hidden=6,6  test_loss" in said
    assert "Feedback scheme" in said
    assert "Hidden angle" in said
    table = pandas.read_csv(path)
    assert [*table.columns[:4]] == ["run", "config_hidden", "config_scheme", "step"]
    assert table.groupby("run")["config_scheme"].first().tolist() == ["fa", "fa", "bp", "bp"]
    last = [*Trainer(RunConfig(hidden=(6, 6), scheme="bp", replicates=2, epochs=2))][-1]
    rows = table[(table["run"] == 4) & (table["step"] == last.step)]
    np.testing.assert_array_equal(rows["loss"].to_numpy(np.float32), last.loss.astype(np.float32))
    assert rows["gradient_angle_deg_2"].notna().all()
    assert table[table["run"] == 1]["gradient_angle_deg_2"].isna().all()


def test_mean_and_spread_are_over_the_networks_that_are_left() -> None:
    config = RunConfig(hidden=(8,), replicates=3, epochs=1)
    collected = Collected(config)
    measured = [*Trainer(config)][-1]
    measured.loss[:] = 1.0, 2.0, np.nan
    measured.accuracy[:] = 0.5, 0.7, np.nan
    collected.add(measured)
    run = Trained(collected, [None, None, 3])
    assert mean_and_spread(run, "loss") == "1.5 ± 0.5"
    assert mean_and_spread(run, "accuracy") == "60.0 ± 10.0 %"
    measured.loss[:] = np.nan
    collected.add(measured)
    assert mean_and_spread(run, "loss") == "-"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["learning_rate=0.1,500,0"], ["learning_rate = '500'", "learning_rate = '0'"]),
        (["walk=perhaps"], ["walk = 'perhaps': allowed is true or false"]),
        (["rate=1,2"], ["vary = 'rate=1,2': allowed is one of the fields dataset,"]),
        (["scheme=fa,fa"], ["vary = 'scheme=fa,fa': allowed is scheme= and different values"]),
        (["scheme"], ["vary = 'scheme': allowed is scheme= and different values"]),
        (["seed=1", "--vary", "seed=2"], ["seed = '1': allowed is one --vary"]),
        (["seed=1", "--seed", "3"], ["seed = '3': allowed is nothing beside --vary of the same"]),
    ],
)
def test_what_cannot_be_varied_is_refused_before_training(
    words: list[str], said: list[str], here: Any
) -> None:
    status, out, error = here("sweep", "--vary", *words)
    assert (status, out) == (2, "")
    lines = error.splitlines()
    assert len(lines) == len(said)
    for line, part in zip(lines, said, strict=True):
        assert part in line
