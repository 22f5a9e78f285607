"""Who may do what: one token controls, another one only watches.

A token comes as ``Authorization: Bearer``, or once in a link, ``/?token=``, which is answered with
a cookie and the same address without it. Who only watches is refused whatever changes something: by
the API's methods, and by the store, whichever callback of a page it is that asks it
(:func:`guard_changes`). Where no token is set nothing is asked of this machine itself, and nothing
of anybody where ``FA_OPEN`` says so.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Request, Response, g, jsonify, redirect, request
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_limiter import ApplicationLimit, Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, UserMixin, current_user, login_user
from werkzeug.exceptions import Forbidden

from app.hosts import is_loopback, is_within, read_networks
from app.private import SESSION_KEY
from app.room import Room
from app.settings import Settings
from app.store import Store
from app.watching import only_watches

WATCHING = "You are watching: only who holds the control link may do this."
"""What everything is refused with that who only watches may not do."""

_OPEN_PATHS = frozenset({"/healthz", "/readyz"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CHANGES_NOTHING = "/api/chart.pdf"  # whatever is posted to it
_WRONG_TOKENS = "10 per minute; 100 per hour"  # of one address
_FIELD = "token="  # of an address
_GIVEN = "fa.token"  # in a request's environment: the one that its address held

_NO_TOKEN = (
    "This dashboard asks for a token. Open the link with the token that whoever started it has, or "
    "send it as Authorization: Bearer."
)
_WRONG_TOKEN = (
    "This token is not valid here, or not any more. Ask whoever started the dashboard for a link."
)
_TOO_MANY = "Too many wrong tokens came from your address. Wait some minutes."
_ELSEWHERE = (
    "This server was made for its own machine, and asks nobody for a token. To have it answer "
    "others, set FA_CONTROL_TOKEN; or FA_OPEN=yes, if something else keeps strangers from it."
)


class NoTokens(Exception):
    """Others could reach the server and nothing would be asked of them."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"FA_HOST = {host!r} can be reached from elsewhere: set FA_CONTROL_TOKEN (and "
            "FA_VIEW_TOKEN), or FA_OPEN=yes if something else keeps strangers from it."
        )


class Watching(Forbidden):
    """Who only watches asked for a change."""

    description = WATCHING


class Holder(UserMixin):  # type: ignore[misc]
    """Whoever holds a token.

    Attributes:
        id: ``control`` or ``view``.
    """

    def __init__(self, id: str) -> None:
        self.id = id


def check_access(settings: Settings) -> None:
    """Whether a server may be started like that.

    Raises:
        NoTokens: others could come in, and there is nothing to ask them for.
    """
    if settings.lacks_tokens:
        raise NoTokens(settings.host)


def keep_access(flask: Flask, settings: Settings) -> None:
    """Lets in who may; after the door (:mod:`app.gate`) and before anything else."""
    if settings.control_token:
        _ask_for_tokens(flask, settings)
    elif not settings.open:
        _answer_this_machine_only(flask, settings)


def guard_changes(store: Store, room: Room) -> None:
    """Has all that changes something refuse who only watches.

    The lists are of what they may do: whatever is new is refused until somebody puts it there.
    """
    parts = {
        "store": store,
        "keep": store.keep,
        "copies": store.copies,
        "reports": store.reports,
        "outcomes": store.outcomes,
        "studies": store.studies,
        "tasks": store.tasks,
        "workers": store.workers,
        "rules": store.rules,
        "room": room,
    }
    for name, may in _WATCHERS_MAY.items():
        _refuse_watchers(parts[name], may.split())


_WATCHERS_MAY = {
    "store": "changes checkpoint checkpoints clock close commands events going past probe race "
    "revision revisions run runs series steps_since",
    "keep": "count deleted_ids names page revision sizes",
    "copies": "controls parts",
    "reports": "report reports",
    "outcomes": "known told",
    "studies": "runs states studies study",
    # What they have computed changes nothing that somebody made.
    "tasks": "ask current forget leave",
    "workers": "all census",
    "rules": "rule",
    "room": "lately of_runs rule taken",
}


def _refuse_watchers(part: object, may: Collection[str]) -> None:
    for name in dir(part):
        method = None if name.startswith("_") or name in may else getattr(part, name)
        if hasattr(method, "__func__"):
            setattr(part, name, _for_control(method))


def authorization(settings: Settings) -> dict[str, str]:
    """The header with which the server asks itself; none where no token is asked for."""
    token = settings.control_token
    return {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}


def _for_control(method: Any) -> Callable[..., Any]:
    @wraps(method)
    def refusing(*args: Any, **kwargs: Any) -> Any:
        if only_watches():
            raise Watching
        return method(*args, **kwargs)

    return refusing


