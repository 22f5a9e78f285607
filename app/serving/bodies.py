"""Bodies of requests, read whole before a thread is taken for them."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import IO, Any

Receive = Callable[[], Awaitable[dict[str, Any]]]

_SMALL = 64_000  # of each: in memory, and counted by nobody, so that who is slow with much
_MOST_HELD = 256_000_000  # keeps no small request away


class NoRoom(Exception):
    """What is held of others leaves no room for it."""


class Gone(Exception):
    """The client has gone before its request was whole."""


@dataclass
class Body:
    """What came with a request.

    Attributes:
        file: it, from its beginning; close it.
        size: in bytes.
    """

    file: IO[bytes]
    size: int


class Bodies:
    """Reads them, each up to a size and all of them up to another.

    Args:
        most_held: bytes of all at once, the first ``small`` of each not counted.
        small: see there; what is more lies on the disk.
    """

    def __init__(self, most_held: int = _MOST_HELD, small: int = _SMALL) -> None:
        self._most_held, self._small, self._held = most_held, small, 0

    async def read(self, receive: Receive, most: int) -> Body:
        """The body of one request; :meth:`done` with it.

        Args:
            receive: of the request, as ASGI has it.
            most: bytes of it that are read. Of a larger one there is one byte more: whoever reads
                it sees that it is too large.

        Raises:
            NoRoom: all of them together would be too much.
            Gone: the client went.
        """
        file: IO[bytes] = tempfile.SpooledTemporaryFile(self._small)  # noqa: SIM115
        body = Body(file, 0)
        try:
            more = True
            while more and body.size <= most:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                piece = message.get("body", b"")[: most + 1 - body.size]
                more_held = self._counted(body.size + len(piece)) - self._counted(body.size)
                if more_held and self._held + more_held > self._most_held:
                    raise NoRoom
                self._held += more_held
                body.size += len(piece)
                file.write(piece)
                more = message.get("more_body", False)
        except BaseException:
            self.done(body)
            raise
        file.seek(0)
        return body

    def done(self, body: Body) -> None:
        """Lets go of it."""
        self._held -= self._counted(body.size)
        body.file.close()

    def _counted(self, size: int) -> int:
        return max(0, size - self._small)
