"""Races and comparisons over HTTP: start several runs at once, follow many."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from app.address import read
from app.asked import body_of_request
from app.compare import (
    BESIDE,
    Comparer,
    Selection,
    create_race,
    race_values,
)
from app.compare.race import command_all
from app.components.compared import changed_panels
from app.settings import Settings
from app.store import Command, Store
from app.views import run_view
from fa_engine import NotAllowed

_BODY = 'an object such as {"config": {}, "field": "scheme", "values": ["bp", "fa", "dfa"]}'


class UnknownRace(Exception):
    """There is no race of that id."""

    def __init__(self, race_id: str) -> None:
        super().__init__(f"There is no race {race_id!r}.")


def races_blueprint(store: Store, settings: Settings, comparer: Comparer) -> Blueprint:
    """``/api/races``, and ``/api/compare`` for pages that follow runs."""
    blueprint = Blueprint("races", __name__)

    @blueprint.errorhandler(UnknownRace)
    def unknown(error: UnknownRace) -> ResponseReturnValue:
        return jsonify({"error": str(error)}), 404

    @blueprint.post("/api/races")
    def create() -> ResponseReturnValue:
        """Queues a run for each value of one field, equal in everything else."""
        body = body_of_request(_BODY)
        for name in body.keys() - {"config", "field", "values"}:
            raise NotAllowed(name, body[name], "one of the fields config, field, values")
        config = body.get("config", {})
        if not isinstance(config, dict):
            raise NotAllowed("config", config, "an object of RunConfig's fields, such as {}")
        configs = race_values(
            config, body.get("field", "scheme"), body.get("values"), settings.limits
        )
        race = create_race(store, configs)
        headers = {"Location": url_for("races.race", race_id=race.race_id)}
        return jsonify(asdict(race)), 201, headers

    @blueprint.get("/api/races/<race_id>")
    def race(race_id: str) -> ResponseReturnValue:
        """The runs of a race, in the order of their values."""
        runs = store.race(race_id)
        if not runs:
            raise UnknownRace(race_id)
        return jsonify(
            {
                "race_id": race_id,
                "run_ids": [run.id for run in runs],
                "ended": all(run.state.ended for run in runs),
                "runs": [run_view(run) for run in runs],
            }
        )

    @blueprint.post("/api/races/<race_id>/commands")
    def command(race_id: str) -> ResponseReturnValue:
        """Sends one command to all of a race that has not ended."""
        body = body_of_request('an object such as {"command": "pause"}')
        asked = Command.model_validate(body)
        if asked.command not in ("pause", "resume", "stop", "step"):
            raise NotAllowed("command", asked.command, "one of pause, resume, stop, step")
        runs = store.race(race_id)
        if not runs:
            raise UnknownRace(race_id)
        sent = command_all(store, runs, asked.command)
        return jsonify({"race_id": race_id, "sent": sent}), 202

    @blueprint.get("/api/compare")
    def compare() -> ResponseReturnValue:
        """What has changed of the charts of a comparison, as its page draws them."""
        selection, have = _asked()
        revisions = comparer.revisions(selection)
        if revisions == have:
            return jsonify({"have": have_text(have), "panels": {}, "runs": None, "going": True})
        comparison = comparer.compare(selection)
        changed = {run.id for run in comparison.runs if have.get(run.id) != run.revision}
        return jsonify(
            changed_panels(comparison, selection, changed, request.args.get("theme"))
            | {"have": have_text({run.id: run.revision for run in comparison.runs})}
        )

    def _asked() -> tuple[Selection, dict[str, int]]:
        query = request.query_string.decode(errors="replace")
        found = read(Selection, query, beside=BESIDE)
        have: dict[str, int] = {}
        for pair in filter(None, request.args.get("have", "").split(",")):
            run_id, _, seq = pair.rpartition(":")
            if not run_id or not seq.isdecimal() or len(seq) > 18:
                raise NotAllowed("have", pair, "ids of runs with the number of an event, abc:12")
            have[run_id] = int(seq)
        # An address that is partly wrong is drawn for the rest, and is followed alike.
        values: dict[str, Any] = found.values | {"cursor": None}
        return Selection(**values), have

    return blueprint


def have_text(revisions: dict[str, int]) -> str:
    """Revisions as a page sends them back."""
    return ",".join(f"{run_id}:{seq}" for run_id, seq in revisions.items())
