"""The two-weight network against its closed forms (docs/MATH.md, section 5)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fa_engine.dynamics.plane import ACTIVATIONS, SCHEMES, Plane, PlaneError, noise_draws

SEVERAL = {"x": (0.2, 0.6, 2.0), "y": (0.9, 0.3, 1.2)}
PLANES = [
    Plane(),
    Plane(-0.7, 1.3, x=(1.0, -0.5), y=(0.5, 0.5)),
    Plane(1.2, 0.8, "tanh"),
    Plane(1.0, 1.0, "tanh", **SEVERAL),
]
WALKING = [*PLANES[:3], Plane(1.0, -0.6), Plane(0.9, 0.7, "tanh", x=(1.5,))]
NUMBERS = st.floats(-3, 3)
POINTS = np.random.default_rng(1).uniform(-2.5, 2.5, (40, 2))


def of(plane: Plane) -> str:
    return f"{plane.activation}-{len(plane.x)}"


def autograd(plane: Plane, w: np.ndarray, carrier: float | None) -> tuple[float, np.ndarray]:
    """Loss and gradient by PyTorch; with a ``carrier``, what w2 backpropagates is replaced."""
    w1, w2 = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in w)
    x, y = (torch.tensor(values, dtype=torch.float64) for values in (plane.x, plane.y))
    h = torch.tanh(w1 * x) if plane.activation == "tanh" else w1 * x
    e = w2 * h - plane.target * y
    loss = (e**2).mean() / 2
    if carrier is None:
        loss.backward()
    else:
        ((w2 * h.detach() - plane.target * y) ** 2).mean().div(2).backward()
        h.backward(carrier * e.detach() / len(x))
    assert w1.grad is not None
    assert w2.grad is not None
    return float(loss.detach()), np.array([float(w1.grad), float(w2.grad)])


@pytest.mark.parametrize("plane", PLANES, ids=of)
def test_loss_and_updates_are_what_autograd_says(plane: Plane) -> None:
    for w in POINTS[:10]:
        loss, gradient = autograd(plane, w, None)
        assert plane.loss(w) == pytest.approx(loss, rel=1e-13)
        np.testing.assert_allclose(plane.update(w, "bp"), gradient, rtol=1e-12, atol=1e-14)
        _, fed_back = autograd(plane, w, plane.feedback)
        np.testing.assert_allclose(plane.update(w, "fa"), fed_back, rtol=1e-12, atol=1e-14)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_the_linear_network_is_the_one_of_the_equations(
    t: float, b: float, w1: float, w2: float
) -> None:
    # dw1/dt = -b (w1 w2 - t), dw2/dt = -w1 (w1 w2 - t), with inputs of unit variance
    one, many = Plane(t, b), Plane(t, b, x=(-1.4, 0.2, 1.0), y=(-1.4, 0.2, 1.0))
    e = w1 * w2 - t
    np.testing.assert_allclose(one.update([w1, w2], "fa"), [b * e, w1 * e], atol=1e-12)
    np.testing.assert_allclose(one.update([w1, w2], "bp"), [w2 * e, w1 * e], atol=1e-12)
    np.testing.assert_allclose(many.update([w1, w2], "fa"), [b * e, w1 * e], atol=1e-12)
    assert many.loss([w1, w2]) == pytest.approx(e * e / 2, abs=1e-12)


@pytest.mark.parametrize(("t", "b"), [(1, 1), (2, 0.3), (-1.5, 0.5), (1, -1), (-1, -2)])
def test_stability_changes_at_the_cube_root(t: float, b: float) -> None:
    plane = Plane(t, b)
    fixed = plane.fixed("fa", 4.0)
    w1, w2 = fixed.curve[~np.isnan(fixed.curve[:, 0])].T
    np.testing.assert_allclose(w1 * w2, t, rtol=1e-14)
    k = fixed.curve_stability[~np.isnan(fixed.curve_stability)]
    np.testing.assert_allclose(k, b * w2 + w1**2, rtol=1e-13, atol=1e-13)
    # abs(w1) < abs(b t)^(1/3), on the branch where b w2 < 0, and nothing else
    edge = abs(b * t) ** (1 / 3)
    assert plane.boundary == pytest.approx(-np.sign(b * t) * edge)
    assert np.abs(w1 - plane.boundary).min() < 1e-12  # the edge itself is a point of the curve
    inside = (np.abs(w1) < edge * (1 - 1e-9)) & (np.sign(w1) == -np.sign(b * t))
    outside = (np.abs(w1) > edge * (1 + 1e-9)) | (np.sign(w1) == np.sign(b * t))
    assert inside.any()
    assert (k[inside] < 0).all()
    assert (k[outside] > 0).all()


def test_every_minimum_is_stable_for_backpropagation_and_the_origin_is_a_saddle() -> None:
    fixed = Plane().fixed("bp", 4.0)
    k = fixed.curve_stability[~np.isnan(fixed.curve_stability)]
    w1, w2 = fixed.curve[~np.isnan(fixed.curve[:, 0])].T
    np.testing.assert_allclose(k, w1**2 + w2**2, rtol=1e-13)
    assert fixed.points.tolist() == [[0, 0]]
    assert sorted(np.linalg.eigvals(Plane().jacobian([0, 0], "bp"))) == pytest.approx([-1, 1])
    assert Plane().fixed("fa", 4.0).points.shape == (0, 2)


@pytest.mark.parametrize("b", [1.0, -0.5])
@pytest.mark.parametrize("x", [(1.0,), (0.5, -2.0)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_without_a_target_an_axis_is_fixed_as_well(
    activation: str, x: tuple[float, ...], b: float
) -> None:
    plane = Plane(0.0, b, activation, x, (1.0,) * len(x))
    fixed = plane.fixed("fa", 3.0)
    on_axis = fixed.curve[:, 0] == 0
    k = b * fixed.curve[on_axis, 1] * np.square(x).mean()
    np.testing.assert_allclose(fixed.curve_stability[on_axis], k)
    assert (fixed.curve_stability[~on_axis & ~np.isnan(fixed.curve[:, 0])] > 0).all()
    for scheme in SCHEMES:
        assert np.nanmax(np.abs(plane.update(plane.fixed(scheme, 3.0).curve, scheme))) == 0
    # for BP both are minima, and the origin where they meet is no saddle
    assert np.nanmin(plane.fixed("bp", 3.0).curve_stability) > 0
    assert plane.fixed("bp", 3.0).points.size == 0
    assert plane.loss([0.0, 0.0]) == 0


@pytest.mark.parametrize("t", [0.0, 0.8])
def test_without_feedback_every_best_fit_is_fixed_and_stable(t: float) -> None:
    plane = Plane(t, 0.0, "tanh", **SEVERAL)
    fixed = plane.fixed("fa", 3.0)
    assert fixed.points.size == 0
    assert np.nanmax(np.abs(plane.update(fixed.curve, "fa"))) < 1e-14
    assert np.nanmin(fixed.curve_stability) > 0
    w1 = 0.7
    end = plane.walk([[w1, -1.0]], "fa", 0.5, 500).w[:, 0]
    end = end[np.isfinite(end[:, 0])][-1]
    near = fixed.curve[np.nanargmin(np.abs(fixed.curve[:, 0] - w1))]
    assert end[0] == w1
    assert end[1] == pytest.approx(near[1], abs=0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("plane", PLANES, ids=of)
def test_the_jacobian_is_the_numerical_one(plane: Plane, scheme: str) -> None:
    step = 1e-6
    columns = [
        (plane.update(POINTS + shift, scheme) - plane.update(POINTS - shift, scheme)) / (2 * step)
        for shift in step * np.eye(2)
    ]
    np.testing.assert_allclose(
        plane.jacobian(POINTS, scheme), np.stack(columns, -1), rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("plane", [PLANES[0], PLANES[2]], ids=of)
def test_where_the_error_is_zero_k_has_the_eigenvalues_of_the_jacobian(
    plane: Plane, scheme: str
) -> None:
    fixed = plane.fixed(scheme, 3.0)
    curve = fixed.curve[~np.isnan(fixed.curve[:, 0])]
    np.testing.assert_allclose(plane.error(curve), 0, atol=1e-14)
    for w, across in zip(curve, fixed.curve_stability[~np.isnan(fixed.curve[:, 0])], strict=True):
        k = plane.kernel(w, scheme).item()
        values = np.linalg.eigvals(plane.jacobian(w, scheme))
        # one mode across the curve, which is K's, and one along it
        assert sorted(values, key=abs) == pytest.approx([0, k], abs=1e-6)
        assert across == pytest.approx(k, abs=1e-12)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_loss_falls_as_the_kernel_says(scheme: str) -> None:
    # dLoss/dt = -<g, u> = -(1/N) e^T K e, for any samples
    plane = PLANES[3]
    u, g = plane.update(POINTS, scheme), plane.update(POINTS, "bp")
    e, k = plane.error(POINTS), plane.kernel(POINTS, scheme)
    form = np.einsum("pi,pij,pj->p", e, k, e) / len(plane.x)
    np.testing.assert_allclose((g * u).sum(-1), form, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(plane.cosine(POINTS, scheme) > 0, form > 0)


def test_the_cosine_is_negative_beside_the_unstable_stretch_and_undefined_at_rest() -> None:
    plane = Plane()
    for w1 in (-0.9, -0.5, -0.2):
        for aside in (-0.01, 0.01):
            assert plane.cosine([w1 + aside, 1 / w1], "fa") < 0
        assert np.isnan(plane.cosine([w1, 1 / w1], "fa"))
    for w1 in (-2.5, -1.1, 0.2, 2.0):
        assert plane.cosine([w1 + 0.01, 1 / w1], "fa") > 0
    np.testing.assert_allclose(plane.cosine(POINTS, "bp"), 1, rtol=1e-12)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("plane", WALKING, ids=of)
def test_the_invariant_drifts_in_proportion_to_the_step(plane: Plane, scheme: str) -> None:
    starts = np.array([[0.4, 0.9], [-0.6, -1.1], [1.2, -0.7]])

    def drift(rate: float) -> np.ndarray:
        walked = plane.walk(starts, scheme, rate, round(2 / rate)).w
        last = walked[np.isfinite(walked[:, :, 0]).sum(0) - 1, range(3)]
        return np.abs(plane.invariant(last, scheme) - plane.invariant(starts, scheme))

    coarse, fine = drift(0.002), drift(0.001)
    assert (coarse < 0.02).all()
    moved = coarse > 1e-6
    assert moved.any()
    np.testing.assert_allclose(coarse[moved] / fine[moved], 2, rtol=0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("plane", WALKING, ids=of)
def test_a_level_is_where_the_invariant_stays_and_passes_through_its_start(
    plane: Plane, scheme: str
) -> None:
    for start in ([0.4, 0.9], [-0.6, -1.1], [1.2, -0.7]):
        level = plane.level(start, scheme, 3.0, 2001)
        values = plane.invariant(level, scheme)
        np.testing.assert_allclose(values, plane.invariant(start, scheme), rtol=1e-9, atol=1e-9)
        assert np.hypot(*(level - start).T).min() < 0.03


def test_without_feedback_the_first_weight_stands_still() -> None:
    plane = Plane(feedback=0.0)
    np.testing.assert_array_equal(plane.level([0.5, 1.0], "fa", 3.0)[:, 0], 0.5)
    np.testing.assert_array_equal(plane.walk([[0.5, 1.0]], "fa", 0.1, 20).w[:, 0, 0], 0.5)


def test_a_walk_from_the_unstable_stretch_runs_uphill_before_it_settles_aligned() -> None:
    plane = Plane()
    start = [[-0.55, 1 / -0.55 + 0.05]]
    walked = plane.walk(start, "fa", 0.05, 400)
    loss = walked.loss[:, 0]
    top = int(np.nanargmax(loss))
    assert 20 < top < 200
    assert loss[top] > 20 * loss[0]
    assert (np.diff(loss[: top + 1]) > 0).all()
    assert (walked.cosine[: top - 2, 0] < 0).all()
    ended = np.isfinite(loss).sum() - 1
    assert loss[ended] < 1e-9
    w1, w2 = walked.w[ended, 0]
    assert plane.feedback * w2 + w1**2 > 0  # it comes to rest only where it is stable
    assert walked.cosine[ended - 1, 0] > 0
    down = plane.walk(start, "bp", 0.05, 400)  # and backpropagation only ever descends
    assert (np.diff(down.loss[np.isfinite(down.loss)]) < 0).all()


@pytest.mark.parametrize(("rate", "stays"), [(0.9, True), (1.1, False)])
def test_a_finite_step_is_stable_while_it_is_below_two_over_k(rate: float, stays: bool) -> None:
    # abs(1 - eta K) < 1; at (1, 1) with t = b = 1, K = 2
    walked = Plane().walk([[1.0, 1.0 + 1e-4]], "fa", rate, 30)
    errors = np.abs(Plane().error(walked.w)[:, 0, 0])
    errors = errors[np.isfinite(errors)]
    assert bool(errors[-1] < errors[0]) is stays


def test_tanh_and_several_samples_have_spurious_fixed_points() -> None:
    plane = PLANES[3]
    fa, bp = plane.fixed("fa", 3.0), plane.fixed("bp", 3.0)
    assert len(fa.points) == 4
    assert fa.curve.size == 0
    # P^T e = 0 although e != 0
    np.testing.assert_allclose(plane.update(fa.points, "fa"), 0, atol=1e-14)
    assert (np.abs(plane.error(fa.points)).max(-1) > 0.1).all()
    # each of them is a critical point of the loss, and the loss has one more, with w2 = 0
    np.testing.assert_allclose(plane.update(fa.points, "bp"), 0, atol=1e-14)
    np.testing.assert_allclose(bp.points[:4], fa.points, atol=1e-12)
    assert bp.points[4:].tolist() == [[0, 0]]
    # f does not change when both weights change sign; FA's stability does
    np.testing.assert_allclose(fa.points[::-1], -fa.points, atol=1e-12)
    assert sorted(np.sign(fa.stability)) == [-1, -1, 1, 1]
    stable_for = {
        tuple(np.round(w, 6)): (a > 0, b > 0)
        for w, a, b in zip(fa.points, fa.stability, bp.stability[:4], strict=True)
    }
    assert set(stable_for.values()) == {(a, b) for a in (True, False) for b in (True, False)}


@pytest.mark.parametrize("b", [-1.7, -0.05, 0.3, 2.0])
@pytest.mark.parametrize("t", [-1.0, 0.6])
def test_feedback_of_either_sign_keeps_one_of_each_mirrored_pair(t: float, b: float) -> None:
    plane = Plane(t, b, "tanh", **SEVERAL)
    found = plane.fixed("fa", 3.0).points
    assert len(found) == 4
    fa, bp = (np.linalg.det(plane.jacobian(found, scheme)) for scheme in ("fa", "bp"))
    np.testing.assert_allclose(fa, b / found[:, 1] * bp, rtol=1e-9)
    # minima where b w2 > 0, saddles where b w2 < 0
    kept = (plane.stability(found, "bp") > 0) == (b * found[:, 1] > 0)
    np.testing.assert_array_equal(plane.stability(found, "fa") > 0, kept)


def test_a_walk_returns_to_a_stable_fixed_point_and_leaves_an_unstable_one() -> None:
    plane = PLANES[3]
    fixed = plane.fixed("fa", 3.0)
    walked = plane.walk(fixed.points + np.array([0.02, 0.0]), "fa", 0.1, 6000)
    for i, stable in enumerate(fixed.stability > 0):
        path = walked.w[np.isfinite(walked.w[:, i, 0]), i]
        away = np.hypot(*(path - fixed.points[i]).T)
        assert bool(away[-1] < 0.01) is bool(stable)
        assert stable or away[-1] > 0.05


def test_many_starts_walk_as_each_would_alone_with_the_same_noise() -> None:
    plane = Plane()
    starts = POINTS[:4]
    together = plane.walk(starts, "fa", 0.05, 60, noise=0.3)
    draws = noise_draws(4, 60)
    for i in range(4):
        alone = plane.walk(starts[i], "fa", 0.05, 60, noise=0.3, draws=draws[i : i + 1])
        np.testing.assert_array_equal(alone.w[:, 0], together.w[:, i])
    np.testing.assert_array_equal(noise_draws(2, 30), draws[:2, :30])
    np.testing.assert_array_equal(noise_draws(4, 60), draws)
    assert not np.array_equal(noise_draws(4, 60, seed=1), draws)
    assert draws.std() == pytest.approx(1, abs=0.1)


def test_noise_is_added_to_the_update() -> None:
    plane = Plane()
    draws = noise_draws(1, 5)
    walked = plane.walk([[0.5, 0.5]], "bp", 0.1, 5, 0.2, draws).w[:, 0]
    u = plane.update(walked[:-1], "bp") + 0.2 * draws[0]
    np.testing.assert_allclose(np.diff(walked, axis=0), -0.1 * u, rtol=1e-12)


def test_a_walk_ends_where_it_rests_or_diverges() -> None:
    plane = Plane()
    walked = plane.walk([[1.0, 1.0], [3.0, 3.0], [0.5, 0.5]], "bp", 0.5, 40)
    assert np.isfinite(walked.w[:, :, 0]).sum(0)[:2].tolist() == [1, 2]
    assert np.isfinite(walked.w[:, 2, 0]).sum() == 7  # settled
    assert np.isnan(walked.loss[5, :2]).all()


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("target", float("nan"), "a finite number"),
        ("feedback", "much", "a finite number"),
        ("activation", "step", "one of linear, tanh"),
        ("x", (0.0,), "not 0"),
        ("x", (), "not 0"),
        ("y", (1.0, 2.0), "1 finite numbers"),
    ],
)
def test_a_plane_that_cannot_be_is_refused_by_name(field: str, value: Any, allowed: str) -> None:
    with pytest.raises(PlaneError) as refused:
        Plane(**{field: value})
    named = {problem.field: problem for problem in refused.value.problems}
    assert field in named
    assert named[field].value == value or value != value
    assert allowed in str(refused.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("starts", [[1.0, float("inf")]]),
        ("starts", [[1.0, 2.0, 3.0]]),
        ("starts", "somewhere"),
        ("learning_rate", 0),
        ("learning_rate", float("nan")),
        ("steps", -1),
        ("steps", 1.5),
        ("steps", 10**9),
        ("noise", -0.1),
    ],
)
def test_a_walk_that_cannot_be_is_refused_by_name(field: str, value: Any) -> None:
    given = {"starts": [[1.0, 1.0]], "learning_rate": 0.1, "steps": 5, "noise": 0.0, field: value}
    with pytest.raises(PlaneError, match=f"{field} = .*: allowed is") as refused:
        Plane().walk(scheme="fa", **given)
    assert [problem.field for problem in refused.value.problems] == [field]
    with pytest.raises(PlaneError, match="scheme = 'dfa': allowed is one of fa, bp"):
        Plane().update([1.0, 1.0], "dfa")
