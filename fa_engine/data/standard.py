"""Standardised inputs: mean 0 and variance 1 over the training samples."""

from __future__ import annotations

import torch
from torch import Tensor

STANDARDS = {
    "none": "Not at all",
    "feature": "Each feature by itself",
    "all": "All values together",
}
"""What has mean 0 and variance 1, by name."""

_AT_ONCE = 2**20  # values that are summed in float64 at a time


def standardise_(x_train: Tensor, x_test: Tensor, how: str) -> None:
    """Standardises samples in place, both by mean and variance of the training samples.

    What is the same in all training samples becomes 0, in the test samples too: nothing can be
    learned of it, and its weights stay as they were drawn.

    Args:
        x_train: ``(n_train, n_features)``.
        x_test: ``(n_test, n_features)``.
        how: a key of :data:`~fa_engine.data.standard.STANDARDS`.
    """
    if how == "none":
        return
    rows = max(1, _AT_ONCE // x_train.shape[1])
    pieces, n = torch.split(x_train, rows), len(x_train)
    mean = torch.stack([piece.double().sum(0) for piece in pieces]).sum(0) / n
    varies = x_train.amax(0) != x_train.amin(0)
    if how == "all":
        mean = mean.mean().expand_as(mean)
        varies = (x_train.max() != x_train.min()).expand_as(varies)
    squares = torch.stack([(piece.double() - mean).square_().sum(0) for piece in pieces]).sum(0)
    variance = squares / n
    if how == "all":
        variance = variance.mean().expand_as(variance)
    factor = torch.where(varies, variance.rsqrt(), 0)
    for x in (x_train, x_test):
        for piece in torch.split(x, rows):  # in float64, so that dtype changes nothing but rounding
            piece.copy_((piece.double() - mean).mul_(factor))
