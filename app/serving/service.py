"""The dashboard on a socket: one process, one event loop, uvicorn."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import uvicorn

from app.hub import Hub
from app.server import WebApp
from app.serving.front import Front
from app.serving.patience import USUAL, Patience
from app.serving.wire import PatientProtocol

_BACKLOG = 2048
_LATE_S = 0.5


class PortTaken(Exception):
    """Somebody else listens there."""


class Service:
    """Serves ``app``; it listens from the moment that it is made, and answers in :meth:`run`.

    Args:
        app: the dashboard.
        host, port: where it listens; port 0 takes a free one. A host that begins with ``unix:`` is
            the path of a socket.
        patience: the limits.

    Attributes:
        port: that it listens on; 0 for a path.

    Raises:
        PortTaken: somebody else listens there.
        OSError: nobody can.
    """

    def __init__(self, app: WebApp, host: str, port: int, patience: Patience = USUAL) -> None:
        self._app = app
        self._path = Path(host.removeprefix("unix:")) if host.startswith("unix:") else None
        self._socket = _at_path(self._path) if self._path else _at_port(host, port)
        self.port = 0 if self._path else int(self._socket.getsockname()[1])
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
            backlog=_BACKLOG,
            timeout_keep_alive=patience.idle_s,  # type: ignore[arg-type]  # seconds, for call_later
            timeout_graceful_shutdown=patience.end_s,  # type: ignore[arg-type]
        )
        self._server = _Server(config, app.hub)

    def run(self) -> None:
        """Until :meth:`end`."""
        try:
            asyncio.run(self._server.serve([self._socket]))
        finally:
            self._app.hub.close()
            self._socket.close()
            if self._path:
                self._path.unlink(missing_ok=True)

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
    service = Service(app, host, port, patience)
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        yield f"http://{host}:{service.port}"
    finally:
        service.end()
        thread.join()
        service.close()


def _at_port(host: str, port: int) -> socket.socket:
    name = host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    try:
        return socket.create_server((name, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"port {port} of {host} is taken; set FA_PORT to another") from None
        raise


def _at_path(path: Path) -> socket.socket:
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode) and not _answers(path):
        path.unlink()  # of a server that could not tidy up
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        found.bind(os.fspath(path))
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"{path} is taken; set FA_HOST to another") from None
        raise
    path.chmod(0o660)  # whoever is in its group, a proxy for one; the state folder stays closed
    found.listen(_BACKLOG)
    return found


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        try:
            asked.connect(os.fspath(path))
        except OSError:
            return False
    return True
