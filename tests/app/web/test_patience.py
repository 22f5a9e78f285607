"""Slow and silent clients, over real sockets: they are let go, and what they held is given back."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from waiting import PATIENCE_S, wait
from web_helpers import Script, Viewer, in_a_loop, serve

from app.server import WebApp
from app.serving import Patience
from app.serving.bodies import Bodies, NoRoom
from app.strict import MAX_BODY_BYTES

LONG = 3600.0
# Whatever a test is not about takes for ever.
FOR_EVER = {"head_s": LONG, "idle_s": LONG, "write_s": LONG, "stream_s": LONG}

Connect = Callable[..., socket.socket]


@pytest.fixture
def connect() -> Iterator[Callable[[str], socket.socket]]:
    """A connection to a server, as it is made."""
    with ExitStack() as stack:

        def one(url: str, said: bytes = b"") -> socket.socket:
            at = urlsplit(url)
            made = stack.enter_context(
                socket.create_connection((str(at.hostname), at.port), timeout=PATIENCE_S)
            )
            made.sendall(said)
            return made

        yield one


@contextmanager
def patient(app: WebApp, **limits: Any) -> Iterator[str]:
    with serve(app, patience=Patience(**FOR_EVER | limits)) as url:
        yield url


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([line, "Host: localhost", *headers, "", ""]).encode() + body


def told(connection: socket.socket) -> bytes:
    """All that is said until the connection is ended."""
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def healthy(url: str) -> bool:
    with urllib.request.urlopen(f"{url}/healthz", timeout=PATIENCE_S) as answer:
        return bool(json.load(answer) == {"status": "ok"})


HALF = request("POST /api/runs HTTP/1.1", "Content-Length: 100", body=b'{"config"')


@pytest.mark.parametrize("said", [HALF, b"GET / HT", b"GET / HTTP/1.1\r\nHost: local"])
def test_half_a_request_is_let_go_and_takes_no_thread(
    app: WebApp, connect: Connect, said: bytes
) -> None:
    with patient(app, head_s=5.0, threads=2) as url:
        halves = [connect(url, said) for _ in range(10)]
        assert healthy(url)
        assert app.test_client().get("/api/runs").status_code == 200
        for half in halves:
            assert told(half).startswith(b"HTTP/1.1 408 ")
        assert healthy(url)


def test_other_requests_are_answered_while_halves_are_waited_for(
    app: WebApp, connect: Connect
) -> None:
    with patient(app, threads=2) as url:
        halves = [connect(url, HALF) for _ in range(10)]
        with urllib.request.urlopen(f"{url}/api/runs", timeout=PATIENCE_S) as answer:
            assert json.load(answer)["runs"] == []
        rest = b": {}}".ljust(100 - len(b'{"config"'))
        for half in halves:
            half.sendall(rest)
        for half in halves:
            assert half.recv(65_536).startswith(b"HTTP/1.1 201 ")


def test_a_large_body_may_take_longer_than_a_head(app: WebApp, connect: Connect) -> None:
    with patient(app, head_s=5.0, body_rate=10.0) as url:
        first = b'{"config": {}}'.ljust(20_000)  # which pays for 2,000 s
        slow = connect(url, request("POST /api/runs HTTP/1.1", "Content-Length: 20001", body=first))
        late = connect(url, b"GET / HT")
        assert told(late).startswith(b"HTTP/1.1 408 ")
        slow.sendall(b" ")
        assert slow.recv(65_536).startswith(b"HTTP/1.1 201 ")


def test_who_says_nothing_is_let_go_without_a_word(app: WebApp, connect: Connect) -> None:
    with patient(app, head_s=0.3) as url:
        assert told(connect(url)) == b""


def test_who_was_answered_and_asks_no_more_is_let_go(app: WebApp, connect: Connect) -> None:
    with patient(app, idle_s=0.3) as url:
        assert b'{"status":"ok"}' in told(connect(url, request("GET /healthz HTTP/1.1")))


def test_beyond_the_limit_who_waits_longest_makes_way(
    app: WebApp, script: Script, connect: Connect
) -> None:
    most = app.settings.max_streams
    with patient(app, connections=most) as url:
        idle = [connect(url) for _ in range(10 * most)]
        assert healthy(url)
        for one in idle[: 9 * most]:
            assert told(one) == b""
        stream = request(f"GET /api/runs/{script.run.id}/stream HTTP/1.1")
        busy = [connect(url, stream) for _ in range(most)]
        wait(lambda: app.places.taken == most)
        assert told(connect(url)).startswith(b"HTTP/1.1 503 ")  # nobody is left who only waits
        busy[0].close()
        wait(lambda: app.places.taken < most)
        assert healthy(url)


def test_a_stream_that_is_never_read_gives_its_place_back(
    app: WebApp, script: Script, connect: Connect
) -> None:
    address = f"/api/runs/{script.run.id}/stream"
    with patient(app, write_s=3.0) as url:  # in which who reads takes a little, on any machine
        deaf = [
            connect(url, request(f"GET {address} HTTP/1.1"))
            for _ in range(app.settings.max_streams)
        ]
        wait(lambda: app.places.taken == app.settings.max_streams)

        def let_go() -> bool:
            script.measure(count=40, blocks=20)  # until the system holds no more of it
            return app.places.taken == 0

        wait(let_go)
        assert healthy(url)
        assert all(told(one).startswith(b"HTTP/1.1 200 ") for one in deaf)
        script.finish()
        assert Viewer(f"{url}{address}").join().ended


def test_a_stream_of_a_client_that_goes_gives_its_place_back(
    app: WebApp, script: Script, connect: Connect
) -> None:
    with patient(app) as url:
        viewer = connect(url, request(f"GET /api/runs/{script.run.id}/stream HTTP/1.1"))
        wait(lambda: app.places.taken == 1)
        viewer.close()
        wait(lambda: app.places.taken == 0)


def test_a_stream_ends_after_a_time_and_the_next_one_goes_on(app: WebApp, script: Script) -> None:
    address = f"/api/runs/{script.run.id}/stream"
    heard: list[int] = []

    def listen() -> Viewer:
        viewer = Viewer(f"{url}{address}", {"Last-Event-ID": str(len(heard))}).join()
        heard.extend(viewer.seqs)
        return viewer

    with patient(app, stream_s=0.5) as url:
        while len(heard) < script.revision:  # on a slow machine not all comes in one
            assert not listen().ended  # or a browser would not ask again
        wait(lambda: app.places.taken == 0)
        script.finish()
        while not listen().ended:
            pass
        assert heard == list(range(1, script.revision + 1))


def test_an_export_that_is_not_read_takes_no_thread_and_is_let_go(
    app: WebApp, script: Script, connect: Connect
) -> None:
    for _ in range(10):
        script.measure(count=400, blocks=10)
    address = f"/api/runs/{script.run.id}/export.json"
    with patient(app, write_s=0.5, threads=2) as url:
        deaf = [connect(url, request(f"GET {address} HTTP/1.1")) for _ in range(4)]
        with urllib.request.urlopen(f"{url}{address}", timeout=PATIENCE_S) as answer:
            whole = answer.read()
        assert json.loads(whole)["format"]
        for one in deaf:
            assert one.recv(12) == b"HTTP/1.1 200"
        cut = told(deaf[0])
        assert len(cut) < len(whole)


def test_a_body_that_is_too_large_is_refused_and_not_kept(app: WebApp, connect: Connect) -> None:
    with patient(app) as url:
        for how in (f"Content-Length: {10 * MAX_BODY_BYTES}", "Transfer-Encoding: chunked"):
            large = connect(url, request("POST /api/runs HTTP/1.1", how))
            piece = bytes(100_000)
            framed = b"%x\r\n%s\r\n" % (len(piece), piece) if "chunked" in how else piece
            for _ in range(MAX_BODY_BYTES // len(piece) + 1):
                large.sendall(framed)
            assert large.recv(65_536).startswith(b"HTTP/1.1 413 "), how
            large.close()


def test_all_bodies_together_are_bounded_and_small_ones_go_by() -> None:
    async def read() -> None:
        bodies = Bodies(most_held=25, small=5)

        async def large() -> dict[str, Any]:
            return {"type": "http.request", "body": b"0123456789abcde", "more_body": False}

        async def small() -> dict[str, Any]:
            return {"type": "http.request", "body": b"01234", "more_body": False}

        held = [await bodies.read(large, 100) for _ in range(2)]
        with pytest.raises(NoRoom):
            await bodies.read(large, 100)
        held += [await bodies.read(small, 100) for _ in range(10)]
        bodies.done(held.pop(0))
        held.append(await bodies.read(large, 100))
        assert (held[-1].file.read(), held[-1].size) == (b"0123456789abcde", 15)
        bodies.done(held.pop())
        held.append(await bodies.read(large, 4))
        assert (held[-1].file.read(), held[-1].size) == (b"01234", 5)  # whoever reads it sees it
        for body in held:
            bodies.done(body)

    in_a_loop(read())


def test_a_server_that_ends_waits_for_nobody(app: WebApp, script: Script, connect: Connect) -> None:
    with patient(app) as url:
        others = [
            connect(url),
            connect(url, HALF),
            connect(url, b"GET / HT"),
            connect(url, request(f"GET /api/runs/{script.run.id}/stream HTTP/1.1")),
        ]
        wait(lambda: app.places.taken == 1)
    # It has ended, though all of these may take for ever.
    assert app.places.taken == 0
    for one in others:
        assert b"event: end" not in told(one)
