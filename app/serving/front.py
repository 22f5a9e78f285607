"""The dashboard as an ASGI application: live streams here, everything else by the WSGI one.

The WSGI application is asked for a stream like for anything else, so that who is refused is refused
by the same lines; what it leaves to the server (:class:`app.live.Handover`) is sent from here.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from app.files.intake import MOST_BYTES
from app.live import STREAMS, Handover, Watch, messages
from app.logs import logger
from app.server import WebApp
from app.serving.bodies import Bodies, Gone, NoRoom, Receive
from app.serving.bridge import Answer, Headers, environ_of
from app.serving.patience import USUAL, Patience
from app.store import StoreError
from app.strict import MAX_BODY_BYTES

Send = Callable[[dict[str, Any]], Awaitable[None]]

_IMPORT = "/api/import"
_HEALTH = "/healthz"
_UNREADABLE_S = 10.0
_NO_ROOM = b'{"error":"Too much is being sent here at once; try again."}'

log = logger(__name__)


class Front:
    """``app`` for a server that speaks ASGI.

    Args:
        app: the dashboard.
        patience: the limits; here threads, and how long a stream is.
    """

    def __init__(self, app: WebApp, patience: Patience = USUAL) -> None:
        self._app, self._patience = app, patience
        self._bodies = Bodies()
        self._threads = ThreadPoolExecutor(patience.threads, "fa-web")
        # Whether the server is alive is not to depend on how long others take.
        self._alive = ThreadPoolExecutor(1, "fa-alive")

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    def close(self) -> None:
        """Lets go of the threads; what they are at they bring to its end."""
        for threads in (self._threads, self._alive):
            threads.shutdown(wait=False, cancel_futures=True)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            said = (await receive())["type"].removeprefix("lifespan.")
            await send({"type": f"lifespan.{said}.complete"})
            if said == "shutdown":
                self._app.hub.close()
                return

    async def _answer(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        path = scope["path"]
        try:
            # How much may come with a request is Flask's to say; this is what is kept for it.
            most = MOST_BYTES if path.endswith(_IMPORT) else MAX_BODY_BYTES
            body = await self._bodies.read(receive, most)
        except Gone:
            return
        except NoRoom:
            await _whole(send, 503, _NO_ROOM)
            return
        handover = Handover()
        threads = self._alive if path.endswith(_HEALTH) else self._threads
        environ = environ_of(scope, body, {STREAMS: handover})
        answer = Answer(self._app, environ, threads)
        try:
            try:
                piece, more = await answer.begin()
            finally:  # without the token that it may have held, for who logs it (app/access.py)
                scope["query_string"] = environ["QUERY_STRING"].encode("latin-1")
            if handover.watch is None:
                await _send(answer, piece, more, receive, send)
            elif answer.status == 200:
                await self._stream(handover.watch, answer.headers, receive, send)
            else:  # something behind the view has thought better of it
                await _send(answer, piece, more, receive, send)
        finally:
            self._bodies.done(body)
            if handover.watch is not None:
                self._app.places.give_back(handover.watch.client)

    async def _stream(self, watch: Watch, headers: Headers, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        sending = asyncio.create_task(self._messages(watch, send))
        gone = asyncio.create_task(_gone(receive))
        # Not all of those that came together come again together.
        limit_s = self._patience.stream_s * random.uniform(0.8, 1.0)
        try:
            await asyncio.wait((sending, gone), timeout=limit_s, return_when="FIRST_COMPLETED")
        finally:
            for task in (sending, gone):
                task.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _messages(self, watch: Watch, send: Send) -> None:
        try:
            async for message in messages(self._app.hub, watch):
                await send({"type": "http.response.body", "body": message, "more_body": True})
        except (SQLAlchemyError, StoreError):
            log.warning("a stream ends: the store does not answer", run_id=watch.run_id)
        except Exception:
            if not self._app.hub.closed:  # its threads are gone, or there are events of no version
                log.exception("a stream ends", run_id=watch.run_id)
                await asyncio.sleep(_UNREADABLE_S)  # a browser asks again at once


async def _send(answer: Answer, piece: bytes, more: bool, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    gone = asyncio.create_task(_gone(receive)) if more else None
    try:
        while more:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if gone is not None and gone.done():
                return
            piece, more = await answer.piece()
        await send({"type": "http.response.body", "body": piece, "more_body": False})
    finally:
        if gone is not None:
            gone.cancel()
        await answer.close()


async def _gone(receive: Receive) -> None:
    """Until the client is."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _whole(send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", b"5"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
