"""Stability: the feedback kernel ``K = J P^T / N`` of a probe set, and its spectrum.

``J = df/dw`` is the true Jacobian of all outputs on the probe set, ``P`` the pseudo-Jacobian: the
same recursion through the feedback matrices. The walk ``dw/dt = -P^T e / N`` then moves the outputs
by ``df/dt = -K e`` (docs/MATH.md, section 4). A fixed point with ``e = 0`` is linearly stable where
every eigenvalue of ``K`` (of ``H K`` for a loss with curvature ``H = de/df``) has a positive real
part, and the update is aligned with the gradient for every error where ``K + K^T`` is positive
definite.

What ``K`` leaves out: momentum, weight decay and what an adaptive optimiser makes of a direction.
Frozen layers do not count and biases count by their own rate. A **delay** vanishes from the walk as
the step becomes small, and at a fixed point a late error is the error, so ``K`` is that of the
scheme without it. With the signals ``sign`` and ``target`` ``P`` is the linear map that the scheme
applies to its signal: the spectrum says what would become of the error sent the same way, while the
rates of :class:`Spectrum` use the signal that is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fa_engine.alignment import Array, cosine, degrees, unwarned
from fa_engine.config import NotAllowed, RunConfig
from fa_engine.datasets import Dataset
from fa_engine.feedback import SIGNALS
from fa_engine.layers import Dense, Layer
from fa_engine.losses import LOSSES, Loss
from fa_engine.network import Network, Pass
from fa_engine.progress import Progress, check
from fa_engine.seeding import PROBE, generator
from fa_engine.training import Trainer

ComplexArray = NDArray[np.complex128]
_Found = TypeVar("_Found")

MAX_PROBE_BYTES = 2**31
MAX_MODES = 2000  # of a probe set that a person waits for: 2560 took 15 s a decomposition
FINITE_STEP = 1e-5  # length of a finite-difference step: float64 rounding and curvature balance


@dataclass(frozen=True)
class Probe:
    """Samples that outputs are looked at on.

    Attributes:
        x: ``(N, n_0)``.
        y: ``(N, c)``.
    """

    x: Tensor
    y: Tensor


def probe_set(data: Dataset, n_samples: int, *, seed: int | None = None) -> Probe:
    """Samples of the training set.

    Args:
        data: where they come from.
        n_samples: ``N``.
        seed: which; None: the first ``N``.

    Raises:
        NotAllowed: there are not so many.
    """
    n_train = len(data.x_train)
    if not 1 <= n_samples <= n_train:
        raise NotAllowed("n_samples", n_samples, f"a whole number from 1 to {n_train:,}")
    if seed is None:
        return Probe(data.x_train[:n_samples], data.y_train[:n_samples])
    chosen = torch.randperm(n_train, generator=generator(seed, PROBE))[:n_samples]
    chosen = chosen.to(data.x_train.device)
    return Probe(data.x_train[chosen], data.y_train[chosen])


def probe_bytes(config: RunConfig, n_samples: int) -> int:
    """Memory that the spectrum of a probe set takes at its peak, in bytes, about.

    Args:
        config: the run whose network it is.
        n_samples: ``N``.
    """
    layers = config.layers
    item = torch.empty(0, dtype=getattr(torch, config.dtype)).element_size()
    rows = n_samples * layers[-1].n_out
    # Forward pass and both Jacobians, a row an output; a convolution's weight Jacobians.
    jacobians = rows * sum(3 * layer.operand_size for layer in layers)
    patches = [layer.n_out * layer.fan_in for layer in layers if not isinstance(layer, Dense)]
    jacobians += rows * 2 * max(patches, default=0)
    kernels = 2 * rows**2  # K and the product that a layer adds to it
    solver = 6 * rows**2 * 8  # of one replicate after another, in float64
    return config.replicates * (jacobians + kernels) * item + solver


def largest_probe(config: RunConfig, limit_bytes: int = MAX_PROBE_BYTES) -> int:
    """Samples of the training set whose spectrum fits ``limit_bytes``; 0 where not one does."""
    fits, too_many = 0, config.n_train + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if probe_bytes(config, middle) <= limit_bytes:
            fits = middle
        else:
            too_many = middle
    return fits


def check_probe(config: RunConfig, n_samples: int, limit_bytes: int = MAX_PROBE_BYTES) -> None:
    """Refuses a probe set that is too large for memory.

    Raises:
        NotAllowed: it needs more than ``limit_bytes``; the message says how much, and how many
            samples would do.
    """
    needed = probe_bytes(config, n_samples)
    if needed <= limit_bytes:
        return
    times = f" and {config.replicates} replicates" if config.replicates > 1 else ""
    raise NotAllowed(
        "n_samples",
        n_samples,
        f"at most {largest_probe(config, limit_bytes):,} with this network{times}: "
        f"{n_samples:,} would need {needed / 2**30:,.1f} GiB of memory, "
        f"and {limit_bytes / 2**30:,.1f} GiB are the limit",
    )


def most_samples(config: RunConfig) -> int:
    """The largest probe set that a person waits for: of the training set, within memory, and of
    no more than :data:`MAX_MODES` modes.

    Args:
        config: the run whose network it is; of as many replicates as are looked at together.
    """
    return min(MAX_MODES // config.layers[-1].n_out, largest_probe(config))


def check_samples(config: RunConfig, n_samples: int) -> None:
    """Refuses a probe set that is larger than :func:`most_samples`.

    Raises:
        NotAllowed: it names the one number that is allowed, and what more would take.
    """
    most = most_samples(config)
    if 1 <= n_samples <= most:
        return
    takes: list[str] = []
    modes = n_samples * config.layers[-1].n_out
    if modes > MAX_MODES:
        takes.append(f"{modes:,} modes take minutes")
    needed = probe_bytes(config, n_samples)
    if needed > MAX_PROBE_BYTES:
        limit = MAX_PROBE_BYTES / 2**30
        takes.append(
            f"{needed / 2**30:,.1f} GiB of memory are needed where {limit:g} are the limit"
        )
    reason = f": {' and '.join(takes)}" if takes else ""
    raise NotAllowed("n_samples", n_samples, f"a whole number from 1 to {most:,}{reason}")


def kernel(trainer: Trainer, probe: Probe, *, backpropagation: bool = False) -> Tensor:
    """The feedback kernel ``K = J P^T / N`` of the scheme in force; the trainer stays as it is.

    With ``D_l, E_l`` of shape ``(N c, n_l)`` the true and the pseudo Jacobian of the outputs by
    layer ``l``'s pre-activations, one row an output of a sample (docs/MATH.md, section 4)::

        K = (1/N) sum_l (D_l E_l^T) * repeat_c(h_{l-1} h_{l-1}^T + 1)

    Args:
        trainer: network, scheme and configuration.
        probe: ``N`` samples.
        backpropagation: of the same weights under backpropagation, ``J J^T / N``.

    Returns:
        ``(R, N c, N c)`` in the network's dtype; row ``n c + k`` is output ``k`` of sample ``n``.

    Raises:
        NotAllowed: the probe set is too large for memory.
    """
    check_probe(trainer.config, len(probe.x))
    return _kernel(trainer, probe, _moving(trainer), backpropagation)


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
        kernel_rate: ``(R,)`` ``-(1/N) e^T K e``, for other signals ``-(1/N) e^T K signal``: the
            rate at which ``K`` says that the probe set's loss changes, per unit of learning rate.
        product_rate: ``(R,)`` ``-<g, u>`` from the gradient and the update direction themselves,
            over all weights and biases that move.
        finite_rate: ``(R,)`` the same from the losses a small step ahead and behind, in float64;
            None where not asked for.
        angle_deg: ``(R,)`` between ``u`` and ``g`` over all those parameters together.
    """

    n_samples: int
    resolution: float
    eigenvalues: ComplexArray
    symmetric: Array | None
    error_eigenvalues: ComplexArray | None
    kernel_rate: Array
    product_rate: Array
    finite_rate: Array | None
    angle_deg: Array

    @property
    def min_real(self) -> Array:
        """``(R,)`` smallest real part of the eigenvalues of ``K``."""
        return self.eigenvalues.real[:, 0]

    @property
    def max_real(self) -> Array:
        """``(R,)`` largest real part."""
        return self.eigenvalues.real[:, -1]

    @property
    def n_unstable(self) -> Array:
        """``(R,)`` eigenvalues of ``K`` with a negative real part."""
        return _n_unstable(self.eigenvalues, self.resolution)

    @property
    def unstable_share(self) -> Array:
        """``(R,)`` their share, from 0 to 1."""
        return _unstable_share(self.eigenvalues, self.resolution)

    @property
    def error_unstable_share(self) -> Array | None:
        """``(R,)`` the share of unstable modes of ``H K``, None where there is none."""
        if self.error_eigenvalues is None:
            return None
        return _unstable_share(self.error_eigenvalues, self.resolution)

    @property
    def misaligned_share(self) -> Array | None:
        """``(R,)`` the share of directions of error in which the update points uphill: negative
        eigenvalues of the symmetric part. None where that was not asked for."""
        if self.symmetric is None:
            return None
        return _unstable_share(self.symmetric, self.resolution)

    def overshooting_share(self, learning_rate: float) -> Array:
        """``(R,)`` the share of modes that decay in continuous time, ``Re lambda > 0``, and that a
        step of this size makes grow: ``abs(1 - eta lambda) > 1``. Of ``H K`` where there is one.
        """
        modes = self.eigenvalues if self.error_eigenvalues is None else self.error_eigenvalues
        rounding = self.resolution * np.abs(modes).max(1, keepdims=True)
        grows = np.abs(1 - learning_rate * modes) > 1 + learning_rate * rounding
        share = (grows & (modes.real > rounding)).mean(1)
        return np.where(np.isnan(modes).any(1), np.nan, share)


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
    pieces = network.replicates * (symmetric + error + (not backpropagation))
    done = 0

    def told(found: _Found) -> _Found:
        nonlocal done
        done += 1
        check(progress, done, pieces + 1)
        return found

    check(progress, 0, pieces + 1)
    matrix = kernel(trainer, probe, backpropagation=backpropagation)
    matrix = told(matrix.cpu().to(torch.float64))
    past = network.forward(probe.x)
    symmetric_values = error_values = None
    if symmetric:
        symmetric_values = np.stack([told(_hermitian(k)) for k in (matrix + matrix.mT) / 2])
    if error:
        modes = _error_kernel(matrix, past, loss)
        error_values = np.stack([told(_eigenvalues(k)) for k in modes])
    if backpropagation and symmetric_values is not None:  # K is symmetric, up to rounding
        eigenvalues = symmetric_values.astype(np.complex128)
    else:
        eigenvalues = np.stack([told(_eigenvalues(k)) for k in matrix])
    step = step_on(trainer, probe, backpropagation=backpropagation)
    return Spectrum(
        n_samples=len(probe.x),
        resolution=float(torch.finfo(network.weights[0].dtype).eps),
        eigenvalues=eigenvalues,
        symmetric=symmetric_values,
        error_eigenvalues=error_values,
        kernel_rate=_kernel_rate(trainer, probe, past, matrix, backpropagation),
        product_rate=step.rate,
        finite_rate=_finite_rate(trainer, probe, step) if finite_difference else None,
        angle_deg=step.angle_deg,
    )


