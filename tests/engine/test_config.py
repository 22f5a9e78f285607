"""RunConfig refuses what is out of range with a message that names field, value and allowed."""

import math
import re

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from fa_engine import SCHEMES, Limits, RunConfig, Trainer, allowed, bounds, problems
from fa_engine.config import UNLIMITED
from fa_engine.feedback.matrices import MATRICES
from fa_engine.memory import in_words, peak_bytes

BAD = [
    ("dataset", "imagenet", "digits, mnist"),
    ("hidden", (0,), "1 to 32 layers"),
    ("hidden", (64, -3), "1 to 32 layers"),
    ("hidden", "64, many", "1 to 32 layers"),
    ("hidden", (12.5,), "1 to 32 layers"),
    ("hidden", (), "1 to 32 layers"),
    ("hidden", "", "1 to 32 layers"),
    ("hidden", None, "1 to 32 layers"),
    ("hidden", (True,), "1 to 32 layers"),
    ("hidden", "9" * 400, "1 to 32 layers"),
    ("hidden", 10**400, "1 to 32 layers"),
    ("hidden", "64, x", "1 to 32 layers"),
    ("activation", "swish", "tanh"),
    ("loss", "hinge", "cross_entropy"),
    ("scheme", "magic", "bp, fa"),
    ("scheme", 3, "bp, fa"),
    ("optimizer", "lbfgs", "sgd"),
    ("route", "sideways", "layerwise, direct, none, or empty"),
    ("signal", "noise", "error, sign, target, or empty"),
    ("matrix", "hilbert", "weights, random"),
    ("feedback_init", "zero", "normal, uniform, orthogonal"),
    ("feedback_density", 0, "above 0"),
    ("feedback_rank", 0, "from 1"),
    ("feedback_rank", 11, "at most 10, the smallest side"),
    ("feedback_seed", -1, "from 0"),
    ("delay_modules", 0, "from 1"),
    ("delay_modules", 4, "at most 3, the layers"),
    ("mirror_rate", 0, "above 0"),
    ("mirror_samples", 0, "from 1, at most 65,536"),
    ("bias", "maybe", "true or false"),
    ("bias", 1, "true or false"),
    ("frozen", (0,), "numbers of layers"),
    ("frozen", (4,), "from 1 to 3"),
    ("schedule", "warmup", "constant, step, cosine"),
    ("schedule_at", (0,), "whole numbers from 1"),
    ("schedule_at", "5, 5", "each above the one before"),
    ("schedule_at", "5, 2.5", "whole numbers from 1"),
    ("warmup_epochs", -1, "from 0"),
    ("label_noise", 1.5, "at most 1"),
    ("teacher_hidden", (0,), "up to 8 widths"),
    ("replicates", 1.5, "a whole number from 1"),
    ("learning_rate", math.nan, "above 0"),
    ("learning_rate", math.inf, "above 0"),
    ("learning_rate", 0, "above 0"),
    ("learning_rate", -0.1, "above 0"),
    ("learning_rate", "fast", "above 0"),
    ("learning_rate", None, "above 0"),
    ("learning_rate", True, "above 0"),
    ("momentum", 1.0, "below 1"),
    ("weight_decay", -1, "from 0"),
    ("batch_size", 0, "whole number from 1"),
    ("batch_size", 2000, "1438, the training samples that are used"),
    ("train_samples", 2000, "1438, the training samples of digits"),
    ("train_samples", 0, "from 1"),
    ("epochs", 0, "whole number from 1"),
    ("epochs", 10_001, "10,000"),
    ("seed", -1, "from 0"),
    ("replicates", 0, "from 1"),
    ("weight_std", -1, "from 0"),
    ("feedback_std", math.nan, "from 0"),
    ("measure_every", 0, "from 1"),
    ("evaluate_every", 1.5, "from 1"),
    ("device", "tpu", "auto, cpu, cuda"),
    ("measures", "delta", "all, gradient"),
    ("dtype", "float16", "float32, float64"),
    ("hiden", (64,), "one of the fields dataset, train_samples"),
]


