"""The door: refuses what :mod:`app.hosts` refuses, believes the proxies that it is told to believe,
and serves below the path that a proxy has put before every address."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.middleware.proxy_fix import ProxyFix

from app.hosts import UNIX, Gate, is_within, items, read_networks
from app.settings import Settings

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def keep_gate(flask: Flask, settings: Settings) -> None:
    """Puts the door before ``flask``; before anything else is registered there."""
    below = Below(flask.wsgi_app, settings.base)
    front: Any = BelievedProxies(below, settings.trusted_proxies)
    flask.wsgi_app = front  # type: ignore[method-assign]
    gate = Gate(settings.allowed_hosts, settings.host)

    @flask.before_request
    def at_the_gate() -> ResponseReturnValue | None:
        host = request.headers.get("Host", "")
        if not gate.answers_to(host):
            return _refused(
                f"This server does not answer to the name {host!r}. "
                "If it is one of its own, add it to FA_ALLOWED_HOSTS."
            )
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        if request.method not in _SAFE and not gate.takes_orders_from(origin, host, site):
            return _refused(
                f"Requests from pages of other sites are not taken: the page is of {origin!r}, "
                f"the server was asked as {host!r}. Behind a proxy, add the name that browsers "
                "know to FA_ALLOWED_HOSTS."
            )
        return None


def _refused(message: str) -> ResponseReturnValue:
    if request.path.startswith("/api/"):
        return jsonify({"error": message}), 403
    return Response(message, 403, mimetype="text/plain")


class BelievedProxies:
    """Takes host, scheme and client from a proxy's ``X-Forwarded-`` headers, of those in a list.

    Anybody can send such headers; of whoever is not in the list they are taken away.

    Args:
        app: what follows.
        trusted: addresses and networks, with commas between them; ``unix``: a Unix socket.
    """

    def __init__(self, app: WSGIApplication, trusted: str) -> None:
        self._plain = app
        self._forwarded = ProxyFix(app, x_for=1, x_proto=1, x_host=1)
        self._networks = read_networks(trusted)
        self._unix = UNIX in items(trusted)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if self._believes(str(environ.get("REMOTE_ADDR") or "")):
            return self._forwarded(environ, start)
        for name in [name for name in environ if name.startswith("HTTP_X_FORWARDED_")]:
            del environ[name]
        return self._plain(environ, start)

    def _believes(self, peer: str) -> bool:
        try:
            ip_address(peer)
        except ValueError:
            return self._unix
        return is_within(peer, self._networks)


class Below:
    """Serves an application below a path, whether a proxy takes that path away or leaves it.

    Args:
        app: what follows.
        prefix: the path, ``/fa/``.
    """

    def __init__(self, app: WSGIApplication, prefix: str) -> None:
        self._app = app
        self._root = prefix.rstrip("/")

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        if self._root and (path == self._root or path.startswith(self._root + "/")):
            environ["PATH_INFO"] = path.removeprefix(self._root) or "/"
        environ["SCRIPT_NAME"] = self._root
        return self._app(environ, start)
