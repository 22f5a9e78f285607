"""What is drawn from a seed: no two networks share a draw, and what is old is drawn as it was."""

import hashlib
import itertools

import numpy as np
import pytest
import torch

from fa_engine import NotAllowed, RunConfig, Trainer, load_dataset
from fa_engine.config import as_written
from fa_engine.seeding import generator, network_seeds, numpy_generator, shared_seed
from fa_engine.training.batches import data_options

SMALL = RunConfig(hidden=(6, 5), replicates=4, epochs=1, draws=2)


def networks(**changes):
    """Weights and feedback matrices of each network, as bytes."""
    trainer = Trainer(SMALL.replace(**changes))
    tensors = (*trainer.network.weights, *trainer.feedback.matrices)
    return [
        [tensor[r].numpy().tobytes() for tensor in tensors]
        for r in range(trainer.config.replicates)
    ]


def order(config):
    """The samples of the first epochs."""
    trainer, seen = Trainer(config), []
    for epoch in range(2):
        trainer.step = epoch * config.steps_per_epoch
        seen.append(trainer.batch()[0])
    return torch.cat(seen)


@pytest.mark.parametrize("scheme", ["fa", "dfa", "frsf", "brsf", "wm"])
def test_no_two_networks_of_any_seeds_share_a_matrix(scheme):
    found = [m for seed in range(4) for one in networks(seed=seed, scheme=scheme) for m in one]
    assert len(set(found)) == len(found) == 4 * 4 * (3 + 2)


def test_as_runs_were_drawn_before_seeds_share_most_of_their_networks():
    zero, one = networks(seed=0, draws=1), networks(seed=1, draws=1)
    assert zero[1:] == one[:-1]


def test_a_network_is_the_same_however_many_train_beside_it():
    assert networks(replicates=2) == networks(replicates=5)[:2]


def test_what_is_redrawn_and_mirrored_differs_from_network_to_network_and_seed_to_seed():
    for scheme in ("brsf", "wm"):
        found = []
        for seed in (0, 1):
            trainer = Trainer(SMALL.replace(scheme=scheme, seed=seed))
            trainer.network.weights[1].fill_(1.0)  # so that draws alone differ
            trainer.feedback.matrices[0].fill_(1.0)
            trainer.advance()
            found += [matrix.numpy().tobytes() for matrix in trainer.feedback.matrices[0]]
        assert len(set(found)) == 8


def test_no_key_is_another():
    seeds = [0, 1, 2**31 - 1]
    keys = [(s, stream) for s in network_seeds(0, range(300), 1) for stream in range(6)]
    for seed in seeds:
        keys += [(s, stream) for s in network_seeds(seed, range(3)) for stream in range(6)]
    keys += [(shared_seed(seed), stream) for seed in seeds for stream in range(6)]
    first = {tuple(torch.rand(2, generator=generator(*key)).tolist()) for key in keys}
    assert len(first) == len(keys)
    first = {tuple(numpy_generator(*key).random(2)) for key in keys}
    assert len(first) == len(keys)


def test_each_seed_sees_the_samples_in_an_order_of_its_own_unless_that_is_held():
    assert not torch.equal(order(SMALL), order(SMALL.replace(seed=1)))
    held = SMALL.replace(order_seed=7)
    assert torch.equal(order(held), order(held.replace(seed=1)))
    assert torch.equal(order(SMALL.replace(seed=7)), order(held))
    old = SMALL.replace(draws=1)
    assert torch.equal(order(old), order(old.replace(seed=1)))
    halves = order(SMALL).chunk(2)
    assert not torch.equal(*halves)  # nor is one epoch the next


@pytest.mark.parametrize("scheme", ["fa", "bp"])
def test_schemes_of_one_seed_see_equal_batches(scheme):
    assert torch.equal(order(SMALL), order(SMALL.replace(scheme=scheme)))


def labels(**changes):
    config = SMALL.replace(label_noise=0.3, **changes)
    return load_dataset("digits", options=data_options(config)).y_train.argmax(1).numpy()