@pytest.mark.parametrize(("field", "value", "expected"), BAD)
def test_a_bad_value_is_refused_by_name(field, value, expected):
    with pytest.raises(ValidationError) as caught:
        RunConfig(**{field: value})
    (problem,) = problems(caught.value)
    assert problem.field == field
    assert expected in problem.allowed
    assert field in problem.message
    assert problem.allowed in problem.message
    if field in RunConfig.model_fields:  # what a script prints says the same as form and API
        assert problem.message in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "field", "expected"),
    [
        ({"route": "direct", "matrix": "sign"}, "matrix", "random, learned with route = 'direct'"),
        ({"scheme": "dfa", "matrix": "tied"}, "matrix", "random, learned with route = 'direct'"),
        ({"scheme": "usf", "route": "direct"}, "route", "layerwise with matrix = 'sign'"),
        ({"scheme": "bp", "route": "direct"}, "route", "layerwise, none"),
        ({"feedback_rank": 3, "feedback_density": 0.5}, "feedback_density", "1 with"),
        ({"feedback_rank": 11}, "feedback_rank", "at most 10, the smallest side"),
        ({"scheme": "frsf", "feedback_rank": 3}, "feedback_rank", "empty with matrix = 'signed_r"),
        ({"scheme": "brsf", "feedback_rank": 3}, "feedback_rank", "empty with matrix = 'signed_r"),
        ({"optimizer": "nesterov"}, "momentum", "above 0"),
        ({"schedule": "multi_step"}, "schedule_at", "at least one epoch"),
        ({"optimizer": "adam", "momentum": 0.9}, "momentum", "0 with optimizer"),
        ({"hidden": (8,), "delay_modules": 3}, "delay_modules", "at most 2"),
        (
            {"scheme": "wm", "hidden": (8000, 10), "mirror_samples": 65_536, "replicates": 4},
            "mirror_samples",
            "16.0 GB are allowed",
        ),
        (
            {"dataset": "teacher", "loss": "squared_error", "label_noise": 0.1},
            "label_noise",
            "no labels",
        ),
    ],
)
def test_impossible_combinations_are_refused_by_name(fields, field, expected):
    with pytest.raises(ValidationError) as caught:
        RunConfig(**fields)
    (problem,) = problems(caught.value)
    assert problem.field == field
    assert expected in problem.allowed


@pytest.mark.parametrize("scheme", ["bp", "usf", "sham", "shallow"])
def test_a_rank_is_nothing_to_schemes_that_draw_no_matrix(scheme):
    assert RunConfig(scheme=scheme, feedback_rank=11).scheme == scheme
    # Through a convolution of 3 channels no layerwise matrix has a rank of 5.
    trainer = Trainer(
        RunConfig(scheme="dfa", hidden="conv 4x3, conv 3x2", feedback_rank=5, replicates=1)
    )
    trainer.scheme = scheme
    assert trainer.scheme == scheme


def test_every_problem_is_named_at_once():
    with pytest.raises(ValidationError) as caught:
        RunConfig(hidden=(0,), scheme="magic", learning_rate=-1)
    assert {p.field for p in problems(caught.value)} == {"hidden", "scheme", "learning_rate"}


@pytest.mark.parametrize("data", [[], "digits", None, 3])
def test_what_is_no_object_is_refused(data):
    with pytest.raises(ValidationError) as caught:
        RunConfig.model_validate(data)
    (problem,) = problems(caught.value)
    assert "object" in problem.allowed