@dataclass(frozen=True)
class Direction:
    """A direction in weight space, all replicates' own; of length 1 over weights and biases.

    Attributes:
        weights: per layer ``(R, n_out, fan_in)``.
        biases: per layer ``(R, n_out)``.
        eigenvalue: ``(R,)`` the mode's.
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    eigenvalue: ComplexArray


def least_stable(trainer: Trainer, probe: Probe) -> Direction:
    """The weights' direction of the mode with the smallest real part: ``P^T v``.

    Where ``H K v = lambda v`` (``H`` the identity for squared error), ``P^T v`` is an eigenvector
    of the walk's own Jacobian ``P^T H J / N`` near ``e = 0``, with the same eigenvalue. Of a
    complex pair it is the real part.

    Raises:
        NotAllowed: the probe set is too large for memory, a replicate has diverged, or its mode
            moves no weight: ``P^T v = 0``.
    """
    loss, network = LOSSES[trainer.config.loss], trainer.network
    past = network.forward(probe.x)
    matrix = kernel(trainer, probe).cpu().to(torch.float64)
    for replicate, own in enumerate(matrix):
        if not torch.isfinite(own).all():
            raise NotAllowed("replicate", replicate, "one that has not diverged")
    n, c = probe.y.shape
    values, vectors = [], []
    for k in matrix if loss.curvature is None else _error_kernel(matrix, past, loss):
        found, right = torch.linalg.eig(k)
        lowest = int(found.real.argmin())
        values.append(complex(found[lowest]))
        vectors.append(right[:, lowest].real)
    v = torch.stack(vectors).reshape(len(vectors), n, -1)
    if loss.shift_invariant:
        v = v @ _zero_sum_basis(c).T
    signal = network.operand(v.to(past.outputs))
    trainer.feedback.follow(trainer.step)
    deltas = trainer.feedback.carried(signal, past)
    weights, biases = _directions(trainer, deltas, past, _bias_rate(trainer))
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
            "one whose least stable mode moves a weight: here units are dead or layers frozen",
        )
    return Direction(
        tuple(w / length[:, None, None] for w in weights),
        tuple(b / length[:, None] for b in biases),
        np.array(values),
    )


def _lengths(network: Network, operand: Tensor) -> Tensor:
    """``(R,)`` of an operand, over all samples."""
    found: Tensor = _stacked(network, operand).flatten(1).norm(dim=1)
    return found


def _moving(trainer: Trainer) -> list[int]:
    """Layers that are not frozen."""
    frozen = {number - 1 for number in trainer.config.frozen}
    return [layer for layer in range(trainer.network.n_layers) if layer not in frozen]


def _bias_rate(trainer: Trainer) -> float:
    """Learning rate of the biases, as a multiple of that of the weights."""
    return trainer.config.bias_rate if trainer.config.bias else 0.0


def _kernel(trainer: Trainer, probe: Probe, layers: Sequence[int], backpropagation: bool) -> Tensor:
    """What ``layers`` contribute to the kernel, ``(R, N c, N c)``."""
    network, feedback = trainer.network, trainer.feedback
    n, c = probe.y.shape
    inputs = network.forward(probe.x).inputs
    # One backward pass carries a one-hot error for every output of every sample.
    spread = network.forward(probe.x.repeat_interleave(c, 0))
    errors = network.shared(torch.eye(c).to(probe.y).repeat(n, 1))
    true = network.true_deltas(errors, spread)
    fed: Sequence[Tensor | None] = true
    if not backpropagation and not feedback.is_exact:
        feedback.follow(trainer.step)
        fed = feedback.carried(errors, spread)
    bias_rate = _bias_rate(trainer)
    found = network.weights[0].new_zeros(network.replicates, n * c, n * c)
    for layer in layers:
        pseudo = fed[layer]
        if pseudo is not None:
            d, e, h = (_stacked(network, t) for t in (true[layer], pseudo, inputs[layer]))
            _add_layer_(found, network.layers[layer], d, e, h, bias_rate)
    return found.div_(n)


def _stacked(network: Network, operand: Tensor) -> Tensor:
    """An operand with its replicate dimension, also where there is one replicate."""
    return operand.unsqueeze(0) if network.replicates == 1 else operand


def _add_layer_(
    found: Tensor, layer: Layer, d: Tensor, e: Tensor, h: Tensor, bias_rate: float
) -> None:
    """Adds one layer's part to ``N K``. ``d``, ``e`` ``(R, N c m, n_out)``, ``h`` ``(R, N m, n)``,
    with ``m`` the positions of a convolution, else 1."""
    replicates, rows = found.shape[:2]
    if isinstance(layer, Dense):
        n = h.shape[1]
        samples = h[:1] if h.stride(0) == 0 else h  # the data, the same for every replicate
        gram = samples @ samples.mT + bias_rate
        product = d @ e.mT
        blocks = (replicates, n, rows // n, n, rows // n)
        found.view(blocks).addcmul_(product.view(blocks), gram[:, :, None, :, None])
        return
    # Positions share their weights: their Jacobians are summed first, each row as large as the
    # layer's weights, which in a convolution are few.
    positions = prod(layer.grid)
    n = h.shape[1] // positions
    patches = h.reshape(replicates * n, positions, -1)

    def by_weight(deltas: Tensor) -> tuple[Tensor, Tensor]:
        split = deltas.reshape(replicates * n, rows // n, positions, -1)
        columns = split.transpose(2, 3).reshape(replicates * n, -1, positions)
        by_bias = split.sum(2).view(replicates, rows, -1)
        return (columns @ patches).view(replicates, rows, -1), by_bias

    (j, j_bias), (p, p_bias) = by_weight(d), by_weight(e)
    found.add_(j @ p.mT).add_(j_bias @ p_bias.mT, alpha=bias_rate)


def _error_kernel(matrix: Tensor, past: Pass, loss: Loss) -> Tensor:
    """``H K`` on the errors that the loss can have, in float64.

    Softmax errors sum to 0 within a sample. In an orthonormal basis ``Q`` of such errors ``H K``
    becomes ``(Q^T H Q) (Q^T K Q)``: all its modes but the neutral ones, which are left out.
    """
    assert loss.curvature is not None
    replicates = len(matrix)
    f = past.outputs.cpu().to(torch.float64)
    curvature = loss.curvature(f.reshape(replicates, -1, f.shape[-1]))
    n, c = curvature.shape[1:3]
    if loss.shift_invariant:
        basis = _zero_sum_basis(c)
        curvature = basis.T @ curvature @ basis
        matrix = (matrix.view(replicates, n * c * n, c) @ basis).view(replicates, n, c, -1)
        matrix = (basis.T @ matrix).reshape(replicates, n * (c - 1), -1)
        c -= 1
    return (curvature @ matrix.view(replicates, n, c, n * c)).view(replicates, n * c, n * c)


def _zero_sum_basis(c: int) -> Tensor:
    """``(c, c - 1)`` orthonormal columns, each orthogonal to the vector of ones."""
    corner = torch.ones(c, c, dtype=torch.float64).triu()
    for column in range(c - 1):
        corner[column + 1, column] = -(column + 1.0)
    columns = corner[:, : c - 1]
    basis: Tensor = columns / columns.norm(dim=0)
    return basis


def _eigenvalues(matrix: Tensor) -> ComplexArray:
    """``(m,)`` by rising real part; nan where the matrix is not finite."""
    if not torch.isfinite(matrix).all():
        return np.full(len(matrix), complex(np.nan, np.nan))
    found: ComplexArray = torch.linalg.eigvals(matrix).numpy()
    return found[np.argsort(found.real, kind="stable")]


def _hermitian(matrix: Tensor) -> Array:
    """``(m,)`` of a symmetric matrix, rising; nan where it is not finite."""
    if not torch.isfinite(matrix).all():
        return np.full(len(matrix), np.nan)
    found: Array = torch.linalg.eigvalsh(matrix).numpy()
    return found


def _n_unstable(modes: Array | ComplexArray, resolution: float) -> Array:
    """``(R,)`` how many have a negative real part, beyond rounding."""
    floor = resolution * np.abs(modes).max(1, keepdims=True)
    count: Array = (modes.real < -floor).sum(1).astype(float)
    count[np.isnan(modes.real).any(1)] = np.nan
    return count


def _unstable_share(modes: Array | ComplexArray, resolution: float) -> Array:
    """``(R,)`` their share."""
    share: Array = _n_unstable(modes, resolution) / modes.shape[1]
    return share


def _kernel_rate(
    trainer: Trainer, probe: Probe, past: Pass, matrix: Tensor, backpropagation: bool
) -> Array:
    """``-(1/N) e^T K signal``; the output layer always hears the error itself."""
    n = len(probe.x)
    e = LOSSES[trainer.config.loss].error(past.outputs, probe.y)
    signal = e if backpropagation else _signal(trainer, e, probe)

    def flat(values: Tensor) -> Tensor:
        return values.cpu().to(torch.float64).reshape(len(matrix), -1, 1)

    answer = matrix @ flat(signal)
    if signal is not e:
        output = [layer for layer in _moving(trainer) if layer == trainer.network.n_layers - 1]
        own = _kernel(trainer, probe, output, backpropagation).cpu().to(torch.float64)
        answer += own @ flat(e - signal)
    rate: Array = -(flat(e) * answer).sum((1, 2)).numpy() / n
    return rate


def _signal(trainer: Trainer, e: Tensor, probe: Probe) -> Tensor:
    name = trainer.feedback.scheme.signal
    return e if name == "error" else SIGNALS[name].of(e, probe.y)


@dataclass(frozen=True)
class Step:
    """Update direction and gradient on a probe set, weights of all layers and then biases.

    Attributes:
        update: per parameter ``u``, ``(R, ...)``; biases times their rate; 0 where frozen.
        gradient: per parameter ``g``, likewise, biases at rate 1.
        rate: ``(R,)`` ``-<g, u>``.
        angle_deg: ``(R,)`` between the two.
    """

    update: list[Tensor]
    gradient: list[Tensor]
    rate: Array
    angle_deg: Array


@unwarned
def step_on(trainer: Trainer, probe: Probe, *, backpropagation: bool = False) -> Step:
    """``u`` and ``g`` on a probe set, formed as the training step forms them, without a delay.

    Args:
        trainer: stays as it is.
        probe: ``N`` samples.
        backpropagation: of the same weights under backpropagation.
    """
    network, feedback = trainer.network, trainer.feedback
    past = network.forward(probe.x)
    top = LOSSES[trainer.config.loss].error(past.outputs, probe.y)
    true: list[Tensor | None] = [*network.true_deltas(top / len(probe.x), past)]
    fed = true
    if not backpropagation:
        feedback.follow(trainer.step)
        fed = feedback.carried(_signal(trainer, top, probe) / len(probe.x), past)
        fed[-1] = true[-1]
    bias_rate = _bias_rate(trainer)
    update = [p for part in _directions(trainer, fed, past, bias_rate) for p in part]
    free = 1.0 if bias_rate else 0.0
    gradient = [p for part in _directions(trainer, true, past, free) for p in part]
    pairs = ((update, update), (update, gradient), (gradient, gradient))
    uu, ug, gg = (_inner(p, q) for p, q in pairs)
    return Step(update, gradient, -ug, degrees(cosine(uu, ug, gg)))


def _inner(p: Sequence[Tensor], q: Sequence[Tensor]) -> Array:
    """``(R,)`` inner products over all parameters, summed in float64."""
    terms = [(a.double() * b.double()).flatten(1).sum(1) for a, b in zip(p, q, strict=True)]
    total: Array = torch.stack(terms).sum(0).cpu().numpy()
    return total


def _directions(
    trainer: Trainer, deltas: Sequence[Tensor | None], past: Pass, bias_rate: float
) -> tuple[list[Tensor], list[Tensor]]:
    """``delta^T h`` a layer, and the biases' times their rate; 0 where a layer does not move."""
    network, moving = trainer.network, set(_moving(trainer))
    weights, biases = [], []
    for layer, delta in enumerate(deltas):
        w, b = network.weights[layer], network.biases[layer]
        if delta is None or layer not in moving:
            weights.append(torch.zeros_like(w))
            biases.append(torch.zeros_like(b))
            continue
        weights.append(network.matmul(delta.mT, past.inputs[layer]).view_as(w))
        biases.append(delta.sum(-2).view_as(b) * bias_rate)
    return weights, biases


def _finite_rate(trainer: Trainer, probe: Probe, step: Step) -> Array:
    """Change of the loss along ``-u`` by a central difference, in float64."""
    network, loss = trainer.network, LOSSES[trainer.config.loss]
    u = [t.double() for t in step.update]
    length = np.sqrt(_inner(u, u))
    size = torch.from_numpy(np.where(length > 0, FINITE_STEP / np.maximum(length, 1e-300), 1.0))
    size = size.to(u[0].device)

    def ahead(sign: float) -> Array:
        parameters = [
            p.double() - sign * size.view(-1, *[1] * (p.ndim - 1)) * own
            for p, own in zip((*network.weights, *network.biases), u, strict=True)
        ]
        layers = network.n_layers
        moved = Network(
            network.layers,
            parameters[:layers],
            parameters[layers:],
            network.activation,
            network.has_bias,
        )
        f = moved.forward(probe.x.double()).outputs
        value: Array = loss.value(f, probe.y.double()).reshape(-1).cpu().numpy()
        return value

    rate: Array = (ahead(1.0) - ahead(-1.0)) / (2 * size.cpu().numpy())
    return rate
