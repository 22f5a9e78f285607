"""What is compared and how it is drawn: one model, which is the address of the Compare page."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from app.address import BESIDE as EVERYWHERE
from app.store.texts import is_id
from fa_engine import RunConfig
from fa_engine.config import listed_fields, refusal
from fa_engine.measures.catalogue import MEASURES

MAX_RUNS = 40
MAX_PANELS = 12
"""Charts on the page at once; of more the first are drawn, and it is said."""

AXES = {
    "step": "Step",
    "epoch": "Epoch",
    "samples": "Samples",
    "seconds": "Seconds of training",
}
ALIGNED = {
    "start": "each from its own start",
    "parent": "from where it left its parent",
}
REPLICATES = {
    "band": "as a band",
    "lines": "as thin lines",
    "none": "not shown",
}
BESIDE = (*EVERYWHERE, "have", "theme")
"""Names in the address of a comparison that say nothing of what is compared."""

FIELDS = {name: str(field.title) for name, field in listed_fields(RunConfig).items()}
"""What runs can be grouped and coloured by, with its title."""

_SHOWN = ("loss", "accuracy", "gradient_angle_deg")
_LOG = tuple(name for name, row in MEASURES.items() if row.log)


class Selection(BaseModel):
    """What is compared, and how.

    Attributes:
        runs: ids, in the order of the page.
        race: the runs of it are compared as well.
        measures: names, a chart each; one a layer where the measure has layers.
        layers: which of them are drawn, from 1 at the bottom; none: all.
        x: what is across.
        align: where a run that was handed over begins.
        colour: ``auto``, ``run`` or a field of the configuration.
        group: a field: one line and band for all replicates of all runs that have it in common.
        replicates: how they are shown.
        smoothing: weight of what came before, from 0; the line as it is stays behind it.
        log: measures with a logarithmic axis, and ``x``.
        cursor: where values are read off, in the units of ``x``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    runs: tuple[str, ...] = Field((), title="Runs")
    race: str | None = Field(None, title="Race")
    measures: tuple[str, ...] = Field(_SHOWN, title="Measures")
    layers: tuple[int, ...] = Field((), title="Layers")
    x: str = Field("step", title="Across")
    align: str = Field("start", title="Handed-over runs")
    colour: str = Field("auto", title="Colour by")
    group: str | None = Field(None, title="Group by")
    replicates: str = Field("band", title="Replicates")
    smoothing: float = Field(0.0, title="Smoothing")
    log: tuple[str, ...] = Field(_LOG, title="Logarithmic axes")
    cursor: float | None = Field(None, title="Cursor")

    @field_validator("runs", mode="after")
    @classmethod
    def _few(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        once = tuple(dict.fromkeys(value))
        if len(once) > MAX_RUNS or not all(is_id(run, 40) for run in once):
            _refuse("runs", ",".join(value), f"at most {MAX_RUNS} ids of runs, with commas between")
        return once

    @field_validator("measures", "log", mode="after")
    @classmethod
    def _known(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known = (*MEASURES, "x") if info.field_name == "log" else tuple(MEASURES)
        for name in value:
            _among(str(info.field_name), name, known)
        return tuple(name for name in known if name in value)

    @field_validator("layers", mode="before")
    @classmethod
    def _counted(cls, value: Any) -> Any:
        entries = value if isinstance(value, (list, tuple)) else [value]
        if not all(str(entry).isdecimal() and 0 < int(entry) <= 1000 for entry in entries):
            _refuse("layers", value, "numbers of layers, from 1 at the bottom, as 1,2")
        return tuple(sorted({int(entry) for entry in entries}))

    @field_validator("x", "align", "replicates", "colour", "group", mode="after")
    @classmethod
    def _one_of(cls, value: str | None, info: ValidationInfo) -> str | None:
        allowed: dict[str, Iterable[str]] = {
            "x": AXES,
            "align": ALIGNED,
            "replicates": REPLICATES,
            "colour": ("auto", "run", *FIELDS),
            "group": FIELDS,
        }
        name = str(info.field_name)
        if value is not None:
            _among(name, value, [*allowed[name]])
        return value

    @field_validator("smoothing", "cursor", mode="before")
    @classmethod
    def _number(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None:
            return None
        smoothing = info.field_name == "smoothing"
        try:
            number = float(value)
            fits = 0 <= number <= (0.999 if smoothing else 1e15)
        except (TypeError, ValueError):
            fits = False
        if not fits:
            allowed = "a number from 0 to 0.999" if smoothing else "a number from 0"
            _refuse(str(info.field_name), value, allowed)
        return number


def _among(field: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        _refuse(field, value, "one of " + ", ".join(known))


def _refuse(field: str, value: Any, allowed: str) -> NoReturn:
    title = str(Selection.model_fields[field].title)
    raise refusal(field, value, allowed, title)
