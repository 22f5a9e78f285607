"""Runs worth starting with."""

from __future__ import annotations

from dataclasses import dataclass

from fa_engine import RunConfig


@dataclass(frozen=True)
class Preset:
    """One click that fills the form.

    Attributes:
        title: what it is called.
        text: what it shows, in one line.
        config: what it fills in.
    """

    title: str
    text: str
    config: RunConfig


_DIGITS = RunConfig(
    dataset="digits",
    hidden=(64, 64),
    scheme="fa",
    learning_rate=0.02,
    replicates=8,
    epochs=350,
    measure_every=20,
    evaluate_every=100,
    walk=True,
)

PRESETS = (
    Preset(
        "Digits, 8 networks",
        "Feedback alignment, eight times over: less than half a minute.",
        _DIGITS,
    ),
    Preset(
        "Digits by backprop",
        "The same networks by the true gradient, for comparison.",
        _DIGITS.replace(scheme="bp"),
    ),
    Preset(
        "Forty digits",
        "Backpropagation finds a minimum; hand it over to feedback alignment under Stability.",
        RunConfig(
            dataset="digits",
            train_samples=40,
            hidden=(64, 64),
            loss="squared_error",
            scheme="bp",
            learning_rate=0.05,
            batch_size=40,
            epochs=8000,
            replicates=8,
            measure_every=20,
            evaluate_every=1000,
            walk=True,
        ),
    ),
    Preset(
        "MNIST, 5 epochs",
        "One network, 784-256-256-10: the reference run.",
        RunConfig(
            dataset="mnist",
            hidden=(256, 256),
            activation="tanh",
            loss="cross_entropy",
            scheme="fa",
            learning_rate=0.1,
            batch_size=128,
            epochs=5,
            replicates=1,
            measure_every=10,
            evaluate_every=100,
        ),
    ),
)

FIRST = PRESETS[0]
"""What the button on the empty page starts."""
