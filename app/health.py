"""Whether the server is alive, and whether it can do its work: ``/healthz`` and ``/readyz``."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from app.system import OK, System, is_ready
from app.watching import is_stranger


def health_blueprint(system: System) -> Blueprint:
    """``/healthz`` and ``/readyz``."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/healthz")
    def healthz() -> ResponseReturnValue:
        """Whether the server is alive."""
        return jsonify({"status": "ok"})

    @blueprint.get("/readyz")
    def readyz() -> ResponseReturnValue:
        """Whether the installation can do its work, and if not, why: database, workers, cache, room
        on the disk.

        Without its cache it is slower and ready all the same. Where tokens are asked for, the
        reasons are for who holds one.
        """
        found = system.checks()
        ready = is_ready(found)
        status = "ready" if ready else "not ready"
        if is_stranger():  # the reasons name hosts and users
            found = {name: said if said == OK else "no" for name, said in found.items()}
        return jsonify({"status": status, "checks": found}), 200 if ready else 503

    return blueprint
