"""The form of a run, made from the fields of RunConfig: one definition of every knob."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component
from pydantic import ValidationError

from app.address import text_of, write
from app.components import aria, attributes
from app.components.presets import FIRST, PRESETS
from app.components.share import address_note, copy_link
from app.store import Run, RunState
from app.store.texts import isolated
from fa_engine import SCHEMES, Limits, RunConfig, allowed, problems
from fa_engine.config import Knob, knob_of, listed_fields

COMMON = (
    "dataset",
    "hidden",
    "scheme",
    "learning_rate",
    "epochs",
    "replicates",
    "seed",
)
"""What everyone changes, in the order of the page; every other field is under a fold."""

MORE = tuple(name for name in listed_fields(RunConfig) if name not in COMMON)
GROUPS = ("network", "feedback", "step", "data", "measuring", "machine")
"""Folds below them, in the order of the page; each field names its own."""

FIELDS = (*COMMON, *MORE)

_COMMA = re.compile(r"\s*,\s*")  # between the entries of a list

SEED_LIMIT = 1_000_000  # of a new seed: short enough to read out

# The description of a field, above it; a screen reader has it from the field itself.
_TOOLTIP: dict[str, Any] = {
    "position": "top-start",
    "events": {"hover": True, "focus": True, "touch": False},
    "openDelay": 250,
    "multiline": True,
    "w": 260,
    "withArrow": True,
    "boxWrapperProps": {"w": "100%"},
}


def field_id(name: str) -> dict[str, str]:
    """The id of the control of the field ``name``."""
    return {"type": "field", "name": name}


def form(limits: Limits) -> Component:
    """Presets, the common fields, and the rest folded by subject."""
    defaults = dict(zip(FIELDS, form_values(FIRST.config.model_dump()), strict=True))
    return html.Div(
        [
            html.Div(
                [
                    html.H2("Next run", className="form-title"),
                    html.Span(id="next-note", className="next-note", role="status"),
                    copy_link(),
                ],
                className="form-head",
            ),
            address_note("address-note"),
            html.Div(
                [_preset(index) for index in range(len(PRESETS))],
                className="presets",
                role="group",
                **aria("Presets"),
            ),
            html.Div([_row(name, limits) for name in COMMON], className="common"),
            *(_fold(group, limits) for group in GROUPS),
        ],
        className="form",
        **attributes(data_defaults=json.dumps(defaults)),
    )


def _preset(index: int) -> Any:
    preset = PRESETS[index]
    return dmc.Tooltip(
        html.Button(
            preset.title,
            id={"type": "preset", "index": index},
            className="preset",
            type="button",
            **attributes(aria_description=preset.text),
        ),
        label=preset.text,
        **_TOOLTIP,
    )


def form_value(value: Any) -> Any:
    """A field of a configuration as its control holds it."""
    return text_of(value, ", ")


def form_values(config: Mapping[str, Any]) -> list[Any]:
    """Values of all controls, in the order of ``FIELDS``."""
    return [form_value(config[name]) for name in FIELDS]


def config_from(
    values: Mapping[str, Any], limits: Limits
) -> tuple[RunConfig | None, dict[str, str]]:
    """The configuration that a form holds, or what is wrong with it: a message a field."""
    given = {name: typed(name, value) for name, value in values.items()}
    try:
        return RunConfig.model_validate(given, context={"limits": limits}), {}
    except ValidationError as error:
        return None, {problem.field: problem.words for problem in problems(error)}


def query(values: Mapping[str, Any], config: RunConfig | None, begin: RunConfig) -> str:
    """What an address says of a form: where it differs from ``begin``, in its own order.

    Args:
        values: what it shows.
        config: what that is, None where something is wrong with it.
        begin: the run that the address names, or what the form begins with.
    """
    if config is not None:
        ours, theirs = config.model_dump(), begin.model_dump()
        return write({name: ours[name] for name in FIELDS}, theirs)
    start = {name: text_of(getattr(begin, name)) for name in FIELDS}
    typed = {name: _COMMA.sub(",", str(values.get(name) or "").strip()) for name in FIELDS}
    return write(typed, start)


def outline(config: RunConfig) -> str:
    """What a configuration comes to, in one line."""
    widths = "-".join(map(str, config.widths))
    single = config.n_parameters // config.replicates
    times = f"{config.replicates} × " if config.replicates > 1 else ""
    return f"{widths} · {times}{single:,} parameters · {config.total_steps:,} steps"


def queue_words(runs: Sequence[Run], workers: int) -> str:
    """What a new run waits for, empty where it begins at once.

    Args:
        runs: the newest ones.
        workers: how many this installation starts; 0: others do, and nobody knows how many.
    """
    going = [run for run in runs if not run.state.ended and not _gives_way(run)]
    if not going or 0 < len(going) < workers:
        return ""
    others = f" and {len(going) - 1} more" if len(going) > 1 else ""
    name = isolated(going[-1].name)
    if not workers:
        return f"A new run waits for a free worker; {name}{others} goes on."
    paused = f", which is {going[-1].state.value}" if going[-1].state is RunState.PAUSED else ""
    return f"A new run is queued behind {name}{others}{paused}."


def _gives_way(run: Run) -> bool:
    """Whether a new run is trained before it: what a study has not begun yet."""
    waits = run.state is RunState.QUEUED or (run.state is RunState.PAUSED and not run.step)
    return run.study_id is not None and waits


def scheme_options() -> list[dict[str, str]]:
    """The schemes as a select lists them."""
    return [{"value": name, "label": scheme.title} for name, scheme in SCHEMES.items()]


def explanation(scheme: Any) -> str:
    """What a scheme is, and where it differs from what was published; empty for what is none."""
    if scheme not in SCHEMES:
        return ""
    row = SCHEMES[scheme]
    return (
        f"{row.explanation} Not as published: {row.deviation}" if row.deviation else row.explanation
    )


def titles(names: Sequence[str]) -> str:
    """The fields of these names as a person reads them."""
    return ", ".join(
        str(RunConfig.model_fields[name].title) if name in RunConfig.model_fields else name
        for name in names
    )


def typed(name: str, value: Any) -> Any:
    """What a control holds, as a configuration takes it."""
    value = value.strip() if isinstance(value, str) else value
    if RunConfig.model_fields[name].annotation is bool:
        return {"yes": True, "no": False}.get(value, value)
    if value in ("", None) and RunConfig.model_fields[name].default is None:
        return None
    return "" if value is None else value


def _knob(name: str) -> Knob:
    return knob_of(RunConfig.model_fields[name])


def _fold(group: str, limits: Limits) -> Component:
    names = [name for name in MORE if _knob(name).group == group]
    return html.Details(
        [
            html.Summary(group.capitalize()),
            html.Div([_row(name, limits) for name in names], className="fold-fields"),
        ],
        className="fold",
        id=f"fold-{group}",
    )


def _row(name: str, limits: Limits) -> Component:
    parts: list[Component] = [
        dmc.Tooltip(
            _control(name, limits), label=RunConfig.model_fields[name].description, **_TOOLTIP
        )
    ]
    if name == "scheme":
        parts.append(html.P(explanation(_default(name)), id="scheme-text", className="explain"))
    if name == "seed":
        parts.append(
            dmc.Button("New", id="new-seed", variant="default", size="sm", **aria("New seed"))
        )
    short = _is_short(name)
    return html.Div(
        parts,
        className=f"field field-{name}{' short' if short else ''}",
        **attributes(data_title=RunConfig.model_fields[name].title),
    )


def _is_short(name: str) -> bool:
    """Whether two of these stand in a row."""
    return _knob(name).options is None or name in ("dataset", "dtype", "device")


def _control(name: str, limits: Limits) -> Any:
    field = RunConfig.model_fields[name]
    kind: Any = field.annotation
    about = _knob(name)
    label: list[Any] = [str(field.title)]
    if about.unit:
        label.append(html.Span(about.unit, className="unit"))
    common: dict[str, Any] = {
        "id": field_id(name),
        "label": html.Span(label),
        "description": field.description,
        "value": form_value(_default(name)),
        "size": "sm",
    }
    if about.options is not None:
        options = [{"value": key, "label": text} for key, text in about.options.items()]
        return dmc.Select(
            **common,
            data=options,
            allowDeselect=False,
            clearable=field.default is None,
            placeholder=about.empty,
            comboboxProps={"shadow": "sm"},
        )
    if kind is bool:
        return dmc.Select(**common, data=["yes", "no"], allowDeselect=False)
    hint = about.empty or allowed(name, limits)
    # Text for numbers too: what was typed is what is checked, never silently mended.
    if kind is int:
        common["inputProps"] = {"inputMode": "numeric"}
    return dmc.TextInput(**common, placeholder=hint, autoComplete="off", spellCheck=False)


def _default(name: str) -> Any:
    """What the form begins with: a run worth watching rather than the shortest."""
    return getattr(FIRST.config, name)
