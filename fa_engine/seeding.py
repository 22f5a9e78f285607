"""Random draws from explicit generators: no draw here touches PyTorch's global state.

Weights, feedback, batch order and the rest have streams of their own, so that two schemes with one
seed start from the same weights, and a scheme that is switched to mid-run draws the matrices it
would have drawn at the start. By the newer way of drawing (``RunConfig.draws``) no network shares
a draw with one of another number or another seed: averages over networks and seeds are then
averages of independent ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from fa_engine.registry import Registry

WEIGHTS, FEEDBACK, ORDER, REDRAW, MIRROR, LABELS, SAMPLES, PROBE, KICK, SKETCH = range(10)

# What a draw of our own begins with: a seed, or what stands for it.
Seed = int | tuple[int, ...]

OLD_DRAWS, DRAWS = 1, 2
"""Ways of drawing from a seed. By the old one network ``r`` of seed ``s`` is that of seed
``s + r``, and batches, label noise and teacher are the same for all seeds."""

# No seed is as large: what begins with it is drawn by the new version.
_APART = 2**32 - 1
# In the place of the number of a network: what all networks of a run share.
_SHARED = 2**32 - 2

Shape = tuple[int, int]


def network_seeds(seed: int, numbers: Sequence[int], draws: int = DRAWS) -> list[Seed]:
    """What each of the networks of a run draws from, by its number.

    Args:
        seed: of the run.
        numbers: of the networks, from 0.
        draws: version.
    """
    if draws == OLD_DRAWS:
        return [seed + number for number in numbers]
    return [(_APART, seed, number) for number in numbers]


def shared_seed(seed: int) -> Seed:
    """What the networks of a run draw from together: batches, labels, a teacher."""
    return (_APART, seed, _SHARED)


def _key(*parts: Seed) -> list[int]:
    return [n for part in parts for n in (part if isinstance(part, tuple) else (part,))]


def generator(*key: Seed) -> torch.Generator:
    """A CPU generator for a key such as (seed, stream); different keys are independent."""
    state = np.random.SeedSequence(_key(*key)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))


def numpy_generator(*key: Seed) -> np.random.Generator:
    """The same of NumPy's kind."""
    return np.random.default_rng(_key(*key))


def _normal(shape: Shape, source: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=source, dtype=torch.float64)


def _uniform(shape: Shape, source: torch.Generator) -> Tensor:
    unit = torch.rand(shape, generator=source, dtype=torch.float64)
    return unit.sub_(0.5).mul_(12**0.5)


def _orthogonal(shape: Shape, source: torch.Generator) -> Tensor:
    """Orthonormal rows or columns (the shorter ones), scaled to unit variance of the entries."""
    tall = _normal((max(shape), min(shape)), source)
    q, r = torch.linalg.qr(tall)
    q = q * r.diagonal().sign() * max(shape) ** 0.5  # signs: uniform over all such matrices
    values: Tensor = q if shape[0] >= shape[1] else q.T.contiguous()
    return values


def _zero(shape: Shape, _source: torch.Generator) -> Tensor:
    return torch.zeros(shape, dtype=torch.float64)


@dataclass(frozen=True)
class Distribution:
    """What the entries of a random matrix are drawn from.

    Attributes:
        title: the name a person reads.
        entries: a matrix ``(n_out, n_in)`` of mean 0 and variance 1, in float64.
    """

    title: str
    entries: Callable[[Shape, torch.Generator], Tensor]


DISTRIBUTIONS: Registry[Distribution] = Registry(
    "distribution",
    normal=Distribution("normal", _normal),
    uniform=Distribution("uniform", _uniform),
    orthogonal=Distribution("orthogonal", _orthogonal),
    zero=Distribution("zero", _zero),
)
"""A :class:`Distribution` by name: what weights and feedback are drawn from."""


@dataclass(frozen=True)
class Draw:
    """How a random matrix is drawn.

    Attributes:
        distribution: a key of :data:`~fa_engine.seeding.DISTRIBUTIONS`.
        std: standard deviation of the entries, or that of each matrix, in the order in which
            they are drawn; None: ``1 / sqrt(fan_in)``.
        density: share of each column that is not 0, see :meth:`heard`; it is scaled up to keep the
            variance of what a unit hears.
        rank: rank, as a product of two factors with the same entry variance; None: full.
        gain: what every standard deviation is multiplied by.
    """

    distribution: str = "normal"
    std: float | tuple[float, ...] | None = None
    density: float = 1.0
    rank: int | None = None
    gain: float = 1.0

    def __call__(self, shape: Shape, source: torch.Generator, place: int = 0) -> Tensor:
        """One matrix in float64.

        Args:
            shape: ``(n_out, n_in)``.
            source: what it is drawn with.
            place: which of the matrices it is.
        """
        unit = DISTRIBUTIONS[self.distribution].entries
        if self.rank is None:
            values = unit(shape, source)
        else:
            left, right = unit((shape[0], self.rank), source), unit((self.rank, shape[1]), source)
            values = left @ right / self.rank**0.5
        if self.density < 1:
            heard = self.heard(shape[0])
            drawn = torch.rand(shape, generator=source, dtype=torch.float64)
            kept = torch.zeros_like(values).scatter_(0, drawn.topk(heard, 0).indices, 1)
            values = values * kept * (shape[0] / heard) ** 0.5
        return values * self.std_of(shape[1], place)

    def std_of(self, fan_in: int, place: int = 0) -> float:
        """Standard deviation of the entries of the matrix in that ``place``, gain included."""
        std = self.std[place] if isinstance(self.std, tuple) else self.std
        return self.gain * (fan_in**-0.5 if std is None else std)

    def reversed(self) -> Draw:
        """For the same matrices in the other order."""
        return replace(self, std=self.std[::-1]) if isinstance(self.std, tuple) else self

    def heard(self, n_out: int) -> int:
        """Entries of each column that are not 0: exactly so many, so that no unit is deaf.

        A feedback matrix has a column for each hidden unit, with an entry for each unit or output
        that it may hear (Crafton et al. 2019). In front of a convolution a column is one entry of
        the kernel, an input channel at an offset.

        Args:
            n_out: entries of a column.
        """
        return max(1, round(self.density * n_out))


def draw(
    how: Draw | Sequence[Draw],
    shapes: Sequence[Shape],
    seeds: Sequence[Seed],
    stream: int,
    device: torch.device,
    dtype: torch.dtype,
) -> tuple[Tensor, ...]:
    """One matrix a shape and seed, stacked along a leading replicate dimension.

    Replicate ``r`` draws from its own generator, ``seeds[r]``, in the order of ``shapes``: it gets
    the same numbers alone and among others. Draws are made in float64 on the CPU, so that dtype
    and device change nothing but rounding.

    Args:
        how: distribution and scale, of all or of each replicate.
        shapes: ``(n_out, n_in)`` of each matrix.
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
        own = how if isinstance(how, Draw) else how[replicate]
        for place, (matrix, shape) in enumerate(zip(drawn, shapes, strict=True)):
            matrix[replicate].copy_(own(shape, source, place))
    return tuple(drawn)
