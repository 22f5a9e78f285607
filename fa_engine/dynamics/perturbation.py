"""Perturb and return: kick a checkpoint's weights, train on, and see whether they come back.

The test of docs/MATH.md, section 4, by experiment: near a stable fixed point a kick dies out, along
an unstable mode it grows. All copies, and one that is not kicked, are replicates of one run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from numpy.typing import NDArray
from torch import Tensor

from fa_engine.config import Limits, NotAllowed
from fa_engine.dynamics.branching import fork
from fa_engine.dynamics.probes import Probe, probe_set
from fa_engine.dynamics.stability import e_folding, least_stable, quickest, telling
from fa_engine.measures.alignment import Array
from fa_engine.networks.losses import LOSSES
from fa_engine.progress import Progress, check
from fa_engine.seeding import KICK, generator
from fa_engine.surroundings import undisturbed
from fa_engine.training.trainer import Trainer

MODES = {"telling": telling, "least_stable": least_stable, "quickest": quickest}
ALONG = (*MODES, "random")
MAX_DIRECTIONS = 256
PROBE_SAMPLES = 512
NEVER = 10**9
LOOKS = 200
# Of a mode: how many times e it is followed, growing or dying out, and for how many steps at all.
GROWTHS, DECAYS = 2.0, 4.0
LEAST_STEPS, MOST_STEPS = 100, 3000


@dataclass(frozen=True)
class Return:
    """What became of the kicked copies. ``M`` copies, ``T`` looks.

    Attributes:
        steps: ``(T,)`` steps since the kick, 0 first.
        distance: ``(M, T)`` Euclidean distance to the checkpoint over all weights and biases.
        separation: ``(M, T)`` distance to the copy that was not kicked, at the same step: what the
            kick alone did, where the run would have moved on anyway.
        outputs: ``(M, T)`` root mean square difference of its outputs on the probe set from those
            of the copy that was not kicked: what of the kick can be seen.
        loss: ``(M, T)`` on the probe set.
        reference_distance: ``(T,)`` of the copy that was not kicked, to the checkpoint.
        reference_loss: ``(T,)`` its loss.
        epsilon: length of the kick.
        mode: eigenvalue of the mode that was kicked along; nan for random directions.
        e_folding: steps in which plain steps make it e times as large or as small; nan likewise.
    """

    steps: Int64[NDArray[np.int64], " T"]
    distance: Float64[Array, "M T"]
    separation: Float64[Array, "M T"]
    outputs: Float64[Array, "M T"]
    loss: Float64[Array, "M T"]
    reference_distance: Float64[Array, " T"]
    reference_loss: Float64[Array, " T"]
    epsilon: float
    mode: complex
    e_folding: float


@undisturbed
def perturb_and_return(
    source: Trainer | Path | str,
    *,
    epsilon: float,
    directions: int = 8,
    steps: int | None = 1000,
    every: int | None = 10,
    replicate: int = 0,
    along: str = "random",
    relative: bool = False,
    seed: int = 0,
    probe: Probe | None = None,
    kernel_probe: Probe | None = None,
    data_dir: Path | str | None = None,
    progress: Progress | None = None,
) -> Return:
    """Kicks copies of one replicate and trains them on as the run would, same feedback in all.

    The learning rate is the one in force, by the run's schedule: at the end of a cosine schedule it
    is 0, and nothing moves.

    Args:
        source: a trainer, which stays as it is, or a checkpoint.
        epsilon: length of the kick, over all weights and biases that learn.
        directions: ``M``, kicks in random directions. Along a mode there are two, one each way.
        steps: how long to train on; None: as long as the mode's own rate asks for.
        every: steps between two looks; None: of about 200 looks.
        replicate: which replicate, from 0.
        along: ``random``, or a mode of the kernel: ``least_stable``, ``quickest`` or ``telling``
            (:mod:`fa_engine.dynamics.stability`).
        relative: ``epsilon`` is a share of the length of the weights and biases.
        seed: of the random directions.
        probe: samples of the loss; None: the first 512 of the training set.
        kernel_probe: samples of the kernel; None: the first 64.
        data_dir: as for :class:`~fa_engine.Trainer`, with a checkpoint.
        progress: reports steps, and may call the work off.

    Raises:
        NotAllowed: an argument is out of range.
        CheckpointError: ``source`` is not a checkpoint.
        Cancelled: ``progress`` said so.
    """
    _check(epsilon, directions, steps, every, along)
    parent = source if isinstance(source, Trainer) else Trainer.load(source, data_dir=data_dir)
    copies = 1 + (directions if along == "random" else 2)
    _check_size(parent, directions, copies)
    if not 0 <= replicate < parent.config.networks:
        allowed = f"a whole number from 0 to {parent.config.networks - 1}"
        raise NotAllowed("replicate", replicate, allowed)
    own = [p[replicate] for p in (*parent.network.weights, *parent.network.biases)]
    if parent.diverged[replicate] or not all(bool(torch.isfinite(p).all()) for p in own):
        raise NotAllowed("replicate", replicate, "one that has not diverged")
    trainer = fork(parent, replicate, copies, measure_every=NEVER)
    parameters = [*trainer.network.weights, *trainer.network.biases]
    start = [p[0].clone() for p in parameters]
    length = math.sqrt(sum(p.square().sum(dtype=torch.float64).item() for p in start))
    least = torch.finfo(start[0].dtype).eps * (1.0 if relative else length)
    if epsilon <= least:
        raise NotAllowed(
            "epsilon", epsilon, f"a number above {least:.3g}: a shorter kick is lost in rounding"
        )
    if relative:
        epsilon *= length
    mode, e_folds = complex("nan"), math.nan
    if along == "random":
        kicks = _random(trainer, start, directions, seed)
    else:
        samples = kernel_probe or probe_set(trainer.data, min(64, len(trainer.data.x_train)))
        found = MODES[along](fork(parent, replicate, 1), samples)
        unit = [p[0] for p in (*found.weights, *found.biases)]
        kicks = [torch.stack((p, -p)) for p in unit]
        mode = complex(found.eigenvalue[0])
        e_folds = e_folding(mode, trainer.learning_rate)
    if steps is None:
        steps = _horizon(mode, e_folds)
    if every is None:
        every = max(1, steps // LOOKS)
    trainer.finished, trainer.total_steps = False, trainer.step + steps
    for parameter, kick in zip(parameters, kicks, strict=True):
        parameter[1:].add_(kick, alpha=epsilon)

    samples = probe or probe_set(trainer.data, min(PROBE_SAMPLES, len(trainer.data.x_train)))
    value = LOSSES[trainer.config.loss].value
    looks: list[tuple[int, Array, Array, Array, Array]] = []
    for done in range(steps + 1):
        if done % every == 0 or done == steps:
            f = trainer.network.forward(samples.x).outputs
            loss = value(f, samples.y).reshape(-1).double().cpu().numpy()
            apart = _distances(parameters, [p[0] for p in parameters])
            seen = (f[1:] - f[:1]).square().mean((1, 2), dtype=torch.float64).sqrt().cpu().numpy()
            looks.append((done, _distances(parameters, start), apart, seen, loss))
            check(progress, done, steps)
        if done < steps:
            trainer.advance()
    at, distance, separation, outputs, losses = (
        np.array(column) for column in zip(*looks, strict=True)
    )
    return Return(
        steps=at,
        distance=distance[:, 1:].T,
        separation=separation[:, 1:].T,
        outputs=outputs.T,
        loss=losses[:, 1:].T,
        reference_distance=distance[:, 0],
        reference_loss=losses[:, 0],
        epsilon=epsilon,
        mode=mode,
        e_folding=e_folds,
    )


def _horizon(mode: complex, e_folds: float) -> int:
    """Steps after which what becomes of a mode is plain, and which a person waits for."""
    if not math.isfinite(e_folds):
        return 5 * LEAST_STEPS
    asked = (GROWTHS if mode.real < 0 else DECAYS) * e_folds
    return int(min(max(asked, LEAST_STEPS), MOST_STEPS))


def _check(
    epsilon: float, directions: int, steps: int | None, every: int | None, along: str
) -> None:
    if not (_is_number(epsilon) and math.isfinite(epsilon) and epsilon > 0):
        raise NotAllowed("epsilon", epsilon, "a number above 0")
    if not (_is_whole(directions) and 1 <= directions <= MAX_DIRECTIONS):
        raise NotAllowed("directions", directions, f"a whole number from 1 to {MAX_DIRECTIONS}")
    if steps is not None and not (_is_whole(steps) and steps >= 1):
        raise NotAllowed("steps", steps, "a whole number from 1")
    most = LEAST_STEPS if steps is None else steps
    if every is not None and not (_is_whole(every) and 1 <= every <= most):
        raise NotAllowed("every", every, f"a whole number from 1 to {most}, the steps")
    if along not in ALONG:
        raise NotAllowed("along", along, "one of " + ", ".join(ALONG))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_whole(value) or isinstance(value, float)


def _check_size(parent: Trainer, directions: int, copies: int) -> None:
    config = parent.config
    own, most = config.n_parameters // config.networks, Limits().max_parameters
    if own * copies > most:
        raise NotAllowed(
            "directions",
            directions,
            f"at most {max(most // own - 1, 0)} with the {own:,} parameters of this network",
        )


def _random(
    trainer: Trainer, start: list[Tensor], directions: int, seed: int
) -> list[Float[Tensor, "{directions} ..."]]:
    """Per parameter ``(M, ...)``; of length 1 over all that learn."""
    config, layers = trainer.config, trainer.network.n_layers
    source = generator(seed, KICK)
    drawn = []
    for index, parameter in enumerate(start):
        shape = (directions, *parameter.shape)
        kick = torch.randn(shape, generator=source, dtype=torch.float64)
        learns = (index % layers) + 1 not in config.frozen
        if index >= layers:
            learns = learns and config.bias and config.bias_rate > 0
        drawn.append(kick * learns)
    length = torch.stack([kick.square().flatten(1).sum(1) for kick in drawn]).sum(0).sqrt()
    return [
        (kick / length.view(-1, *[1] * (kick.ndim - 1))).to(parameter)
        for kick, parameter in zip(drawn, start, strict=True)
    ]


def _distances(parameters: list[Float[Tensor, "R ..."]], to: list[Tensor]) -> Float64[Array, " R"]:
    """``(R,)`` Euclidean, summed in float64."""
    terms = [
        (p - other).square().flatten(1).sum(1, dtype=torch.float64)
        for p, other in zip(parameters, to, strict=True)
    ]
    found: Array = torch.stack(terms).sum(0).sqrt().cpu().numpy()
    return found
