"""The HTTP API of keeping: labels, deletion and undo, of one run or many, and room."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from app.asked import body_of_request, ids_of
from app.room import FREEABLE, Room
from app.store import Command, CommandRefused, Labels, Rule, Store
from app.views import run_view
from fa_engine import NotAllowed

_LABELS = 'an object such as {"note": "the good start"}'
_RULE = 'an object such as {"checkpoint_total_mb": 4000}'
_IDS = 'an object such as {"ids": ["abc"]}'


def keep_blueprint(store: Store, room: Room) -> Blueprint:
    """``PATCH``, ``DELETE`` and ``restore`` of runs, and ``/api/room``."""
    blueprint = Blueprint("keep", __name__)

    def delete_all(run_ids: list[str]) -> ResponseReturnValue:
        deleted = store.keep.delete(run_ids)
        return jsonify(
            {
                "deleted": deleted.run_ids,
                "stopped": deleted.stopped,
                "checkpoint_bytes": room.of_runs(deleted.run_ids),
                "handed_over": [asdict(heir) for heir in deleted.heirs],
            }
        )

    @blueprint.patch("/api/runs/<run_id>")
    def label(run_id: str) -> ResponseReturnValue:
        """Changes name, note, tags or pin of a run."""
        labels = Labels.model_validate(body_of_request(_LABELS))
        return jsonify(run_view(store.keep.change([run_id], labels)[0]))

    @blueprint.patch("/api/runs")
    def label_many() -> ResponseReturnValue:
        """Changes note, tags or pin of many runs: of all or of none."""
        body = body_of_request(_IDS)
        run_ids = ids_of(body)
        if len(run_ids) > 1 and body.get("name") is not None:
            raise NotAllowed("name", body["name"], "the name of one run; these are many")
        found = store.keep.change(run_ids, Labels.model_validate(body))
        return jsonify({"runs": [run_view(run) for run in found]})

    @blueprint.delete("/api/runs/<run_id>")
    def delete(run_id: str) -> ResponseReturnValue:
        """Deletes a run, which can be restored until room is freed.

        A run that has not ended is stopped. The answer says what hangs on it: the bytes of its
        checkpoints, and the runs that were handed over from it, which stay.
        """
        return delete_all([run_id])

    @blueprint.post("/api/runs/delete")
    def delete_many() -> ResponseReturnValue:
        """Deletes many runs: all or none."""
        body = body_of_request(_IDS)
        run_ids = ids_of(body)
        _nothing_else(body)
        return delete_all(run_ids)

    @blueprint.post("/api/runs/<run_id>/restore")
    def restore(run_id: str) -> ResponseReturnValue:
        """Brings a deleted run back as it was."""
        return jsonify(run_view(store.keep.restore([run_id])[0]))

    @blueprint.post("/api/runs/restore")
    def restore_many() -> ResponseReturnValue:
        """Brings many deleted runs back: all or none."""
        body = body_of_request(_IDS)
        run_ids = ids_of(body)
        _nothing_else(body)
        return jsonify({"runs": [run_view(run) for run in store.keep.restore(run_ids)]})

    @blueprint.post("/api/runs/commands")
    def command_many() -> ResponseReturnValue:
        """Sends one command to many runs; those that do not take it are passed over.

        The answer has the number of the command by run.
        """
        body = body_of_request('an object such as {"ids": ["abc"], "command": "stop"}')
        run_ids, command = ids_of(body), Command.model_validate(body)
        if command.command == "extend":  # each has its own number of epochs, and its own limit
            raise NotAllowed("command", "extend", "any other; extend is for one run at a time")
        for run_id in run_ids:
            store.run(run_id)  # all of them are known before the first is told
        sent = {}
        for run_id in run_ids:
            with suppress(CommandRefused):
                sent[run_id] = store.send(run_id, command)
        return jsonify({"commands": sent}), 202

    @blueprint.get("/api/room")
    def taken() -> ResponseReturnValue:
        """What runs, checkpoints, results and the cache take, in bytes."""
        return jsonify(room.taken().model_dump())

    @blueprint.get("/api/room/rule")
    def rule() -> ResponseReturnValue:
        """How much room there is for checkpoints, in MB, as it is in force."""
        return jsonify(_rule_view(room.rule()))

    @blueprint.patch("/api/room/rule")
    def change_rule() -> ResponseReturnValue:
        """Changes it, for runs that begin from now on."""
        changed = Rule.model_validate(body_of_request(_RULE))
        return jsonify(_rule_view(room.change_rule(changed)))

    @blueprint.post("/api/room/free")
    def free() -> ResponseReturnValue:
        """Removes deleted runs for good, with their checkpoints, or empties the cache."""
        body = body_of_request('an object such as {"what": ["deleted", "cache"]}')
        what = body.pop("what", None)
        _nothing_else(body)
        if not isinstance(what, list) or not what or not all(one in FREEABLE for one in what):
            raise NotAllowed("what", what, "a list of " + ", ".join(FREEABLE))
        return jsonify(room.free(what).model_dump())

    return blueprint


def _rule_view(rule: tuple[int, int]) -> dict[str, int]:
    return dict(zip(Rule.model_fields, rule, strict=True))


def _nothing_else(body: dict[str, Any]) -> None:
    for name, value in body.items():
        raise NotAllowed(name, value, "no further field")
