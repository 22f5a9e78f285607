"""Random configurations: refused by name, or trained without a crash and without a silent nan."""

import numpy as np
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from fa_engine import RunConfig, Trainer, problems
from fa_engine.config import knob_of


def one_of(name):
    options = knob_of(RunConfig.model_fields[name]).options
    default = RunConfig.model_fields[name].default
    return st.sampled_from([*options, *([None] if default is None else [])])


FIELDS = {
    "dataset": st.sampled_from(["digits", "teacher", "spirals"]),
    "hidden": st.one_of(
        st.lists(st.integers(1, 12), min_size=1, max_size=4),
        st.sampled_from(["conv 3x3, 8", "conv 2x3, pool 2, conv 3x2, 8", "conv 4x2"]),
    ),
    "learning_rate": st.sampled_from([1e-4, 0.01, 0.1, 10.0]),
    "momentum": st.sampled_from([0.0, 0.9]),
    "weight_decay": st.sampled_from([0.0, 0.01]),
    "batch_size": st.integers(1, 80),
    "replicates": st.integers(1, 4),
    "weight_std": st.sampled_from([None, 0.0, 0.1, 3.0, "he", (0.1, 0.5)]),
    "feedback_std": st.sampled_from([None, 0.0, 0.1, 3.0, "xavier", (0.1, 0.5)]),
    "weight_gain": st.sampled_from([1.0, 0.0, 2.0]),
    "warmup_epochs": st.sampled_from([0.0, 0.2]),
    "schedule_at": st.sampled_from([(), (1,)]),
    "bias_init": st.sampled_from([0.0, 0.1]),
    "feedback_density": st.sampled_from([1.0, 0.3]),
    "feedback_rank": st.sampled_from([None, None, 1, 2]),
    "delay_modules": st.integers(1, 4),
    "bias": st.booleans(),
    "shuffle": st.booleans(),
    "walk": st.booleans(),
    "frozen": st.sampled_from([(), (1,), (2,), (1, 2)]),
    "label_noise": st.sampled_from([0.0, 0.2]),
    "seed": st.integers(0, 1000),
} | {
    name: one_of(name)
    for name in (
        "scheme",
        "route",
        "signal",
        "matrix",
        "activation",
        "loss",
        "optimizer",
        "schedule",
        "weight_init",
        "standardise",
        "feedback_init",
        "dtype",
    )
}


def far_from_overflow(trainer):
    """``(R,)``: no product of a few layers' parameters leaves float32."""
    tensors = (*trainer.network.weights, *trainer.network.biases, *trainer.feedback.matrices)
    # Written so that nan is not below the limit.
    return torch.stack([(t.abs() < 1e4).flatten(1).all(1) for t in tensors]).all(0).numpy()


def check_that_nothing_is_silently_undefined(m, healthy, config):
    """Of healthy replicates norms, shares and the walk are numbers; angles but of a norm of 0."""
    names = ["update_norm", "gradient_norm", "descent_rate"]
    names += ["displacement", "path_length"] if config.walk else []
    for name in names:
        assert np.isfinite(getattr(m, name)[healthy]).all(), name
    undefined = np.isnan(m.gradient_angle_deg) & healthy[:, None]
    assert ((m.update_norm == 0) | (m.gradient_norm == 0))[undefined].all()
    cosines = [m.delta_cosine_mean, *([m.update_cosine] if config.walk else [])]
    for cosine in cosines:
        assert (np.abs(cosine[np.isfinite(cosine)]) <= 1).all()
        assert not np.isinf(cosine).any()


# Its products overflow before its loss does.
@example(
    {
        "batch_size": 1,
        "hidden": [1],
        "loss": "squared_error",
        "activation": "leaky_relu",
        "learning_rate": 10.0,
    }
)
@given(st.fixed_dictionaries({}, optional=FIELDS))
def test_a_random_configuration_trains_or_is_refused_by_name(fields):
    refused = []
    try:
        config = RunConfig(**fields, epochs=1, measure_every=3, evaluate_every=5)
    except ValidationError as error:
        refused = problems(error)
    if refused:
        assert all(problem.field in RunConfig.model_fields for problem in refused)
        assert all(problem.allowed for problem in refused)
        return
    trainer = Trainer(config)
    previous = None
    for _ in range(8):
        healthy = far_from_overflow(trainer)
        m = trainer.advance()
        if trainer.finished:
            break
        if m is None:
            continue
        assert previous is None or m.step > previous.step
        previous = m
        # A loss that is not finite is never silent: the replicate is marked as diverged.
        np.testing.assert_array_equal(np.isfinite(m.loss) | trainer.diverged, True)
        alive = np.isfinite(m.loss) & np.isfinite(m.gradient_norm).all(1)
        assert (m.accuracy[alive] >= 0).all()
        assert (m.accuracy[alive] <= 1).all()
        # An angle is undefined exactly where one of the two has no length.
        defined = (m.update_norm > 0) & (m.gradient_norm > 0) & np.isfinite(m.update_norm)
        angles = m.gradient_angle_deg
        assert ((angles >= 0) & (angles <= 180))[defined & alive[:, None]].all()
        zero = (m.update_norm == 0) | (m.gradient_norm == 0)
        assert np.isnan(angles[zero]).all()
        check_that_nothing_is_silently_undefined(m, healthy & np.isfinite(m.loss), config)
