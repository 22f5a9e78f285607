"""A report: charts of comparisons, each with a paragraph beside it, as one page."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NoReturn

import plotly.io
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from app.address import defaults, read, write
from app.compare import Comparer, Selection, figure_of
from app.figures.comparison import angle_figure, descent_figure
from app.store import Report
from app.store.rows import new_id
from app.store.texts import LINE, PROSE, is_id, is_line, is_prose, tidied
from fa_engine.config import refusal
from fa_engine.measures.catalogue import MEASURES

MOST_CHARTS = 50
LONGEST_TITLE = 200
LONGEST_TEXT = 10_000
LONGEST_ID = 40
UNTITLED = "Report"
OF_ALL = {"angle": "Accuracy against hidden angle", "descent": "Each layer's share of the descent"}
"""Charts of a comparison that are of no single measure."""

_TITLE = f"a text of 1 to {LONGEST_TITLE} {LINE}"
_TEXT = f"a text of at most {LONGEST_TEXT:,} characters, {PROSE}"
_CHARTS = f"a list of at most {MOST_CHARTS} charts, each with comparison, panel and text"
_COMPARISON = "the address of a comparison behind its question mark, such as runs=abc,def&x=epoch"
_PANEL = "a measure, with a layer behind a slash where it has layers, or angle or descent"


class _Said(BaseModel):
    """What is of another kind than its field is said in the words of its description."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> Any:
        if isinstance(data, cls):
            return data
        names = ", ".join(cls.model_fields)
        if not isinstance(data, dict):
            _refuse("body", data, f"an object of {names}")
        for name in data.keys() - cls.model_fields.keys():
            _refuse(str(name), data[name], f"one of the fields {names}")
        for name, field in cls.model_fields.items():
            value = data.get(name)
            kind: type = list if name == "charts" else str
            if (field.is_required() or value is not None) and not isinstance(value, kind):
                _refuse(name, value, field.description or "a text")
        return data


class ReportChart(_Said):
    """A chart of a report.

    Attributes:
        id: tells it from the others of its report.
        comparison: what is compared, as the address of the Compare page says it.
        panel: which chart of it: ``loss``, ``gradient_angle_deg/2``, ``angle``, ``descent``.
        text: the paragraph beside it.
    """

    id: str = Field(default_factory=new_id, title="Chart")
    comparison: str = Field(title="Comparison", description=_COMPARISON)
    panel: str = Field(title="Chart", description=_PANEL)
    text: str = Field("", title="Paragraph", description=_TEXT)

    @field_validator("id")
    @classmethod
    def _an_id(cls, value: str) -> str:
        if not is_id(value, LONGEST_ID):
            _refuse("id", value, f"an id of 1 to {LONGEST_ID} letters and digits")
        return value

    @field_validator("comparison")
    @classmethod
    def _readable(cls, value: str) -> str:
        found = read(Selection, value)
        if found.problems:
            wrong = found.problems[0]
            _refuse("comparison", wrong.value, f"{wrong.title}: {wrong.allowed}")
        return write(Selection(**found.values).model_dump(), defaults(Selection))

    @field_validator("panel")
    @classmethod
    def _drawable(cls, value: str) -> str:
        name, slash, layer = value.partition("/")
        if value not in OF_ALL and (name not in MEASURES or (slash and not _counts(layer))):
            _refuse("panel", value, _PANEL)
        return value

    @field_validator("text")
    @classmethod
    def _short(cls, value: str) -> str:
        text = tidied(value)
        if not is_prose(text, LONGEST_TEXT):
            _refuse("text", value, _TEXT)
        return text

    @property
    def selection(self) -> Selection:
        """What is compared."""
        return Selection(**read(Selection, self.comparison).values)


