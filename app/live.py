"""What happens to a run as Server-Sent Events, as it happens, and with the same cursor as JSON.

A stream is asked for like anything else, so that all that is asked of who asks (:mod:`app.gate`,
:mod:`app.access`) holds for it too. What is found to be fine is then left to the server: it sends
the headers of the answer, and what :func:`messages` gives (:mod:`app.serving.front`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from app.frames import page, read
from app.hosts import is_loopback
from app.hub import Full, Hub, Places
from app.store import Store, UnknownRun

STREAMS = "fa.streams"
"""In a request's environment: the :class:`Handover` of a server that can send streams."""

_RETRY_AFTER_S = 10
_FULL = "Too many live streams; ask again, or use events?after=."
_OWN_FULL = "Too many live streams of one client; end some, or use events?after=."
_NO_STREAMS = (
    "This server sends no live streams (python -m app does, or any ASGI server with "
    "app.serving:create_asgi); use events?after=."
)


@dataclass(frozen=True)
class Watch:
    """A stream that was asked for and may be sent; its place is taken.

    Attributes:
        run_id, after: of which run, beyond which event.
        client: whose place it is.
    """

    run_id: str
    after: int
    client: str


@dataclass
class Handover:
    """What the application leaves to the server in one request: a stream, or nothing."""

    watch: Watch | None = None


def live_blueprint(store: Store, places: Places) -> Blueprint:
    """``/api/runs/<id>/stream`` and, with the same cursor, ``/api/runs/<id>/events``."""
    blueprint = Blueprint("live", __name__)

    @blueprint.get("/api/runs/<run_id>/events")
    def events(run_id: str) -> ResponseReturnValue:
        """What has happened to a run after event ``after``, at most 200 events and, but for a
        single one, 256 kB at a time."""
        after = cursor(request.args.get("after"))
        run = store.run(run_id)
        found, texts = read(store, run_id, after)
        last = found[-1].seq if found else after
        more = last < run.revision
        ended = run.state.ended and not more
        told = page(run_id, texts, last=last, more=more, ended=ended)
        return Response(told, mimetype="application/json")

    @blueprint.get("/api/runs/<run_id>/stream")
    def stream(run_id: str) -> ResponseReturnValue:
        """The same as Server-Sent Events, live, until the run ends."""
        # A browser that reconnects repeats the address and adds how far it came.
        after = cursor(request.headers.get("Last-Event-ID") or request.args.get("after"))
        run = store.run(run_id)
        if run.state.ended and after >= run.revision:
            return "", 204
        if request.method != "HEAD":
            handover = request.environ.get(STREAMS)
            if handover is None:
                return _refused(_NO_STREAMS, 503)
            client = client_of(request.remote_addr)
            try:
                places.take(client)
            except Full as full:
                return _refused(_OWN_FULL, 429) if full.own else _refused(_FULL, 503)
            handover.watch = Watch(run_id, after, client)
        return Response(
            iter(()),  # of no length that could be told
            mimetype="text/event-stream",
            headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
        )

    return blueprint


async def messages(hub: Hub, watch: Watch) -> AsyncIterator[bytes]:
    """What a stream says, until the run has ended or is no more, or the server ends."""
    nothing = page(watch.run_id, [])
    # An event, and no comment: a browser says nothing of comments to the page, which has to know a
    # silent run from a connection that is no more.
    ping = f"event: ping\ndata: {nothing}\n\n".encode()
    yield b"retry: 1000\n\n"
    try:
        async for frame in hub.frames(watch.run_id, watch.after):
            yield ping if frame is None else frame.message
    except UnknownRun:  # deleted since it was asked for
        pass
    if not hub.closed:  # or the browser would not ask the next process
        yield b"event: end\ndata: {}\n\n"


def client_of(address: str | None) -> str:
    """Whose streams are counted together: an address; nobody's where it is this machine's own,
    which a proxy's is that is not believed."""
    return "" if not address or is_loopback(address) else address


def _refused(why: str, status: int) -> ResponseReturnValue:
    return jsonify({"error": why}), status, {"Retry-After": str(_RETRY_AFTER_S)}


class BadCursor(ValueError):
    """A cursor that is not the number of an event."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value


def cursor(value: str | None) -> int:
    """The seq that a viewer has come to, 0 where it says nothing."""
    if not value:
        return 0
    if not value.isdecimal() or len(value) > 18:
        raise BadCursor(value)
    return int(value)
