"""The application, which is WSGI, asked from an event loop by a few threads.

A request is whole before a thread is taken for it, and of a long answer each piece is made in a
thread when the one before has been taken: who is slow in asking or in reading holds none. (a2wsgi
and asgiref keep a thread for as long as a client takes.)
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes, urlsplit
from wsgiref.types import WSGIApplication, WSGIEnvironment

from app.serving.bodies import Body

Headers = list[tuple[bytes, bytes]]

_PIECE_BYTES = 64_000  # of an answer that comes in smaller pieces
_Found = TypeVar("_Found")


class Answer:
    """An answer of the application to one request; call :meth:`begin`, then :meth:`piece` until it
    says that there is no more, or :meth:`close`.

    Args:
        app: what is asked.
        environ: the request.
        threads: in which it is asked.

    Attributes:
        status, headers: of the answer, from :meth:`begin` on.
    """

    def __init__(
        self, app: WSGIApplication, environ: WSGIEnvironment, threads: ThreadPoolExecutor
    ) -> None:
        self._app, self._environ, self._threads = app, environ, threads
        # One context for all pieces, whichever threads make them: Flask keeps the request in it.
        self._context = contextvars.copy_context()
        self._parts: Iterable[bytes] = ()
        self._next: Iterator[bytes] = iter(())
        self._ended = False
        self.status = 500
        self.headers: Headers = []

    async def begin(self) -> tuple[bytes, bool]:
        """Asks, and returns the first piece and whether there may be more."""
        return await self._in_thread(self._begin)

    async def piece(self) -> tuple[bytes, bool]:
        """The next piece, and whether there may be more."""
        return await self._in_thread(self._piece)

    async def close(self) -> None:
        """Has the application tidy up, if it has not."""
        if not self._ended:
            await self._in_thread(self._end)

    async def _in_thread(self, call: Callable[[], _Found]) -> _Found:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._context.run, call)

    def _begin(self) -> tuple[bytes, bool]:
        self._parts = self._app(self._environ, self._start)
        self._next = iter(self._parts)
        return self._piece()

    def _piece(self) -> tuple[bytes, bool]:
        found: list[bytes] = []
        size = 0
        try:
            while size < _PIECE_BYTES:
                part = next(self._next, None)
                if part is None:
                    self._end()
                    break
                found.append(part)
                size += len(part)
        except BaseException:
            self._end()
            raise
        return b"".join(found), not self._ended

    def _end(self) -> None:
        self._ended = True
        close = getattr(self._parts, "close", None)
        if close is not None:
            close()

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        del exc_info  # of what was not sent yet another answer may be made
        self.status = int(status.partition(" ")[0])
        self.headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]
        return _write


def _write(_piece: bytes) -> None:
    raise NotImplementedError("nothing of ours writes an answer in this way")


def environ_of(scope: Mapping[str, Any], body: Body, more: Mapping[str, Any]) -> WSGIEnvironment:
    """A request as WSGI has it.

    Args:
        scope, body: the request.
        more: what is put beside it.
    """
    target = bytes(scope.get("raw_path") or scope["path"].encode())
    if not target.startswith(b"/") and b"://" in target:  # as proxies are asked
        target = urlsplit(target).path or b"/"
    server = scope.get("server") or ("localhost", None)
    client = scope.get("client") or ("", None)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(target).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0] if server[1] is not None else "localhost",
        "SERVER_PORT": str(server[1] or 80),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1] or ""),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body.file,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **more,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if "_" in name:  # it would pass for another one: X_Forwarded_For
            continue
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        if key in environ:
            value = environ[key] + ("; " if key == "HTTP_COOKIE" else ",") + value
        environ[key] = value
    if environ.pop("HTTP_TRANSFER_ENCODING", None) is not None:  # of its pieces it is one
        environ["CONTENT_LENGTH"] = str(body.size)
    return environ
