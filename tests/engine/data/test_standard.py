"""Standardised inputs against mean and variance written another way."""

import dataclasses

import numpy as np
import pytest
import torch

from fa_engine import DataOptions, RunConfig, Trainer, load_dataset
from fa_engine.data.standard import standardise_

CONFIG = RunConfig(hidden=(8,), dtype="float64", epochs=1, replicates=1)


def digits(**options):
    return load_dataset("digits", dtype=torch.float64, options=DataOptions(**options))


@pytest.mark.parametrize("n", [None, 100])
def test_every_feature_has_mean_0_and_variance_1(n):
    plain, data = digits(train_samples=n), digits(train_samples=n, standardise="feature")
    x, test = plain.x_train.numpy(), plain.x_test.numpy()
    std = x.std(0)
    assert (std == 0).any()  # corners of the images are never written on
    varies = x.min(0) < x.max(0)
    expected = (x - x.mean(0))[:, varies] / std[varies]
    np.testing.assert_allclose(data.x_train[:, varies], expected, atol=1e-12)
    np.testing.assert_allclose(
        data.x_test[:, varies], (test - x.mean(0))[:, varies] / std[varies], atol=1e-12
    )
    assert (data.x_train[:, ~varies] == 0).all()
    assert (data.x_test[:, ~varies] == 0).all()
    np.testing.assert_array_equal(data.y_test, plain.y_test)


def test_a_pixel_that_only_test_samples_write_on_is_0():
    x_train = torch.tensor([[0.1, 1.0], [0.1, 3.0], [0.1, 2.0]])
    x_test = torch.tensor([[0.7, 2.0]])
    standardise_(x_train, x_test, "feature")
    torch.testing.assert_close(x_test, torch.tensor([[0.0, 0.0]]))
    assert (x_train[:, 0] == 0).all()


def test_all_values_together():
    x, data = digits().x_train.numpy(), digits(standardise="all")
    np.testing.assert_allclose(data.x_train, (x - x.mean()) / x.std(), atol=1e-12)
    same = torch.full((5, 3), 0.1)
    standardise_(same, same.clone(), "all")
    assert (same == 0).all()


def test_many_samples_are_summed_piece_by_piece_as_at_once(monkeypatch):
    whole = digits(standardise="feature").x_train
    monkeypatch.setattr("fa_engine.data.standard._AT_ONCE", 64 * 7)
    torch.testing.assert_close(digits(standardise="feature").x_train, whole)


@pytest.mark.parametrize("how", ["none", "feature", "all"])
def test_a_run_trains_on_what_it_asks_for(how, tmp_path):
    trainer = Trainer(CONFIG.replace(standardise=how, train_samples=500))
    expected = digits(standardise=how, train_samples=500)
    assert torch.equal(trainer.data.x_train, expected.x_train)
    assert torch.equal(trainer.data.x_test, expected.x_test)
    trainer.advance()
    trainer.save(tmp_path / "run")
    assert torch.equal(Trainer.load(tmp_path / "run").batch()[0], trainer.batch()[0])
    given = dataclasses.replace(digits(), options=None)  # of somebody's own: left alone
    before = given.x_train.clone()
    Trainer(CONFIG.replace(standardise=how), data=given)
    assert torch.equal(given.x_train, before)
