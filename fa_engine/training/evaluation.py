"""Loss and accuracy of outputs, and of a network on many samples."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64, Int64
from numpy.typing import NDArray
from torch import Tensor

from fa_engine.measures.alignment import Array, unwarned
from fa_engine.memory import EVALUATION_BYTES
from fa_engine.networks.losses import Loss
from fa_engine.networks.network import Network


@unwarned
def scores(
    loss: Loss, f: Float[Tensor, "*R N c"], y: Float[Tensor, "*#R N c"]
) -> tuple[Float64[Array, " replicates"], Float64[Array, " replicates"]]:
    """Loss and accuracy of outputs ``f``, ``(R,)`` each, summed in float64 on the host.

    Where the loss is not finite there is no accuracy: the largest of nan is the first class.
    """
    samples = y.shape[-2]
    losses = loss.of_samples(f, y).cpu().numpy()
    hits = _largest(f) == _largest(y)
    mean: Array = np.add.reduce(losses.reshape(-1, samples), -1, dtype=np.float64) / samples
    accuracy: Array = np.add.reduce(hits.reshape(-1, samples), -1, dtype=np.float64) / samples
    accuracy[~np.isfinite(mean)] = np.nan
    return mean, accuracy


def evaluated(
    network: Network, loss: Loss, x: Float[Tensor, "n n_0"], y: Float[Tensor, "n c"]
) -> tuple[Float64[Array, " R"], Float64[Array, " R"]]:
    """Loss and accuracy of every replicate on many samples, ``(R,)`` each, some at a time."""
    total, hits = np.zeros((2, network.replicates))
    values = network.replicates * sum(layer.operand_size for layer in network.layers)
    chunk = max(1, EVALUATION_BYTES // (values * x.element_size()))
    for start in range(0, len(x), chunk):
        some, targets = x[start : start + chunk], y[start : start + chunk]
        of_chunk = scores(loss, network.forward(some).outputs, targets)
        total += of_chunk[0] * len(some)
        hits += of_chunk[1] * len(some)
    return total / len(x), hits / len(x)


def _largest(outputs: Float[Tensor, "*R N c"]) -> Int64[NDArray[np.int64], "*R N"]:
    """``(..., N)`` on the host: which output is largest. Few outputs NumPy compares faster."""
    on_host = outputs.device.type == "cpu"
    found: NDArray[np.int64] = (
        outputs.numpy().argmax(-1) if on_host else outputs.argmax(-1).cpu().numpy()
    )
    return found
