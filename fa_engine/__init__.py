"""Feedback alignment in PyTorch: train without the transposed weights and measure why it works.

    from fa_engine import RunConfig, Trainer

    for m in Trainer(RunConfig(scheme="fa", replicates=8)):
        print(m.step, m.loss.mean(), m.gradient_angle_deg.mean(0))

The package knows no web and no database. Definitions and symbols follow D. Chu and F. Bacho,
*Random feedback alignment algorithms to train neural networks: why do they align?* (2024).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fa_engine.public import *  # noqa: F403

_PUBLIC = "fa_engine.public"


def __getattr__(name: str) -> Any:
    """A name of :mod:`fa_engine.public`, which is imported for the first of them.

    Not above: it takes PyTorch, which takes seconds, and the help of the command line, which this
    module comes before, needs none of it.
    """
    if name == "__all__" or not name.startswith("__"):
        public = import_module(_PUBLIC)
        if name == "__all__" or name in public.__all__:
            return getattr(public, name)
        if name in globals():  # a module that has come along
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module(_PUBLIC).__all__})
