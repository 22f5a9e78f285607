"""What differs between runs: their configurations, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.compare.lines import Panel
from app.store import Run
from app.store.naming import short
from fa_engine import RunConfig
from fa_engine.config import knob_of, listed_fields

_NO_DIFFERENCE = ("measures", "measure_every", "evaluate_every", "device", "walk")
_LONGEST = 26
_DIFFERENCES = 2  # in the name of a line


def differing(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Fields in which the configurations differ, in the order of the form, with each run's value
    in words."""
    return {
        name: [words(name, run.config.get(name)) for run in runs]
        for name in listed_fields(RunConfig)
        if any(run.config.get(name) != runs[0].config.get(name) for run in runs)
    }


def words(name: str, value: Any) -> str:
    """A field's value, as a person reads it."""
    field = RunConfig.model_fields[name]
    about = knob_of(field)
    if value is None:
        return about.empty or "none"
    if name == "scheme":
        return short(str(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return "-".join(map(str, value)) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int):
        return f"{value:,}" if "seed" not in name else str(value)
    return str((about.options or {}).get(value, value))


def labels(runs: Sequence[Run]) -> dict[str, str]:
    """A short name for each run, by id: what tells it from the others here. No two are alike."""
    fields = [name for name in differing(runs) if name not in _NO_DIFFERENCE]
    # A scheme says most; and of fields that say the same of every run two are enough.
    fields.sort(key=lambda name: name != "scheme")
    told: dict[str, str] = {}
    for run in runs:
        parts = [_short(name, run.config.get(name)) for name in fields[:_DIFFERENCES]]
        told[run.id] = ", ".join(parts) or _cut(run.name)
    if len(set(told.values())) < len(runs):
        own = {run.id: ", ".join(_short(n, run.config.get(n)) for n in fields) for run in runs}
        told = {i: _cut(own[i]) if _alike(i, told) and own[i] else text for i, text in told.items()}
    return _numbered(told)


def results(panels: Sequence[Panel], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """A row for each line of each panel.

    Returns:
        ``measure``, ``unit``, ``key``, ``line``, ``best`` and ``best_at``, ``last`` and
        ``last_at``, ``cursor`` and ``cursor_at``, ``mean``, ``std``, ``min``, ``max`` over the last
        values of those of ``replicates`` replicates that are ``left``; None for what there is not.
    """
    rows = []
    for panel in panels:
        for line in panel.lines:
            row: dict[str, Any] = {
                "measure": panel.title,
                "name": panel.key,
                "unit": panel.measure.unit,
                "key": line.key,
                "line": names[line.key],
                "replicates": line.replicates,
                "left": line.left,
            }
            for name, found in (
                ("best", line.best),
                ("last", line.last),
                ("cursor", line.at_cursor),
            ):
                row[f"{name}_at"], row[name] = found or (None, None)
            row |= {name: line.spread.get(name) for name in ("mean", "std", "min", "max")}
            rows.append(row)
    return rows


def shown(value: float | None, unit: str) -> str:
    """A value with its unit, as tables and cursors show it; nothing for what there is not."""
    if value is None or value != value:
        return "–"
    if unit == "share":
        return f"{100 * value:.1f} %"
    if unit == "°":
        return f"{value:.1f}°"
    if value == 0 or 0.001 <= abs(value) < 100_000:
        return f"{value:.4g}".replace("-", "−")
    return f"{value:.2e}".replace("-", "−")


def _short(name: str, value: Any) -> str:
    said = words(name, value)
    if name == "scheme":
        return said
    title = {"learning_rate": "rate"}.get(name, str(RunConfig.model_fields[name].title).lower())
    return f"{title} {said}" if isinstance(value, (int, float, type(None))) else said


def _alike(run_id: str, told: Mapping[str, str]) -> bool:
    return list(told.values()).count(told[run_id]) > 1


def _numbered(told: Mapping[str, str]) -> dict[str, str]:
    counts: dict[str, int] = {}
    found = {}
    for run_id, text in told.items():
        counts[text] = counts.get(text, 0) + 1
        again = _alike(run_id, told)
        found[run_id] = f"{text} ({counts[text]})" if again else text
    return found


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip(" ,") + "…"
