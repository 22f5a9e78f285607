"""Where the dashboard listens. It does so before it can answer: whoever comes while everything else
is imported waits, and nobody else takes the place."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

_BACKLOG = 2048


class PortTaken(Exception):
    """Somebody else listens there."""


class Listening:
    """Listens from the moment that it is made.

    Args:
        host, port: where; port 0 takes a free one. A host that begins with ``unix:`` is the path of
            a socket.

    Attributes:
        socket: that it listens with.
        port: that it listens on; 0 for a path.
        backlog: how many may wait to be answered.

    Raises:
        PortTaken: somebody else listens there.
        OSError: nobody can.
    """

    def __init__(self, host: str, port: int) -> None:
        self.backlog = _BACKLOG
        self._path = Path(host.removeprefix("unix:")) if host.startswith("unix:") else None
        self.socket = _at_path(self._path) if self._path else _at_port(host, port)
        self.port = 0 if self._path else int(self.socket.getsockname()[1])

    def close(self) -> None:
        """Lets go of it; more than once is no harm."""
        self.socket.close()
        if self._path:
            self._path.unlink(missing_ok=True)


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
        path.chmod(0o660)  # whoever is in its group, a proxy for one; the state folder stays closed
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"{path} is taken; set FA_HOST to another") from None
        raise
    except BaseException:  # a signal that ends the start
        found.close()
        path.unlink(missing_ok=True)
        raise
    return found


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        try:
            asked.connect(os.fspath(path))
        except OSError:
            return False
    return True
