"""Initial scales: rules against PyTorch's own initialisers, lists against the matrices drawn."""

import math

import pytest
import torch
from pydantic import ValidationError

from fa_engine import RunConfig, Trainer, problems
from fa_engine.config import as_written
from fa_engine.scales import parse

WIDE = RunConfig(hidden=(300, 200), replicates=1, dtype="float64", epochs=1)
CONV = WIDE.replace(hidden="conv 40x3, conv 50x3, 60")


def uniform_bound(fill_, layer):
    """The largest value that PyTorch's uniform initialiser gives for the weights of ``layer``."""
    weights = torch.empty(
        (layer.n_out, layer.fan_in // layer.kernel**2, layer.kernel, layer.kernel)
        if hasattr(layer, "kernel")
        else (layer.n_out, layer.fan_in),
        dtype=torch.float64,
    )
    return float(fill_(weights).abs().max())


# Of each rule, the initialiser of PyTorch that is it.
INITIALISERS = {
    "lecun": lambda w: torch.nn.init.kaiming_uniform_(w, nonlinearity="linear"),
    "he": lambda w: torch.nn.init.kaiming_uniform_(w, nonlinearity="relu"),
    "xavier": torch.nn.init.xavier_uniform_,
    "torch": lambda w: torch.nn.init.kaiming_uniform_(w, a=math.sqrt(5)),  # as nn.Linear has it
}


@pytest.mark.parametrize("rule", INITIALISERS)
@pytest.mark.parametrize("config", [WIDE, CONV], ids=["dense", "convolutions"])
def test_a_rule_is_pytorchs_initialiser(rule, config):
    trainer = Trainer(config.replace(weight_std=rule, weight_init="uniform", weight_gain=1.5))
    for weight, layer in zip(trainer.network.weights, trainer.network.layers, strict=True):
        bound = 1.5 * uniform_bound(INITIALISERS[rule], layer)
        assert float(weight.abs().max()) == pytest.approx(bound, rel=0.02)


def test_lecun_is_the_default_bit_for_bit():
    for name in ("weight_std", "feedback_std"):
        plain, ruled = Trainer(WIDE), Trainer(WIDE.replace(**{name: "LeCun"}))
        for one, other in zip(
            (*plain.network.weights, *plain.feedback.matrices),
            (*ruled.network.weights, *ruled.feedback.matrices),
            strict=True,
        ):
            torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("scheme", ["fa", "dfa", "usf", "frsf", "brsf", "kp", "wm"])
def test_feedback_scales_are_counted_from_the_bottom(scheme):
    # B_1 and B_2 have entries of 0.3 and 0.9 times a gain of 2
    config = WIDE.replace(scheme=scheme, feedback_std=(0.3, 0.9), feedback_gain=2)
    found = Trainer(config).feedback.matrices
    spread = [float(matrix.square().mean().sqrt()) for matrix in found]
    assert spread == pytest.approx([0.6, 1.8], rel=0.05)
    # and nothing but the scale is another
    for matrix, one, std in zip(
        found, Trainer(config.replace(feedback_std=1, feedback_gain=1)).feedback.matrices,
        (0.6, 1.8), strict=True,
    ):  # fmt: skip
        torch.testing.assert_close(matrix, one * std)


def test_redrawn_magnitudes_keep_their_scales():
    trainer = Trainer(WIDE.replace(scheme="brsf", feedback_std=(0.3, 0.9)))
    trainer.advance()
    trainer.advance()
    spread = [float(matrix.square().mean().sqrt()) for matrix in trainer.feedback.matrices]
    assert spread == pytest.approx([0.3, 0.9], rel=0.05)


@pytest.mark.parametrize(
    ("scheme", "fans"), [("fa", [(300, 200), (200, 10)]), ("dfa", [(300, 10), (200, 10)])]
)
def test_a_rule_goes_by_the_feedback_matrix_itself(scheme, fans):
    config = WIDE.replace(scheme=scheme, feedback_std="xavier", feedback_init="uniform")
    for matrix, (fan_in, fan_out) in zip(Trainer(config).feedback.matrices, fans, strict=True):
        bound = math.sqrt(6 / (fan_in + fan_out))  # Glorot and Bengio 2010, equation 16
        assert float(matrix.abs().max()) == pytest.approx(bound, rel=0.02)


def test_weights_have_a_scale_a_layer_and_biases_a_value():
    trainer = Trainer(WIDE.replace(weight_std="0.1, 0.2, 0.4", bias_init=-0.25))
    spread = [float(weight.std()) for weight in trainer.network.weights]
    assert spread == pytest.approx([0.1, 0.2, 0.4], rel=0.05)
    for bias in trainer.network.biases:
        assert (bias == -0.25).all()
    for bias in Trainer(WIDE.replace(bias_init=1, bias=False)).network.biases:
        assert (bias == 0).all()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        (0.5, 0.5),
        (2, 2.0),
        ("0.5", 0.5),
        (["0.5"], 0.5),
        ([0.5, 1], (0.5, 1.0)),
        ("0.5,1", (0.5, 1.0)),
        ("0.5 1.0", (0.5, 1.0)),
        (" He ", "he"),
        (["xavier"], "xavier"),
    ],
)
def test_a_scale_is_read_in_one_form(given, expected):
    assert parse(given) == expected
    assert type(parse(given)) is type(expected)


@pytest.mark.parametrize(
    "given", [-1, 101, True, math.nan, "he, 1", "", [], [None], "0,1", (0.1, -1), {}, "magic"]
)
def test_what_is_no_scale_is_refused(given):
    for field in ("weight_std", "feedback_std"):
        with pytest.raises(ValidationError) as caught:
            RunConfig(**{field: given})
        (problem,) = problems(caught.value)
        assert problem.field == field
        assert "lecun, he, xavier, torch" in problem.allowed


@pytest.mark.parametrize(("field", "n"), [("weight_std", 3), ("feedback_std", 2)])
def test_there_are_as_many_scales_as_matrices(field, n):
    RunConfig(**{field: (0.1,) * n})
    for wrong in (n - 1, n + 1):
        if wrong == 1:
            continue
        with pytest.raises(ValidationError, match=f"{n} numbers, one for each"):
            RunConfig(**{field: (0.1,) * wrong})


def test_scales_are_stored_and_resumed(tmp_path):
    config = WIDE.replace(weight_std=(0.1, 0.2, 0.4), feedback_std="he", bias_init=0.1)
    assert RunConfig.model_validate_json(config.model_dump_json()) == config
    trainer = Trainer(config)
    for _ in range(3):
        trainer.advance()
    trainer.save(tmp_path / "run")
    again = Trainer.load(tmp_path / "run")
    assert again.begun_with == config
    trainer.advance(), again.advance()
    for one, other in zip(trainer.network.weights, again.network.weights, strict=True):
        assert torch.equal(one, other)


def test_what_was_stored_means_what_it_meant():
    stored = {"hidden": [300, 200], "weight_std": 0.2, "feedback_std": None}
    config = RunConfig(**as_written(stored))
    assert (config.weight_stds, config.feedback_stds) == (0.2, None)
