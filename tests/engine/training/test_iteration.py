"""A trainer in hand: what it hands out, what may be changed meanwhile, copies, going further."""

import copy
import pickle

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from fa_engine import NotAllowed, RunConfig, Trainer, load_dataset

CONFIG = RunConfig(hidden=(12, 9), replicates=2, epochs=2, measure_every=7, learning_rate=0.2)


def weights(trainer):
    return [w.clone() for w in trainer.network.weights]


def assert_equal(one, other):
    for a, b in zip(one.state().items(), other.state().items(), strict=True):
        assert a[0] == b[0]
        assert torch.equal(a[1], b[1]), a[0]


def drain(trainer):
    for _ in trainer:
        pass
    return trainer


def advanced(config):
    """The same without iterating, with its measurements."""
    trainer, found = Trainer(config), []
    while not trainer.finished:
        found.append(trainer.advance())
    return trainer, [m for m in found if m is not None]


@pytest.mark.parametrize("replicates", [1, 2])
@pytest.mark.parametrize("walk", [False, True])
def test_what_is_handed_out_is_of_the_weights_that_are_in_hand(walk, replicates):
    trainer = Trainer(CONFIG.replace(walk=walk, replicates=replicates))
    for m in trainer:
        assert m.step == trainer.step
        x, y = trainer.batch()
        f = trainer.network.forward(x).outputs
        losses = -(torch.log_softmax(f, -1) * y).sum(-1).reshape(replicates, -1).mean(-1)
        np.testing.assert_allclose(m.loss, losses, rtol=1e-5)


@pytest.mark.parametrize("scheme", ["fa", "wm", "brsf", "dkp", "drtp"])
@pytest.mark.parametrize("delay", [1, 2])
def test_iterating_is_advancing(scheme, delay):
    config = CONFIG.replace(scheme=scheme, walk=True, delay_modules=delay)
    one = Trainer(config)
    other, expected = advanced(config)
    for m, n in zip(list(one), expected, strict=True):
        for name, value in n.to_dict().items():
            np.testing.assert_array_equal(m.to_dict()[name], value, err_msg=name)
    assert_equal(one, other)


def test_what_a_step_did_to_the_loss_is_filled_in_when_it_was_taken():
    found = []
    for m in Trainer(CONFIG.replace(walk=True)):
        assert np.isnan(m.loss_change).all()
        found.append(m)
    assert all(np.isfinite(m.loss_change).all() for m in found[:-1])
    assert np.isnan(found[-1].loss_change).all()


def test_whoever_stops_and_goes_on_is_handed_nothing_twice():
    trainer, steps = Trainer(CONFIG), []
    for m in trainer:
        steps.append(m.step)
        if m.step == 14:
            break
    assert trainer.step == 14
    steps += [m.step for m in trainer]
    assert steps == [m.step for m in advanced(CONFIG)[1]]
    assert_equal(trainer, advanced(CONFIG)[0])


@pytest.mark.parametrize("change", ["rate", "scheme", "weights", "matrices"])
def test_what_is_changed_meanwhile_counts_for_that_very_step(change):
    def do(trainer):
        if change == "rate":
            trainer.learning_rate = 0.01
        elif change == "scheme":
            trainer.scheme = "dfa"
        elif change == "weights":
            trainer.network.weights[1].mul_(0.5)
        else:
            trainer.feedback.matrices[0].mul_(-1)

    config = CONFIG.replace(walk=True)
    trainer = Trainer(config)
    for m in trainer:
        if m.step == 7:
            do(trainer)
    other = Trainer(config)
    while not other.finished:
        if other.step == 7:
            do(other)
        other.advance()
    assert_equal(trainer, other)


def test_asking_for_directions_twice_changes_nothing():
    config = CONFIG.replace(scheme="wm", delay_modules=3)
    trainer = Trainer(config)
    while not trainer.finished:
        x, y = trainer.batch()
        past = trainer.network.forward(x)
        for _ in range(3):
            top = (torch.softmax(past.outputs, -1) - y) / len(y)
            trainer.feedback.directions(top, y, past, trainer.step)
        trainer.advance()
    assert_equal(trainer, advanced(config)[0])


@pytest.mark.parametrize("copied", [lambda t: pickle.loads(pickle.dumps(t)), copy.deepcopy])
@pytest.mark.parametrize("scheme", ["fa", "wm"])
def test_a_copy_goes_on_as_the_trainer_does(copied, scheme):
    trainer = Trainer(CONFIG.replace(optimizer="adam", learning_rate=0.01, walk=True))
    for _ in range(9):
        trainer.advance()
    trainer.scheme, trainer.learning_rate = scheme, 0.02
    other = copied(trainer)
    assert other.config == trainer.config
    one, two = list(trainer), list(other)
    for m, n in zip(one, two, strict=True):
        np.testing.assert_array_equal(m.loss, n.loss)
    assert_equal(trainer, other)


