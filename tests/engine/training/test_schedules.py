"""Learning rates by step, against PyTorch's own schedulers."""

import pytest
import torch
from torch.optim import lr_scheduler

from fa_engine import RunConfig, Trainer

CONFIG = RunConfig(
    hidden=(4,), replicates=1, train_samples=40, batch_size=10, epochs=9, learning_rate=0.3
)
PER_EPOCH = 4


def rates(trainer, steps):
    """What each of the next steps is taken with."""
    found = []
    for _ in range(steps):
        trainer.advance()
        found.append(trainer.optimizer.rate)
    return found


def expected(steps, *make):
    """The same of PyTorch's, every scheduler stepped at each step."""
    optimizer = torch.optim.SGD([torch.zeros(1)], 0.3)
    schedulers = [one(optimizer) for one in make]
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return found


def multi_step(optimizer):
    milestones = [2 * PER_EPOCH, 5 * PER_EPOCH]
    return lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.1)


def warm_up(optimizer):
    return lr_scheduler.LinearLR(optimizer, 1 / 6, total_iters=5)  # over 6 steps


MULTI = {"schedule": "multi_step", "schedule_at": "2, 5", "schedule_factor": 0.1}


@pytest.mark.parametrize(
    ("fields", "make"),
    [
        (MULTI, [multi_step]),
        ({"warmup_epochs": 1.5}, [warm_up]),
        (MULTI | {"warmup_epochs": 1.5}, [multi_step, warm_up]),
    ],
)
def test_rates_are_those_of_pytorchs_schedulers(fields, make):
    trainer = Trainer(CONFIG.replace(**fields))
    steps = trainer.total_steps
    assert steps == 9 * PER_EPOCH
    assert rates(trainer, steps) == pytest.approx(expected(steps, *make), rel=1e-9)


def test_a_resumed_run_goes_on_at_its_place_of_the_schedule(tmp_path):
    trainer = Trainer(CONFIG.replace(warmup_epochs=2.5, **MULTI))
    rates(trainer, 7)
    trainer.save(tmp_path / "run")
    again = Trainer.load(tmp_path / "run")
    assert rates(again, 20) == rates(trainer, 20)
    for one, other in zip(trainer.network.weights, again.network.weights, strict=True):
        assert torch.equal(one, other)
