"""The charts of a run as one HTML page, which needs no network and no server."""

from __future__ import annotations

from html import escape

import plotly.io

from app.address import text_of
from app.divergence import state_words
from app.figures import History, training_figure
from app.store import Run
from fa_engine import RunConfig
from fa_engine.config import listed_fields

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>
body {{ margin: 0 auto; padding: 20px; max-width: 1100px; font-family: system-ui, sans-serif;
  color: #212529; background: #ffffff; }}
h1 {{ margin: 0 0 4px; font-size: 22px; }}
h2 {{ margin: 24px 0 8px; font-size: 17px; }}
p {{ margin: 0 0 12px; color: #606870; }}
table {{ border-collapse: collapse; font-size: 14px; }}
th, td {{ padding: 3px 18px 3px 0; border-bottom: 1px solid #e3e6ea; text-align: left;
  font-weight: 400; }}
th {{ color: #606870; }}
</style>
</head>
<body>
<h1 dir="auto">{name}</h1>
<p>{state}</p>
{chart}
<h2>Settings</h2>
<table>
{rows}
</table>
</body>
</html>
"""
_HEIGHT_PX = 760


def as_page(run: Run, history: History) -> str:
    """The page; the script of plotly is in it, some 5 MB."""
    figure = training_figure(history, "light")
    figure.update_layout(autosize=True, height=_HEIGHT_PX)
    chart = plotly.io.to_html(
        figure,
        config={"displaylogo": False, "responsive": True},
        include_plotlyjs=True,
        include_mathjax=False,
        full_html=False,
        div_id="charts",  # the same page for the same run
        default_height=f"{_HEIGHT_PX}px",
    )
    rows = "\n".join(
        f"<tr><th scope='row'>{escape(str(field.title))}</th>"
        f"<td>{escape(text_of(run.config.get(name), ', ')) or '–'}</td></tr>"
        for name, field in listed_fields(RunConfig).items()
    )
    state = f"{state_words(run)}, step {run.step:,} of {run.total_steps:,}"
    return _PAGE.format(name=escape(run.name), state=escape(state), chart=chart, rows=rows)
