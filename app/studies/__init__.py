"""Studies: what is varied and asked of many runs, and what they say."""

from app.studies.plan import Asked, Plan, cells_of, extend, extension_of, plan_of, varied_in
from app.studies.ready import READY, Ready
from app.studies.results import Cell, Results, Told
from app.studies.values import VALUES, Value

__all__ = [
    "READY",
    "VALUES",
    "Asked",
    "Cell",
    "Plan",
    "Ready",
    "Results",
    "Told",
    "Value",
    "cells_of",
    "extend",
    "extension_of",
    "plan_of",
    "varied_in",
]
