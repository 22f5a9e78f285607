"""Who may have a stream: what holds for every request holds for it, over real HTTP."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from waiting import PATIENCE_S, wait
from web_helpers import CONFIG, LEASE_S, OWNER, Script, serve

from app.live import client_of
from app.server import WebApp, create_app
from app.settings import Settings
from fa_engine import Measurement

CONTROL, VIEW = "control-of-the-tests", "view-of-the-tests-01"


@dataclass
class Served:
    """A dashboard and a run in it that goes on."""

    app: WebApp
    url: str
    script: Script
    stack: ExitStack
    connections: list[HTTPConnection] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"/api/runs/{self.script.run.id}/stream"

    def ask(self, method: str = "GET", path: str = "", **headers: str) -> HTTPResponse:
        """The answer, of which nothing has been read but its headers."""
        at = urlsplit(self.url)
        connection = HTTPConnection(str(at.hostname), at.port, timeout=PATIENCE_S)
        self.stack.callback(connection.close)
        self.connections.append(connection)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path or self.address, headers=named)
        return connection.getresponse()


Make = Callable[..., Served]


@pytest.fixture
def make(tmp_path: Path, measured: list[Measurement]) -> Iterator[Make]:
    with ExitStack() as stack:

        def one(**given: Any) -> Served:
            values = {"state_dir": tmp_path / "state", "workers": 0, **given}
            app = create_app(Settings.model_validate(values))
            stack.callback(app.close)
            url = stack.enter_context(serve(app))
            app.store.create_run(CONFIG)
            run = app.store.claim(OWNER, LEASE_S)
            assert run is not None
            return Served(app, url, Script(app.store, run, measured), stack)

        yield one


def first_line(answer: HTTPResponse) -> bytes:
    return answer.readline()


def test_the_same_is_asked_of_who_wants_a_stream(make: Make) -> None:
    served = make(control_token=CONTROL, view_token=VIEW)
    refused = served.ask()
    assert refused.status == 401
    assert "token" in json.load(refused)["error"]
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert served.ask(Authorization="Bearer wrong-wrong-wrong").status == 401
    stranger = served.ask(Authorization=f"Bearer {VIEW}", Host="evil.example")
    assert stranger.status == 403
    assert served.app.places.taken == 0
    for token in (CONTROL, VIEW):
        answer = served.ask(Authorization=f"Bearer {token}")
        assert (answer.status, first_line(answer)) == (200, b"retry: 1000\n")
    assert served.app.places.taken == 2


def test_a_cookie_lets_in_as_everywhere(make: Make) -> None:
    served = make(control_token=CONTROL, view_token=VIEW)
    link = served.ask(path=f"/?token={VIEW}")
    cookie = link.headers["Set-Cookie"].partition(";")[0]
    answer = served.ask(Cookie=cookie)
    assert (answer.status, first_line(answer)) == (200, b"retry: 1000\n")
    # By the link itself it is led to the address without the token, and no place is taken.
    led = served.ask(path=f"{served.address}?after=1&token={VIEW}")
    assert (led.status, led.headers["Location"]) == (302, f"{served.address}?after=1")
    assert served.app.places.taken == 1


def test_a_stream_has_the_headers_of_every_answer(make: Make) -> None:
    served = make()
    other, stream = served.ask(path="/api/runs"), served.ask()
    changing = {"date", "content-length", "content-type", "connection", "transfer-encoding"}
    for name, value in other.headers.items():
        if name.lower() not in changing:
            assert stream.headers[name] == value, name
    assert "Content-Length" not in stream.headers
    assert stream.headers["Content-Type"] == "text/event-stream; charset=utf-8"


def test_other_methods_and_addresses_take_no_place(make: Make) -> None:
    served = make()
    head = served.ask("HEAD")
    assert (head.status, head.read()) == (200, b"")
    assert head.headers["Content-Type"].startswith("text/event-stream")
    options = served.ask("OPTIONS")
    assert options.status == 200
    assert {"GET", "HEAD", "OPTIONS"} == set(options.headers["Allow"].split(", "))
    post = served.ask("POST")
    assert post.status == 405
    assert json.load(post)["error"]
    nobody = served.ask(path="/api/runs/nobody/stream")
    assert nobody.status == 404
    assert "nobody" in json.load(nobody)["error"]
    wrong = served.ask(path=f"{served.address}?after=x")
    assert wrong.status == 422
    assert served.app.places.taken == 0


def test_below_a_path_it_is_found_as_everything_else(make: Make) -> None:
    served = make(path_prefix="/fa/")
    for path in (served.address, f"/fa{served.address}"):
        answer = served.ask(path=path)
        assert (answer.status, first_line(answer)) == (200, b"retry: 1000\n")


def test_the_streams_of_one_client_are_limited(make: Make) -> None:
    served = make(max_streams=6, max_client_streams=2, trusted_proxies="127.0.0.1")
    for _ in range(2):
        assert served.ask(X_Forwarded_For="10.0.0.1").status == 200
    refused = served.ask(X_Forwarded_For="10.0.0.1")
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert "events?after=" in json.load(refused)["error"]
    others = [served.ask(X_Forwarded_For="10.0.0.2") for _ in range(2)]
    assert [answer.status for answer in others] == [200, 200]
    # This machine's own are not counted by client, and a place is a place.
    assert [served.ask().status for _ in range(3)] == [200, 200, 503]
    served.connections[3].close()  # the first of these others
    wait(lambda: served.ask(X_Forwarded_For="10.0.0.2").status == 200)


def test_whose_streams_are_counted() -> None:
    for address in ("", None, "127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert client_of(address) == ""
    assert client_of("10.0.0.1") == "10.0.0.1"


def test_a_name_with_an_underscore_passes_for_no_other(make: Make) -> None:
    served = make(max_client_streams=1, trusted_proxies="127.0.0.1")
    asked = urllib.request.Request(f"{served.url}{served.address}")
    asked.add_unredirected_header("X_forwarded_for", "10.0.0.1")
    for _ in range(2):  # nobody's, and not one client's
        answer = served.stack.enter_context(urllib.request.urlopen(asked, timeout=PATIENCE_S))
        assert answer.status == 200


def test_a_server_without_streams_says_so(make: Make) -> None:
    served = make()
    answer = served.app.test_client().get(served.address)
    assert answer.status_code == 503
    assert "events?after=" in answer.get_json()["error"]
    assert served.app.places.taken == 0
