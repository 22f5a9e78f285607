"""Forks go on as the run would, and handed-over weights start another one."""

import pytest
import torch
from pydantic import ValidationError

from fa_engine import SCHEMES, CheckpointError, RunConfig, Trainer
from fa_engine.config import NotAllowed
from fa_engine.dynamics.branching import fork, hand_over, handed_config

SMALL = RunConfig(
    hidden=(12, 9), learning_rate=0.1, batch_size=32, epochs=1, replicates=3, dtype="float64"
)


def advance(trainer, steps):
    for _ in range(steps):
        trainer.advance()


def tensors(trainer):
    network, feedback = trainer.network, trainer.feedback
    return [*network.weights, *network.biases, *feedback.matrices]


def assert_copies(forked, original, replicate):
    for ours, theirs in zip(tensors(forked), tensors(original), strict=True):
        assert all(torch.equal(copy, theirs[replicate]) for copy in ours)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_fork_is_the_run_continued_bit_for_bit(scheme):
    trainer = Trainer(SMALL.replace(scheme=scheme, momentum=0.5))
    advance(trainer, 6)
    forked = fork(trainer, 2, 4)
    assert_copies(forked, trainer, 2)
    advance(trainer, 9)
    assert_copies(fork(trainer, 2, 2), trainer, 2)
    advance(forked, 9)
    assert forked.step == trainer.step == 15
    assert_copies(forked, trainer, 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"delay_modules": 3},
        {"delay_modules": 2, "hidden": "conv 2x3, pool 2, 5"},
        {"optimizer": "adam", "learning_rate": 0.01},
        {"schedule": "cosine", "frozen": (1,)},
        {"feedback_seed": 9, "scheme": "brsf"},
    ],
)
@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("replicates", [1, 2])
def test_a_fork_takes_along_all_that_goes_on(changes, copies, replicates):
    trainer = Trainer(SMALL.replace(replicates=replicates, **changes))
    advance(trainer, 7)
    forked = fork(trainer, replicates - 1, copies)
    advance(trainer, 9)
    advance(forked, 9)
    for ours, theirs in zip(tensors(forked), tensors(trainer), strict=True):
        for copy in ours:
            # One network alone takes products of another kind, rounded otherwise.
            torch.testing.assert_close(copy, theirs[-1], rtol=1e-9, atol=1e-12)


def test_a_fork_keeps_what_was_changed_and_is_saved_as_it_is(tmp_path):
    trainer = Trainer(SMALL)
    advance(trainer, 3)
    trainer.learning_rate, trainer.scheme = 0.02, "brsf"
    forked = fork(trainer, 1, 2)
    assert (forked.learning_rate, forked.scheme, forked.step) == (0.02, "brsf", 3)
    forked.save(tmp_path / "fork")
    loaded = Trainer.load(tmp_path / "fork")
    advance(trainer, 5)
    advance(loaded, 5)
    assert_copies(loaded, trainer, 1)


@pytest.mark.parametrize(("replicate", "copies"), [(3, 1), (-1, 1), (0, 0)])
def test_a_fork_of_nothing_is_refused(replicate, copies):
    name = "copies" if copies == 0 else "replicate"
    with pytest.raises(NotAllowed, match=f"{name} = .*: allowed is"):
        fork(Trainer(SMALL), replicate, copies)


@pytest.fixture
def minimum(tmp_path):
    trainer = Trainer(SMALL.replace(scheme="bp", momentum=0.9))
    advance(trainer, 20)
    trainer.learning_rate = 0.03
    trainer.save(tmp_path / "bp")
    return trainer, tmp_path / "bp"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_any_scheme_starts_from_the_weights_of_any_run(minimum, scheme):
    trainer, path = minimum
    handed = hand_over(path, scheme=scheme)
    assert (handed.step, handed.scheme, handed.config.scheme) == (0, scheme, scheme)
    assert handed.learning_rate == 0.03
    for ours, theirs in zip(tensors(handed), tensors(trainer)[:6], strict=False):
        assert torch.equal(ours, theirs)
    fresh = Trainer(SMALL.replace(scheme=scheme))
    if scheme in {"fa", "dfa", "kp", "dkp", "wm", "sdfa", "drtp"}:  # drawn as for any run
        assert all(map(torch.equal, handed.feedback.matrices, fresh.feedback.matrices))
    if scheme in {"usf", "frsf", "brsf"}:  # made from the weights that were handed over
        for matrix, weight in zip(
            handed.feedback.matrices, handed.network.weights[1:], strict=True
        ):
            assert torch.equal(matrix.sign(), weight.sign())
    assert len(list(handed)) > 1


def test_what_is_handed_over_is_an_ordinary_run(minimum):
    _, path = minimum
    config = handed_config(path, scheme="fa", epochs=2, momentum=0.0, feedback_seed=5)
    assert config == SMALL.replace(
        scheme="fa", epochs=2, momentum=0.0, feedback_seed=5, learning_rate=0.03
    )
    one, other = hand_over(path, config), hand_over(path, config)
    list(one)
    list(other)
    assert all(map(torch.equal, tensors(one), tensors(other)))
    one.save(path.with_name("handed"))
    assert Trainer.load(path.with_name("handed")).step == one.step


def test_the_scheme_in_force_is_handed_over(tmp_path):
    trainer = Trainer(SMALL.replace(scheme="fa", signal="sign"))
    trainer.save(tmp_path / "composed")
    assert handed_config(tmp_path / "composed").signal == "sign"
    assert handed_config(tmp_path / "composed", scheme="bp").signal is None
    trainer.scheme = "dfa"
    trainer.save(tmp_path / "switched")
    config = handed_config(tmp_path / "switched")
    assert (config.scheme, config.route, config.signal) == ("dfa", None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden": (12, 8)},
        {"activation": "relu"},
        {"bias": False},
        {"replicates": 2},
        {"dataset": "spirals"},
    ],
)
def test_another_network_is_refused_by_name(minimum, changes):
    _, path = minimum
    (name,) = changes
    with pytest.raises(NotAllowed, match=f"{name} = .*: allowed is") as refused:
        hand_over(path, scheme="fa", **changes)
    assert refused.value.problem.field == name
    with pytest.raises(NotAllowed, match=name):
        hand_over(path, SMALL.replace(**changes))


def test_what_is_out_of_range_is_refused_as_everywhere(minimum):
    _, path = minimum
    with pytest.raises(ValidationError, match="learning_rate = -1"):
        hand_over(path, learning_rate=-1)
    with pytest.raises(CheckpointError, match="absent"):
        hand_over(path.with_name("absent"))
