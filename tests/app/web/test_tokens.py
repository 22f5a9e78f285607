"""Tokens: who is let in, who may change something, and where a token is seen."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from flask import g
from waiting import PATIENCE_S, wait
from web_helpers import CONFIG, Viewer, serve

from app.access import _WATCHERS_MAY, WATCHING, Watching
from app.links import address, shown, with_tokens
from app.pages import PAGES
from app.room import Room
from app.server import WebApp, create_app
from app.settings import Settings
from app.store import Ask

ROOT = Path(__file__).parents[3]
UVICORN = [sys.executable, *["-m", "uvicorn", "--factory", "app.serving:create_asgi"]]
LINK = re.compile(r"To (\w+) it: http://([\w.-]+):(\d+)/\?token=([\w-]+)")
CONTROL, VIEW = "control-of-the-tests", "view-of-the-tests-01"
TOKENS: dict[str, Any] = {"control_token": CONTROL, "view_token": VIEW}
ADDRESSES = ["/", "/walk", "/_dash-layout", "/_dash-dependencies", "/assets/live.js", "/api/runs"]

# What changes something, by hand: the lists in app/access.py are of what does not.
CHANGES = {
    "store": {"create_run", "send"},
    "keep": {"change", "delete", "restore", "purge", "shrink"},
    "copies": {"take_in"},
    "reports": {"create", "change", "delete", "restore"},
    "outcomes": {"put"},
    "studies": {"create", "extend", "rename", "send", "delete", "restore"},
    "tasks": {"start", "drop"},
    "workers": {"beat"},
    "rules": {"change"},
    "room": {"change_rule", "free"},
}

DRAWS = "/api/chart.pdf"  # and changes nothing

Make = Callable[..., WebApp]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """An application with these settings."""
    made: list[WebApp] = []

    def one(**settings: Any) -> WebApp:
        values = {"state_dir": tmp_path / "state", "workers": 0, **settings}
        made.append(create_app(Settings.model_validate(values)))
        return made[-1]

    yield one
    for app in made:
        app.close()


@pytest.fixture
def guarded(make: Make) -> WebApp:
    return make(**TOKENS)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# -- who needs a token at all --------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.10", "::1", "[::1]", "::ffff:127.0.0.1", "localhost"]
)
def test_on_the_machine_itself_nothing_is_asked(make: Make, host: str) -> None:
    app = make(host=host)
    assert app.test_client().get("/api/runs").status_code == 200
    assert (
        app.test_client().get("/", environ_base={"REMOTE_ADDR": ""}).status_code == 200
    )  # a socket
    assert not (app.settings.state_dir / "session.key").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "dashboard.example", "128.0.0.1"])
def test_elsewhere_it_does_not_start_without_one(
    make: Make, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        make(host=host)
    assert raised.value.code == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"FA_HOST = '{host}' can be reached from elsewhere: set FA_CONTROL_TOKEN"
    )
    assert make(host=host, **TOKENS).test_client().get("/").status_code == 401
    far = {"REMOTE_ADDR": "192.168.0.9"}
    assert make(host=host, open="yes").test_client().get("/", environ_base=far).status_code == 200


def test_a_server_that_listens_elsewhere_than_it_was_told_answers_nobody_there(make: Make) -> None:
    client = make(trusted_proxies="10.0.0.0/8").test_client()
    for peer, status in (("192.168.0.9", 403), ("10.1.2.3", 200), ("127.0.0.1", 200), ("::1", 200)):
        answer = client.get("/", environ_base={"REMOTE_ADDR": peer})
        assert answer.status_code == status, peer
        if status == 403:
            assert "FA_CONTROL_TOKEN" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"control_token": "short"}, "FA_CONTROL_TOKEN = '***': allowed is 16 to 200 letters"),
        ({"control_token": "sixteen and more !"}, "FA_CONTROL_TOKEN = '***': allowed is 16"),
        ({"view_token": VIEW}, "FA_VIEW_TOKEN is set and FA_CONTROL_TOKEN is not"),
        ({"view_token": VIEW, "control_token": VIEW}, "allowed is another one than"),
        ({"open": "perhaps"}, "FA_OPEN = 'perhaps': allowed is yes or no"),
        ({"framed_by": "lab.example"}, "FA_FRAMED_BY = 'lab.example': allowed is origins"),
    ],
)
def test_what_is_no_token_is_said_and_not_shown(given: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        Settings.model_validate(given)
    said = "\n".join(error["msg"] for error in raised.value.errors())  # type: ignore[attr-defined]
    assert VIEW not in said
    assert "sixteen" not in said


def test_tokens_are_in_no_words_about_the_settings() -> None:
    settings = Settings.model_validate(TOKENS)
    assert CONTROL not in repr(settings) + str(settings) + str(settings.model_dump())


# -- who is let in -------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ADDRESSES)
def test_without_a_token_nothing_is_shown_and_nothing_of_it_is_kept(
    guarded: WebApp, where: str
) -> None:
    answer = guarded.test_client().get(where)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "asks for a token" in answer.get_data(as_text=True)
    assert "Set-Cookie" not in answer.headers
    for token in (CONTROL, VIEW):
        with guarded.test_client().get(where, headers=bearer(token)) as found:
            assert found.status_code == 200


def test_whether_it_is_well_may_be_asked_by_all(guarded: WebApp) -> None:
    assert guarded.test_client().get("/healthz").get_json() == {"status": "ok"}
    assert guarded.test_client().post("/healthz").status_code == 405


def get(app: WebApp, cookie: str) -> int:
    """How a browser is answered that has this cookie."""
    client = app.test_client(use_cookies=False)  # none of its own
    return client.get("/", headers={"Cookie": cookie}).status_code


def test_a_link_becomes_a_cookie_and_an_address_without_it(guarded: WebApp) -> None:
    client = guarded.test_client()
    answer = client.get(f"/walk?run=a,b&token={VIEW}&show=charts")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/walk?run=a,b&show=charts"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("feedback-alignment-8050=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert VIEW not in cookie + answer.get_data(as_text=True)
    assert client.get("/walk?run=a,b").status_code == 200
    assert get(guarded, "feedback-alignment-8050=made-up") == 401
    assert get(guarded, cookie.partition(";")[0]) == 200


def test_a_cookie_of_https_goes_back_over_https_alone(make: Make) -> None:
    app = make(**TOKENS, trusted_proxies="127.0.0.1", path_prefix="/fa/", port=9000)
    answer = app.test_client().get(
        f"/fa/walk?token={CONTROL}", headers={"X-Forwarded-Proto": "https"}
    )
    assert answer.headers["Location"] == "/fa/walk"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("feedback-alignment-9000=")
    assert {"Secure", "HttpOnly", "Path=/fa/"} <= set(cookie.split("; "))


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/%5Cevil.example", "/a%0D%0Ab: c", "///x%3Fy"]
)
def test_a_link_leads_nowhere_else(guarded: WebApp, path: str) -> None:
    # As a server hands it over: the client would take two strokes for a host.
    answer = guarded.test_client().get(f"/?token={VIEW}", environ_overrides={"PATH_INFO": path})
    assert re.match(r"/[^/\\]", answer.headers["Location"])
    assert not re.search(r"[\r\n?]", answer.headers["Location"])


def test_another_token_voids_the_cookies_of_the_one_before(make: Make) -> None:
    client = make(**TOKENS).test_client()
    cookie = client.get(f"/?token={CONTROL}").headers["Set-Cookie"].partition(";")[0]
    assert get(make(**TOKENS), cookie) == 200  # the same after a new start
    assert get(make(**TOKENS | {"view_token": "another-of-the-tests"}), cookie) == 401


def test_no_address_tells_a_right_token_from_a_wrong_one_for_ever(guarded: WebApp) -> None:
    """Readiness says why to who holds a token; nobody is to find one out by that."""
    stranger = guarded.test_client()
    statuses = [
        stranger.get("/readyz", headers=bearer(f"guess-{i}")).status_code for i in range(12)
    ]
    assert set(statuses[:10]) <= {200, 503}
    assert statuses[10:] == [429, 429]
    elsewhere = {"REMOTE_ADDR": "192.168.0.9"}
    assert stranger.get("/readyz", environ_base=elsewhere).status_code in (200, 503)


def test_guesses_are_few_and_hold_up_nobody_who_has_come_in(guarded: WebApp) -> None:
    client = guarded.test_client()
    client.get(f"/?token={VIEW}")
    stranger = guarded.test_client()
    statuses = [
        stranger.get("/api/runs", headers=bearer(f"guess-{i}")).status_code for i in range(5)
    ]
    statuses += [stranger.get(f"/?token=guess-{i}").status_code for i in range(7)]
    assert statuses == [401] * 10 + [429] * 2
    answer = stranger.get("/api/runs", headers=bearer(CONTROL))  # or guessing would go on
    assert answer.status_code == 429
    assert "Too many wrong tokens" in answer.get_json()["error"]
    assert client.get("/").status_code == 200
    elsewhere = {"REMOTE_ADDR": "192.168.0.9"}
    right = bearer(CONTROL)
    assert stranger.get("/", headers=right, environ_base=elsewhere).status_code == 200


def test_asking_without_a_token_or_with_the_right_one_is_no_guess(guarded: WebApp) -> None:
    client = guarded.test_client()
    assert {client.get("/").status_code for _ in range(30)} == {401}
    assert {client.get("/healthz", headers=bearer(VIEW)).status_code for _ in range(30)} == {200}
    assert {client.get("/api/runs", headers=bearer(VIEW)).status_code for _ in range(30)} == {200}


# -- who may change something --------------------------------------------------------------------


def changing(app: WebApp) -> list[tuple[str, str]]:
    return [
        (method, re.sub(r"<[^>]+>", "some", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/") and rule.rule != DRAWS
    ]


def test_who_watches_takes_charts_away_as_pdf(guarded: WebApp) -> None:
    client = guarded.test_client()
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"/>'
    assert client.post(DRAWS, data=svg).status_code == 401
    answer = client.post(DRAWS, data=svg, headers=bearer(VIEW))
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert client.post(f"{DRAWS}/", data=svg, headers=bearer(VIEW)).status_code == 403


def test_who_watches_is_refused_every_request_that_changes_something(guarded: WebApp) -> None:
    asked = changing(guarded)
    assert len(asked) > 10
    client = guarded.test_client()
    for method, where in asked:
        answer = client.open(where, method=method, json={}, headers=bearer(VIEW))
        assert (answer.status_code, answer.get_json()) == (403, {"error": WATCHING}), where
        answer = client.open(where, method=method, json={}, headers=bearer(CONTROL))
        assert answer.status_code in (200, 201, 404, 422), where


def parts(app: WebApp) -> dict[str, object]:
    store = app.store
    found = {"store": store, "keep": store.keep, "copies": store.copies, "tasks": store.tasks}
    found |= {"reports": store.reports, "outcomes": store.outcomes, "studies": store.studies}
    return found | {"workers": store.workers}


def test_the_store_refuses_who_watches_whatever_is_not_listed(guarded: WebApp) -> None:
    assert CHANGES.keys() == _WATCHERS_MAY.keys()
    for name, part in parts(guarded).items():
        may = set(_WATCHERS_MAY[name].split())
        methods = {m for m in dir(part) if not m.startswith("_") and callable(getattr(part, m))}
        assert may <= methods | {"dialect"}, name  # nothing is misspelt
        assert not may & CHANGES[name]
        assert CHANGES[name] <= methods
        with guarded.test_request_context():
            g.only_watches = True
            for refused in methods - may:
                with pytest.raises(Watching):
                    getattr(part, refused)()
    assert CHANGES["room"] <= set(dir(Room)) - set(_WATCHERS_MAY["room"].split())


def test_who_watches_may_have_something_computed(guarded: WebApp) -> None:
    with guarded.test_request_context():
        g.only_watches = True
        assert guarded.store.tasks.ask([Ask("key", "spectrum", {}, rank=0)])
        guarded.store.tasks.leave("key")


def test_who_watches_opens_every_page_and_sees_how_the_installation_is(guarded: WebApp) -> None:
    client = guarded.test_client()
    for token in (VIEW, CONTROL):
        for page in PAGES:
            opened = client.get(page.path, headers=bearer(token))
            assert opened.status_code == 200, page.path
        answer = press(client, "system-now.children", "system-tick.n_intervals", token)
        assert answer.status_code == 200, answer.get_json()


def press(client: Any, outputs: str, changed: str, token: str) -> Any:
    """A callback's answer to one of its buttons."""
    dependencies = client.get("/_dash-dependencies", headers=bearer(token)).get_json()
    (told,) = [
        one
        for one in dependencies
        if outputs in one["output"]
        and changed in [f"{given['id']}.{given['property']}" for given in one["inputs"]]
    ]
    name = re.sub(r"@\w+", "", told["output"]).strip(".")
    of = [dict(zip(("id", "property"), o.rsplit(".", 1), strict=True)) for o in name.split("...")]

    def given(one: dict[str, str]) -> dict[str, Any]:
        value = 1 if f"{one['id']}.{one['property']}" == changed else None
        return {"id": one["id"], "property": one["property"], "value": value}

    body = {
        "output": told["output"],
        "outputs": of if told["output"].startswith("..") else of[0],
        "inputs": [given(one) for one in told["inputs"]],
        "state": [given(one) for one in told["state"]],
        "changedPropIds": [changed],
    }
    return client.post("/_dash-update-component", json=body, headers=bearer(token))


