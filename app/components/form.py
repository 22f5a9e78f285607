"""The form of a run, made from the fields of RunConfig: one definition of every knob."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component
from pydantic import ValidationError

from app.components import aria
from app.components.presets import FIRST, PRESETS
from fa_engine import SCHEMES, Limits, RunConfig, allowed, problems

COMMON = (
    "dataset",
    "hidden",
    "scheme",
    "learning_rate",
    "epochs",
    "replicates",
    "seed",
)
"""What everyone changes, in the order of the page; every other field is under *More*."""

MORE = tuple(name for name in RunConfig.model_fields if name not in COMMON)
GROUPS = ("network", "feedback", "step", "data", "measuring", "machine")
"""Headings under *More*, in the order of the page; each field names its own."""

FIELDS = (*COMMON, *MORE)

SEED_LIMIT = 1_000_000  # of a new seed: short enough to read out


def field_id(name: str) -> dict[str, str]:
    """The id of the control of the field ``name``."""
    return {"type": "field", "name": name}


def form(limits: Limits) -> Component:
    """Presets, the common fields, and the rest under a fold."""
    return html.Div(
        [
            html.Div(
                [
                    html.Button(
                        [
                            html.Span(preset.title, className="preset-title"),
                            html.Span(preset.text, className="preset-text"),
                        ],
                        id={"type": "preset", "index": index},
                        className="preset",
                        type="button",
                    )
                    for index, preset in enumerate(PRESETS)
                ],
                className="presets",
                role="group",
                **aria("Presets"),
            ),
            *(_row(name, limits) for name in COMMON),
            html.Details(
                [
                    html.Summary("More"),
                    *(_group(group, limits) for group in GROUPS),
                ],
                id="more",
                className="more",
            ),
        ],
        className="form",
    )


def form_value(value: Any) -> Any:
    """A field of a configuration as its control holds it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def form_values(config: Mapping[str, Any]) -> list[Any]:
    """Values of all controls, in the order of ``FIELDS``."""
    return [form_value(config[name]) for name in FIELDS]


def config_from(
    values: Mapping[str, Any], limits: Limits
) -> tuple[RunConfig | None, dict[str, str]]:
    """The configuration that a form holds, or what is wrong with it: a message a field."""
    given = {name: _typed(name, value) for name, value in values.items()}
    try:
        return RunConfig.model_validate(given, context={"limits": limits}), {}
    except ValidationError as error:
        return None, {problem.field: problem.words for problem in problems(error)}


def outline(config: RunConfig) -> str:
    """What a configuration comes to, in one line."""
    widths = "-".join(map(str, config.widths))
    single = config.n_parameters // config.replicates
    times = f"{config.replicates} × " if config.replicates > 1 else ""
    return f"{widths} · {times}{single:,} parameters · {config.total_steps:,} steps"


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


def _typed(name: str, value: Any) -> Any:
    value = value.strip() if isinstance(value, str) else value
    if RunConfig.model_fields[name].annotation is bool:
        return {"yes": True, "no": False}.get(value, value)
    if value in ("", None) and RunConfig.model_fields[name].default is None:
        return None
    return "" if value is None else value


def _extra(name: str) -> dict[str, Any]:
    extra = RunConfig.model_fields[name].json_schema_extra
    assert isinstance(extra, dict)
    return extra


def _group(group: str, limits: Limits) -> Component:
    names = [name for name in MORE if _extra(name)["group"] == group]
    return html.Div(
        [html.H2(group.capitalize(), className="group"), *(_row(name, limits) for name in names)],
        className="more-fields",
    )


def _row(name: str, limits: Limits) -> Component:
    parts: list[Component] = [_control(name, limits)]
    if name == "scheme":
        parts.append(html.P(explanation(_default(name)), id="scheme-text", className="explain"))
    if name == "seed":
        parts.append(dmc.Button("New seed", id="new-seed", variant="default", size="sm"))
    narrow = not _extra(name)["options"] and name not in ("hidden", "seed")
    return html.Div(parts, className=f"field field-{name}{' narrow' if narrow else ''}")


def _control(name: str, limits: Limits) -> Any:
    field = RunConfig.model_fields[name]
    kind: Any = field.annotation
    extra = _extra(name)
    unit = str(extra["unit"] or "")
    label: list[Any] = [str(field.title)]
    if unit:
        label.append(html.Span(unit, className="unit"))
    common: dict[str, Any] = {
        "id": field_id(name),
        "label": html.Span(label),
        "description": field.description,
        "value": form_value(_default(name)),
        "size": "sm",
    }
    if isinstance(extra["options"], dict):
        options = [{"value": key, "label": text} for key, text in extra["options"].items()]
        return dmc.Select(
            **common,
            data=options,
            allowDeselect=False,
            clearable=field.default is None,
            placeholder=extra["empty"],
            comboboxProps={"shadow": "sm"},
        )
    if kind is bool:
        return dmc.Select(**common, data=["yes", "no"], allowDeselect=False)
    hint = extra["empty"] or allowed(name, limits)
    # Text for numbers too: what was typed is what is checked, never silently mended.
    if kind is int:
        common["inputProps"] = {"inputMode": "numeric"}
    return dmc.TextInput(**common, placeholder=hint, autoComplete="off", spellCheck=False)


def _default(name: str) -> Any:
    """What the form begins with: a run worth watching rather than the shortest."""
    return getattr(FIRST.config, name)