class Content(_Said):
    """What a person puts into a report; what is left out stays as it is."""

    title: str | None = Field(None, title="Title", description=_TITLE)
    charts: list[ReportChart] | None = Field(None, title="Charts", description=_CHARTS)

    @field_validator("title")
    @classmethod
    def _titled(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not is_line(value.strip(), LONGEST_TITLE):
            _refuse("title", value, _TITLE)
        return value.strip()

    @field_validator("charts")
    @classmethod
    def _few(cls, value: list[ReportChart] | None, info: ValidationInfo) -> Any:
        if value is not None and (
            len(value) > MOST_CHARTS or len({chart.id for chart in value}) < len(value)
        ):
            _refuse(str(info.field_name), len(value), f"{_CHARTS}, and no two with the same id")
        return value


@dataclass(frozen=True)
class Drawn:
    """A chart as it is shown.

    Attributes:
        chart: which.
        title: above it.
        figure: plotly's; None where there is nothing to draw.
        said: what a reader has to know: runs that are gone, say.
    """

    chart: ReportChart
    title: str
    figure: dict[str, Any] | None
    said: Sequence[str]


def kept(charts: Sequence[ReportChart]) -> list[dict[str, Any]]:
    """Charts as the store keeps them; :func:`charts_of` reads them."""
    return [chart.model_dump() for chart in charts]


def charts_of(report: Report) -> list[ReportChart]:
    """The charts of a report that is kept; they were checked when they came, by the rules then."""
    return [ReportChart.model_construct(**chart) for chart in report.charts]


def comparison_charts(comparer: Comparer, selection: Selection) -> list[ReportChart]:
    """Every chart that the Compare page shows of a selection."""
    query = write(selection.model_dump(), defaults(Selection))
    comparison = comparer.compare(selection)
    keys = [panel.key for panel in comparison.panels if comparison.runs]
    return [ReportChart(comparison=query, panel=key) for key in [*keys, *(OF_ALL if keys else ())]]


def draw(comparer: Comparer, chart: ReportChart, theme: str | None) -> Drawn:
    """A chart as its runs stand now."""
    selection = chart.selection.model_copy(update={"cursor": None})
    if chart.panel in OF_ALL:
        return _drawn_of_all(comparer, chart, selection, theme)
    measure, _, layer = chart.panel.partition("/")
    layers = (int(layer),) if layer else ()
    one = selection.model_copy(update={"measures": (measure,), "layers": layers})
    comparison = comparer.compare(one)
    title = MEASURES[measure].title + (f", layer {layer}" if layer else "")
    panel = next((panel for panel in comparison.panels if panel.key == chart.panel), None)
    if panel is None or not comparison.runs:
        return Drawn(chart, title, None, comparison.notes or ["None of its runs measures this."])
    return Drawn(chart, panel.title, figure_of(panel, comparison, one, theme), comparison.notes)


def _drawn_of_all(
    comparer: Comparer, chart: ReportChart, selection: Selection, theme: str | None
) -> Drawn:
    runs, said = comparer.runs(selection)
    title = OF_ALL[chart.panel]
    if not runs:
        return Drawn(chart, title, None, said)
    if chart.panel == "descent":
        return Drawn(chart, title, descent_figure(comparer.shares(selection), theme), said)
    alone = selection.model_copy(update={"group": None})
    paints = [*comparer.paints(alone).values()]
    return Drawn(chart, title, angle_figure(comparer.clouds(alone), paints, theme), said)


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 0 auto; padding: 20px; max-width: 1200px; font-family: system-ui, sans-serif;
  color: #212529; background: #ffffff; line-height: 1.5; }}
h1 {{ margin: 0 0 4px; font-size: 26px; }}
h2 {{ margin: 0 0 6px; font-size: 18px; }}
section {{ display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 24px;
  padding: 22px 0; border-top: 1px solid #e3e6ea; break-inside: avoid; }}
p {{ margin: 0 0 12px; white-space: pre-wrap; }}
.soft {{ color: #606870; font-size: 14px; }}
@media (max-width: 760px) {{ section {{ grid-template-columns: minmax(0, 1fr); }} }}
</style>
</head>
<body>
<h1 dir="auto">{title}</h1>
<p class="soft">{day}</p>
{sections}
</body>
</html>
"""
_SECTION = """<section>
<div>
<h2>{title}</h2>
{figure}
</div>
<div>
{text}
{said}
</div>
</section>"""
_HEIGHT_PX = 380


def as_page(report: Report, drawn: Sequence[Drawn]) -> str:
    """The report as one HTML page, which needs no network and no server; the script of plotly is in
    it once, some 5 MB."""
    sections = []
    scripted = False
    for one in drawn:
        figure = ""
        if one.figure is not None:
            figure = plotly.io.to_html(
                {
                    "data": one.figure["data"],
                    "layout": {k: v for k, v in one.figure["layout"].items() if k != "template"},
                },
                config={"displaylogo": False, "responsive": True},
                include_plotlyjs=not scripted,
                include_mathjax=False,
                full_html=False,
                validate=False,
                div_id=f"chart-{one.chart.id}",
                default_height=f"{_HEIGHT_PX}px",
            )
            scripted = True
        sections.append(
            _SECTION.format(
                title=escape(one.title),
                figure=figure,
                text=f'<p dir="auto">{escape(one.chart.text)}</p>' if one.chart.text else "",
                said="".join(f'<p class="soft">{escape(words)}</p>' for words in one.said),
            )
        )
    day = time.strftime("%Y-%m-%d", time.localtime(report.changed_at))
    return _PAGE.format(title=escape(report.title), day=day, sections="\n".join(sections))


def _counts(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text) <= 1000


def _refuse(field: str, value: Any, allowed: str) -> NoReturn:
    raise refusal(field, value, allowed)
