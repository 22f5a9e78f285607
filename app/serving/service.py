"""The dashboard on a socket: one process, one event loop, uvicorn."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn

from app.hub import Hub
from app.listening import Listening
from app.server import WebApp
from app.serving.front import Front
from app.serving.patience import USUAL, Patience
from app.serving.wire import PatientProtocol

_LATE_S = 0.5


class Service:
    """Serves ``app``, and answers in :meth:`run`.

    Args:
        app: the dashboard.
        listening: where; it is closed when the service has ended.
        patience: the limits.
    """

    def __init__(self, app: WebApp, listening: Listening, patience: Patience = USUAL) -> None:
        self._app = app
        self._listening = listening
        self._front = Front(app, patience)
        protocol = partial(PatientProtocol, patience=patience, waiting={})
        config = uvicorn.Config(
            self._front,
            http=protocol,  # type: ignore[arg-type]  # it is called with what a class is
            loop="asyncio",
            ws="none",
            lifespan="off",
            proxy_headers=False,  # app/gate.py knows which proxies are believed
            server_header=False,
            access_log=False,
            log_config=None,
            backlog=listening.backlog,
            timeout_keep_alive=patience.idle_s,  # type: ignore[arg-type]  # seconds, for call_later
            timeout_graceful_shutdown=patience.end_s,  # type: ignore[arg-type]
        )
        self._server = _Server(config, app.hub)

    def run(self) -> None:
        """Until :meth:`end`."""
        try:
            asyncio.run(self._server.serve([self._listening.socket]))
        finally:
            self._app.hub.close()
            self._listening.close()

    def end(self) -> None:
        """Has it end: streams at once, what is on its way within a second or so. From whichever
        thread, or a signal's handler, which may take no lock."""
        self._server.should_exit = True

    def close(self) -> bool:
        """After the end: whether all threads that answered have come to theirs."""
        self._front.close()
        until = time.monotonic() + _LATE_S
        ours = [one for one in threading.enumerate() if one.name.startswith("fa-")]
        for thread in ours:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in ours)


class _Server(uvicorn.Server):
    """It leaves signals alone, and lets those go that would not let it end."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.close()
        loop = asyncio.get_running_loop()
        grace_s = self.config.timeout_graceful_shutdown or 0
        late = loop.call_later(grace_s, self._let_go)
        # With time for those that are let go to notice it.
        self.config.timeout_graceful_shutdown = grace_s + 1
        await super().shutdown(sockets)
        late.cancel()

    def _let_go(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()


@contextmanager
def served(
    app: WebApp, host: str = "127.0.0.1", port: int = 0, patience: Patience = USUAL
) -> Iterator[str]:
    """The address of ``app``, served by a thread meanwhile."""
    listening = Listening(host, port)
    service = Service(app, listening, patience)
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        yield f"http://{host}:{listening.port}"
    finally:
        service.end()
        thread.join()
        service.close()
