"""The door: names, origins, proxies, and the path before every address."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from app.hosts import Gate
from app.server import create_app
from app.settings import Settings

ROOT = Path(__file__).parents[3]


@pytest.fixture
def post(tmp_path: Path) -> Any:
    """The status of a POST to a server with these settings, from this peer, with these headers."""
    made = []

    def ask(settings: dict[str, str], headers: dict[str, str], peer: str = "127.0.0.1") -> int:
        state = tmp_path / str(len(made))
        app = create_app(Settings.model_validate({"state_dir": state, "workers": 0, **settings}))
        made.append(app)
        answer = app.test_client().post(
            "/api/runs",
            json={"config": {"epochs": 1}},
            headers=headers,
            environ_base={"REMOTE_ADDR": peer},
        )
        return answer.status_code

    yield ask
    for app in made:
        app.close()


PROXIED = {"allowed_hosts": "example.com"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "example.com:443", "Origin": "https://example.com"},  # a scheme's own port
        {"Host": "example.com", "Origin": "https://example.com:443"},
        {"Host": "EXAMPLE.com.", "Origin": "https://example.com"},
        {"Host": "example.com:8443", "Origin": "https://example.com:8443"},
        {"Host": "127.0.0.1:8050", "Origin": "https://example.com"},  # the proxy's own name for us
        {"Host": "example.com"},  # no browser
        {"Host": "10.1.2.3:8050", "Origin": "http://10.1.2.3:8050"},
        {"Host": "[::1]:8050", "Origin": "http://[::1]:8050"},
    ],
)
def test_a_proxied_page_may_post(post: Any, headers: dict[str, str]) -> None:
    assert post(PROXIED, headers) == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "127.0.0.1:8050", "Origin": "https://example.com:8443"},  # somebody else's port
        {"Host": "example.com", "Origin": "https://sub.example.com"},
        {"Host": "example.com", "Origin": "https://example.com.evil.example"},
        {"Host": "example.com", "Origin": "https://evil.example/example.com"},
        {"Host": "example.com", "Origin": "https://example.com@evil.example"},
        {"Host": "example.com", "Origin": "null"},
        {"Host": "example.com:443", "Origin": "http://example.com:8000"},
        {"Host": "example.com", "Origin": "https://example.com", "Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
        {"Host": "127.0.0.1@evil.example", "Origin": "http://evil.example"},
        {"Host": "localhost.evil.example"},
    ],
)
def test_other_pages_may_not(post: Any, headers: dict[str, str]) -> None:
    assert post(PROXIED, headers) == 403


def test_a_name_that_was_pointed_here_reads_nothing(tmp_path: Path) -> None:
    app = create_app(Settings(state_dir=tmp_path, workers=0))
    client = app.test_client()
    for address in ("/", "/api/runs", "/_dash-layout", "/assets/live.js", "/healthz"):
        with client.get(address, headers={"Host": "evil.example:8050"}) as answer:
            assert answer.status_code == 403
            said = answer.get_data(as_text=True)
            assert "evil.example:8050" in said
            assert "FA_ALLOWED_HOSTS" in said
        for own in ("localhost:8050", "127.0.0.1", "[::1]", "192.168.0.7:8050", "fa.localhost"):
            with client.get(address, headers={"Host": own}) as answer:
                assert answer.status_code == 200, own
    app.close()


def test_this_machine_and_any() -> None:
    gate = Gate("", "dashboard.internal")
    assert gate.answers_to("dashboard.internal:8050")
    assert gate.answers_to(socket.gethostname())
    assert not gate.answers_to("evil.example")
    open_gate = Gate("*", "127.0.0.1")
    assert open_gate.answers_to("evil.example")
    assert not open_gate.takes_orders_from("http://evil.example", "127.0.0.1:8050", None)


FORWARDED = {
    "Host": "127.0.0.1:8050",
    "X-Forwarded-Host": "example.com:8443",
    "X-Forwarded-Proto": "https",
    "Origin": "https://example.com:8443",
}


@pytest.mark.parametrize(
    ("trusted", "peer", "status"),
    [
        ("127.0.0.1", "127.0.0.1", 201),
        ("10.0.0.0/8, 127.0.0.1", "10.9.8.7", 201),
        ("10.0.0.0/8", "::ffff:10.9.8.7", 201),
        ("unix", "", 201),
        ("", "127.0.0.1", 403),
        ("10.0.0.0/8", "11.0.0.1", 403),
        ("10.0.0.0/8", "", 403),
        ("unix", "127.0.0.1", 403),
    ],
)
def test_only_a_believed_proxy_says_what_was_asked(
    post: Any, trusted: str, peer: str, status: int
) -> None:
    assert post(PROXIED | {"trusted_proxies": trusted}, FORWARDED, peer) == status


def test_a_believed_proxy_cannot_let_a_strange_name_in(post: Any) -> None:
    evil = {
        "Host": "127.0.0.1",
        "X-Forwarded-Host": "evil.example",
        "Origin": "http://evil.example",
    }
    assert post(PROXIED | {"trusted_proxies": "127.0.0.1"}, evil) == 403


@pytest.mark.parametrize("asked", ["", "/fa"])  # the proxy takes the path away, or leaves it
def test_everything_is_below_the_prefix(tmp_path: Path, asked: str) -> None:
    app = create_app(Settings(state_dir=tmp_path, workers=0, path_prefix="/fa"))
    client = app.test_client()
    index = client.get(f"{asked}/").get_data(as_text=True)
    sources = re.findall(r"(?:src|href)=\"([^\"]+)\"", index)
    assert sources
    for source in sources:
        assert source.startswith("/fa/")
        with client.get(source.removeprefix("/fa") if not asked else source) as answer:
            assert answer.status_code == 200, source
    made = client.post(f"{asked}/api/runs", json={"config": {"epochs": 1}})
    assert made.status_code == 201
    assert made.headers["Location"] == f"/fa/api/runs/{made.get_json()['run_id']}"
    assert client.get(made.headers["Location"]).get_json()["state"] == "queued"
    assert client.get("/healthz").get_json() == {"status": "ok"}
    assert client.get(f"{asked}/api/nothing").status_code == 404
    app.close()


def test_pages_and_links_are_below_the_prefix(tmp_path: Path) -> None:
    app = create_app(Settings(state_dir=tmp_path, workers=0, path_prefix="/fa/"))
    client = app.test_client()

    def callback(output: str, inputs: dict[str, str | None]) -> str:
        component, _, name = output.partition(".")
        given = [
            {"id": key.partition(".")[0], "property": key.partition(".")[2], "value": value}
            for key, value in inputs.items()
        ]
        body = {
            "output": output,
            "outputs": {"id": component, "property": name},
            "inputs": given,
            "changedPropIds": ["url.pathname"],
        }
        answer = client.post("/fa/_dash-update-component", json=body)
        assert answer.status_code == 200
        return json.dumps(answer.get_json(), separators=(",", ":"))

    navigation = callback(
        "nav.children", {"url.pathname": "/fa/walk", "run-named.data": {"run": "x"}}
    )
    assert re.findall(r'"href":"([^"]*)"', navigation)[0] == "/fa/?run=x"
    assert '"href":"/fa/walk?run=x"' in navigation
    for path, found in {"/fa/": "charts", "/fa": "charts", "/fa/plane": "plane-fa"}.items():
        assert f'"id":"{found}"' in callback("page.children", {"url.pathname": path}), path
    nowhere = callback("page.children", {"url.pathname": "/fa/nothing"})
    assert '"href":"/fa/"' in nowhere
    app.close()


def test_no_address_is_written_as_if_nothing_came_before_it() -> None:
    absolute = re.compile(r"""(href|src|action)=f?["']/|(fetch|EventSource|Worker)\(["'`]/""")
    for path in [*ROOT.glob("app/**/*.py"), *ROOT.glob("assets/*.js")]:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert not absolute.search(line), f"{path.name}:{number}: {line.strip()}"
