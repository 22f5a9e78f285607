"""What a delay makes of the feedback kernel: the roots of all late modules together.

A layer that hears ``j`` steps late moves the outputs by the error of ``j`` steps before, so that
near a point without error, with ``K_j`` the part of the kernel of the layers that are ``j`` late::

    e(t+1) = e(t) - eta H sum_j K_j e(t-j)

With one lag mode ``lambda`` of ``H K`` has the roots of ``z^(j+1) - z^j + eta lambda``; with
several the roots are the eigenvalues of the joint companion matrix. Their modulus is what a step
multiplies an error by.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Complex128, Float64
from numpy.typing import NDArray
from torch import Tensor

from fa_engine.dynamics.kernel import error_kernel, layers_kernel, moving
from fa_engine.dynamics.probes import Probe, check_probe
from fa_engine.networks.losses import LOSSES
from fa_engine.surroundings import undisturbed
from fa_engine.training.trainer import Trainer


def one_lag_roots(
    mode: complex, learning_rate: float, lag: int
) -> Complex128[NDArray[np.complex128], " {lag}+1"]:
    """Roots of ``z^(j+1) - z^j + eta lambda``: where all layers are ``j`` late.

    Args:
        mode: ``lambda``, an eigenvalue of ``H K``.
        learning_rate: ``eta``.
        lag: ``j``, in steps.

    Returns:
        ``(j + 1,)``; a mode is stable where all lie inside the unit circle.
    """
    polynomial = np.zeros(lag + 2, complex)
    polynomial[:2] = 1.0, -1.0
    polynomial[-1] += learning_rate * mode
    return np.asarray(np.roots(polynomial), dtype=np.complex128)


@undisturbed
def companion(trainer: Trainer, probe: Probe, learning_rate: float) -> Float64[Tensor, "R mJ mJ"]:
    """The joint companion matrix of all modules, of ``H K`` where the loss has a curvature: what a
    step multiplies the errors of this step and of those before by (docs/MATH.md, section 4).

    Args:
        trainer: network, scheme and configuration; it stays as it is.
        probe: ``N`` samples.
        learning_rate: ``eta``.

    Returns:
        ``(R, m J, m J)`` in float64 on the host, with ``m`` modes and ``J - 1`` the largest lag.

    Raises:
        NotAllowed: the probe set is too large for memory.
    """
    check_probe(trainer.config, len(probe.x))
    loss, past = LOSSES[trainer.config.loss], trainer.network.forward(probe.x)
    lags = trainer.feedback.lags
    blocks = []
    for late in range(max(lags) + 1):
        layers = [layer for layer in moving(trainer) if lags[layer] == late]
        part = layers_kernel(trainer, probe, layers, False, mean=True).cpu().to(torch.float64)
        blocks.append(part if loss.curvature is None else error_kernel(part, past, loss))
    replicates, modes = blocks[0].shape[:2]
    size = modes * len(blocks)
    found = torch.zeros(replicates, size, size, dtype=torch.float64)
    found[:, :modes] = -learning_rate * torch.cat(blocks, -1)
    found[:, :modes, :modes] += torch.eye(modes)
    below = torch.arange(size - modes)
    found[:, modes + below, below] = 1.0
    return found
