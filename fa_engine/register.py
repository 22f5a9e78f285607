"""Register: how others add schemes, matrices, signals, measures, data sets and the rest.

What is added can be chosen by its name in a :class:`~fa_engine.RunConfig`, and so in the dashboard
and on the command line; the module that added it stands in the runs and checkpoints made with it::

    from fa_engine import Scheme, register

    @register.signal("clipped", title="The output error, clipped")
    def clipped(e, y):
        return e.clamp(-0.1, 0.1)

    register.scheme("clipped_dfa", Scheme("Clipped DFA", "cDFA", "direct", "clipped", "random",
                                          "Nobody is heard for shouting.", "this file"))

Each raises :class:`~fa_engine.registry.RegistryError` where the name cannot be one or is taken, or
where what is added is not what it says: a function is tried with numbers when it is added, what
needs a network (matrices, measures) when a run begins. docs/EXTENDING.md has an
example of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor

from fa_engine.data.arrays import reading, samples_of
from fa_engine.data.datasets import DATASETS, DatasetSpec
from fa_engine.feedback.matrices import MATRICES, ROUTES, Matrices
from fa_engine.feedback.schemes import SCHEMES, SIGNALS, Scheme, Signal
from fa_engine.measures.catalogue import MEASURES, SHAPES, Measure
from fa_engine.networks.activations import ACTIVATIONS, Activation
from fa_engine.networks.losses import LOSSES, Loss
from fa_engine.optimizers import SCHEDULES, Schedule
from fa_engine.registry import RegistryError
from fa_engine.seeding import DISTRIBUTIONS, Distribution

Function = TypeVar("Function", bound=Callable[..., Any])
Kind = TypeVar("Kind", bound=type[Matrices])

# Names of what measurements and series of them have beside measures, and of columns of tables.
_TAKEN = frozenset(
    [
        "step",
        "epoch",
        "own",
        "to_dict",
        "without",
        "run",
        "replicate",
        "layer",
        "diverged",
        "of",
        "arrays",
        "empty",
        "concatenate",
    ]
)
_SMALL = 1e-6  # an error that is nearly none, and a step of a difference quotient


def scheme(name: str, row: Scheme) -> Scheme:
    """Adds a feedback scheme: a row that names its route, signal and matrix.

    Args:
        name: what a :class:`~fa_engine.RunConfig` calls it.
        row: its parts, with the words that a person reads.

    Raises:
        RegistryError: the name cannot be one or is taken, a part is not there, or the matrix is not
            defined for the route.
    """
    for part, known in (("route", ROUTES), ("signal", SIGNALS), ("matrix", MATRICES)):
        _among(f"feedback scheme {name!r}: {part}", getattr(row, part), known)
    routes = MATRICES[row.matrix].routes
    _among(f"feedback scheme {name!r}: route, with matrix {row.matrix!r}", row.route, routes)
    SCHEMES.add(name, row)
    return row


def signal(name: str, *, title: str) -> Callable[[Function], Function]:
    """Adds what the outputs send: a function ``(e, y) -> signal``, all ``(..., N, c)``.

    ``e`` is the output error of each sample, the derivative of the loss by the outputs times ``N``
    (docs/MATH.md, section 1), and ``y`` the target. The function changes neither. Whether the
    signal fades with the error (:attr:`Signal.fades <fa_engine.Signal.fades>`) is found out by
    trying.

    Args:
        name: of the signal.
        title: what a person reads.

    Returns:
        A decorator, which gives the function back.

    Raises:
        RegistryError: the name cannot be one or is taken, or the signal has another shape.
    """

    def add(of: Function) -> Function:
        e, y = _sample(3, 5), torch.eye(5, dtype=torch.float64)[:3]
        told = f"signal {name!r}"
        _shaped(told, of(e.clone(), y), e)
        # The sign comes from a small error, where there is one; a target knows of none.
        near = of(_SMALL * e, y) / _SMALL
        fades = bool(torch.isfinite(near).all()) and torch.allclose(near, e, rtol=1e-3)
        SIGNALS.add(name, Signal(title, of, fades=fades))
        return of

    return add


def matrices(name: str) -> Callable[[Kind], Kind]:
    """Adds a kind of feedback matrices: a subclass of :class:`~fa_engine.Matrices`, which has the
    contract.

    Args:
        name: of the matrix.

    Returns:
        A decorator, which gives the class back.

    Raises:
        RegistryError: the name cannot be one or is taken, the class is no such subclass, has no
            title of its own, or names a route that is none.
    """

    def add(kind: Kind) -> Kind:
        told = f"feedback matrix {name!r}"
        if not (isinstance(kind, type) and issubclass(kind, Matrices)):
            raise RegistryError(f"{told} is {kind!r}: allowed is a subclass of Matrices")
        if "title" not in vars(kind):
            raise RegistryError(f"{told} has no title of its own: allowed is a class with one")
        for route in kind.routes:
            _among(f"{told}: routes", route, ROUTES)
        MATRICES.add(name, kind)
        return kind

    return add


def measure(
    name: str,
    *,
    title: str,
    unit: str,
    text: str,
    shape: str,
    log: bool = False,
    best: str = "",
    sparse: bool = False,
) -> Callable[[Function], Function]:
    """Adds a measure: a function of a :class:`~fa_engine.Moment` that gives an array.

    Args:
        name: of the measure, and of the value of a :class:`~fa_engine.Measurement`.
        title: what a page calls it.
        unit: in a word, such as ``°``, ``norm`` or ``loss``.
        text: one sentence.
        shape: of what the function gives: ``R`` for ``(R,)``, ``RH`` for ``(R, H)``, a value for
            each hidden layer, ``RL`` for ``(R, L)``, for each layer of weights.
        log: whether a logarithmic axis suits it.
        best: ``lowest`` or ``highest``, where one of them is what is hoped for; else empty.
        sparse: the function may give None, where nothing is to be measured.

    Returns:
        A decorator, which gives the function back.

    Raises:
        RegistryError: the name cannot be one or is taken, words are missing, or ``shape`` or
            ``best`` is none of those above. What the function gives is looked at when it is asked:
            an array of another shape is a :class:`~fa_engine.MeasureError`.
    """

    def add(of: Function) -> Function:
        told = f"measure {name!r}"
        _among(f"{told}: shape", shape, SHAPES)
        _among(f"{told}: best", best, ("", "lowest", "highest"))
        for word, given in (("title", title), ("unit", unit), ("text", text)):
            if not given:
                raise RegistryError(f"{told}: {word} is empty: allowed are words")
        if name in _TAKEN or name.startswith("config_"):
            raise RegistryError(f"{told}: allowed is a name that measurements and tables have not")
        MEASURES.add(name, Measure(name, title, unit, text, shape, log, best, False, sparse, of))
        return of

    return add


def dataset(name: str, spec: DatasetSpec) -> DatasetSpec:
    """Adds a data set by what is known of it before it is read; ``spec.read`` gives the samples.

    Args:
        name: of the data set.
        spec: its shapes and counts, and what reads it.

    Raises:
        RegistryError: the name cannot be one, or is taken.
    """
    DATASETS.add(name, spec)
    return spec


def arrays(
    name: str,
    x_train: Any,
    y_train: Any,
    x_test: Any,
    y_test: Any,
    *,
    title: str = "",
    text: str = "Given as arrays.",
) -> DatasetSpec:
    """Adds a data set of arrays, NumPy's or PyTorch's. They are copied, never written into.

    Values are taken as they are: nothing is scaled, or standardised unless a run asks for it.

    Args:
        name: of the data set.
        x_train: ``(n, ...)`` samples of any shape; images are ``(n, height, width, channels)``.
        y_train: ``(n,)`` labels, whole numbers from 0 on, or ``(n, c)`` targets.
        x_test, y_test: likewise.
        title: what a person reads; default the name.
        text: one sentence on what the values are.

    Raises:
        RegistryError: shapes do not go together, a value is not finite, or a label is no class.
    """
    try:
        samples, shape, outputs = samples_of(x_train, y_train, x_test, y_test)
    except ValueError as error:
        raise RegistryError(f"data set {name!r}: {error}") from None
    n_train, n_test = len(samples[0]), len(samples[2])
    read = reading(samples)
    return dataset(name, DatasetSpec(title or name, shape, outputs, n_train, n_test, read, text))


def activation(
    name: str, *, title: str, derivative: Callable[[Tensor], Tensor], is_homogeneous: bool = False
) -> Callable[[Function], Function]:
    """Adds an activation: a function ``phi`` of a tensor, elementwise, that leaves it as it is.

    Args:
        name: of the activation.
        title: what a person reads.
        derivative: ``phi'``, of the same tensor, ``(...)`` to ``(...)``.
        is_homogeneous: ``phi(a) = a phi'(a)`` everywhere: then feedback alignment conserves a
            quantity (docs/MATH.md, section 6).

    Returns:
        A decorator, which gives the function back.

    Raises:
        RegistryError: the name cannot be one or is taken, the function writes into its input, or
            the derivative is not, to 0.1 %, what difference quotients say.
    """

    def add(function: Function) -> Function:
        told = f"activation {name!r}"
        a = _sample(41).mul_(2)
        before = a.clone()
        function(a)
        slope = (function(a + _SMALL) - function(a - _SMALL)) / (2 * _SMALL)
        if not torch.equal(a, before):
            raise RegistryError(f"{told} writes into its input: allowed is a new tensor")
        _like(f"{told}: derivative", derivative(a), slope)
        if is_homogeneous:
            _like(f"{told}: is_homogeneous, a phi'(a)", a * derivative(a), function(a))
        row = Activation(
            title,
            lambda a: (function(a), a),
            lambda delta, a: delta.mul_(derivative(a)),
            is_homogeneous,
        )
        ACTIVATIONS.add(name, row)
        return function

    return add


def loss(name: str, row: Loss) -> Loss:
    """Adds a loss, with its derivative by the outputs (and the second one, for the Stability page).

    ``row.of_samples`` and ``row.error`` are held against each other, and the latter and
    ``row.curvature``.

    Args:
        name: of the loss.
        row: its functions of outputs and targets ``(..., N, c)``.

    Raises:
        RegistryError: the name cannot be one or is taken, or a derivative is not, to 0.1 %, what
            difference quotients say.
    """
    told = f"loss {name!r}"
    f, y = _sample(4, 3), torch.eye(3, dtype=torch.float64)[[0, 1, 2, 0]]
    _like(f"{told}: error", row.error(f.clone(), y), _slopes(row.of_samples, f, y))
    if row.curvature is not None:
        columns = [_quotient(lambda g: row.error(g, y), f, output) for output in range(f.shape[1])]
        _like(f"{told}: curvature", row.curvature(f.clone()), torch.stack(columns, -1))
    LOSSES.add(name, row)
    return row


def schedule(name: str, *, title: str) -> Callable[[Function], Function]:
    """Adds a schedule: ``(epoch, epochs, every, factor)`` to what the learning rate is multiplied
    by; see :class:`~fa_engine.optimizers.Schedule`.

    Args:
        name: of the schedule.
        title: what a person reads.

    Returns:
        A decorator, which gives the function back.

    Raises:
        RegistryError: the name cannot be one or is taken, or the function gives no number from 0
            on.
    """

    def add(factor: Function) -> Function:
        for epoch in (0.0, 2.5, 10.0):
            found = factor(epoch, 10, 3, 0.5)
            if not isinstance(found, (int, float)) or not 0 <= found < float("inf"):
                raise RegistryError(
                    f"schedule {name!r} gave {found!r} for epoch {epoch}: allowed is a number from "
                    "0 on"
                )
        SCHEDULES.add(name, Schedule(title, factor))
        return factor

    return add


def distribution(name: str, *, title: str) -> Callable[[Function], Function]:
    """Adds what initial weights and feedback can be drawn from: ``(shape, generator)`` to a matrix
    of that shape in float64, its entries of mean 0 and variance 1.

    Args:
        name: of the distribution.
        title: what a person reads.

    Returns:
        A decorator, which gives the function back.

    Raises:
        RegistryError: the name cannot be one or is taken, or what is drawn has another shape, mean
            or variance.
    """

    def add(entries: Function) -> Function:
        told, shape = f"distribution {name!r}", (300, 200)
        found = entries(shape, torch.Generator().manual_seed(0))
        _shaped(told, found, torch.zeros(shape))
        mean, variance = float(found.mean()), float(found.square().mean())
        if not (abs(mean) < 0.05 and 0.9 < variance < 1.1):
            raise RegistryError(
                f"{told} has mean {mean:.3g} and mean square {variance:.3g}: allowed are 0 and 1"
            )
        DISTRIBUTIONS.add(name, Distribution(title, entries))
        return entries

    return add


def _among(told: str, value: Any, known: Iterable[str]) -> None:
    if value not in known:
        raise RegistryError(f"{told} = {value!r}: allowed is one of {', '.join(map(repr, known))}")


def _sample(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def _shaped(told: str, found: Any, like: Tensor) -> None:
    if not isinstance(found, Tensor) or found.shape != like.shape:
        what = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise RegistryError(f"{told} gave {what}: allowed is a tensor {tuple(like.shape)}")


def _like(told: str, found: Any, expected: Tensor) -> None:
    """Refuses what is not, to 0.1 %, what a difference quotient says."""
    _shaped(told, found, expected)
    if not torch.allclose(found, expected, rtol=1e-3, atol=1e-5):
        at = int((found - expected).abs().flatten().argmax())
        given, right = found.flatten()[at].item(), expected.flatten()[at].item()
        raise RegistryError(
            f"{told} is {given:.6g} at a place where the function itself says {right:.6g}: allowed "
            "is the same"
        )


def _quotient(function: Callable[[Tensor], Tensor], f: Tensor, output: int) -> Tensor:
    step = torch.zeros_like(f)
    step[:, output] = _SMALL
    return (function(f + step) - function(f - step)) / (2 * _SMALL)


def _slopes(of_samples: Callable[[Tensor, Tensor], Tensor], f: Tensor, y: Tensor) -> Tensor:
    """The derivative of each sample's loss by its outputs, ``(N, c)``."""
    columns = [_quotient(lambda g: of_samples(g, y), f, output) for output in range(f.shape[1])]
    return torch.stack(columns, -1)