def test_limits_are_an_installations_own():
    limits = Limits(max_parameters=10_000, max_epochs=5, max_networks=16, max_cells=3)

    def build(**fields):
        return RunConfig.model_validate(fields, context={"limits": limits})

    assert build(hidden=(32,), epochs=5, replicates=1).n_parameters == 65 * 32 + 33 * 10
    for field, fields in [
        ("epochs", {"epochs": 6, "hidden": (32,), "replicates": 1}),
        ("hidden", {"hidden": (1000,), "epochs": 1, "replicates": 1}),
        ("hidden", {"hidden": (32,), "epochs": 1, "replicates": 8}),
        ("replicates", {"hidden": (2,), "epochs": 1, "replicates": 17}),
        ("vary", {"hidden": (2,), "epochs": 1, "replicates": 1, "vary": {"seed": [1, 2, 3, 4]}}),
    ]:
        with pytest.raises(ValidationError) as caught:
            build(**fields)
        (problem,) = problems(caught.value)
        assert problem.field == field
    with pytest.raises(ValidationError, match=r"10,000 parameters over all .* 19,280"):
        build(hidden=(32,), epochs=1, replicates=8)
    assert "at most 5" in allowed("epochs", limits)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("batch_size", {"hidden": (784,), "dataset": "mnist", "batch_size": 8192}),
        (
            "batch_size",
            {"hidden": ("conv 16x5", "pool 2", 128), "dataset": "mnist", "batch_size": 8192},
        ),
        ("batch_size", {"batch_size": 1438, "delay_modules": 3, "replicates": 256}),
        ("mirror_samples", {"scheme": "wm", "mirror_samples": 65_536}),
        # Parameters alone, whatever the batch: adam keeps four numbers a weight.
        ("replicates", {"hidden": (800, 800), "optimizer": "adam", "learning_rate": 0.001}),
    ],
)
def test_memory_that_is_not_there_is_refused(field, fields):
    fields = {"replicates": 64, **fields}
    limits = Limits(max_bytes=10**9 if "dataset" in fields else 4 * 10**8, bytes_set_by="FA_MOST")

    def build(**changes):
        return RunConfig.model_validate({**fields, **changes}, context={"limits": limits})

    with pytest.raises(ValidationError) as caught:
        build()
    (problem,) = problems(caught.value)
    assert problem.field == field
    needed = peak_bytes(RunConfig.model_validate(fields, context={"limits": UNLIMITED}))
    assert f"would take about {in_words(needed)} of memory" in problem.allowed
    assert f"{in_words(limits.max_bytes)} are allowed (FA_MOST)" in problem.allowed
    largest = int(re.search(r"at most ([\d,]+) with", problem.allowed)[1].replace(",", ""))
    assert peak_bytes(build(**{field: largest})) <= limits.max_bytes
    with pytest.raises(ValidationError):
        build(**{field: largest + 1})


def test_a_network_that_never_fits_says_so():
    with pytest.raises(ValidationError, match="fewer or narrower layers"):
        RunConfig.model_validate({}, context={"limits": Limits(max_bytes=100)})


def test_the_memory_of_a_gpu_is_not_the_machines():
    limits = Limits(max_bytes=100)
    assert RunConfig.model_validate({"device": "cuda"}, context={"limits": limits})
    with pytest.raises(ValidationError, match="of memory"):
        RunConfig.model_validate({"device": "cpu"}, context={"limits": limits})


@pytest.mark.parametrize(
    "typed", ["256, 128", "256 128", [256, 128], (256, 128), [np.int64(256), 128.0]]
)
def test_widths_can_be_typed(typed):
    config = RunConfig(hidden=typed)
    assert config.hidden == (256, 128)
    assert config.widths == (64, 256, 128, 10)


def test_json_round_trip_and_replace():
    config = RunConfig(hidden=(8,), scheme="dfa", weight_std=0.1)
    assert RunConfig.model_validate_json(config.model_dump_json()) == config
    assert config.replace(scheme="bp").scheme == "bp"
    assert config.scheme == "dfa"
    with pytest.raises(ValidationError):
        config.replace(learning_rate=0)


def test_every_field_explains_itself():
    for name, field in RunConfig.model_fields.items():
        assert field.title, name
        assert field.description, name
        assert allowed(name), name
    assert bounds("learning_rate") == {"gt": 0, "le": 100}
    for scheme in SCHEMES.values():
        assert scheme.explanation.endswith(".")
        assert scheme.source
        assert not scheme.deviation or scheme.deviation.endswith(".")


KNOBS = {
    "feedback_std": 0.7,
    "feedback_init": "uniform",
    "feedback_density": 0.5,
    "feedback_rank": 2,
    "feedback_seed": 99,
}


@pytest.mark.parametrize("knob", KNOBS)
def test_a_knob_names_the_schemes_that_it_changes_nothing_in(knob):
    text = RunConfig.model_fields[knob].description
    listed = re.search(r"Of no effect under (.*?) and (\w+)\.", text)
    named = {*listed[1].split(", "), listed[2]}
    for scheme, row in SCHEMES.items():
        if knob == "feedback_rank" and not MATRICES[row.matrix].keeps_rank:
            continue  # refused, see above
        config = RunConfig(scheme=scheme, replicates=1)
        before, after = (
            Trainer(config.replace(**{knob: value})).feedback.matrices
            for value in (getattr(config, knob), KNOBS[knob])
        )
        same = all(map(torch.equal, before, after))
        assert same == (row.short in named), scheme
