"""At rest with an error left (docs/MATH.md, section 4): no critical point, and not aligned."""

import numpy as np

from fa_engine import RunConfig, Trainer


def test_feedback_alignment_rests_where_it_is_not_aligned_if_an_error_is_left():
    """100 digits through three hidden units: ``P^T e`` goes to 0, the gradient does not."""
    config = RunConfig(
        train_samples=100,
        hidden=(3,),
        loss="squared_error",
        learning_rate=0.2,
        batch_size=100,
        shuffle=False,
        epochs=2000,
        replicates=8,
        measure_every=10**9,
        dtype="float64",
    )
    trainer = Trainer(config)
    last = list(trainer)[-1]
    assert last.step == 2000
    u, g = np.median(last.update_norm), np.median(last.gradient_norm)
    assert u < 0.01
    assert u < g / 5  # the walk is at rest before the loss is
    assert g > 0.03
    assert np.median(last.hidden_angle_deg) > 80
    assert np.median(last.loss) > 0.1  # and much is left
