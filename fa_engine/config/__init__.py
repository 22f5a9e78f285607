"""The configuration of a run: its knobs, its limits, and what is wrong with it in words."""

from importlib import import_module

from fa_engine.config.knob import Knob, knob, knob_of
from fa_engine.config.limits import UNLIMITED, Limits
from fa_engine.config.problem import NotAllowed, Problem, problems, refusal
from fa_engine.config.run import RunConfig, allowed, bounds

__all__ = [
    "UNLIMITED",
    "Knob",
    "Limits",
    "NotAllowed",
    "Problem",
    "RunConfig",
    "allowed",
    "bounds",
    "knob",
    "knob_of",
    "problems",
    "refusal",
]

# Who takes a configuration takes the names that it may hold: those of plugins too, which stand on
# all public names. They do not come with `import fa_engine` itself, which has to be quick.
import_module("fa_engine.public")
