"""Every knob of a run, by subject: title, unit, range, default and one-line explanation."""

from fa_engine.config.groups.data import DataKnobs
from fa_engine.config.groups.feedback import FeedbackKnobs
from fa_engine.config.groups.measuring import MeasuringKnobs
from fa_engine.config.groups.network import NetworkKnobs
from fa_engine.config.groups.step import StepKnobs

__all__ = ["Knobs"]


# pydantic takes the fields of the last base first.
class Knobs(MeasuringKnobs, StepKnobs, FeedbackKnobs, NetworkKnobs, DataKnobs):
    """All of them."""
