"""The two-weight network: the theory of alignment on one plane (docs/MATH.md, section 5)::

    f(x) = w2 phi(w1 x),    e_i = f(x_i) - t y_i,    loss = mean_i e_i^2 / 2

One hidden neuron, so the feedback matrix is a number ``b``, and everything that is a matrix in
section 4 can be looked at. With ``h_i = phi(w1 x_i)``, and ``c = b`` for feedback alignment,
``c = w2`` for backpropagation, the update direction is ``u = P^T e / N``::

    u1 = mean_i(c e_i phi'(w1 x_i) x_i)         u2 = mean_i(e_i h_i)

Everything is float64 NumPy and takes points ``w`` of shape ``(..., 2)``, as many as wanted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray

from fa_engine.config import Problem

Array = NDArray[np.float64]

SCHEMES = ("fa", "bp")
ACTIVATIONS = ("linear", "tanh")
ESCAPED = 100.0  # a weight beyond this has diverged: its trajectory ends
RESTING = 1e-6  # an update shorter than this, without noise, ends a trajectory
MAX_STEPS = 100_000
_BISECTIONS = 60  # enough for the last bit of an interval of the grid
_GRID = 600  # points a branch on which changes of sign are looked for
_NEAR = 1e-3  # the smallest abs(w1) that is looked at


class PlaneError(ValueError):
    """What was asked of the plane is out of range.

    Attributes:
        problems: each names the field, the value and what is allowed.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Fixed:
    """Where the walk can come to rest.

    Attributes:
        curve: ``(M, 2)`` points of the curve of fixed points, a row of ``nan`` between its pieces;
            empty where fixed points are isolated.
        curve_stability: ``(M,)`` the eigenvalue of ``du/dw`` across the curve, which is the one
            eigenvalue of ``K`` that is not 0: positive is stable.
        points: ``(P, 2)`` isolated fixed points.
        stability: ``(P,)`` the smaller real part of the two eigenvalues of ``du/dw`` there.
    """

    curve: Float64[Array, "M 2"]
    curve_stability: Float64[Array, " M"]
    points: Float64[Array, "P 2"]
    stability: Float64[Array, " P"]


@dataclass(frozen=True)
class Paths:
    """Trajectories of discrete steps. After its end a trajectory is ``nan``.

    Attributes:
        w: ``(steps + 1, S, 2)`` weights, the start first.
        loss: ``(steps + 1, S)`` at these weights.
        cosine: ``(steps + 1, S)`` of the update and the true gradient there, without noise.
    """

    w: Float64[Array, "T S 2"]
    loss: Float64[Array, "T S"]
    cosine: Float64[Array, "T S"]


