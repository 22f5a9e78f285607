"""Studies over HTTP: what one would train, start it, follow it, extend it, take its values away."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from flask import Blueprint, Response, jsonify, url_for
from flask.typing import ResponseReturnValue

from app.address import text_of
from app.asked import body_of_request
from app.settings import Settings
from app.store import Store, Study
from app.store.labels import NAME, is_name
from app.studies import VALUES, Asked, Cell, Results, Told, extend, extension_of, plan_of
from app.views import finite
from fa_engine import NotAllowed

_BODY = 'an object such as {"fields": {"learning_rate": "log 0.01 1 5", "scheme": "fa, bp"}}'
_COMMANDS = ("pause", "resume", "stop")


def studies_blueprint(store: Store, settings: Settings, results: Results) -> Blueprint:
    """``/api/studies``."""
    blueprint = Blueprint("studies", __name__)

    @blueprint.get("/api/studies")
    def studies() -> ResponseReturnValue:
        """The newest studies, and how far each is."""
        states = store.studies.states()
        return jsonify(
            {
                "studies": [
                    _about(study)
                    | {"ended": all(state.ended for state, _, _ in states.get(study.id, []))}
                    for study in store.studies.studies()
                ]
            }
        )

    @blueprint.post("/api/studies/preview")
    def preview() -> ResponseReturnValue:
        """What a study would train, and about how long; nothing is started."""
        asked = Asked.read(body_of_request(_BODY))
        return jsonify(plan_of(asked, settings.limits, store, settings.workers).told())

    @blueprint.post("/api/studies")
    def create() -> ResponseReturnValue:
        """Queues all runs of a study, or none."""
        asked = Asked.read(body_of_request(_BODY))
        study = plan_of(asked, settings.limits, store, settings.workers).start(store)
        place = url_for("studies.study", study_id=study.id)
        return jsonify(_about(study)), 201, {"Location": place}

    @blueprint.get("/api/studies/<study_id>")
    def study(study_id: str) -> ResponseReturnValue:
        """A study and what its cells have come to so far."""
        return jsonify(_told(results.told(study_id)))

    @blueprint.patch("/api/studies/<study_id>")
    def rename(study_id: str) -> ResponseReturnValue:
        """Gives a study another title."""
        body = body_of_request('an object such as {"title": "scale and rate"}')
        title = body.pop("title", None)
        if body or not is_name(title):
            name = next(iter(body), "title")
            allowed = "the field title alone" if body else NAME
            raise NotAllowed(name, body.get(name, title), allowed)
        return jsonify(_about(store.studies.rename(study_id, title.strip())))

    @blueprint.post("/api/studies/<study_id>/cells")
    def more(study_id: str) -> ResponseReturnValue:
        """Adds cells to a study: further values, or another seed."""
        asked = Asked.read(body_of_request(_BODY))
        found = store.studies.study(study_id)
        plan = extension_of(found, asked, settings.limits, store, settings.workers)
        return jsonify(_about(extend(store, study_id, plan))), 201

    @blueprint.post("/api/studies/<study_id>/commands")
    def command(study_id: str) -> ResponseReturnValue:
        """Pauses, resumes or stops all runs of a study."""
        body = body_of_request('an object such as {"command": "pause"}')
        name = body.get("command")
        if name not in _COMMANDS or len(body) > 1:
            raise NotAllowed("command", name, "one of " + ", ".join(_COMMANDS))
        return jsonify({"study_id": study_id, "sent": store.studies.send(study_id, name)}), 202

    @blueprint.delete("/api/studies/<study_id>")
    def delete(study_id: str) -> ResponseReturnValue:
        """Deletes a study and its runs, until they are restored or make room."""
        store.studies.delete(study_id)
        return jsonify({"study_id": study_id})

    @blueprint.post("/api/studies/<study_id>/restore")
    def restore(study_id: str) -> ResponseReturnValue:
        """Brings a deleted study back."""
        return jsonify(_about(store.studies.restore(study_id)))

    @blueprint.get("/api/studies/<study_id>/export.csv")
    def export(study_id: str) -> ResponseReturnValue:
        """A row a network: its cell, the fields in which cells differ, all values."""
        told = results.told(study_id)
        name = f"attachment; filename=study-{told.study.id}.csv"
        return Response(table(told), mimetype="text/csv", headers={"Content-Disposition": name})

    return blueprint


def table(told: Told) -> Iterator[str]:
    """The values of a study as CSV, a row a network; what there is not is empty."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["cell", "run", "state", *told.varied, "network", *VALUES])
    for cell in told.cells:
        own = [text_of(getattr(cell.config, name)) for name in told.varied]
        state = cell.state.value if cell.state else "gone"
        for network in range(cell.config.replicates):
            values = [_number(cell, name, network) for name in VALUES]
            writer.writerow([cell.number + 1, cell.run_id or "", state, *own, network + 1, *values])
        yield lines.getvalue()
        lines.seek(0)
        lines.truncate()


def _number(cell: Cell, name: str, network: int) -> str:
    found = cell.values.get(name)
    if found is None or not np.isfinite(found[network]):
        return ""
    return repr(float(found[network]))


def _about(study: Study) -> dict[str, Any]:
    return {
        "id": study.id,
        "title": study.title,
        "parts": study.varied["parts"],
        "cells": study.cells,
        "created_at": study.created_at,
    }


def _told(told: Told) -> dict[str, Any]:
    return _about(told.study) | {
        "varied": list(told.varied),
        "progress": told.progress,
        "states": told.states,
        "ended": told.ended,
        "results": [
            {
                "cell": cell.number + 1,
                "run_id": cell.run_id,
                "state": cell.state.value if cell.state else "gone",
                "fields": {name: getattr(cell.config, name) for name in told.varied},
                "diverged": cell.lost,
                "values": finite({name: found.tolist() for name, found in cell.values.items()}),
            }
            for cell in told.cells
        ],
    }
