"""At rest with an error left (docs/MATH.md, section 4): no critical point, and not aligned."""

import numpy as np
import pytest

from fa_engine import RunConfig, Trainer
from fa_engine.config import UNLIMITED


@pytest.mark.parametrize(
    ("steps", "u", "g", "ratio", "angle_deg"),
    [
        (2_000, 0.0044, 0.040, 9, 87.1),
        pytest.param(70_000, 0.00054, 0.0362, 63, 89.2, marks=pytest.mark.thorough),
    ],
)
def test_feedback_alignment_rests_where_it_is_not_aligned_if_an_error_is_left(
    steps, u, g, ratio, angle_deg
):
    """100 digits through three hidden units: ``P^T e`` goes to 0, the gradient does not."""
    values = {
        "train_samples": 100,
        "hidden": (3,),
        "loss": "squared_error",
        "learning_rate": 0.2,
        "batch_size": 100,
        "shuffle": False,
        "epochs": steps,
        "replicates": 8,
        "measure_every": 10**9,
        "dtype": "float64",
    }
    config = RunConfig.model_validate(values, context={"limits": UNLIMITED})
    last = list(Trainer(config))[-1]
    assert last.step == steps
    assert np.median(last.update_norm) == pytest.approx(u, rel=0.1)
    assert np.median(last.gradient_norm) == pytest.approx(g, rel=0.05)
    # The walk is at rest before the loss is.
    assert np.median(last.gradient_norm / last.update_norm) == pytest.approx(ratio, rel=0.1)
    assert np.median(last.hidden_angle_deg) == pytest.approx(angle_deg, abs=0.5)
    assert np.median(last.loss) > 0.29  # and much is left
