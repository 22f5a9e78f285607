"""Names of runs: what a run is, what tells it from the others, and what it became."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from fa_engine import SCHEMES, RunConfig

LONGEST = 100
"""Letters of a name."""

_DIFFERENCES = 3  # from another run of the same name, at most
# They change what is measured and where, not what is trained.
_OF_NO_INTEREST = ("measure_every", "evaluate_every", "device", "measures", "walk")
_PARTS = ("route", "signal", "matrix")
_HEAD = re.compile(r" on | from step ")
_NUMBERED = re.compile(r" \((\d+)\)$")
_ARROW = " → "


def short(scheme: str) -> str:
    """What the field calls a scheme: ``FA``; a name that is no scheme's stays."""
    return SCHEMES[scheme].short if scheme in SCHEMES else scheme


def scheme_words(config: RunConfig) -> str:
    """The scheme that a run begins with: ``FA``, or ``FA with the sign as signal``.

    A composition that is another scheme's has that one's name.
    """
    row = SCHEMES[config.scheme]
    own = [getattr(config.composition, part) for part in _PARTS]
    if own == [getattr(row, part) for part in _PARTS]:
        return row.short
    for other in SCHEMES.values():
        if own == [getattr(other, part) for part in _PARTS]:
            return other.short
    changed = [
        f"{value.replace('_', ' ')} {part}"
        for part, value in zip(_PARTS, own, strict=True)
        if value != getattr(row, part)
    ]
    return f"{row.short} with {', '.join(changed)}"


def name_of(config: RunConfig) -> str:
    """What a run is: scheme, data, network and rate."""
    layers = "-".join(str(layer) for layer in config.hidden) or "no hidden layer"
    data = config.dataset.replace("_", "-")
    return f"{scheme_words(config)} on {data}, {layers}, rate {config.learning_rate:g}"


def handed_name(config: RunConfig, step: int, parent: str) -> str:
    """What a run is that begins with the weights of another one, ``parent`` by name."""
    return _fitting(f"{scheme_words(config)} from step {step:,} of {parent}")


def distinct(name: str, config: RunConfig, others: dict[str, dict[str, Any]]) -> str:
    """``name`` with what tells the run from others that are called so.

    Args:
        name: what it would be called.
        config: of the run.
        others: configurations of runs by name, as JSON.
    """
    if name not in others:
        return name
    own, other = config.model_dump(mode="json"), others[name]
    differing = [
        _words(field, own[field])
        for field in own
        if field not in _OF_NO_INTEREST and own[field] != other.get(field)
    ]
    told = ", ".join([name, *differing[:_DIFFERENCES]])
    return numbered(_fitting(told), others)


def numbered(name: str, taken: Collection[str]) -> str:
    """``name``, with a number where it is taken: ``name (2)``."""
    found, number = name, 1
    while found in taken:
        number += 1
        end = f" ({number})"
        found = name[: LONGEST - len(end)] + end
    return found


def unnumbered(name: str) -> str:
    """``name`` without the number that :func:`numbered` gave it."""
    return _NUMBERED.sub("", name)


def switched(name: str, config: RunConfig, to: str, step: int) -> str:
    """The name after a live switch to the scheme ``to``: ``FA → BP at step 1,200 on ...``.

    A name that a person chose stays what it is.
    """
    found = _HEAD.search(name)
    head, rest = (name[: found.start()], name[found.start() :]) if found else (name, "")
    # After a switch the head itself has " at step "; it begins as it began.
    first, *_ = head.split(_ARROW)
    if first != scheme_words(config):
        return name
    before = f"{first}{_ARROW}…" if _ARROW in head else first
    return _fitting(f"{before}{_ARROW}{short(to)} at step {step:,}{rest}")


def is_automatic(name: str, config: RunConfig) -> bool:
    """Whether a run of this configuration was named here and not by a person."""
    return _HEAD.split(name)[0].split(_ARROW)[0] == scheme_words(config)


def _fitting(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1].rstrip(" ,") + "…"


def _words(field: str, value: Any) -> str:
    title = str(RunConfig.model_fields[field].title).lower()
    if isinstance(value, bool):
        return title if value else f"no {title}"
    if isinstance(value, list):
        value = "-".join(map(str, value))
    if isinstance(value, int) and field not in ("seed", "feedback_seed"):
        value = f"{value:,}"
    if isinstance(value, float):
        value = f"{value:g}"
    return f"{title} {'as usual' if value is None else str(value).replace('_', ' ')}"
