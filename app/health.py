"""Whether the server is alive, and whether it can do its work: ``/healthz`` and ``/readyz``."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from app.cache import PageCache
from app.settings import Settings
from app.store import Store, why_away
from app.store.sweeping import SLOW_S

LEAST_FREE_MB = 50
"""Room on the disk of the state folder below which the server is not ready, in MB."""


class NotReady(Exception):
    """Why, in one line for a person."""


def health_blueprint(store: Store, settings: Settings, cache: PageCache) -> Blueprint:
    """``/healthz`` and ``/readyz``."""
    blueprint = Blueprint("health", __name__)
    checks: dict[str, Callable[[], None]] = {
        "database": lambda: _check_database(store),
        "cache": lambda: _check_cache(cache),
        "disk": lambda: _check_disk(settings.state_dir),
    }

    @blueprint.get("/healthz")
    def healthz() -> ResponseReturnValue:
        """Whether the server is alive."""
        return jsonify({"status": "ok"})

    @blueprint.get("/readyz")
    def readyz() -> ResponseReturnValue:
        """Whether the server can do its work, and if not, why: database, cache, room on the disk.

        Without its cache it is slower and ready all the same.
        """
        found = {name: _said(check) for name, check in checks.items()}
        ready = all(said == "ok" for name, said in found.items() if name != "cache")
        status = "ready" if ready else "not ready"
        return jsonify({"status": status, "checks": found}), 200 if ready else 503

    return blueprint


def _said(check: Callable[[], None]) -> str:
    try:
        check()
    except NotReady as error:
        return str(error)
    return "ok"


def _check_database(store: Store) -> None:
    try:
        waited = store.probe()
    except SQLAlchemyError as error:
        raise NotReady(f"nothing can be written: {why_away(error)}") from None
    if waited > SLOW_S:
        raise NotReady(f"a write waited {waited:.1f} s")


def _check_cache(cache: PageCache) -> None:
    cache.set("ready", "yes")
    found = cache.get("ready")
    if cache.problem:
        raise NotReady(f"it does not answer, and is left alone for a while: {cache.problem}")
    if found != "yes":
        raise NotReady("what is put there is not found again")


def _check_disk(folder: Path) -> None:
    try:
        free = shutil.disk_usage(folder).free // 10**6
    except OSError as error:
        raise NotReady(f"the state folder cannot be looked at: {error.strerror}") from None
    if free < LEAST_FREE_MB:
        raise NotReady(f"{free} MB are free, {LEAST_FREE_MB} MB at least are wanted")
