"""A sweep as one run: every cell is what it would be alone."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from fa_engine import Limits, NotAllowed, RunConfig, Trainer, probe_set, problems, spectrum
from fa_engine.config.together import together
from fa_engine.config.vary import VARIES
from fa_engine.dynamics.branching import fork
from fa_engine.training.measurement import Measurement

SMALL: dict[str, Any] = {
    "hidden": (12, 8),
    "replicates": 2,
    "epochs": 1,
    "train_samples": 256,
    "batch_size": 32,
    "measure_every": 3,
    "dtype": "float64",
    "walk": True,
}
EACH: dict[str, list[Any]] = {
    "learning_rate": [0.02, 0.2],
    "momentum": [0.0, 0.8],
    "weight_decay": [0.0, 0.02],
    "bias_rate": [0.5, 2.0],
    "schedule_factor": [0.3, 1.0],
    "weight_init": ["normal", "orthogonal"],
    "weight_std": [None, 0.4, [0.1, 0.2, 0.3], "he"],
    "weight_gain": [0.5, 1.0],
    "feedback_init": ["normal", "uniform"],
    "feedback_std": [None, 0.7, "xavier", [0.3, 0.4]],
    "feedback_gain": [0.5, 1.0],
    "feedback_density": [0.4, 1.0],
    "feedback_seed": [None, 7],
    "label_noise": [0.0, 0.3],
    "seed": [0, 5],
}
# What feedback alignment conserves is of steps without decay and with one rate of the biases.
UNDEFINED = {"weight_decay", "bias_rate", "momentum"}


def measured(config: RunConfig) -> list[Measurement]:
    return list(Trainer(config))


def assert_cells_are_runs(config: RunConfig, tolerance: float = 1e-9) -> None:
    whole = measured(config)
    for number, cell in enumerate(config.cells):
        alone = measured(cell)
        assert [m.step for m in alone] == [m.step for m in whole]
        for own, together_ in zip(alone, whole, strict=True):
            part = together_.of(config.networks_of(number)).to_dict()
            for name, value in own.to_dict().items():
                if UNDEFINED & set(config.varied) and name.startswith("conserved"):
                    continue
                if isinstance(value, np.ndarray):
                    np.testing.assert_allclose(
                        part[name], value, rtol=tolerance, atol=tolerance, err_msg=name
                    )


def test_each_field_that_may_vary_is_tried_here() -> None:
    assert set(EACH) == set(VARIES)


@pytest.mark.parametrize("name", EACH)
def test_every_cell_is_its_run_alone(name: str) -> None:
    schedule = {"schedule": "step", "schedule_every": 1} if name == "schedule_factor" else {}
    assert_cells_are_runs(RunConfig(**SMALL | schedule, vary={name: EACH[name]}))


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "rmsprop", "adam", "adamw"])
@pytest.mark.parametrize("scheme", ["fa", "kp", "dkp"])
def test_whatever_moves_them(optimizer: str, scheme: str) -> None:
    momentum = {} if optimizer.startswith("adam") else {"momentum": [0.2, 0.7]}
    vary = {"learning_rate": [0.002, 0.01], "weight_decay": [0.0, 0.1], **momentum}
    assert_cells_are_runs(RunConfig(**SMALL, optimizer=optimizer, scheme=scheme, vary=vary))


@pytest.mark.parametrize("scheme", ["usf", "brsf", "frsf", "wm", "sdfa", "drtp", "shallow"])
def test_whatever_carries_the_error(scheme: str) -> None:
    vary = {"feedback_std": [0.2, None], "learning_rate": [0.01, 0.1], "label_noise": [0.0, 0.5]}
    assert_cells_are_runs(RunConfig(**SMALL, scheme=scheme, vary=vary))


def test_convolutions_and_a_single_network_a_cell() -> None:
    changed = {"hidden": "conv 3x4, pool 2, 10", "replicates": 1, "dataset": "digits"}
    assert_cells_are_runs(RunConfig(**SMALL | changed, vary={"learning_rate": [0.02, 0.1]}))
    assert_cells_are_runs(RunConfig(**SMALL | changed, vary={"learning_rate": [0.03]}))
    assert_cells_are_runs(RunConfig(**SMALL | changed, vary={"label_noise": [0.1]}))


def test_float32_differs_by_rounding_alone() -> None:
    vary = {"learning_rate": [0.05, 0.1], "weight_std": [None, 0.2]}
    config = RunConfig(**SMALL | {"dtype": "float32", "walk": False}, vary=vary)
    assert_cells_are_runs(config, tolerance=2e-4)


def test_a_grid_changes_its_last_field_fastest_and_a_list_has_its_own_order() -> None:
    grid = RunConfig(vary={"seed": [1, 2], "learning_rate": ["0.1", 1]}, replicates=3)
    found = [(cell.seed, cell.learning_rate, cell.replicates) for cell in grid.cells]
    assert found == [(1, 0.1, 3), (1, 1.0, 3), (2, 0.1, 3), (2, 1.0, 3)]
    assert (grid.networks, grid.varied) == (12, ("seed", "learning_rate"))
    assert grid.networks_of(2) == slice(6, 9)
    assert grid.of_network(7) == (grid.cells[2], 1)
    listed = RunConfig(vary=[{"seed": 2, "momentum": 0}, {"seed": 1, "momentum": 0.5}])
    assert [(cell.seed, cell.momentum) for cell in listed.cells] == [(2, 0.0), (1, 0.5)]
    assert all(cell.vary is None and cell.cells == (cell,) for cell in listed.cells)


def test_it_is_written_down_and_read_again() -> None:
    for vary in ({"seed": [1, 2], "weight_std": [None, 0.5]}, [{"momentum": 0.5}, {"momentum": 0}]):
        config = RunConfig(vary=vary)
        assert RunConfig.model_validate_json(config.model_dump_json()) == config
        assert config.replace(epochs=3).cells[1] == config.cells[1].replace(epochs=3)
    assert "vary" not in RunConfig().model_dump()


def test_a_sweep_goes_on_from_its_checkpoint_bit_for_bit(tmp_path: Path) -> None:
    vary = {"learning_rate": [0.01, 0.1], "momentum": [0.3, 0.6], "label_noise": [0.0, 0.2]}
    config = RunConfig(**SMALL, scheme="kp", optimizer="nesterov", vary=vary)
    trainer = Trainer(config)
    for _ in range(4):
        trainer.advance()
    trainer.save(tmp_path / "half.safetensors")
    others = [Trainer.load(tmp_path / "half.safetensors"), pickle.loads(pickle.dumps(trainer))]
    for _ in range(3):
        for each in (trainer, *others):
            each.advance()
    for other in others:
        assert other.config == config
        for name, tensor in trainer.state().items():
            assert torch.equal(tensor, other.state()[name]), name


def test_one_network_of_it_goes_on_alone() -> None:
    config = RunConfig(**SMALL, vary={"learning_rate": [0.01, 0.1], "momentum": [0.3, 0.6]})
    trainer = Trainer(config)
    for _ in range(3):
        trainer.advance()
    alone = fork(trainer, 5, 1)
    assert (alone.config.learning_rate, alone.config.momentum) == (0.1, 0.3)
    for each in (trainer, alone):
        each.advance()
    for name, tensor in alone.network.state().items():
        expected = trainer.network.state()[name][5:6]
        torch.testing.assert_close(tensor, expected, rtol=1e-10, atol=1e-12)


def test_a_cell_that_diverges_takes_no_other_with_it() -> None:
    steps = {"activation": "linear", "loss": "squared_error", "epochs": 3, "walk": False}
    config = RunConfig(**SMALL | steps, vary={"learning_rate": [50.0, 0.01]})
    trainer = Trainer(config)
    last = list(trainer)[-1]
    assert [at is not None for at in trainer.diverged_at] == [True, True, False, False]
    assert last.step == config.total_steps
    assert np.isfinite(last.loss).tolist() == [False, False, True, True]


def test_the_rate_of_all_can_be_set_while_none_has_its_own() -> None:
    trainer = Trainer(RunConfig(**SMALL, vary={"momentum": [0.2, 0.5]}))
    trainer.learning_rate = 0.03
    assert trainer.config.cells[1].learning_rate == 0.03
    trainer = Trainer(RunConfig(**SMALL, vary={"learning_rate": [0.2, 0.5]}))
    with pytest.raises(NotAllowed, match=r"learning_rate = 0\.03: allowed is that of each cell"):
        trainer.learning_rate = 0.03
    trainer.scheme = "dfa"
    assert {cell.scheme for cell in trainer.config.cells} == {"dfa"}


def test_a_longer_cosine_is_as_long_for_every_cell() -> None:
    config = RunConfig(**SMALL, schedule="cosine", vary={"learning_rate": [0.05, 0.2]})
    trainer = Trainer(config)
    trainer.extend(2)
    whole = Trainer(config.replace(epochs=2))
    for _ in range(5):
        trainer.advance()
        whole.advance()
    assert torch.equal(trainer.network.weights[0], whole.network.weights[0])


@pytest.mark.parametrize(
    ("vary", "field", "allowed"),
    [
        ({}, "vary", "fields with a list of values each"),
        ([], "vary", "fields with a list of values each"),
        (3, "vary", "fields with a list of values each"),
        ({"learning_rate": 0.1}, "vary", "fields with a list of values each"),
        ({"learning_rate": []}, "vary", "fields with a list of values each"),
        ({"learning_rate": [0.1, "0.1"]}, "vary", "a list of different values"),
        ({"hidden": [[8], [16]]}, "vary", "fields out of label_noise, weight_init"),
        ({"nothing": [1]}, "vary", "fields out of label_noise, weight_init"),
        ({"learning_rate": [0.1, -1]}, "learning_rate", "above 0"),
        ({"learning_rate": [0.1, float("nan")]}, "learning_rate", "above 0"),
        ({"learning_rate": [0.1, True]}, "learning_rate", "above 0"),
        ({"weight_init": ["normal", "cauchy"]}, "weight_init", "one of normal"),
        ([{"seed": 1}, {"momentum": 0.1}], "vary", "a value of each of seed"),
        ([{"seed": 1}, {"seed": -1}], "seed", "from 0"),
        # What goes with a field is asked of every cell.
        ({"momentum": [0.5, 0]}, "momentum", "above 0 with optimizer = 'nesterov'"),
    ],
)
def test_what_cannot_vary_is_refused(vary: Any, field: str, allowed: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RunConfig(optimizer="nesterov", momentum=0.5, vary=vary)
    (problem,) = problems(caught.value)
    assert problem.field == field
    assert allowed in problem.allowed


def test_all_cells_see_the_same_samples() -> None:
    seeds = {"seed": [1, 2]}
    with pytest.raises(ValidationError, match="unless order_seed is set"):
        RunConfig(vary=seeds, draws=2)
    config = RunConfig(**SMALL, vary=seeds, draws=2, order_seed=4)
    assert_cells_are_runs(config)
    with pytest.raises(ValidationError, match="unless label_seed is set"):
        config.replace(label_noise=0.1)


def test_a_sweep_of_labels_loads_its_own() -> None:
    data = Trainer(RunConfig(**SMALL)).data
    config = RunConfig(**SMALL, vary={"label_noise": [0.0, 0.1]})
    with pytest.raises(NotAllowed, match="with data that were given"):
        Trainer(config, data=data)


def test_what_follows_from_a_step_is_asked_of_one_network() -> None:
    trainer = Trainer(RunConfig(**SMALL, vary={"learning_rate": [0.1, 0.2]}))
    probe = probe_set(trainer.data, 8)
    with pytest.raises(NotAllowed, match="vary = 'learning_rate': allowed is nothing"):
        spectrum(trainer, probe)
    assert spectrum(fork(trainer, 3, 1), probe).eigenvalues.shape[0] == 1


def test_what_can_train_together_does() -> None:
    configs = [
        RunConfig(hidden=hidden, learning_rate=rate, seed=seed)
        for hidden in ((8,), (16,))
        for rate in (0.1, 0.2)
        for seed in (0, 1)
    ]
    shuffled = [configs[number] for number in (0, 4, 1, 5, 2, 6, 3, 7)]
    found = together(shuffled)
    assert [run.numbers for run in found] == [(0, 2, 4, 6), (1, 3, 5, 7)]
    for run in found:
        assert run.config.cells == tuple(shuffled[number] for number in run.numbers)
        assert run.config.varied == ("learning_rate", "seed")
    small = Limits(max_parameters=2 * configs[0].n_parameters)
    assert [run.numbers for run in together(configs[:4], small)] == [(0, 1), (2, 3)]
    apart = together([config.replace(draws=2) for config in configs[:4]])
    assert [run.numbers for run in apart] == [(0,), (1,), (2,), (3,)]
