"""What is typed or given for a field, as the field takes it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from fa_engine.config.groups import Knobs
from fa_engine.config.knob import knob_of
from fa_engine.config.limits import Limits
from fa_engine.networks.layers import parse
from fa_engine.scales import parse as parse_scale
from fa_engine.typed import entries, number, whole

SCALES = frozenset(["weight_std", "feedback_std"])
MOST_FROZEN = 64  # entries, more than there are layers


def parsed_value(name: str, value: Any) -> Any:
    """What was typed or given for a field, as the field takes it.

    Lists may be typed, as in ``256, 256``; ``True`` is not a number.

    Args:
        name: of the field.
        value: as it came.

    Raises:
        ValueError: it cannot be one.
    """
    if name == "hidden":
        return parse(value)
    if name in SCALES:
        return parse_scale(value)
    if name in {"frozen", "teacher_hidden", "schedule_at"}:
        if isinstance(value, str):
            value = [whole(entry) for entry in entries(value)]
        elif isinstance(value, int):
            value = [value]
    items = value if isinstance(value, (list, tuple)) else [value]
    flag = Knobs.model_fields[name].annotation is bool
    if any(isinstance(item, bool) != flag for item in items):
        raise ValueError(name)
    return number(Knobs.model_fields[name].annotation, value)


def is_in_words(name: str, accepted: Any, limits: Limits | None = None) -> bool:
    """Whether a value of the right type and range is also one of those in words.

    Args:
        name: of the field.
        accepted: the value.
        limits: those in force; None: the default ones.
    """
    field = Knobs.model_fields[name]
    options = knob_of(field).options
    if options is not None:
        return accepted in options or (accepted is None and field.default is None)
    if name == "frozen":
        return len(accepted) <= MOST_FROZEN and all(layer >= 1 for layer in accepted)
    if name == "schedule_at":
        rising = all(a < b for a, b in pairwise((0, *accepted)))
        return len(accepted) <= MOST_FROZEN and rising
    if name == "teacher_hidden":
        return len(accepted) <= 8 and all(1 <= width <= 4096 for width in accepted)
    return name != "epochs" or accepted <= (limits or Limits()).max_epochs
