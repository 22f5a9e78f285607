"""Stability: the feedback kernel ``K = J P^T / N`` of a probe set, and its spectrum.

``J = df/dw`` is the true Jacobian of all outputs on the probe set, ``P`` the pseudo-Jacobian: the
same recursion through the feedback matrices. The walk ``dw/dt = -P^T e / N`` then moves the outputs
by ``df/dt = -K e`` (docs/MATH.md, section 4). A fixed point with ``e = 0`` is linearly stable where
every eigenvalue of ``K`` (of ``H K`` for a loss with curvature ``H = de/df``) has a positive real
part, and the update is aligned with the gradient for every error where ``K + K^T`` is positive
definite.

What ``K`` leaves out: momentum, weight decay and what an adaptive optimiser makes of a direction.
Frozen layers do not count and biases count by their own rate. A **delay** vanishes from the walk as
the step becomes small, so ``K`` is that of the scheme without it; with a step of some length the
roots of :mod:`fa_engine.dynamics.delays` decide. With the signals ``sign`` and ``target`` ``P`` is
the linear map that the scheme applies to its signal, through ``-B`` for the target: the spectrum
says what would become of the error sent the same way, which decides nothing about the scheme, while
the rates of :class:`Spectrum` use the signal that is sent. What is decided and what not, scheme by
scheme, says :func:`fa_engine.dynamics.decides.decision`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Complex128, Float, Float64
from numpy.typing import NDArray
from torch import Tensor

from fa_engine.config import NotAllowed
from fa_engine.dynamics.delays import companion
from fa_engine.dynamics.descent import directions, rate_by_kernel, rate_by_small_steps, step_on
from fa_engine.dynamics.kernel import (
    carried,
    error_kernel,
    kernel,
    rate_of_biases,
    stacked,
    zero_sum_basis,
)
from fa_engine.dynamics.probes import Probe, probe_set
from fa_engine.feedback.matrices import MATRICES
from fa_engine.measures.alignment import Array
from fa_engine.networks.losses import LOSSES
from fa_engine.networks.network import Network
from fa_engine.progress import Progress, check
from fa_engine.surroundings import undisturbed
from fa_engine.training.trainer import Trainer

__all__ = ["Direction", "Probe", "Spectrum", "kernel", "least_stable", "probe_set", "spectrum"]

ComplexArray = NDArray[np.complex128]
_Found = TypeVar("_Found")

PATIENCE = 1500  # steps in which a mode that leaves must have grown by e to be watched


@dataclass(frozen=True)
class Spectrum:
    """What the feedback kernel of one probe set says of the walk.

    Undefined values, those of a replicate that has diverged, are nan.

    Attributes:
        n_samples: ``N``.
        resolution: real parts of at most this share of the largest modulus are rounding: neutral.
        eigenvalues: ``(R, N c)`` of ``K``, by rising real part.
        symmetric: ``(R, N c)`` of ``(K + K^T) / 2``, rising; None where not asked for.
        error_eigenvalues: ``(R, N c)``, or ``(R, N (c - 1))`` for softmax, of ``H K`` by rising
            real part, without the modes that the loss cannot see; None where ``H`` is the identity
            or it was not asked for.
        kernel_rate: ``(R,)`` ``-(1/N) e^T K e``, for another signal ``s``
            ``-(e^T K_L e + e^T K_h s) / N`` with the parts of the output layer and of the hidden
            ones: the rate at which the kernel of this step says that the probe set's loss changes,
            per unit of learning rate.
        product_rate: ``(R,)`` ``-<g, u>`` from the gradient and the update direction themselves,
            over all weights and biases that move.
        finite_rate: ``(R,)`` the same from the losses a small step ahead and behind, in float64;
            None where not asked for.
        angle_deg: ``(R,)`` between ``u`` and ``g`` over all those parameters together.
        error_left: ``(R,)`` root mean square of ``e`` over outputs and samples.
        roots: ``(R, m)`` of all modules together at the learning rate in force, by falling modulus;
            None without a delay.
    """

    n_samples: int
    resolution: float
    eigenvalues: Complex128[ComplexArray, "R Nc"]
    symmetric: Float64[Array, "R Nc"] | None
    error_eigenvalues: Complex128[ComplexArray, "R modes"] | None
    kernel_rate: Float64[Array, " R"]
    product_rate: Float64[Array, " R"]
    finite_rate: Float64[Array, " R"] | None
    angle_deg: Float64[Array, " R"]
    error_left: Float64[Array, " R"] | None = None
    roots: Complex128[ComplexArray, "R m"] | None = None

    @property
    def growth(self) -> Float64[Array, " R"] | None:
        """``(R,)`` what a late network's fastest error is multiplied by at a step; None without a
        delay."""
        return None if self.roots is None else np.abs(self.roots[:, 0])

    @property
    def n_outside(self) -> Float64[Array, " R"] | None:
        """``(R,)`` roots outside the unit circle, beyond rounding; None without a delay."""
        if self.roots is None:
            return None
        found: Array = (np.abs(self.roots) > 1 + self.resolution).sum(1).astype(float)
        found[np.isnan(self.roots).any(1)] = np.nan
        return found

    @property
    def min_real(self) -> Float64[Array, " R"]:
        """``(R,)`` smallest real part of the eigenvalues of ``K``."""
        return self.eigenvalues.real[:, 0]

    @property
    def max_real(self) -> Float64[Array, " R"]:
        """``(R,)`` largest real part."""
        return self.eigenvalues.real[:, -1]

    @property
    def n_unstable(self) -> Float64[Array, " R"]:
        """``(R,)`` eigenvalues of ``K`` with a negative real part."""
        return _n_unstable(self.eigenvalues, self.resolution)

    @property
    def unstable_share(self) -> Float64[Array, " R"]:
        """``(R,)`` their share, from 0 to 1."""
        return _unstable_share(self.eigenvalues, self.resolution)

    @property
    def error_unstable_share(self) -> Float64[Array, " R"] | None:
        """``(R,)`` the share of unstable modes of ``H K``, None where there is none."""
        if self.error_eigenvalues is None:
            return None
        return _unstable_share(self.error_eigenvalues, self.resolution)

    @property
    def misaligned_share(self) -> Float64[Array, " R"] | None:
        """``(R,)`` the share of directions of error in which the update points uphill: negative
        eigenvalues of the symmetric part. None where that was not asked for."""
        if self.symmetric is None:
            return None
        return _unstable_share(self.symmetric, self.resolution)

    def overshooting_share(self, learning_rate: float) -> Float64[Array, " R"]:
        """``(R,)`` the share of modes that decay in continuous time, ``Re lambda > 0``, and that a
        step of size ``learning_rate`` makes grow: ``abs(1 - eta lambda) > 1``. Of ``H K`` where
        there is one.
        """
        modes = self.eigenvalues if self.error_eigenvalues is None else self.error_eigenvalues
        rounding = self.resolution * np.abs(modes).max(1, keepdims=True)
        grows = np.abs(1 - learning_rate * modes) > 1 + learning_rate * rounding
        share = (grows & (modes.real > rounding)).mean(1)
        return np.where(np.isnan(modes).any(1), np.nan, share)


@undisturbed
def spectrum(
    trainer: Trainer,
    probe: Probe,
    *,
    backpropagation: bool = False,
    symmetric: bool = True,
    error: bool = True,
    finite_difference: bool = False,
    progress: Progress | None = None,
) -> Spectrum:
    """Builds and decomposes the feedback kernel; the trainer stays as it is.

    Of matrices that are redrawn at every step the spectrum is that of their mean.

    Args:
        trainer: network, scheme and configuration.
        probe: ``N`` samples.
        backpropagation: of the same weights under backpropagation.
        symmetric: decompose the symmetric part too.
        error: decompose ``H K`` too, where ``H`` is not the identity.
        finite_difference: take the change of the loss by two small steps too.
        progress: reports the kernel and each decomposition, and may call the work off.

    Raises:
        NotAllowed: the probe set is too large for memory.
        Cancelled: ``progress`` said so.
    """
    loss, network = LOSSES[trainer.config.loss], trainer.network
    symmetric = symmetric or backpropagation
    error = error and loss.curvature is not None
    late = not backpropagation and trainer.feedback.is_delayed
    pieces = network.replicates * (symmetric + error + (not backpropagation) + late)
    done = 0

    def told(found: _Found) -> _Found:
        nonlocal done
        done += 1
        check(progress, done, pieces + 1)
        return found

    check(progress, 0, pieces + 1)
    matrix = kernel(trainer, probe, backpropagation=backpropagation)
    of_step = matrix = told(matrix.cpu().to(torch.float64))
    if MATRICES[trainer.feedback.scheme.matrix].motion == "redrawn" and not backpropagation:
        matrix = kernel(trainer, probe, mean=True).cpu().to(torch.float64)
    past = network.forward(probe.x)
    symmetric_values = error_values = None
    if symmetric:
        symmetric_values = np.stack([told(_hermitian(k)) for k in (matrix + matrix.mT) / 2])
    if error:
        modes = error_kernel(matrix, past, loss)
        error_values = np.stack([told(_eigenvalues(k)) for k in modes])
    if backpropagation and symmetric_values is not None:  # K is symmetric, up to rounding
        eigenvalues = symmetric_values.astype(np.complex128)
    else:
        eigenvalues = np.stack([told(_eigenvalues(k)) for k in matrix])
    roots = None
    if late:
        joint = companion(trainer, probe, trainer.learning_rate)
        found = np.stack([told(_eigenvalues(k)) for k in joint])
        roots = np.take_along_axis(found, np.argsort(-np.abs(found), 1, kind="stable"), 1)
    step = step_on(trainer, probe, backpropagation=backpropagation)
    return Spectrum(
        n_samples=len(probe.x),
        resolution=float(torch.finfo(network.weights[0].dtype).eps),
        eigenvalues=eigenvalues,
        symmetric=symmetric_values,
        error_eigenvalues=error_values,
        kernel_rate=rate_by_kernel(trainer, probe, past, of_step, backpropagation),
        product_rate=step.rate,
        finite_rate=rate_by_small_steps(trainer, probe, step) if finite_difference else None,
        angle_deg=step.angle_deg,
        error_left=step.error_left,
        roots=roots,
    )


@dataclass(frozen=True)
class Direction:
    """A direction in weight space, all replicates' own; of length 1 over weights and biases.

    Attributes:
        weights: per layer ``(R, n_out, fan_in)``.
        biases: per layer ``(R, n_out)``.
        eigenvalue: ``(R,)`` the mode's.
    """

    weights: tuple[Float[Tensor, "R _n_out _fan_in"], ...]
    biases: tuple[Float[Tensor, "R _n_out"], ...]
    eigenvalue: Complex128[ComplexArray, " R"]


def least_stable(trainer: Trainer, probe: Probe) -> Direction:
    """The weights' direction of the mode with the smallest real part, see :func:`along`.

    Args:
        trainer: network, scheme and configuration; it stays as it is.
        probe: ``N`` samples.

    Raises:
        NotAllowed: as for :func:`along`.
    """
    return along(trainer, probe, lambda modes: int(modes.real.argmin()))


def quickest(trainer: Trainer, probe: Probe) -> Direction:
    """That of the mode that dies out quickest at the learning rate in force: of the smallest
    ``abs(1 - eta lambda)``; see :func:`along`.

    Args:
        trainer: network, scheme and configuration; it stays as it is.
        probe: ``N`` samples.

    Raises:
        NotAllowed: as for :func:`along`.
    """
    return along(trainer, probe, lambda modes: _quickest(modes, trainer.learning_rate))


def telling(trainer: Trainer, probe: Probe) -> Direction:
    """That of the mode in which the most is seen: the least stable one, where it grows by a factor
    of e within 1,500 steps (``PATIENCE``), else the one that dies out quickest; see :func:`along`.

    Args:
        trainer: network, scheme and configuration; it stays as it is.
        probe: ``N`` samples.

    Raises:
        NotAllowed: as for :func:`along`.
    """

    def choose(modes: ComplexArray) -> int:
        lowest = int(modes.real.argmin())
        grows = modes[lowest].real < 0 and e_folding(modes[lowest], rate) <= PATIENCE
        return lowest if grows else _quickest(modes, rate)

    rate = trainer.learning_rate
    return along(trainer, probe, choose)


def e_folding(mode: complex, learning_rate: float) -> float:
    """Steps in which ``abs(1 - eta lambda)^t`` becomes e times as large or as small.

    Args:
        mode: ``lambda``, an eigenvalue.
        learning_rate: ``eta``.

    Returns:
        Above 0; inf for a mode that neither grows nor dies out.
    """
    with np.errstate(divide="ignore"):
        return float(1 / np.abs(np.log(np.abs(1 - learning_rate * mode))))


def _quickest(modes: Complex128[ComplexArray, " m"], learning_rate: float) -> int:
    return int(np.abs(1 - learning_rate * modes).argmin())


@undisturbed
def along(trainer: Trainer, probe: Probe, choose: Callable[[ComplexArray], int]) -> Direction:
    """The weights' direction ``P^T v`` of a mode.

    Where ``H K v = lambda v`` (``H`` the identity for squared error), ``P^T v`` is an eigenvector
    of the walk's own Jacobian ``P^T H J / N`` near ``e = 0``, with the same eigenvalue. Of a
    complex pair it is the real part.

    Args:
        trainer: stays as it is.
        probe: ``N`` samples.
        choose: from the modes of one replicate, ``(m,)``, the index of the one that is meant.

    Raises:
        NotAllowed: the probe set is too large for memory, a replicate has diverged, or its mode
            moves no weight: ``P^T v = 0``.
    """
    loss, network = LOSSES[trainer.config.loss], trainer.network
    past = network.forward(probe.x)
    matrix = kernel(trainer, probe, mean=True).cpu().to(torch.float64)
    for replicate, own in enumerate(matrix):
        if not torch.isfinite(own).all():
            raise NotAllowed("replicate", replicate, "one that has not diverged")
    n, c = probe.y.shape
    values, vectors = [], []
    for k in matrix if loss.curvature is None else error_kernel(matrix, past, loss):
        found, right = torch.linalg.eig(k)
        chosen = choose(found.numpy())
        values.append(complex(found[chosen]))
        vectors.append(right[:, chosen].real)
    v = torch.stack(vectors).reshape(len(vectors), n, -1)
    if loss.shift_invariant:
        v = v @ zero_sum_basis(c).T
    signal = network.operand(v.to(past.outputs))
    deltas = carried(trainer, signal, past, mean=True)
    weights, biases = directions(trainer, deltas, past, rate_of_biases(trainer))
    squares = [t.square().sum(tuple(range(1, t.ndim))) for t in (*weights, *biases)]
    length = torch.stack(squares).sum(0).sqrt()
    # Terms of P^T v that cancel leave rounding behind, which is no direction.
    terms = torch.stack(
        [
            _lengths(network, delta) * (_lengths(network, h) + n**0.5)
            for delta, h in zip(deltas, past.inputs, strict=True)
            if delta is not None
        ]
    ).sum(0)
    lost = length <= 8 * torch.finfo(length.dtype).eps * terms
    if bool(lost.any()):
        raise NotAllowed(
            "replicate",
            int(lost.int().argmax()),
            "one whose mode moves a weight: here units are dead or layers frozen",
        )
    return Direction(
        tuple(w / length[:, None, None] for w in weights),
        tuple(b / length[:, None] for b in biases),
        np.array(values),
    )


def _lengths(network: Network, operand: Float[Tensor, "*R m n"]) -> Float[Tensor, " _R"]:
    """``(R,)`` of an operand, over all samples."""
    found: Tensor = stacked(network, operand).flatten(1).norm(dim=1)
    return found


def _eigenvalues(matrix: Float64[Tensor, "m m"]) -> Complex128[ComplexArray, " m"]:
    """``(m,)`` by rising real part; nan where the matrix is not finite."""
    if not torch.isfinite(matrix).all():
        return np.full(len(matrix), complex(np.nan, np.nan))
    found: ComplexArray = torch.linalg.eigvals(matrix).numpy()
    return found[np.argsort(found.real, kind="stable")]


def _hermitian(matrix: Float64[Tensor, "m m"]) -> Float64[Array, " m"]:
    """``(m,)`` of a symmetric matrix, rising; nan where it is not finite."""
    if not torch.isfinite(matrix).all():
        return np.full(len(matrix), np.nan)
    found: Array = torch.linalg.eigvalsh(matrix).numpy()
    return found


def _n_unstable(
    modes: Float64[Array, "R m"] | Complex128[ComplexArray, "R m"], resolution: float
) -> Float64[Array, " R"]:
    """``(R,)`` how many have a negative real part, beyond rounding."""
    floor = resolution * np.abs(modes).max(1, keepdims=True)
    count: Array = (modes.real < -floor).sum(1).astype(float)
    count[np.isnan(modes.real).any(1)] = np.nan
    return count


def _unstable_share(
    modes: Float64[Array, "R m"] | Complex128[ComplexArray, "R m"], resolution: float
) -> Float64[Array, " R"]:
    """``(R,)`` their share."""
    share: Array = _n_unstable(modes, resolution) / modes.shape[1]
    return share
