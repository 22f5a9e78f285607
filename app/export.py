"""What a run has measured, as files for other programs.

``export.csv`` is tidy: its first line is its header, then come one row for each step and replicate,
by step and then by replicate, counted from 1. Layer measures are wide: a column a layer, counted
from 1 at the bottom. An empty cell is a value that is not defined or was not measured at that step;
``diverged`` says which rows are of a replicate that is no longer finite and has no value at all.
``export.config.json`` has what goes beside it: the run, its settings, and what was changed while it
ran. ``export.json`` has both in one, arrays by step, replicate and layer.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, url_for
from flask.typing import ResponseReturnValue

from app.live import dump
from app.store import SHAPES, Run, Series, Store
from app.views import event_view, finite, run_view

_PER_REPLICATE = tuple(name for name, shape in SHAPES.items() if shape == "R")
_PER_LAYER = tuple(name for name, shape in SHAPES.items() if len(shape) == 2)
_ROWS_A_CHUNK = 500


def export_blueprint(store: Store) -> Blueprint:
    """``/api/runs/<id>/export.csv``, ``.config.json`` and ``.json``."""
    blueprint = Blueprint("export", __name__)

    @blueprint.get("/api/runs/<run_id>/export.csv")
    def table(run_id: str) -> ResponseReturnValue:
        """Every measure of every replicate as CSV, one row a step and replicate."""
        run = store.run(run_id)
        series = store.series(run_id, until=run.revision)
        answer = _file(_csv(run, series), "text/csv", f"run-{run_id}.csv")
        beside = url_for("export.settings", run_id=run_id)
        answer.headers["Link"] = f'<{beside}>; rel="describedby"; type="application/json"'
        return answer

    @blueprint.get("/api/runs/<run_id>/export.config.json")
    def settings(run_id: str) -> ResponseReturnValue:
        """What goes beside the table: the run, its settings, what was changed while it ran."""
        run = store.run(run_id)
        text = f"{dump(_about(store, run))}\n"
        return _file(iter([text]), "application/json", f"run-{run_id}.config.json")

    @blueprint.get("/api/runs/<run_id>/export.json")
    def everything(run_id: str) -> ResponseReturnValue:
        """Table and what goes beside it in one."""
        run = store.run(run_id)
        series = store.series(run_id, until=run.revision)
        parts = _json(_about(store, run), series)
        return _file(parts, "application/json", f"run-{run_id}.json")

    return blueprint


def _file(parts: Iterator[str], mimetype: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(parts, mimetype=mimetype, headers=headers)


def _about(store: Store, run: Run) -> dict[str, Any]:
    changes = [
        event_view(event)
        for event in store.events(run.id)
        if event.kind == "control" and event.seq <= run.revision
    ]
    return {"run": run_view(run), "changes": changes}


def _json(about: dict[str, Any], series: Series) -> Iterator[str]:
    """One object, a column at a time: all together take several times the database's room."""
    yield f'{{"run":{dump(about["run"])},"changes":{dump(about["changes"])},"series":'
    opening = "{"
    for name in ("step", "epoch", *_PER_REPLICATE, *_PER_LAYER):
        yield f'{opening}"{name}":{dump(finite(getattr(series, name).tolist()))}'
        opening = ","
    yield "}}"


def _csv(run: Run, series: Series) -> Iterator[str]:
    """The header, then a row for each replicate of each measurement."""
    columns = ["step", "epoch", "replicate", "diverged", *_PER_REPLICATE]
    for name in _PER_LAYER:
        count = getattr(series, name).shape[2]
        columns += [f"{name}_{layer + 1}" for layer in range(count)]
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row, step in enumerate(series.step.tolist()):
        for replicate, since in enumerate(run.diverged_at):
            values = [getattr(series, name)[row, replicate] for name in _PER_REPLICATE]
            for name in _PER_LAYER:
                values += list(getattr(series, name)[row, replicate])
            writer.writerow(
                [
                    step,
                    str(series.epoch[row]),
                    replicate + 1,
                    since is not None and step >= since,
                    # nan is an empty cell, the rest the shortest text that reads back the same
                    *("" if value != value else str(value) for value in values),
                ]
            )
        if row % _ROWS_A_CHUNK == _ROWS_A_CHUNK - 1:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
