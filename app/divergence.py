"""What is said of a run in which networks are no longer finite: one wording for every place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from app.store import Run, RunState

Since = Sequence[int | None]
"""For each network the step from which on it is no longer finite, or None."""

_SHORT = 3  # steps that are told one by one where room is short


def divergence(diverged_at: Since) -> dict[str, Any] | None:
    """Everything that is said, or None where all networks are finite.

    Returns:
        ``left`` and ``of``, how many of how many networks are left; ``lost``, how many are not, to
        go beside the state; ``since``, each of them and its step, and ``since_short``; ``lines``,
        what the lines of a chart are; ``empty``, why a chart of the run holds nothing, or nothing.
    """
    count = len(diverged_at)
    groups = _groups(diverged_at)
    if not groups:
        return None
    left = count - sum(len(networks) for _, networks in groups)
    return {
        "left": left,
        "of": count,
        "lost": f"{count - left} of {count} networks diverged" if count > 1 else "diverged",
        "since": "; ".join(_since(count, *group) for group in groups),
        "since_short": "; ".join(_since(count, *group) for group in groups)
        if len(groups) <= _SHORT
        else f"from step {groups[0][0]:,} to step {groups[-1][0]:,}",
        "lines": _lines(count, groups) if count > 1 else "",
        "empty": "" if left else _empty(count, groups[-1][0]),
    }


def message(step: int, diverged_at: Since) -> str:
    """What a person who watches is told when networks diverge; nothing when none is left, as the
    run then ends and says so, nor where none went at that step: of a cell of a study another one's
    may have."""
    left = sum(at is None for at in diverged_at)
    gone = [number for number, at in enumerate(diverged_at, start=1) if at == step]
    if not left or not gone:
        return ""
    whose = "a loss or a weight of it is" if len(gone) == 1 else "a loss or a weight of each is"
    rest = "the other trains on" if left == 1 else f"the other {left:,} train on"
    text = f"{_networks(gone)} of {len(diverged_at)} diverged: {whose} no longer finite at step"
    return f"{text[0].upper()}{text[1:]} {step:,}. Of the networks, {rest}."


def state_words(run: Run) -> str:
    """The state of a run, and what has become of its networks: ``finished, 1 of 3 networks
    diverged``."""
    found = divergence(run.diverged_at)
    if found is None or run.state is RunState.DIVERGED:
        return run.state.value
    return f"{run.state.value}, {found['lost']}"


def state_class(run: Run) -> str:
    """The colour of that: of the state, or ``partly`` where a run that goes or went well has lost
    networks."""
    well = run.state not in (RunState.DIVERGED, RunState.FAILED, RunState.INTERRUPTED)
    return "partly" if well and divergence(run.diverged_at) else run.state.value


def _groups(diverged_at: Since) -> list[tuple[int, list[int]]]:
    """Steps, rising, with the numbers of the networks that are gone since."""
    gone = sorted((at, number) for number, at in enumerate(diverged_at, 1) if at is not None)
    return [(at, [number for _, number in of]) for at, of in groupby(gone, lambda pair: pair[0])]


def _since(count: int, step: int, networks: Sequence[int]) -> str:
    return f"{_networks(networks)} since step {step:,}" if count > 1 else f"since step {step:,}"


def _networks(numbers: Sequence[int]) -> str:
    """``network 3``, ``networks 1 to 4, 6 and 8``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = []
    for run in runs:
        parts += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else [str(number) for number in run]
    if len(numbers) == 1:
        return f"network {parts[0]}"
    return f"networks {', '.join(parts[:-1])}{' and ' if parts[:-1] else ''}{parts[-1]}"


def _lines(count: int, groups: Sequence[tuple[int, Sequence[int]]]) -> str:
    left, told = count, [f"{count} at first"]
    for step, networks in groups:
        left -= len(networks)
        told.append(f"{left or 'none'} from step {step:,} on")
    if len(told) > _SHORT + 2:
        told = [*told[:_SHORT], "…", told[-1]]
    return (
        "Lines are the median, bands the central 80 % of the networks that are left: "
        f"{', '.join(told)}."
    )


def _empty(count: int, last: int) -> str:
    if count == 1:
        return f"no value: the network diverged by step {last:,}"
    return f"no value: all {count} networks diverged by step {last:,}"