@dataclass(frozen=True)
class Plane:
    """A two-weight network with its feedback and its samples.

    Its methods are asked at points ``w`` of shape ``(..., 2)``, as many as wanted, and for a
    ``scheme``, ``fa`` or ``bp``.

    Attributes:
        target: ``t``; sample ``i`` has the target ``t y_i``.
        feedback: ``b``, what carries the error back in place of ``w2``.
        activation: ``phi``, linear or tanh.
        x: ``(N,)`` inputs. One input 1 stands for any number of unit variance, as long as ``phi``
            is linear.
        y: ``(N,)`` outputs asked for, times ``t``.

    Raises:
        PlaneError: a field is out of range, or a method is asked for another scheme.
    """

    target: float = 1.0
    feedback: float = 1.0
    activation: str = "linear"
    x: tuple[float, ...] = (1.0,)
    y: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        _refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        for name in ("target", "feedback"):
            if not _finite([getattr(self, name)]):
                yield Problem(name, getattr(self, name), "a finite number")
        if self.activation not in ACTIVATIONS:
            yield Problem("activation", self.activation, "one of " + ", ".join(ACTIVATIONS))
        if not _finite(self.x) or not any(self.x):
            yield Problem("x", self.x, "finite numbers, at least one of them not 0")
        if not _finite(self.y) or len(self.y) != len(self.x):
            yield Problem("y", self.y, f"{len(self.x)} finite numbers, one for each of x")

    @property
    def slope(self) -> float:
        """What ``w1 w2`` has to be for the best linear fit: ``t sum(x y) / sum(x^2)``."""
        x, y = np.array(self.x), np.array(self.y)
        return float(self.target * (x @ y) / (x @ x))

    @property
    def one_curve(self) -> bool:
        """Whether fixed points are a curve and an invariant exists, as they are and it does for a
        linear network and for a single sample."""
        return self.activation == "linear" or len(self.x) == 1

    @property
    def boundary(self) -> float:
        """``w1`` at which a linear network's fixed points change their stability.

        ``K = b w2 + w1^2`` vanishes on ``w1 w2 = t`` at ``w1^3 = -b t``, so that the stretch from 0
        to there is unstable: ``abs(w1) < abs(b t)^(1/3)`` on the branch with ``b w2 < 0``.
        """
        return float(np.cbrt(-self.feedback * self.slope))

    def error(self, w: ArrayLike) -> Float64[Array, "*P {len(self.x)}"]:
        """``e = f - t y``, ``(..., N)``."""
        return self._pass(w)[0]

    def loss(self, w: ArrayLike) -> Float64[Array, "*P"]:
        """``mean(e^2) / 2``, ``(...)``."""
        return _half_square(self.error(w))

    def update(self, w: ArrayLike, scheme: str) -> Float64[Array, "*P 2"]:
        """The update direction ``u = P^T e / N``, ``(..., 2)``; a step is ``w <- w - eta u``."""
        w = _points(w)
        e, h, slope = self._pass(w)
        carried = self._carrier(w, scheme) * (e * slope).mean(-1)
        return np.stack([carried, (e * h).mean(-1)], -1)

    def cosine(self, w: ArrayLike, scheme: str) -> Float64[Array, "*P"]:
        """Cosine of the update and the true gradient, ``(...)``; ``nan`` where one of them is 0."""
        return _cosine(self.update(w, scheme), self.update(w, "bp"))

    def kernel(self, w: ArrayLike, scheme: str) -> Float64[Array, "*P {len(self.x)} {len(self.x)}"]:
        """``K = J P^T / N``, ``(..., N, N)``: along the walk ``df/dt = -K e`` (section 4)."""
        w = _points(w)
        _, h, slope = self._pass(w)
        true = np.stack([w[..., 1, None] * slope, h], -1)
        pseudo = np.stack([self._carrier(w, scheme)[..., None] * slope, h], -1)
        return np.asarray(true @ np.swapaxes(pseudo, -1, -2) / len(self.x))

    def jacobian(self, w: ArrayLike, scheme: str) -> Float64[Array, "*P 2 2"]:
        """``du/dw``, ``(..., 2, 2)``: near a fixed point the walk is ``dw/dt = -(du/dw) w``.

        Where ``e = 0`` its eigenvalues are those of ``K`` that are not 0; where only ``P^T e = 0``
        the curvature of ``f`` adds to them.
        """
        w = _points(w)
        e, h, slope = self._pass(w)
        x = np.array(self.x)
        # phi'' = -2 phi phi' for tanh
        bend = -2 * h * slope * x if self.activation == "tanh" else np.zeros_like(h)
        carrier, top = self._carrier(w, scheme), w[..., 1]
        through = (e * slope).mean(-1)
        across = top * (slope * h).mean(-1) + through
        into = carrier * (slope * h).mean(-1) + (through if scheme == "bp" else 0.0)
        own = carrier * (top * (slope * slope).mean(-1) + (e * bend).mean(-1))
        rows = [np.stack([own, into], -1), np.stack([across, (h * h).mean(-1)], -1)]
        return np.stack(rows, -2)

    def stability(self, w: ArrayLike, scheme: str) -> Float64[Array, "*P"]:
        """Smaller real part of the eigenvalues of ``du/dw``, ``(...)``: positive is stable."""
        return np.asarray(np.linalg.eigvals(self.jacobian(w, scheme)).real.min(-1))

    def invariant(self, w: ArrayLike, scheme: str) -> Float64[Array, "*P"]:
        """What the continuous walk conserves, ``(...)``; ``nan`` where there is no such thing.

        ``S(w1) - b w2`` for FA and ``2 S(w1) - w2^2`` for BP, where ``dS/dw1 = h / (phi' x)``:
        ``S = w1^2 / 2`` for a linear network, whose paths are parabolas and hyperbolas, and
        ``S = sinh(w1 x)^2 / (2 x^2)`` for tanh and one sample.
        """
        w = _points(w)
        top = w[..., 1]
        if not self.one_curve:
            return np.full(top.shape, np.nan)
        s = self._arc(w[..., 0])
        kept = s - self.feedback * top if _known(scheme) == "fa" else 2 * s - top * top
        return np.asarray(kept)  # of a single point a number otherwise

    def level(
        self, start: ArrayLike, scheme: str, reach: float, points: int = 121
    ) -> Float64[Array, "n 2"]:
        """The curve through ``start`` on which the invariant is constant, ``(points, 2)``.

        It is the piece within ``abs(w) <= reach`` that the walk from ``start``, ``(2,)``, cannot
        leave; empty where nothing is conserved.
        """
        w1, w2 = _points(start)
        if not self.one_curve:
            return np.empty((0, 2))
        sweep = np.linspace(-reach, reach, points)
        value = float(self.invariant([w1, w2], scheme))
        if scheme == "fa":
            if self.feedback == 0:  # the first layer never moves
                return np.stack([np.full(points, w1), sweep], -1)
            return np.stack([sweep, (self._arc(sweep) - value) / self.feedback], -1)
        if value >= 0:
            return np.stack([np.copysign(self._unarc((value + sweep**2) / 2), w1), sweep], -1)
        return np.stack([sweep, np.copysign(np.sqrt(2 * self._arc(sweep) - value), w2)], -1)

    def fixed(self, scheme: str, reach: float, points: int = 160) -> Fixed:
        """All fixed points with ``abs(w) <= reach``: closed form if linear, else traced; of a curve
        ``points`` points a branch.

        On a curve: ``e = 0`` for a single sample, and ``w1 w2 = slope`` for a linear network. With
        tanh and several samples ``sum(e phi' x) = 0`` and ``sum(e h) = 0`` have isolated common
        roots, most of them spurious: ``P^T e = 0`` although ``e != 0``. As ``b`` is a number other
        than 0, FA has no fixed point that BP does not have: each is a critical point of the loss,
        minimum or saddle. BP has more, with ``w2 = 0`` and ``sum(y h) = 0``, such as the saddle at
        the origin.

        Whatever the network, both axes are fixed where ``t = 0``, and for FA with ``b = 0`` the
        curve of the ``w2`` that fit best. The axis ``w1 = 0``, fixed too without feedback, is left
        out then: on it ``K = 0``, neither stable nor unstable.
        """
        _known(scheme)
        if self.one_curve or self._aimless or self._unfed(scheme):
            curve = self._curve(scheme, reach, points)
            across = np.trace(self.jacobian(curve, scheme), axis1=-2, axis2=-1)
            isolated = np.empty((0, 2)) if scheme == "fa" or self.slope == 0 else self._dead()
        else:
            curve, across = np.empty((0, 2)), np.empty(0)
            roots = [self._best(w1) for w1 in _roots(self._pull, reach)]
            isolated = np.array(roots).reshape(-1, 2)
            if scheme == "bp":
                isolated = np.concatenate([isolated, self._dead(reach)])
        isolated = isolated[(np.abs(isolated) <= reach).all(-1)]
        return Fixed(curve, across, isolated, self.stability(isolated, scheme))

    def walk(
        self,
        starts: ArrayLike,
        scheme: str,
        learning_rate: float,
        steps: int,
        noise: float = 0.0,
        draws: Float64[Array, "S more 2"] | None = None,
    ) -> Paths:
        """Trajectories ``w <- w - eta (u + noise z)`` from all of ``starts``, ``(S, 2)``, at once.

        Args:
            starts: ``(S, 2)``.
            scheme: ``fa`` or ``bp``.
            learning_rate: ``eta``, above 0.
            steps: how many, from 0 to 100,000.
            noise: standard deviation of the gradient noise, for each weight.
            draws: ``(S, >= steps, 2)`` standard normal numbers ``z``; by default
                ``noise_draws(S, steps)``. The same draws for two schemes make their walks
                comparable.

        A trajectory ends when a weight leaves ``[-100, 100]`` or, without noise, when the update is
        shorter than 1e-6.

        Raises:
            PlaneError: an argument is out of range.
        """
        _refuse(_walk_problems(starts, learning_rate, steps, noise))
        w = _points(starts).reshape(-1, 2).copy()
        if draws is None:
            draws = noise_draws(len(w), steps)
        path = np.full((steps + 1, *w.shape), np.nan)
        path[0] = w
        for step in range(steps):
            u = self.update(w, scheme)
            if noise:
                u += noise * draws[: len(w), step]
            else:
                w[np.hypot(u[:, 0], u[:, 1]) < RESTING] = np.nan
            w = w - learning_rate * u
            w[(np.abs(w) > ESCAPED).any(-1)] = np.nan
            if np.isnan(w[:, 0]).all():
                break
            path[step + 1] = w
        return Paths(path, self.loss(path), self.cosine(path, scheme))

    @property
    def _aimless(self) -> bool:
        return self.target == 0 or not any(self.y)

    def _unfed(self, scheme: str) -> bool:
        return scheme == "fa" and self.feedback == 0

    def _pass(
        self, w: ArrayLike
    ) -> tuple[Float64[Array, "*P N"], Float64[Array, "*P N"], Float64[Array, "*P N"]]:
        """Errors, hidden outputs and ``phi'(w1 x) x``, each ``(..., N)``."""
        w = _points(w)
        x = np.array(self.x)
        a = w[..., :1] * x
        h = np.tanh(a) if self.activation == "tanh" else a
        slope = (1 - h * h) * x if self.activation == "tanh" else np.broadcast_to(x, a.shape)
        return w[..., 1:] * h - self.target * np.array(self.y), h, slope

    def _carrier(self, w: Float64[Array, "*P 2"], scheme: str) -> Float64[Array, "*P"]:
        """What carries the error back: ``b``, or for BP ``w2`` itself."""
        fixed = np.full(w.shape[:-1], float(self.feedback))
        return fixed if _known(scheme) == "fa" else np.asarray(w[..., 1])

    def _arc(self, w1: Array) -> Array:
        if self.activation == "linear":
            return w1 * w1 / 2
        return np.asarray((np.sinh(w1 * self.x[0]) / self.x[0]) ** 2 / 2)

    def _unarc(self, s: Array) -> Array:
        """The ``w1 >= 0`` at which ``S(w1) = s``."""
        if self.activation == "linear":
            return np.sqrt(2 * s)
        size = abs(self.x[0])
        return np.asarray(np.arcsinh(np.sqrt(2 * s) * size) / size)

    def _best(self, w1: float) -> tuple[float, float]:
        """``w1`` with the ``w2`` that fits best, ``sum(e h) = 0``."""
        _, h, _ = self._pass([w1, 0.0])
        return w1, float(self.target * (h @ np.array(self.y)) / (h @ h))

    def _pull(self, w1: float) -> float:
        """``sum(e phi' x)`` where ``w2`` fits best."""
        e, _, slope = self._pass(self._best(w1))
        return float(e @ slope)

    def _curve(self, scheme: str, reach: float, points: int) -> Float64[Array, "M 2"]:
        """Both branches, with the point at which stability changes as a point of the curve."""
        sizes = np.geomspace(reach / 100, reach, points)
        pieces = []
        for w1 in (-sizes[::-1], sizes):
            on_it = np.array([self._best(value) for value in w1])
            across = np.trace(self.jacobian(on_it, scheme), axis1=-2, axis2=-1)
            for i in np.flatnonzero(across[1:] * across[:-1] < 0)[::-1]:
                at = _bisect(lambda v: self._across(v, scheme), w1[i], w1[i + 1])
                on_it = np.insert(on_it, i + 1, self._best(at), axis=0)
            pieces += [on_it, np.full((1, 2), np.nan)]
        if self.slope == 0 and not self._unfed(scheme):  # the axis w1 = 0 fits as well
            up = np.linspace(-reach, reach, points)
            pieces.append(np.stack([np.zeros(points), up], -1))
        else:
            pieces.pop()
        return np.concatenate(pieces)

    def _across(self, w1: float, scheme: str) -> float:
        return float(np.trace(self.jacobian(self._best(w1), scheme)))

    def _dead(self, reach: float = 0.0) -> Float64[Array, "P 2"]:
        """BP's fixed points with ``w2 = 0``: ``sum(y h) = 0``, at ``w1 = 0`` and perhaps beyond."""
        roots = [0.0]
        if reach:
            roots += _roots(lambda w1: float(self._pass([w1, 0.0])[1] @ np.array(self.y)), reach)
        return np.array([(w1, 0.0) for w1 in roots])


