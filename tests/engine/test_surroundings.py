"""A run is the same whatever precision or device the code around it has set for PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from fa_engine import RunConfig, Trainer
from fa_engine.dynamics.branching import fork, hand_over
from fa_engine.dynamics.diffusion import Trajectory
from fa_engine.dynamics.landscape import landscape
from fa_engine.dynamics.perturbation import perturb_and_return
from fa_engine.dynamics.probes import probe_set
from fa_engine.dynamics.stability import least_stable, spectrum

CONFIG = RunConfig(
    hidden=(8,), train_samples=64, batch_size=16, replicates=2, epochs=2, measure_every=1, walk=True
)
SURROUNDINGS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "another default device": lambda: torch.device("meta"),
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
}
around = pytest.mark.parametrize("around", SURROUNDINGS.values(), ids=SURROUNDINGS.keys())


def numbers(found: object) -> list[object]:
    """The values of a dataclass."""
    return [getattr(found, field.name) for field in fields(found)]  # type: ignore[arg-type]


@around
@pytest.mark.parametrize(
    "changes",
    [{}, {"scheme": "dfa"}, {"scheme": "wm"}, {"scheme": "bp", "optimizer": "adam"}],
    ids=["fa", "dfa", "wm", "adam"],
)
def test_a_run_is_the_same(around: Callable, changes: dict) -> None:
    config = CONFIG.replace(**changes)
    expected = list(Trainer(config))
    with around():
        found = list(Trainer(config))
    assert [m.step for m in found] == [m.step for m in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_equal(numbers(one), numbers(other))


@around
def test_what_is_changed_loaded_forked_and_handed_over_is_the_same(
    around: Callable, tmp_path: Path
) -> None:
    def story(name: str) -> list[object]:
        trainer = Trainer(CONFIG)
        trainer.advance()
        trainer.learning_rate = 0.2
        trainer.scheme = "dfa"
        trainer.save(tmp_path / name)
        again = Trainer.load(tmp_path / name)
        other = hand_over(tmp_path / name, CONFIG.replace(scheme="bp"))
        told = []
        for one in (again, fork(again, 1, 3), other):
            told += [numbers(one.advance(measure=True)), *one.evaluate()]
        return told

    expected = story("alone")
    with around():
        found = story("within")
    np.testing.assert_equal(found, expected)


@around
def test_why_it_aligns_is_the_same(around: Callable, tmp_path: Path) -> None:
    def story() -> list[object]:
        trainer, kept = Trainer(CONFIG), []
        probe = probe_set(trainer.data, 12)
        trajectory = Trajectory(trainer.network)
        for _ in range(6):
            trajectory.record(trainer.step)
            trainer.advance()
            kept.append(tmp_path / f"{trainer.step}.safetensors")
            trainer.save(kept[-1])
        direction = least_stable(trainer, probe)
        found = landscape([kept], load=Trainer.load, n=5, n_samples=16)
        return [
            numbers(spectrum(trainer, probe)),
            [part.numpy() for part in (*direction.weights, *direction.biases)],
            numbers(perturb_and_return(trainer, epsilon=0.1, directions=2, steps=4, every=1)),
            numbers(found.surface),
        ]

    expected = story()
    with around():
        found = story()
    np.testing.assert_equal(found, expected)
