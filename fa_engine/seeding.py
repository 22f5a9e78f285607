"""Random draws from explicit generators: no draw here touches PyTorch's global state.

Weights, feedback and batch order have streams of their own, so that two schemes with one seed start
from the same weights, and a scheme that is switched to mid-run draws the matrices it would have
drawn at the start.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

WEIGHTS, FEEDBACK, ORDER = range(3)


def generator(seed: int, stream: int) -> torch.Generator:
    """A CPU generator for one stream of one seed; different pairs are independent."""
    state = np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))


def draw_normal(
    shapes: Sequence[tuple[int, int]],
    stds: Sequence[float],
    seeds: Sequence[int],
    stream: int,
    device: torch.device,
    dtype: torch.dtype,
) -> tuple[Tensor, ...]:
    """One normal matrix a shape and seed, stacked along a leading replicate dimension.

    Replicate ``r`` draws from its own generator, ``seeds[r]``, in the order of ``shapes``: it gets
    the same numbers alone and among others. Draws are made in float64 on the CPU, so that dtype
    and device change nothing but rounding.

    Args:
        shapes: ``(n_out, n_in)`` of each matrix.
        stds: standard deviation of each matrix.
        seeds: one seed a replicate.
        stream: which stream of those seeds.
        device: where the result lives.
        dtype: its type.

    Returns:
        Tensors of shape ``(R, n_out, n_in)``.
    """
    drawn = [torch.empty((len(seeds), *shape), dtype=dtype, device=device) for shape in shapes]
    for replicate, seed in enumerate(seeds):
        source = generator(seed, stream)
        for matrix, shape, std in zip(drawn, shapes, stds, strict=True):
            values = torch.randn(shape, generator=source, dtype=torch.float64)
            matrix[replicate].copy_(values.mul_(std))
    return tuple(drawn)
