"""Does training drift or diffuse? Mean squared displacement of the weights against lag.

The displacement over a lag grows as a power of it: with exponent 1 in a random walk, with exponent
2 where the weights drift one way (docs/MATH.md, section 7). A run is too long to keep all its
weights, so a :class:`Trajectory` keeps at most 512 snapshots at even steps, doubling the interval
when it is full, and of every layer a sketch instead of all weights. Whole snapshots, those of
checkpoints for example, go into the same :func:`mean_squared_displacement`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from numpy.typing import NDArray
from torch import Tensor

from fa_engine.measures.alignment import Array
from fa_engine.networks.network import Network
from fa_engine.seeding import SKETCH, generator
from fa_engine.surroundings import undisturbed

MAX_SNAPSHOTS = 512
LEAST_SNAPSHOTS = 3  # that have displacements over two lags
SKETCH_SIZE = 256
BIN = 1.2  # lags whose ratio is smaller than this are averaged together


class Trajectory:
    """Snapshots of a network's weights, layer by layer, at even steps and bounded cost.

    A layer with no more than ``size`` weights is kept whole. Of a larger one a **count sketch** is
    kept (Charikar, Chen and Farach-Colton 2002): every weight has a random sign and a random one of
    ``size`` cells, and a cell holds the sum of its weights. The sketch is linear, so that of a
    displacement is the difference of two; its squared length has the squared length of the
    displacement as its mean and a relative standard deviation of at most ``sqrt(2 / size)``: 9 % at
    256. Signs and cells are the same for all snapshots: errors shift curves more than slopes.

    Attributes:
        interval: steps between two snapshots.
        steps: of the snapshots so far.
        whole: per layer whether it is kept whole.
    """

    @undisturbed
    def __init__(
        self, network: Network, *, every: int = 1, size: int = SKETCH_SIZE, seed: int = 0
    ) -> None:
        """Starts without a snapshot.

        Args:
            network: whose weights; it is never changed.
            every: steps between two snapshots to begin with.
            size: numbers a layer and replicate.
            seed: of signs and cells.
        """
        self._network, self.interval, self.steps = network, every, list[int]()
        self._rows: list[list[Tensor]] = []
        self._hashes: list[tuple[Tensor, Tensor] | None] = []
        source = generator(seed, SKETCH)
        for weight in network.weights:
            count = weight[0].numel()
            cells = torch.randint(size, (count,), generator=source)
            signs = torch.randint(2, (count,), generator=source) * 2 - 1
            small = count <= size
            self._hashes.append(None if small else (cells.to(weight.device), signs.to(weight)))
        self._size = size
        self.whole = [found is None for found in self._hashes]

    @undisturbed
    def record(self, step: int) -> None:
        """Takes a snapshot where one is due; call it with every number of steps taken.

        Args:
            step: steps taken so far.
        """
        if step % self.interval or (self.steps and step <= self.steps[-1]):
            return
        self._rows.append([self._sketch(layer) for layer in range(self._network.n_layers)])
        self.steps.append(step)
        if len(self.steps) == MAX_SNAPSHOTS:
            self.interval *= 2
            kept = [i for i, at in enumerate(self.steps) if at % self.interval == 0]
            self.steps = [self.steps[i] for i in kept]
            self._rows = [self._rows[i] for i in kept]

    def snapshots(self, layer: int | None = None) -> Float64[Array, "T R k"]:
        """Snapshots in float64, ``(T, R, k)``.

        Args:
            layer: of which layer, from 0; None: of all layers side by side.

        Raises:
            ValueError: none has been recorded.
        """
        layers = range(self._network.n_layers) if layer is None else [layer]
        rows = [torch.cat([row[index] for index in layers], 1) for row in self._rows]
        if not rows:
            raise ValueError("no snapshot has been recorded")
        found: Array = torch.stack(rows).cpu().to(torch.float64).numpy()
        return found

    @undisturbed
    def state(self) -> dict[str, Tensor]:
        """What has to be saved to go on recording, by name: ``trajectory.l`` ``(T, R, k)``, the
        steps ``(T,)`` and the interval."""
        named = {
            "trajectory.steps": torch.tensor(self.steps),
            "trajectory.interval": torch.tensor(self.interval),
        }
        if self._rows:
            for layer in range(self._network.n_layers):
                named[f"trajectory.{layer}"] = torch.stack([row[layer] for row in self._rows])
        return named

    @undisturbed
    def load_state(self, named: Mapping[str, Tensor]) -> None:
        """Goes on from another trajectory with the same size and seed.

        Args:
            named: what its :meth:`state` gave, ``trajectory.l`` ``(T, R, k)``.
        """
        device = self._network.weights[0].device
        self.steps = [int(step) for step in named["trajectory.steps"]]
        self.interval = int(named["trajectory.interval"])
        layers = [
            named[f"trajectory.{layer}"].to(device) if self.steps else torch.empty(0)
            for layer in range(self._network.n_layers)
        ]
        self._rows = [[kept[i] for kept in layers] for i in range(len(self.steps))]

    def _sketch(self, layer: int) -> Float[Tensor, "R k"]:
        weights = self._network.weights[layer].flatten(1)
        hashes = self._hashes[layer]
        if hashes is None:
            return weights.clone()
        cells, signs = hashes
        empty = weights.new_zeros(len(weights), self._size)
        return empty.index_add_(1, cells, weights * signs)


@dataclass(frozen=True)
class Displacement:
    """Mean squared displacement against lag. ``B`` lags.

    Attributes:
        lags: ``(B,)`` steps, rising; the geometric mean of those averaged together.
        squared: ``(B, R)`` mean over the pairs of snapshots that far apart; nan for a replicate
            of which some snapshot is not finite.
        exponent: ``(R,)`` slope of ``log squared`` against ``log lags``: 1 diffuses, 2 drifts; nan
            where there are fewer than two lags, or nothing moved.
        factor: ``(R,)`` of the fit ``squared = factor * lag^exponent``.
    """

    lags: Float64[Array, " B"]
    squared: Float64[Array, "B R"]
    exponent: Float64[Array, " R"]
    factor: Float64[Array, " R"]


def mean_squared_displacement(
    steps: Int64[NDArray[np.int64], " T"] | list[int], snapshots: Float64[Array, "T R k"]
) -> Displacement:
    """Averages squared displacements over all pairs of snapshots, by their lag.

    Lags go up to half of the whole, beyond which few pairs are left; neighbouring ones are averaged
    together. At uneven steps, those of checkpoints, short lags come from where the steps are close.

    Args:
        steps: ``(T,)`` rising.
        snapshots: ``(T, R, k)`` weights or their sketches.

    Raises:
        ValueError: there are fewer than three snapshots.
    """
    at, values = np.asarray(steps, dtype=np.int64), np.asarray(snapshots, dtype=np.float64)
    if len(at) < LEAST_SNAPSHOTS:
        raise ValueError(
            f"{len(at)} snapshots: a displacement against lag needs {LEAST_SNAPSHOTS} or more"
        )
    first, second = np.triu_indices(len(at), 1)
    lag = at[second] - at[first]
    near = lag <= max((at[-1] - at[0]) / 2, lag.min())
    first, second, lag = first[near], second[near], lag[near]
    finite: NDArray[np.bool_] = np.all(np.isfinite(values), axis=(0, 2))
    moved = np.where(finite[:, None], values, np.nan)
    moved = moved - moved[:1]  # so that nothing large cancels
    squared = np.stack([_squared_distances(moved[:, r]) for r in range(values.shape[1])], 1)
    bins = np.unique(_bins(lag), return_inverse=True)[1]
    counts = np.bincount(bins)
    lags = np.exp(np.bincount(bins, np.log(lag)) / counts)
    pairs = squared[first * len(at) + second]
    means = np.stack([np.bincount(bins, column) / counts for column in pairs.T], 1)
    return Displacement(lags, means, *power_law(lags, means))


def power_law(
    lags: Float64[Array, " B"], squared: Float64[Array, "B R"]
) -> tuple[Float64[Array, " R"], Float64[Array, " R"]]:
    """Exponent and factor, ``(R,)`` each, of the power of ``lags`` that fits ``squared`` best.

    Args:
        lags: ``(B,)``.
        squared: ``(B, R)``; a line is laid through their logarithms.
    """
    if len(lags) < 2:
        undefined = np.full(squared.shape[1], np.nan)
        return undefined, undefined
    x = np.log(lags)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log(squared)
        away = x - x.mean()
        slope: Array = (away[:, None] * (y - y.mean(0))).sum(0) / (away**2).sum()
        factor: Array = np.exp(y.mean(0) - slope * x.mean())
    return slope, factor


def _squared_distances(points: Float64[Array, "T k"]) -> Float64[Array, " {len(points)}**2"]:
    """``(T * T,)`` between all pairs of ``(T, k)``."""
    gram = points @ points.T
    own = gram.diagonal()
    return np.maximum(own[:, None] + own - 2 * gram, 0.0).ravel()


def _bins(lag: Int64[NDArray[np.int64], " n"]) -> Int64[NDArray[np.int64], " n"]:
    """A number a lag; short lags have one of their own, longer ones share it within a ratio."""
    unit = lag.min()
    found: NDArray[np.int64] = np.floor(np.log(lag / unit) / np.log(BIN) + 1e-9).astype(np.int64)
    return found
