"""A replicate that is no longer finite has no value of any measure from that step on."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from fa_engine import CheckpointError, RunConfig, Trainer
from fa_engine.dynamics.branching import fork, hand_over
from fa_engine.dynamics.diffusion import mean_squared_displacement
from fa_engine.training.trainer import LOOK_EVERY

# The three networks leave the finite numbers one after the other: 3, then 1, then 2.
THREE = RunConfig(
    activation="relu",
    loss="squared_error",
    learning_rate=0.3,
    replicates=3,
    epochs=40,
    measure_every=5,
    evaluate_every=10,
    walk=True,
)
SMALL = RunConfig(
    hidden=(12, 9), learning_rate=0.1, batch_size=32, epochs=2, replicates=2, measure_every=1
)


def values(measurement):
    """Every measure of a measurement, ``(R, ...)``, by name."""
    found = {f.name: getattr(measurement, f.name) for f in dataclasses.fields(measurement)}
    return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}


def same(left, right):
    assert left.step == right.step
    for name, value in values(left).items():
        np.testing.assert_array_equal(value, getattr(right, name), err_msg=name)


def test_from_its_step_on_it_is_nan_in_every_measure_and_before_in_none():
    trainer = Trainer(THREE)
    measured = list(trainer)
    assert all(at is not None for at in trainer.diverged_at)
    assert len(set(trainer.diverged_at)) == 3  # else this shows little
    for m in measured:
        for replicate, at in enumerate(trainer.diverged_at):
            gone = m.step >= at
            assert np.isnan(m.loss[replicate]) == gone
            assert np.isnan(m.accuracy[replicate]) == gone
            if gone:
                for name, value in values(m).items():
                    assert np.isnan(value[replicate]).all(), (m.step, name)
            elif m.test_loss is not None:
                assert np.isfinite([m.test_loss[replicate], m.test_accuracy[replicate]]).all()
    assert any(m.test_accuracy is not None and np.isnan(m.test_accuracy[2]) for m in measured)


def test_the_others_are_what_they_would_be_without_it():
    gone = next(r for r, at in enumerate(done(THREE).diverged_at) if at is not None and at < 40)
    alone = RunConfig(**THREE.model_dump() | {"replicates": 1, "seed": 1, "epochs": 2})
    beside = THREE.replace(epochs=2)
    assert gone == 2
    for own, m in zip(Trainer(alone), Trainer(beside), strict=True):
        # Products of three matrices at once may be rounded otherwise than one.
        np.testing.assert_allclose(own.loss[0], m.loss[1], rtol=1e-3)


def done(config):
    trainer = Trainer(config)
    for _ in trainer:
        pass
    return trainer


def test_it_stays_so_through_a_checkpoint(tmp_path):
    trainer = Trainer(THREE)
    while trainer.step < 22:
        trainer.advance()
    assert trainer.diverged_at == [None, None, 15]
    trainer.save(tmp_path / "c")
    resumed = Trainer.load(tmp_path / "c")
    assert resumed.diverged_at == [None, None, 15]
    assert resumed.diverged.tolist() == [False, False, True]
    for one, other in zip(trainer, resumed, strict=True):
        same(one, other)
    assert resumed.diverged_at == trainer.diverged_at


def test_it_has_no_value_again_even_where_its_numbers_come_back():
    trainer = Trainer(SMALL)
    kept = [w[1].clone() for w in trainer.network.weights]
    trainer.network.weights[0][1].fill_(torch.inf)
    assert np.isnan(trainer.advance().loss[1])
    for w, own in zip(trainer.network.weights, kept, strict=True):
        w[1].copy_(own)
    for b in trainer.network.biases:
        b[1].zero_()
    m = trainer.advance()
    assert trainer.diverged_at == [None, 0]
    assert np.isnan(m.loss[1])
    assert np.isnan(m.accuracy[1])
    loss, accuracy = trainer.evaluate()
    assert np.isnan([loss[1], accuracy[1]]).all()
    assert np.isfinite([loss[0], accuracy[0]]).all()


@pytest.mark.parametrize("where", ["weight", "bias"])
def test_a_weight_that_is_inf_behind_a_saturated_unit_is_seen(where):
    # tanh(inf) = 1 and its derivative is 0: outputs, loss and update are finite, and stay so.
    trainer = Trainer(SMALL)
    for _ in range(3):
        trainer.advance()
    if where == "weight":
        trainer.network.weights[1][1, 0].fill_(torch.inf)
        trainer.network.weights[0][1].zero_()
        trainer.network.biases[0][1].fill_(0.5)  # all inputs of that unit have one sign
    else:
        trainer.network.biases[1][1, 0] = torch.inf
    x, _ = trainer.batch()
    assert torch.isfinite(trainer.network.forward(x).outputs).all()
    m = trainer.advance()
    assert trainer.diverged_at == [None, 3]
    for name, value in values(m).items():
        assert np.isnan(value[1]).all(), name
    assert np.isfinite([m.loss[0], m.accuracy[0]]).all()
    assert not trainer.finished


def test_outputs_too_large_for_their_loss_are_seen_while_the_weights_are_finite():
    trainer = Trainer(SMALL.replace(loss="squared_error", activation="linear"))
    trainer.network.weights[2][1].mul_(1e25)
    assert all(torch.isfinite(w).all() for w in trainer.network.weights)
    m = trainer.advance()
    assert trainer.diverged_at == [None, 0]
    assert np.isnan(m.accuracy[1])


def test_finite_weights_whose_sum_overflows_are_finite():
    trainer = Trainer(SMALL)
    trainer.network.weights[0][1].fill_(3e38)
    assert trainer._finite().tolist() == [True, True]


def test_a_weight_that_is_inf_is_seen_between_measurements():
    trainer = Trainer(SMALL.replace(measure_every=10**6, epochs=20))
    trainer.advance()
    trainer.network.biases[1][1, 0] = torch.inf
    seen = []
    while trainer.step <= LOOK_EVERY:
        measured = trainer.advance()
        seen += [measured.step] if measured else []
    assert trainer.diverged_at == [None, LOOK_EVERY]
    assert seen == [LOOK_EVERY]
    for _ in range(LOOK_EVERY + 1):  # what is known is not measured again
        assert trainer.advance() is None


def test_a_step_that_leaves_the_finite_numbers_has_no_change_of_the_loss():
    measured = list(Trainer(THREE.replace(measure_every=1, epochs=10)))
    last = {r: [m for m in measured if np.isfinite(m.loss[r])][-1] for r in range(3)}
    gone = [r for r in range(3) if last[r].step < measured[-1].step]
    assert gone
    for m in measured:
        assert not np.isinf(m.loss_change).any()
    for r in gone:
        assert np.isnan(last[r].loss_change[r])


def test_measuring_and_looking_change_no_weight():
    often, never = (Trainer(THREE.replace(measure_every=n, epochs=3)) for n in (1, 10**6))
    for trainer in (often, never):
        while trainer.step < 60:
            trainer.advance()
    for one, other in zip(often.network.weights, never.network.weights, strict=True):
        assert torch.equal(one.nan_to_num(), other.nan_to_num())


def test_a_branch_knows_of_it(tmp_path):
    trainer = Trainer(THREE)
    while trainer.step < 22:
        trainer.advance()
    assert fork(trainer, 2, 2).diverged_at == [15, 15]
    assert fork(trainer, 0, 2).diverged_at == [None, None]
    trainer.save(tmp_path / "c")
    handed = hand_over(tmp_path / "c", scheme="bp")
    m = handed.advance()
    assert handed.diverged_at == [None, None, 0]
    assert np.isnan(m.accuracy[2])


def rewritten(path, **changes):
    with safe_open(path, "pt") as file:
        header = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    progress = json.loads(header["progress"])
    del progress["diverged_at"], header["digest"]  # no file had one then
    save_file(tensors, path, header | {"progress": json.dumps(progress | changes)})


def test_an_older_checkpoint_says_which_have_diverged_and_not_since_when(tmp_path):
    trainer = Trainer(THREE)
    while trainer.step < 22:
        trainer.advance()
    trainer.save(tmp_path / "c")
    rewritten(tmp_path / "c", diverged=[False, False, True])
    assert Trainer.load(tmp_path / "c").diverged_at == [None, None, 22]


@pytest.mark.parametrize(
    "steps", [[None, None, 23], [None, None, -1], [None], "no", [0.5, None, 1]]
)
def test_steps_that_no_run_has_come_to_are_refused(tmp_path, steps):
    trainer = Trainer(THREE)
    while trainer.step < 22:
        trainer.advance()
    trainer.save(tmp_path / "c")
    rewritten(tmp_path / "c", diverged_at=steps)
    with pytest.raises(CheckpointError, match="diverged_at"):
        Trainer.load(tmp_path / "c")


def test_a_replicate_that_diverged_has_no_mean_squared_displacement():
    snapshots = np.cumsum(np.random.default_rng(0).normal(size=(40, 3, 8)), 0)
    whole = mean_squared_displacement(list(range(40)), snapshots)
    snapshots[-1, 1] = np.inf
    found = mean_squared_displacement(list(range(40)), snapshots)
    assert np.isnan(found.squared[:, 1]).all()
    assert np.isnan(found.exponent[1])
    np.testing.assert_array_equal(found.squared[:, [0, 2]], whole.squared[:, [0, 2]])
