"""How the error reaches the hidden layers."""

from __future__ import annotations

from pydantic import BaseModel

from fa_engine.config.knob import knob
from fa_engine.feedback.matrices import MATRICES, ROUTES
from fa_engine.feedback.schemes import SCHEMES, SIGNALS
from fa_engine.scales import ALLOWED as SCALES_ALLOWED
from fa_engine.scales import Scale
from fa_engine.seeding import DISTRIBUTIONS


def _without_effect(asked: str) -> str:
    """Which schemes have no matrix that a knob says something of.

    They take it and leave it alone, so that a run can be handed from scheme to scheme, and one
    configuration raced under several.

    Args:
        asked: the attribute of :class:`fa_engine.feedback.matrices.Matrices` that says it of a
            matrix.
    """
    names = [
        row.short
        for row in SCHEMES.values()
        if row.route == "none" or not getattr(MATRICES[row.matrix], asked)
    ]
    return f"Of no effect under {', '.join(names[:-1])} and {names[-1]}."


_UNDRAWN, _UNSCALED = _without_effect("is_drawn"), _without_effect("is_scaled")


class FeedbackKnobs(BaseModel):
    """How the error reaches the hidden layers."""

    scheme: str = knob(
        "fa",
        "Feedback scheme",
        "How the error reaches the hidden layers.",
        rows=SCHEMES,
    )
    route: str | None = knob(
        None,
        "Route",
        "How the signal travels; empty: as in the scheme.",
        rows=ROUTES,
        group="feedback",
        empty="as in the scheme",
    )
    signal: str | None = knob(
        None,
        "Signal",
        "What the outputs send to the hidden layers; empty: as in the scheme.",
        rows=SIGNALS,
        group="feedback",
        empty="as in the scheme",
    )
    matrix: str | None = knob(
        None,
        "Matrix",
        "What carries the signal in place of the weights; empty: as in the scheme.",
        rows=MATRICES,
        group="feedback",
        empty="as in the scheme",
    )
    feedback_std: Scale | None = knob(
        None,
        "Feedback scale",
        "Standard deviation of the feedback matrices, or one for each hidden layer, or a rule: "
        "lecun, he, xavier, torch; empty: 1/sqrt(fan-in). " + _UNSCALED,
        unit="std",
        allowed=SCALES_ALLOWED,
        group="feedback",
        empty="1/√(fan-in)",
        varies=True,
    )
    feedback_gain: float = knob(
        1.0,
        "Feedback gain",
        "What the feedback scale is multiplied by. " + _UNSCALED,
        unit="times",
        ge=0,
        le=100,
        group="feedback",
        varies=True,
    )
    feedback_init: str = knob(
        "normal",
        "Feedback distribution",
        "Distribution the feedback matrices are drawn from. " + _UNDRAWN,
        rows=DISTRIBUTIONS,
        but=("zero",),
        group="feedback",
        varies=True,
    )
    feedback_density: float = knob(
        1.0,
        "Feedback density",
        "Share of the units above (direct: of the outputs) that each hidden unit hears, at least "
        "one; what it hears keeps its variance. " + _UNDRAWN,
        gt=0,
        le=1,
        group="feedback",
        varies=True,
    )
    feedback_rank: int | None = knob(
        None,
        "Feedback rank",
        "Rank of the feedback matrices; empty: full. " + _UNDRAWN,
        ge=1,
        group="feedback",
        empty="full",
    )
    feedback_seed: int | None = knob(
        None,
        "Feedback seed",
        "Seed of the feedback matrices alone; empty: as the weights. " + _UNDRAWN,
        ge=0,
        lt=2**31,
        group="feedback",
        empty="as the weights",
        varies=True,
    )
    delay_modules: int = knob(
        1,
        "Delayed modules",
        "Modules that each take the update of one step earlier than the one above; 1: no delay.",
        ge=1,
        group="feedback",
    )
    mirror_rate: float = knob(
        0.1,
        "Mirror rate",
        "How fast the weight mirror learns from the answer to noise.",
        unit="per step",
        gt=0,
        le=1,
        group="feedback",
    )
    mirror_samples: int = knob(
        64,
        "Mirror samples",
        "Samples of noise that the weight mirror sees at each step; more bring it closer to the "
        "weights.",
        unit="samples",
        ge=1,
        le=65_536,
        group="feedback",
    )
