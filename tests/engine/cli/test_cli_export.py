"""``fa-engine export``: weights, configuration and script of a checkpoint."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from fa_engine import RunConfig, Trainer

CONFIG = RunConfig(hidden=(8,), replicates=2, epochs=2, optimizer="adam", learning_rate=0.01)


@pytest.fixture
def trainer() -> Trainer:
    """Trained for some steps, not to the end."""
    made = Trainer(CONFIG)
    for _ in range(25):
        made.advance()
    return made


@pytest.fixture
def file(trainer: Trainer, tmp_path: Path) -> Path:
    path = tmp_path / "run.safetensors"
    trainer.save(path)
    return path


def test_the_configuration_makes_the_run_again(file: Path, here: Any, tmp_path: Path) -> None:
    status, said, _ = here("export", str(file))
    assert status == 0
    assert RunConfig(**json.loads(said)) == CONFIG
    target = tmp_path / "config.json"
    assert here("export", str(file), "--config", str(target))[:2] == (0, f"wrote {target}\n")
    assert target.read_text() == said


def test_weights_are_those_of_the_network_alone(
    file: Path, trainer: Trainer, here: Any, tmp_path: Path
) -> None:
    target = tmp_path / "weights.safetensors"
    assert here("export", str(file), "--weights", str(target))[0] == 0
    found = load_file(target)
    expected = trainer.network.state() | trainer.feedback.state()
    assert found.keys() == expected.keys()
    assert all(found[name].equal(expected[name]) for name in found)


def test_the_script_repeats_the_run_up_to_there(
    file: Path, trainer: Trainer, here: Any, tmp_path: Path
) -> None:
    target = tmp_path / "run.py"
    assert here("export", str(file), "--script", str(target))[0] == 0
    measured = [*runpy.run_path(str(target))["measurements"]()]
    alone = [m for m in Trainer(CONFIG) if m.step < trainer.step]
    assert [m.step for m in measured] == [m.step for m in alone]
    for one, other in zip(measured, alone, strict=True):
        np.testing.assert_array_equal(one.loss, other.loss)


def test_no_script_can_repeat_what_was_changed_underway(
    trainer: Trainer, here: Any, tmp_path: Path
) -> None:
    trainer.learning_rate = 0.5
    path, target = tmp_path / "run.safetensors", tmp_path / "run.py"
    trainer.save(path)
    status, _, error = here("export", str(path), "--script", str(target))
    assert status == 2
    assert "allowed is a run that nobody changed while it ran" in error
    assert not target.exists()


def test_what_is_no_checkpoint_is_said(here: Any, tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_text("nothing")
    status, _, error = here("export", str(path))
    assert status == 2
    assert error.startswith(f"{path} is not a checkpoint")
