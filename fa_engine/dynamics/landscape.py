"""Paths through weight space on a plane, over the loss surface.

The plane is that of the first two principal directions of the paths, or the one through three
chosen points. The surface is exact on the plane; a path that leaves the plane is seen in
projection, and how far it is off is told beside it. Points are weights and biases of one replicate
in one row, ``(D,)``: weights of all layers, bottom first, then biases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from numpy.typing import NDArray
from torch import Tensor

from fa_engine.config import NotAllowed, RunConfig
from fa_engine.data.datasets import Dataset
from fa_engine.dynamics.branching import fork
from fa_engine.dynamics.descent import step_on
from fa_engine.dynamics.probes import Probe, check_one_cell, probe_set
from fa_engine.measures.alignment import Array
from fa_engine.networks.losses import LOSSES
from fa_engine.networks.network import Network
from fa_engine.progress import Progress, check
from fa_engine.surroundings import undisturbed
from fa_engine.training.trainer import Trainer

GRID_BYTES = 2**26  # of weights and operands at a time
MAX_GRID = 201
MAX_POINT_BYTES = 2**31
LEAST_SIDE = 0.5  # a surface's shorter side is at least this share of the longer one
# What runs on one surface share: network, loss and samples. The samples of no data set depend on
# the run's seed.
SAME = (
    "dataset",
    "train_samples",
    "standardise",
    "label_noise",
    "teacher_hidden",
    "hidden",
    "activation",
    "loss",
    "bias",
)


@dataclass(frozen=True)
class Plane:
    """A plane in weight space.

    Attributes:
        origin: ``(D,)`` float64.
        axes: ``(2, D)`` float64, orthonormal.
        explained: ``(2,)`` share of the points' variance along each axis; None where the plane was
            not made from it.
    """

    origin: Float64[Tensor, " D"]
    axes: Float64[Tensor, "2 D"]
    explained: Float64[Array, " 2"] | None = None

    def project(self, points: Float[Tensor, "T D"]) -> Float64[Array, "T 2"]:
        """``(T, 2)`` coordinates of ``points``, ``(T, D)``."""
        found: Array = ((points.double() - self.origin) @ self.axes.T).cpu().numpy()
        return found

    def off(self, points: Float[Tensor, "T D"]) -> Float64[Array, " T"]:
        """``(T,)`` distances of ``points``, ``(T, D)``, from the plane."""
        away = points.double() - self.origin
        rest = away - (away @ self.axes.T) @ self.axes
        found: Array = rest.norm(dim=1).cpu().numpy()
        return found


@undisturbed
def principal_plane(points: Float[Tensor, "T D"]) -> Plane:
    """The plane about the mean of points that holds most of their variance.

    Args:
        points: ``(T, D)``, in the order of a path: the first axis points the way it goes.

    Raises:
        NotAllowed: the points lie on one line, or are fewer than three.
    """
    origin = points.double().mean(0)
    moved = points.double() - origin
    # The directions of a few points in very many dimensions follow from their inner products.
    variances, vectors = torch.linalg.eigh(moved @ moved.T)
    variances, vectors = variances.flip(0)[:2], vectors.flip(1)[:, :2]
    total = moved.square().sum()
    if len(points) < 3 or not bool(variances[-1] > 1e-12 * total):
        raise NotAllowed("points", len(points), "3 or more checkpoints that are not on one line")
    axes = (moved.T @ vectors).T
    axes = axes / axes.norm(dim=1, keepdim=True)
    # The first axis points the way the path goes, so that pictures of one run look alike.
    signs = torch.sign(axes @ (points[-1].double() - points[0].double()))
    axes = axes * torch.where(signs == 0, 1.0, signs)[:, None]
    return Plane(origin, axes, (variances / total).cpu().numpy())


@undisturbed
def plane_through(
    first: Float[Tensor, " D"], second: Float[Tensor, " D"], third: Float[Tensor, " D"]
) -> Plane:
    """The plane through three points.

    Args:
        first: ``(D,)``, the origin.
        second: ``(D,)``, on the x axis.
        third: ``(D,)``, above it.

    Raises:
        NotAllowed: they are on one line.
    """
    origin = first.double()
    along, across = second.double() - origin, third.double() - origin
    x = along / along.norm()
    rest = across - (across @ x) * x
    rest = rest - (rest @ x) * x  # once more: rounding of the first time
    if not bool(rest.norm() > 1e-9 * across.norm()):
        raise NotAllowed("points", 3, "three checkpoints that are not on one line")
    return Plane(origin, torch.stack((x, rest / rest.norm())))


def point(network: Network, replicate: int = 0) -> Float[Tensor, " D"]:
    """``(D,)`` weights and biases of ``network``, of the ``replicate`` of this number, from 0."""
    return flat([*network.weights, *network.biases], replicate)


def flat(parameters: Sequence[Float[Tensor, "_R ..."]], replicate: int = 0) -> Float[Tensor, " D"]:
    """``(D,)`` one ``replicate``, from 0, of ``parameters`` ``(R, ...)`` in the order of a
    point."""
    return torch.cat([p[replicate].flatten() for p in parameters])


@dataclass(frozen=True)
class Surface:
    """The loss on a grid of a plane.

    Attributes:
        x: ``(n_x,)`` coordinates along the first axis.
        y: ``(n_y,)`` along the second.
        loss: ``(n_y, n_x)``, row ``y``, column ``x``.
    """

    x: Float64[Array, " n_x"]
    y: Float64[Array, " n_y"]
    loss: Float64[Array, "n_y n_x"]


@undisturbed
def loss_surface(
    config: RunConfig,
    network: Network,
    plane: Plane,
    probe: Probe,
    x: Float64[Array, " n_x"],
    y: Float64[Array, " n_y"],
    *,
    progress: Progress | None = None,
) -> Surface:
    """The loss at every point of a grid, many points at a time.

    Args:
        config: whose loss it is.
        network: whose layers they are; its weights do not matter.
        plane: where the points are.
        probe: samples.
        x: coordinates along the plane's first axis.
        y: along the second.
        progress: reports grid points, and may call the work off.

    Raises:
        Cancelled: ``progress`` said so.
    """
    value, layers = LOSSES[config.loss].value, network.layers
    like = network.weights[0]
    parts = [_split(row.to(like), network) for row in (plane.origin, *plane.axes)]
    grid_y, grid_x = (g.ravel() for g in np.meshgrid(y, x, indexing="ij"))
    at = torch.from_numpy(np.stack((np.ones(len(grid_x)), grid_x, grid_y), 1)).to(like)
    # The bottom layer is linear in its weights: three products serve the whole grid.
    bottom = layers[0].gather(probe.x)
    below = torch.stack([bottom @ w[0].T + b[0] for w, b in parts])
    numbers = sum(w.numel() for w in parts[0][0][1:])
    numbers += len(probe.x) * sum(layer.operand_size for layer in layers)
    chunk = max(1, GRID_BYTES // (numbers * like.element_size()))
    found: list[Array] = []
    for start in range(0, len(at), chunk):
        check(progress, start, len(at))
        here = at[start : start + chunk]
        a = torch.tensordot(here, below, 1)
        for index in range(1, network.n_layers):
            h, _ = layers[index - 1].shrink(network.activation.apply(a)[0])
            w, b = (
                torch.tensordot(here, torch.stack([part[kind][index] for part in parts]), 1)
                for kind in (0, 1)
            )
            a = torch.baddbmm(b.unsqueeze(1), layers[index].gather(h), w.mT)
        found.append(value(a, probe.y).double().cpu().numpy())
    check(progress, len(at), len(at))
    return Surface(x, y, np.concatenate(found).reshape(len(y), len(x)))


def _split(row: Float[Tensor, " D"], network: Network) -> tuple[list[Tensor], list[Tensor]]:
    """Weights and biases of a point ``(D,)``."""
    shapes = [p.shape[1:] for p in (*network.weights, *network.biases)]
    found, start = [], 0
    for shape in shapes:
        found.append(row[start : start + shape.numel()].view(shape))
        start += shape.numel()
    return found[: network.n_layers], found[network.n_layers :]


@dataclass(frozen=True)
class WalkOnPlane:
    """One run's path on the plane. ``T`` checkpoints.

    Attributes:
        steps: ``(T,)``.
        at: ``(T, 2)`` coordinates.
        off: ``(T,)`` distance from the plane.
        loss: ``(T,)`` at the checkpoint itself, on the probe set.
        update: ``(T, 2)`` ``-u`` on the plane: where the scheme goes, per unit of learning rate.
        gradient: ``(T, 2)`` ``-g`` on the plane: where the loss falls.
    """

    steps: Int64[NDArray[np.int64], " T"]
    at: Float64[Array, "T 2"]
    off: Float64[Array, " T"]
    loss: Float64[Array, " T"]
    update: Float64[Array, "T 2"]
    gradient: Float64[Array, "T 2"]


@dataclass(frozen=True)
class Landscape:
    """Loss surface and paths.

    Attributes:
        surface: the loss on the plane.
        walks: one a run.
        explained: ``(2,)`` share of the variance along each axis, None with chosen points.
        n_samples: of the probe set that every loss here is measured on.
    """

    surface: Surface
    walks: list[WalkOnPlane]
    explained: Float64[Array, " 2"] | None
    n_samples: int


@undisturbed
def landscape(
    runs: Sequence[Sequence[Any]],
    *,
    load: Callable[[Any], Trainer] | None = None,
    replicate: int = 0,
    through: Sequence[tuple[int, int]] | None = None,
    n: int = 41,
    margin: float = 0.25,
    n_samples: int = 256,
    progress: Progress | None = None,
) -> Landscape:
    """The paths of one or several runs over the loss surface.

    Args:
        runs: each run's checkpoints, in the order of their steps. The surface is that of the first
            run's loss and data.
        load: opens one of them; None: they are files.
        replicate: which replicate of each, from 0.
        through: three ``(run, checkpoint)`` that the plane goes through; None: principal plane.
        n: grid points along each side.
        margin: room around the paths, as a share of their extent; there is more across long and
            narrow ones (``LEAST_SIDE``).
        n_samples: of the training set.
        progress: reports checkpoints, each twice, and grid points, and may call the work off.

    Raises:
        NotAllowed: an argument is out of range, or the runs are of different networks.
        CheckpointError: a file is not a checkpoint.
        Cancelled: ``progress`` said so.
    """
    if not 2 <= n <= MAX_GRID:
        raise NotAllowed("n", n, f"a whole number from 2 to {MAX_GRID}")
    if not runs or not all(runs):
        raise NotAllowed("runs", len(runs), "one or more, with a checkpoint each")
    load = load or _Files()
    looks = sum(len(run) for run in runs)
    total = 2 * looks + n * n

    def grid_points(done: int, _points: int) -> bool:
        check(progress, looks + done, total)
        return True

    first = load(runs[0][0])
    probe = probe_set(first.data, n_samples)
    _check_size(first.config, looks)
    paths, done = [], 0
    for run in runs:
        rows = []
        for place in run:
            check(progress, done, total)
            trainer = _same(load(place), first.config, replicate)
            rows.append(_finite(point(trainer.network, replicate), replicate, trainer.step))
            done += 1
        paths.append(torch.stack(rows))
    plane = _plane(paths, through)
    at = [plane.project(path) for path in paths]
    x, y = _grid(np.concatenate(at), n, margin)
    surface = loss_surface(first.config, first.network, plane, probe, x, y, progress=grid_points)
    walks, done = [], looks + n * n
    for run, path, coordinates in zip(runs, paths, at, strict=True):
        seen = []
        for place in run:
            seen.append(_look(load(place), replicate, plane, probe))
            done += 1
            check(progress, done, total)
        steps, losses, updates, gradients = zip(*seen, strict=True)
        walks.append(
            WalkOnPlane(
                steps=np.array(steps),
                at=coordinates,
                off=plane.off(path),
                loss=np.array(losses),
                update=np.stack(updates),
                gradient=np.stack(gradients),
            )
        )
    return Landscape(surface, walks, plane.explained, n_samples)


class _Files:
    """Opens checkpoint files; the samples are loaded once."""

    def __init__(self) -> None:
        self._data: Dataset | None = None

    def __call__(self, path: Path | str) -> Trainer:
        try:
            trainer = Trainer.load(path, data=self._data)
        except NotAllowed:  # its samples are others; whether it has a place here is asked later
            trainer = Trainer.load(path)
        self._data = trainer.data
        return trainer


def _same(trainer: Trainer, first: RunConfig, replicate: int) -> Trainer:
    """Refuses a run that has no place on the first one's surface."""
    config = trainer.config
    check_one_cell(config)
    for name in SAME:
        own, value = getattr(first, name), getattr(config, name)
        if own != value:
            raise NotAllowed(name, value, f"{own}, as in the first of the runs")
    if not 0 <= replicate < config.networks:
        allowed = f"a whole number from 0 to {config.networks - 1}"
        raise NotAllowed("replicate", replicate, allowed)
    return trainer


