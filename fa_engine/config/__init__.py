"""The configuration of a run: its knobs, its limits, and what is wrong with it in words."""

from fa_engine.config.knob import Knob, knob, knob_of, listed_fields
from fa_engine.config.limits import UNLIMITED, Limits
from fa_engine.config.problem import NotAllowed, Problem, problems, refusal
from fa_engine.config.run import RunConfig, allowed, as_written, bounds

__all__ = [
    "UNLIMITED",
    "Knob",
    "Limits",
    "NotAllowed",
    "Problem",
    "RunConfig",
    "allowed",
    "as_written",
    "bounds",
    "knob",
    "knob_of",
    "listed_fields",
    "problems",
    "refusal",
]