def noise_draws(starts: int, steps: int, seed: int = 0) -> Float64[Array, "{starts} {steps} 2"]:
    """``(starts, steps, 2)`` standard normal numbers; start ``i`` has a generator of its own, made
    from ``seed`` and ``i``.

    So another start, or another number of steps, changes none of those before.
    """
    return np.stack(
        [np.random.default_rng([seed, i]).standard_normal((steps, 2)) for i in range(starts)]
        or [np.empty((steps, 2))]
    )[:starts]


def _half_square(e: Float64[Array, "*P N"]) -> Float64[Array, "*P"]:
    return np.asarray((e * e).mean(-1) / 2)


def _cosine(u: Float64[Array, "*P 2"], g: Float64[Array, "*P 2"]) -> Float64[Array, "*P"]:
    size = np.hypot(u[..., 0], u[..., 1]) * np.hypot(g[..., 0], g[..., 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.clip((u * g).sum(-1) / np.where(size == 0, np.nan, size), -1, 1))


def _roots(function: Callable[[float], float], reach: float) -> list[float]:
    """Where ``function`` changes its sign, on both sides of 0 and up to ``reach``."""
    found = []
    for side in (-1.0, 1.0):
        at = side * np.geomspace(_NEAR, reach, _GRID)
        signs = np.sign([function(value) for value in at])
        found += [
            _bisect(function, at[i], at[i + 1]) for i in np.flatnonzero(signs[1:] * signs[:-1] < 0)
        ]
    return sorted(found)


def _bisect(function: Callable[[float], float], low: float, high: float) -> float:
    rising = function(high) > 0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if (function(middle) > 0) == rising:
            high = middle
        else:
            low = middle
    return float((low + high) / 2)


def _points(w: ArrayLike) -> Array:
    return np.asarray(w, dtype=np.float64)


def _known(scheme: str) -> str:
    if scheme not in SCHEMES:
        _refuse([Problem("scheme", scheme, "one of " + ", ".join(SCHEMES))])
    return scheme


def _finite(values: Iterable[float]) -> bool:
    return all(
        isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        for value in values
    )


def _refuse(problems: Iterable[Problem]) -> None:
    found = list(problems)
    if found:
        raise PlaneError(found)


def _walk_problems(
    starts: ArrayLike, learning_rate: float, steps: int, noise: float
) -> Iterator[Problem]:
    try:
        points = _points(starts)
    except (TypeError, ValueError):
        points = np.array(np.nan)
    fits = points.size == 0 or (points.shape[-1:] == (2,) and points.ndim <= 2)
    if not fits or not np.isfinite(points).all():
        yield Problem("starts", starts, "pairs (w1, w2) of finite numbers")
    if not _finite([learning_rate]) or learning_rate <= 0:
        yield Problem("learning_rate", learning_rate, "a number above 0")
    if not isinstance(steps, int) or isinstance(steps, bool) or not 0 <= steps <= MAX_STEPS:
        yield Problem("steps", steps, f"a whole number from 0 to {MAX_STEPS:,}")
    if not _finite([noise]) or noise < 0:
        yield Problem("noise", noise, "a number, 0 or more")
