"""Many configurations, trained in as few runs as can be: those that differ only in what the
networks of one run may each have of their own train side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from fa_engine.config.limits import Limits
from fa_engine.config.run import RunConfig
from fa_engine.config.vary import VARIES


@dataclass(frozen=True)
class Together:
    """One run that trains several configurations.

    Attributes:
        config: what it trains; its cells are the configurations.
        numbers: of the configurations among those that were given, cell by cell.
    """

    config: RunConfig
    numbers: tuple[int, ...]


def together(configs: Sequence[RunConfig], limits: Limits | None = None) -> list[Together]:
    """The runs that train all of them, in the order of the first of each.

    Args:
        configs: none of which varies anything itself.
        limits: of one run; None: the default ones. What is too large for one is trained in several.
    """
    groups: dict[str, list[int]] = {}
    for number, config in enumerate(configs):
        alike = config.model_copy(update={name: _default(name) for name in VARIES})
        groups.setdefault(alike.model_dump_json(), []).append(number)
    found = []
    most = (limits or Limits()).max_cells
    for numbers in groups.values():
        for first in range(0, len(numbers), most):
            found += _halved(configs, numbers[first : first + most], limits or Limits())
    return found


def _default(name: str) -> object:
    return RunConfig.model_fields[name].default


def _halved(configs: Sequence[RunConfig], numbers: list[int], limits: Limits) -> list[Together]:
    """One run, or two of half the size each, and so on, until each is within the limits."""
    first = configs[numbers[0]]
    if len(numbers) == 1:
        return [Together(first, tuple(numbers))]
    own = [{name: getattr(configs[number], name) for name in VARIES} for number in numbers]
    differ = [name for name in VARIES if len({cell[name] for cell in own}) > 1]
    vary = [{name: cell[name] for name in differ} for cell in own]
    try:
        varied = {**first.model_dump(), "vary": vary}
        whole = RunConfig.model_validate(varied, context={"limits": limits})
    except ValidationError:
        middle = len(numbers) // 2
        return [
            part
            for half in (numbers[:middle], numbers[middle:])
            for part in _halved(configs, half, limits)
        ]
    return [Together(whole, tuple(numbers))]
