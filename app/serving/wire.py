"""Connections that are held for as long as somebody is at their other end, and no longer.

uvicorn waits for ever for a request to come whole and for an answer to be taken. Here both have to
go on (:class:`app.serving.patience.Patience`), and what has waited the longest without asking
anything makes way where there are too many.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from app.serving.patience import USUAL, Patience

# Of what is sent the system holds little back, so that it is seen soon that nobody reads it; and
# gives up who is gone without a word.
_UNSENT_BYTES = 128_000
_FULL = b'{"error":"Too many connections; try again."}'
_TOO_SLOW = b'{"error":"The request did not come whole in time."}'


class PatientProtocol(H11Protocol):
    """One connection.

    Args:
        patience: how long it is waited for.
        waiting: the connections of the server that have not asked anything, or nothing more, those
            that have waited longest first; shared by them.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        patience: Patience = USUAL,
        waiting: dict[PatientProtocol, None] | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._patience = patience
        self._waiting = {} if waiting is None else waiting
        self._begun: float | None = None  # since when the request that is coming comes
        self._came = 0  # bytes of it
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._unsent = 0

    # -- coming and going ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts to wait for the first request."""
        super().connection_made(transport)
        # Whatever is not taken at once counts: pause_writing() tells of it.
        transport.set_write_buffer_limits(0)
        _hold_little(transport.get_extra_info("socket"), self._patience.write_s)
        if len(self.connections) > self._patience.connections and not self._make_room():
            self._answer(503, _FULL)
            return
        self._waiting[self] = None
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits for nobody any more."""
        self._waiting.pop(self, None)
        for timer in (self._reading, self._writing):
            if timer is not None:
                timer.cancel()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def _make_room(self) -> bool:
        """Lets go of the connection that has waited the longest; False where none waits."""
        for other in self._waiting:
            del self._waiting[other]
            other.transport.abort()
            return True
        return False

    # -- what comes ------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Counts what came of a request, which has its time to come whole."""
        if self._begun is None:  # the next request on this connection
            self._expect()
        self._came += len(data)
        super().data_received(data)
        self._look_what_came()

    def _look_what_came(self) -> None:
        their_state = self.conn.their_state
        if their_state is not h11.IDLE:
            self._waiting.pop(self, None)
        if their_state in (h11.IDLE, h11.SEND_BODY):
            return
        self._begun = None  # it is whole
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _expect(self) -> None:
        self._begun, self._came = self.loop.time(), 0
        if self._reading is None:
            self._reading = self.loop.call_later(self._patience.head_s, self._too_slow)

    def _too_slow(self) -> None:
        self._reading = None
        if self._begun is None or self.transport.is_closing():
            return
        until = self._begun + self._patience.head_s
        answered = self.conn.our_state is h11.DONE  # without the rest, which is only let come in
        if self.conn.their_state is h11.SEND_BODY and not answered:
            until += self._came / self._patience.body_rate
        if until > self.loop.time():
            self._reading = self.loop.call_at(until, self._too_slow)
        elif self._came and self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._answer(408, _TOO_SLOW)
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        """Waits for the next request, where the connection stays."""
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is not None:
            self._waiting[self] = None
        else:
            self._look_what_came()

    def _answer(self, status: int, body: bytes) -> None:
        """Says why, and ends the connection."""
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"retry-after", b"5"),
            (b"connection", b"close"),
        ]
        for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=body)):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    # -- what goes -------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """An answer is not taken as fast as it is given: looks from now on how fast it is."""
        super().pause_writing()
        if self._writing is None:
            self._unsent = self.transport.get_write_buffer_size()
            self._writing = self.loop.call_later(self._patience.write_s, self._is_it_taken)

    def resume_writing(self) -> None:
        """All of it was taken."""
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def _is_it_taken(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if self._unsent - unsent < self._patience.write_bytes:
            self._writing = None
            self.transport.abort()
            return
        self._unsent = unsent
        self._writing = self.loop.call_later(self._patience.write_s, self._is_it_taken)

    # -- the end ---------------------------------------------------------------------------------

    def shutdown(self) -> None:
        """Ends with the server; half a request is not waited for."""
        if self._begun is not None:  # what has not come by now would be waited for
            self.transport.abort()
        else:
            super().shutdown()


def _hold_little(connection: Any, write_s: float) -> None:
    if connection is None or connection.family == getattr(socket, "AF_UNIX", None):
        return
    for option, value in (
        ("TCP_NOTSENT_LOWAT", _UNSENT_BYTES),
        ("TCP_USER_TIMEOUT", int(2000 * write_s)),
    ):
        if hasattr(socket, option):  # Linux
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
