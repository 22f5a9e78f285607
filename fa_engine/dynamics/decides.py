"""What the feedback kernel ``K`` decides of a scheme, part by part (docs/MATH.md, section 4).

Every sentence here is held by ``tests/engine/dynamics/test_decides.py``, which trains on from a
point without error and compares.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fa_engine.config import RunConfig
from fa_engine.feedback.matrices import MATRICES
from fa_engine.feedback.schemes import SIGNALS, Scheme
from fa_engine.optimizers import OPTIMIZERS

FLAT = "squared_error"
"""The loss whose H is the identity: what is said of K is said of H K for every other."""

MOTIONS = {
    "none": "Where no error is left this scheme rests, and K decides whether it stays: along a "
    "mode with a negative real part it leaves.",
    "jumps": "Where no error is left this scheme rests, and K decides whether it stays, for as "
    "long as no weight changes its sign: there the matrices jump, and K is another.",
    "learned": "Its matrices learn from the error and stand still where none is left: to first "
    "order K of this moment decides whether it stays.",
    "redrawn": "Its matrices are redrawn at each step, and each step has a K of its own. Shown is "
    "their mean: it decides the mean motion, about which the steps scatter in proportion to the "
    "error.",
    "unsaid": "What its matrices do where no error is left nobody has said: K of this moment holds "
    "for as long as they stay about where they are.",
    "mirrored": "Its matrices go on towards the weights whatever the error is: K of this moment "
    "holds for times short against {mirror:,.0f} steps, and in the end it is nearly that of "
    "backpropagation.",
}
"""How matrices move where no error is left, and what ``K`` decides then, in words."""
SIGNS = (
    "The hidden layers hear the error's sign alone and move at a speed that does not shrink with "
    "the error. Where none is left this scheme does not rest, and K decides nothing there: it "
    "chatters about the point, as far as its steps are long."
)
TARGETS = (
    "The hidden layers are pushed by the target for ever. Where no error is left this scheme does "
    "not rest, and K decides nothing there."
)
OTHER = (
    "The hidden layers hear “{signal}”, which for a small error is not the error: K, which is "
    "built with the error, decides nothing."
)
DECAY = (
    "Weight decay moves the weights where no error is left: the scheme does not rest there, and K "
    "of this moment says only what becomes of an error meanwhile."
)
ADAPTIVE = (
    "K is that of plain steps. {optimizer} makes steps of its own of an update, as long for a "
    "small error as for a large one: K does not decide whether they stay."
)
MOMENTUM = "With momentum {momentum:g} it is about {faster:.3g} times as fast as K alone says."
CURVED = (
    "With this loss an error changes by H K, where H = de/df is what the loss makes of the "
    "outputs: modes of K alone decide nothing."
)
DELAY = (
    "Its modules hear late. An error that changes is not what it was: with steps of this length "
    "the roots of all modules together decide, stable inside the unit circle, and K alone as the "
    "steps become small."
)

_UNFADING = {"sign": SIGNS, "target": TARGETS}
_MOVES_ON = ("mirrored", "unsaid")  # whatever the error is, or may do so


@dataclass(frozen=True)
class Decision:
    """What ``K`` decides.

    Attributes:
        rests: a point without error is a fixed point of the scheme.
        stability: whether it stays there is told by the modes of ``K``, of ``H K`` for another loss
            than squared error: to first order, in the mean, or until a weight changes its sign.
        of_moment: ``K`` itself moves on where no error is left.
        pace: mode ``lambda`` is ``1 - eta lambda`` times as long after a step.
        words: the same in sentences.
    """

    rests: bool
    stability: bool
    of_moment: bool
    pace: bool
    words: tuple[str, ...]


def decision(scheme: Scheme, config: RunConfig) -> Decision:
    """What ``K`` decides of a scheme in a run.

    Args:
        scheme: the parts in force.
        config: the rest; its own scheme does not count.
    """
    hidden = set(range(1, len(config.layers))) - set(config.frozen)
    hears = scheme.route != "none" and bool(hidden)
    signal = SIGNALS[scheme.signal]
    if hears and not signal.fades:
        words = _UNFADING.get(scheme.signal, OTHER.format(signal=signal.title))
        return Decision(False, False, False, False, (words,))
    if config.optimizer not in ("sgd", "nesterov"):
        title = OPTIMIZERS[config.optimizer].title
        rests = not config.weight_decay
        return Decision(rests, False, False, False, (ADAPTIVE.format(optimizer=title),))
    motion = MATRICES[scheme.matrix].motion if hears else "none"
    said = [MOTIONS[motion].format(mirror=1 / config.mirror_rate if config.mirror_rate else 0)]
    if config.weight_decay:
        said = [DECAY]
    if config.momentum:
        faster = 1 / (1 - config.momentum)
        said.append(MOMENTUM.format(momentum=config.momentum, faster=faster))
    late = hears and config.delay_modules > 1
    if late:
        said.append(DELAY)
    if config.loss != FLAT:
        said = [re.sub(r"\bK\b", "H K", sentence) for sentence in said] + [CURVED]
    rests = not config.weight_decay
    return Decision(
        rests=rests,
        stability=rests and motion not in _MOVES_ON,
        of_moment=motion in _MOVES_ON or not rests,
        pace=not (config.momentum or late),
        words=tuple(said),
    )