def test_so_it_is_from_a_page(guarded: WebApp) -> None:
    client = guarded.test_client()
    answer = press(client, "notes.sendNotifications", "first.n_clicks", VIEW)
    assert (answer.status_code, answer.get_json()) == (403, {"error": WATCHING})
    answer = press(client, "room-taken.children", "room-cache.n_clicks", VIEW)
    assert (answer.status_code, answer.get_json()) == (403, {"error": WATCHING})
    assert guarded.store.runs() == []
    answer = press(client, "notes.sendNotifications", "first.n_clicks", CONTROL)
    assert answer.status_code == 200
    assert len(guarded.store.runs()) == 1


def test_the_page_says_who_watches_that_they_do(guarded: WebApp) -> None:
    client = guarded.test_client()
    for token, said in ((VIEW, True), (CONTROL, False)):
        layout = client.get("/_dash-layout", headers=bearer(token)).get_data(as_text=True)
        assert ('"id":"watching"' in layout) == said


# -- real servers --------------------------------------------------------------------------------


def test_the_stream_is_for_who_has_a_cookie(guarded: WebApp) -> None:
    run = guarded.store.create_run(CONFIG)
    with serve(guarded) as url:
        jar = http.cookiejar.CookieJar()
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        with opener.open(f"{url}/?token={VIEW}", timeout=PATIENCE_S) as answer:
            assert answer.url == f"{url}/"
        (cookie,) = jar
        stream = f"{url}/api/runs/{run.id}/stream"
        for headers in ({"Cookie": f"{cookie.name}={cookie.value}"}, bearer(VIEW)):
            viewer = Viewer(stream, headers, enough=lambda viewer: bool(viewer.events))
            assert viewer.join().status == 200
        with pytest.raises(HTTPError, match="401"):
            urllib.request.urlopen(stream, timeout=PATIENCE_S)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def started(command: list[str], log: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server whose whole output goes to ``log``."""
    environment = os.environ | {
        "FA_WORKERS": "0",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment | settings, stdout=out, stderr=out
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE_S):
            return True
    except OSError:
        return False


def visit(port: int, token: str) -> None:
    """Comes in by the link, is refused with another, and starts a run by the header."""
    with urllib.request.urlopen(
        urllib.request.Request(f"http://127.0.0.1:{port}/api/runs", headers=bearer(token))
    ) as answer:
        assert json.load(answer)["runs"] == []
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(f"http://127.0.0.1:{port}/walk?token={token}", timeout=PATIENCE_S) as answer:
        assert answer.url == f"http://127.0.0.1:{port}/walk"
    with pytest.raises(HTTPError, match="401"):
        opener.open(f"http://127.0.0.1:{port}/?token={token}x", timeout=PATIENCE_S)


def test_no_log_of_requests_holds_a_token(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    settings = {
        "FA_STATE_DIR": str(tmp_path / "state"),
        "FA_HOST": "127.0.0.1",
        "FA_PORT": str(port),
        "FA_CONTROL_TOKEN": CONTROL,
        "FA_VIEW_TOKEN": VIEW,
    }
    everything = [*UVICORN, "--port", str(port), "--log-level", "debug", "--access-log"]
    with started(everything, log, **settings) as process:
        wait(lambda: process.poll() is not None or answers(port))
        visit(port, VIEW)
    said = log.read_text()
    assert "GET /walk" in said
    assert VIEW not in said
    assert CONTROL not in said


def test_other_servers_do_not_start_where_others_could_come_in(tmp_path: Path) -> None:
    log = tmp_path / "log"
    settings = {"FA_STATE_DIR": str(tmp_path), "FA_HOST": "0.0.0.0", "FA_PORT": str(free_port())}
    with started([*UVICORN, "--port", settings["FA_PORT"]], log, **settings) as process:
        assert process.wait(PATIENCE_S) == 3
    (line,) = [line for line in log.read_text().splitlines() if "FA_" in line]
    assert line.startswith("FA_HOST = '0.0.0.0' can be reached from elsewhere")
    assert "Traceback" not in log.read_text()


def test_the_module_makes_links_for_this_start(tmp_path: Path) -> None:
    log, port = tmp_path / "log", free_port()
    settings = {"FA_STATE_DIR": str(tmp_path / "s"), "FA_HOST": "0.0.0.0", "FA_PORT": str(port)}
    tokens = []
    for _ in range(2):
        with started([sys.executable, "-m", "app"], log, **settings) as process:
            wait(lambda: process.poll() is not None or answers(port))
            links = re.findall(
                r"To (\w+) it: http://([\w.-]+):(\d+)/\?token=([\w-]+)", log.read_text()
            )
            assert [name for name, *_ in links] == ["control", "watch"]
            assert all(int(at) == port and host != "0.0.0.0" for _, host, at, _ in links)
            before = log.read_text()
            assert before.count("▄") > 100
            visit(port, links[1][3])
            with pytest.raises(HTTPError, match="401"):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/runs", timeout=PATIENCE_S)
            tokens += [token for *_, token in links]
        after = log.read_text().removeprefix(before)
        assert not any(token in after for token in tokens)
    assert len(set(tokens)) == 4
    assert all(len(token) == 32 for token in tokens)


def test_tokens_that_were_set_are_printed_to_no_file(tmp_path: Path) -> None:
    log, port = tmp_path / "log", free_port()
    settings = {
        "FA_STATE_DIR": str(tmp_path / "s"),
        "FA_PORT": str(port),
        "FA_CONTROL_TOKEN": CONTROL,
    }
    with started([sys.executable, "-m", "app"], log, **settings) as process:
        wait(lambda: process.poll() is not None or answers(port))
        visit(port, CONTROL)
    assert "Feedback alignment is at" in log.read_text()
    assert CONTROL not in log.read_text()


def test_tokens_that_were_set_are_shown_in_a_terminal(tmp_path: Path) -> None:
    port = free_port()
    settings = {"FA_STATE_DIR": str(tmp_path), "FA_PORT": str(port), "FA_WORKERS": "0"}
    terminal, end = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=os.environ | settings | {"FA_CONTROL_TOKEN": CONTROL, "FA_VIEW_TOKEN": VIEW},
        stdout=end,
    )
    os.close(end)
    said = b""
    while VIEW.encode() not in said:
        said += os.read(terminal, 4096)
    assert f"To control it: http://127.0.0.1:{port}/?token={CONTROL}" in said.decode()
    assert f"To watch it: http://127.0.0.1:{port}/?token={VIEW}".encode() in said
    process.send_signal(signal.SIGINT)
    while process.poll() is None:  # a terminal that nobody reads holds it up
        with suppress(OSError):
            os.read(terminal, 4096)
    os.close(terminal)
    assert process.returncode == 0


# -- links ---------------------------------------------------------------------------------------


def test_a_link_is_one_that_others_can_type() -> None:
    for host, base, found in (
        ("192.168.0.7", "/", "http://192.168.0.7:80"),
        ("fe80::1", "/", "http://[fe80::1]:80"),
        ("lab.example", "/fa/", "http://lab.example:80/fa"),
    ):
        assert address(Settings(host=host, path_prefix=base), 80) == found
    assert re.fullmatch(r"http://[^/]+:80", address(Settings(host="0.0.0.0"), 80))
    assert "0.0.0.0" not in address(Settings(host="0.0.0.0"), 80)
    only = Settings.model_validate({"control_token": CONTROL})
    assert shown(only, 80).count("?token=") == 1
    assert shown(with_tokens(Settings(host="192.168.0.7")), 80).count("?token=") == 2