def test_label_noise_is_of_the_seed_unless_it_is_held():
    clean = load_dataset("digits").y_train.argmax(1).numpy()
    zero, one = labels(), labels(seed=1)
    assert [round(float((found != clean).mean()), 2) for found in (zero, one)] == [0.3, 0.3]
    assert (zero != one).any()
    np.testing.assert_array_equal(labels(label_seed=3), labels(label_seed=3, seed=1))
    np.testing.assert_array_equal(labels(draws=1), labels(draws=1, seed=1))


def test_a_teacher_is_of_the_seed_unless_it_is_held():
    def samples(**changes):
        return Trainer(RunConfig(dataset="teacher", hidden=(4,), **{"draws": 2} | changes)).data

    assert not torch.equal(samples().x_train, samples(seed=1).x_train)
    held = [samples(teacher_seed=3, seed=seed) for seed in (0, 1)]
    assert torch.equal(held[0].x_train, held[1].x_train)
    assert torch.equal(held[0].y_test, held[1].y_test)
    old = [samples(draws=1, seed=seed) for seed in (0, 1)]
    assert torch.equal(old[0].x_train, old[1].x_train)


def test_samples_are_loaded_anew_only_where_the_seed_counts():
    assert data_options(SMALL) == data_options(SMALL.replace(seed=1, label_seed=2, teacher_seed=3))
    noisy = SMALL.replace(label_noise=0.1)
    assert data_options(noisy) != data_options(noisy.replace(seed=1))


def test_data_of_another_seed_are_refused_by_name():
    noisy = SMALL.replace(label_noise=0.1)
    data = load_dataset("digits", options=data_options(noisy))
    Trainer(noisy, data=data)
    with pytest.raises(NotAllowed, match="label_seed"):
        Trainer(noisy.replace(seed=1), data=data)


def digest(config):
    """Of a whole run: what is written down of before cannot be drawn otherwise unnoticed."""
    trainer, found = Trainer(config), hashlib.sha256()
    order_ = trainer.batch()[0].double().sum(1)
    for tensor in (*trainer.network.weights, *trainer.feedback.matrices, order_):
        found.update((tensor.double() * 2**20).round().to(torch.int64).numpy().tobytes())
    return found.hexdigest()[:16]


def test_what_is_written_down_without_a_version_is_drawn_as_it_was():
    stored = SMALL.model_dump(mode="json")
    del stored["draws"], stored["order_seed"], stored["label_seed"], stored["teacher_seed"]
    old = RunConfig.model_validate(as_written(stored))
    assert old.draws == 1
    assert RunConfig.model_validate(as_written(SMALL.model_dump(mode="json"))) == SMALL


@pytest.mark.parametrize(
    ("changes", "before"),
    [
        ({"scheme": "fa"}, "02408f694154ba9c"),
        ({"scheme": "dfa"}, "ee9eb970c8382287"),
        ({"scheme": "frsf"}, "1bc10cc9edc37eff"),
        ({"dataset": "teacher", "replicates": 2}, "362542cf09b5aacd"),
    ],
)
def test_it_is_drawn_digit_for_digit_as_it_was(changes, before):
    assert digest(SMALL.replace(draws=1, seed=3, **changes)) == before


@pytest.mark.parametrize("field", ["order_seed", "label_seed", "teacher_seed"])
@pytest.mark.parametrize("value", [-1, 2**31, "much"])
def test_a_seed_out_of_range_is_refused(field, value):
    with pytest.raises(ValueError, match=rf"{field} = .*: allowed is a whole number from 0"):
        RunConfig(**{field: value})


def test_a_seed_of_its_own_is_that_of_a_run_of_that_seed():
    for number, name in itertools.product((0, 5), ("order", "label", "teacher")):
        one = SMALL.replace(seed=number).shared_seed(name)
        assert one == SMALL.replace(**{f"{name}_seed": number}).shared_seed(name)