def _finite(row: Float[Tensor, " D"], replicate: int, step: int) -> Float[Tensor, " D"]:
    """Refuses a point that has no place on any plane."""
    if not torch.isfinite(row).all():
        allowed = f"one that has not diverged: at step {step:,} its weights are not finite"
        raise NotAllowed("replicate", replicate, allowed)
    return row


def _check_size(config: RunConfig, looks: int) -> None:
    """Refuses more points than memory holds, with the copy in float64 that projects them."""
    each = 3 * 8 * config.n_parameters // config.networks
    if looks * each > MAX_POINT_BYTES:
        raise NotAllowed(
            "runs",
            looks,
            f"at most {MAX_POINT_BYTES // each} checkpoints of this network in all: these "
            f"would need {looks * each / 2**30:,.1f} GiB of memory",
        )


def _look(
    trainer: Trainer, replicate: int, plane: Plane, probe: Probe
) -> tuple[int, float, Float64[Array, " 2"], Float64[Array, " 2"]]:
    """Step, loss, and ``-u`` and ``-g`` on the plane."""
    own = fork(trainer, replicate, 1)
    step = step_on(own, probe)
    f = own.network.forward(probe.x).outputs
    loss = float(LOSSES[own.config.loss].value(f, probe.y))
    rows = (flat(direction).double() for direction in (step.update, step.gradient))
    update, gradient = (-(plane.axes @ row).cpu().numpy() for row in rows)
    return own.step, loss, update, gradient


def _plane(
    paths: Sequence[Float[Tensor, "_T D"]], through: Sequence[tuple[int, int]] | None
) -> Plane:
    if through is None:
        return principal_plane(torch.cat(list(paths)))
    if len(through) != 3:
        raise NotAllowed("through", len(through), "three checkpoints")
    chosen = []
    for run, number in through:
        if not (0 <= run < len(paths) and 0 <= number < len(paths[run])):
            raise NotAllowed("through", (run, number), "the numbers of a run and its checkpoint")
        chosen.append(paths[run][number])
    return plane_through(*chosen)


def _grid(
    at: Float64[Array, "T 2"], n: int, margin: float
) -> tuple[Float64[Array, " {n}"], Float64[Array, " {n}"]]:
    """``n`` coordinates along each axis that leave room around the points ``(T, 2)``; more of it
    across a path that is long and narrow, the slope of whose walls is to be seen too."""
    low, high = at.min(0), at.max(0)
    side = (1 + 2 * margin) * np.maximum(high - low, 1e-12)
    half, middle = np.maximum(side, LEAST_SIDE * side.max()) / 2, (low + high) / 2
    x, y = (np.linspace(middle[i] - half[i], middle[i] + half[i], n) for i in (0, 1))
    return x, y