def test_a_copy_takes_along_data_that_were_given():
    data = load_dataset("digits")
    data = type(data)(data.x_train * 0.5, data.y_train, data.x_test, data.y_test)
    trainer = Trainer(CONFIG, data=data)
    other = pickle.loads(pickle.dumps(trainer))
    assert torch.equal(other.data.x_train, trainer.data.x_train)


def test_the_configuration_is_that_in_force():
    trainer = Trainer(CONFIG.replace(route="direct"))
    trainer.scheme, trainer.learning_rate = "kp", 0.05
    assert trainer.config == CONFIG.replace(scheme="kp", learning_rate=0.05)
    assert trainer.begun_with == CONFIG.replace(route="direct")


@pytest.mark.parametrize("value", [0.0, -1.0, 101.0, float("nan"), float("inf"), "much", None])
def test_a_rate_out_of_range_is_refused_and_the_old_one_stays(value):
    trainer = Trainer(CONFIG)
    with pytest.raises(ValidationError, match="Learning rate"):
        trainer.learning_rate = value
    assert trainer.learning_rate == 0.2


@pytest.mark.parametrize("scheme", ["fa", "wm", "brsf"])
@pytest.mark.parametrize("delay", [1, 2])
def test_a_run_that_ended_goes_further_as_if_it_had_been_longer_from_the_start(scheme, delay):
    config = CONFIG.replace(scheme=scheme, delay_modules=delay)
    trainer = drain(Trainer(config))
    trainer.extend(3)
    assert not trainer.finished
    assert trainer.config.epochs == 3
    assert_equal(drain(trainer), drain(Trainer(config.replace(epochs=3))))


def test_no_run_can_be_shorter_than_it_is():
    trainer = drain(Trainer(CONFIG))
    with pytest.raises(NotAllowed, match=r"epochs = 1: allowed is at least 2"):
        trainer.extend(1)
    with pytest.raises(ValidationError):
        trainer.extend(0)
    assert trainer.finished
    assert trainer.config.epochs == 2


@pytest.mark.parametrize("scheme", ["wm", "brsf", "fa"])
def test_saved_after_its_last_measurement_it_goes_on_bit_for_bit(scheme, tmp_path):
    config = CONFIG.replace(scheme=scheme, delay_modules=2, epochs=1)
    trainer = drain(Trainer(config))
    trainer.save(tmp_path / "c")
    longer = Trainer.load(tmp_path / "c", epochs=2)
    assert_equal(drain(longer), drain(Trainer(config.replace(epochs=2))))


@pytest.mark.parametrize("scheme", ["sham", "usf", "frsf", "brsf"])
def test_matrices_made_of_weights_that_were_changed_meanwhile_are_of_the_new_ones(scheme):
    def changed(config):
        trainer = Trainer(config)
        for m in trainer:
            if m.step == 7:
                for weight in trainer.network.weights:
                    weight.mul_(-1.5)
        return trainer

    other = Trainer(CONFIG.replace(scheme=scheme))
    while not other.finished:
        if other.step == 7:
            for weight in other.network.weights:
                weight.mul_(-1.5)
        other.advance()
    assert_equal(changed(CONFIG.replace(scheme=scheme)), other)
    if scheme == "sham":
        exact = changed(CONFIG.replace(scheme="bp"))
        assert all(map(torch.equal, exact.network.weights, other.network.weights))


@pytest.mark.parametrize(("scheme", "delay"), [("dkp", 1), ("fa", 3), ("wm", 2)])
def test_whoever_is_handed_a_measurement_may_ask_for_directions_on_other_samples(scheme, delay):
    config = CONFIG.replace(scheme=scheme, delay_modules=delay)
    trainer = Trainer(config)
    x, y = trainer.data.x_test[:30], trainer.data.y_test[:30]
    for _ in trainer:
        past = trainer.network.forward(x)
        top = (torch.softmax(past.outputs, -1) - y) / len(y)
        trainer.feedback.directions(top, y, past, trainer.step)
    assert_equal(trainer, advanced(config)[0])


def test_one_that_is_taken_back_hands_out_again():
    trainer = Trainer(CONFIG)
    progress, state = trainer.progress(), {k: v.clone() for k, v in trainer.state().items()}
    assert next(iter(trainer)).step == 0
    trainer.take_up(progress, state)
    assert next(iter(trainer)).step == 0


def test_automatic_is_where_samples_that_are_given_lie(monkeypatch):
    monkeypatch.setattr(
        "fa_engine.training.trainer.device_of", lambda _config: pytest.fail("asked")
    )
    trainer = Trainer(CONFIG, data=load_dataset("digits"))
    assert trainer.network.weights[0].device.type == "cpu"