def _ask_for_tokens(flask: Flask, settings: Settings) -> None:
    tokens = {
        id_: token.get_secret_value().encode()
        for id_, token in (("control", settings.control_token), ("view", settings.view_token))
        if token
    }
    holders = {id_: Holder(id_) for id_ in tokens}

    def holder_of(given: str) -> Holder | None:
        found = [  # all are compared, in a time that tells nothing
            id_ for id_, token in tokens.items() if secrets.compare_digest(token, given.encode())
        ]
        return holders[found[0]] if found else None

    flask.config |= {
        # Another token voids the cookies of the one before.
        "SECRET_KEY": b".".join([_session_key(settings.state_dir), *tokens.values()]),
        # Browsers send a cookie to every port of a host: two dashboards have two.
        "SESSION_COOKIE_NAME": f"feedback-alignment-{settings.port}",
        "SESSION_COOKIE_PATH": settings.base,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",  # Strict: a link in a message would not come in
    }
    flask.session_interface = _Cookies()
    front: Any = _TakesTokenOut(flask.wsgi_app)
    flask.wsgi_app = front  # type: ignore[method-assign]
    login = LoginManager(flask)
    login.session_protection = None  # a phone changes its address as it walks
    login.user_loader(holders.get)
    login.request_loader(lambda asked: holder_of(_bearer(asked) or ""))
    limit = ApplicationLimit(
        _WRONG_TOKENS,
        error_message=_TOO_MANY,
        # Who has come in already is not held up by a neighbour who guesses.
        exempt_when=lambda: _GIVEN not in request.environ and _bearer(request) is None,
        deduct_when=lambda _response: bool(g.get("wrong_token", False)),
    )
    Limiter(get_remote_address, app=flask, application_limits=[limit], storage_uri="memory://")

    @flask.before_request
    def let_in() -> ResponseReturnValue | None:
        if request.path in _OPEN_PATHS:
            g.stranger = not current_user.is_authenticated
            # What it says to who holds a token says whether that is one.
            g.wrong_token = g.stranger and _bearer(request) is not None
            return None
        given = request.environ.get(_GIVEN)
        if given is not None and request.method in _SAFE:
            holder = holder_of(given)
            if holder is None:
                return _unknown(_WRONG_TOKEN)
            login_user(holder)
            return _without_token()
        if not current_user.is_authenticated:
            return _unknown(_NO_TOKEN if _bearer(request) is None else _WRONG_TOKEN)
        g.only_watches = current_user.id != "control"
        orders = request.method not in _SAFE and request.path != _CHANGES_NOTHING
        if g.only_watches and orders and request.path.startswith("/api/"):
            raise Watching
        return None

    @flask.errorhandler(Watching)
    def watching(_error: Watching) -> ResponseReturnValue:
        # As JSON to pages too: assets/refused.js says it there.
        return jsonify({"error": WATCHING}), 403


def _bearer(asked: Request) -> str | None:
    given = asked.authorization
    return (given.token or "") if given is not None and given.type == "bearer" else None


def _unknown(message: str) -> ResponseReturnValue:
    g.wrong_token = message == _WRONG_TOKEN
    headers = {"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"}
    if request.path.startswith("/api/"):
        return jsonify({"error": message}), 401, headers
    return Response(message, 401, headers, mimetype="text/plain")


def _without_token() -> ResponseReturnValue:
    query = request.query_string.decode()
    # Of one stroke at its beginning: of two it would lead to another host.
    path = f"{request.root_path}/{quote(request.path.lstrip('/'))}"
    answer = redirect(f"{path}?{query}" if query else path)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _session_key(state: Path) -> bytes:
    """What this installation signs with, made once; its processes share it."""
    path = state / SESSION_KEY
    if not path.exists():
        with tempfile.NamedTemporaryFile(dir=state, prefix=".") as scratch:  # its owner's alone
            scratch.write(secrets.token_hex(32).encode())
            scratch.flush()
            with suppress(FileExistsError):  # another process was first, and it is whole
                os.link(scratch.name, path)
    return path.read_bytes()


def _answer_this_machine_only(flask: Flask, settings: Settings) -> None:
    trusted = read_networks(settings.trusted_proxies)

    @flask.before_request
    def from_here() -> ResponseReturnValue | None:
        # A server may have been told to listen elsewhere than FA_HOST says (uvicorn --host).
        before = request.environ.get("werkzeug.proxy_fix.orig", request.environ)
        peer = str(before.get("REMOTE_ADDR") or "")
        if not peer or is_loopback(peer) or is_within(peer, trusted):
            return None
        return Response(_ELSEWHERE, 403, mimetype="text/plain")


class _Cookies(SecureCookieSessionInterface):
    """Flask's own, sent back over https alone where it came that way."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


class _TakesTokenOut:
    """Takes a token out of the address before anything reads it: a log of requests, say."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        parts = str(environ.get("QUERY_STRING", "")).split("&")
        given = [part.removeprefix(_FIELD) for part in parts if part.startswith(_FIELD)]
        if given:
            kept = "&".join(part for part in parts if not part.startswith(_FIELD))
            environ[_GIVEN], environ["QUERY_STRING"] = given[-1], kept
            for name in ("RAW_URI", "REQUEST_URI"):  # the servers' own, which they log
                if name in environ:
                    path = str(environ[name]).partition("?")[0]
                    environ[name] = f"{path}?{kept}" if kept else path
        return self._app(environ, start)
