"""What browsers are told about every answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.server import WebApp, create_app
from app.settings import Settings

ADDRESSES = ["/", "/walk", "/api/runs", "/api/docs", "/api/nothing", "/assets/live-worker.js"]


def directives(header: str) -> dict[str, list[str]]:
    parts = (part.split() for part in header.split(";"))
    return {name: sources for name, *sources in parts}


@pytest.mark.parametrize("address", [*ADDRESSES, "/healthz", "/_dash-layout"])
def test_every_answer_has_them(app: WebApp, address: str) -> None:
    with app.test_client().get(address) as answer:
        headers = answer.headers
    policy = directives(headers["Content-Security-Policy"])
    assert policy["default-src"] == ["'self'"]
    assert "'unsafe-inline'" not in policy["script-src"]
    assert "'unsafe-eval'" not in policy["script-src"]
    assert policy["frame-ancestors"] == ["'self'"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert len(headers.getlist("Content-Security-Policy")) == 1


def test_the_pages_own_script_is_allowed_by_its_hash(app: WebApp) -> None:
    answer = app.test_client().get("/")
    index = answer.get_data(as_text=True)
    inline = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>", index)
    policy = directives(answer.headers["Content-Security-Policy"])
    assert len(inline) == len([s for s in policy["script-src"] if s.startswith("'sha256-")]) == 1


def test_nothing_that_is_loaded_comes_from_elsewhere(app: WebApp) -> None:
    index = app.test_client().get("/").get_data(as_text=True)
    loaded = re.findall(r"(?:src|href)=\"([^\"]+)\"", index)
    assert loaded
    assert all(address.startswith("/") for address in loaded)


def test_pages_that_are_named_may_have_it_in_a_frame(tmp_path: Path) -> None:
    framed_by = "https://lab.example, https://school.example:8443"
    app = create_app(Settings(state_dir=tmp_path, workers=0, framed_by=framed_by))
    policy = directives(app.test_client().get("/").headers["Content-Security-Policy"])
    app.close()
    assert policy["frame-ancestors"] == [
        "'self'",
        "https://lab.example",
        "https://school.example:8443",
    ]


def test_over_http_browsers_are_not_told_what_they_would_complain_of(app: WebApp) -> None:
    client = app.test_client()
    assert "Cross-Origin-Opener-Policy" not in client.get("/").headers
    told = client.get("/", base_url="https://127.0.0.1").headers
    assert told["Cross-Origin-Opener-Policy"] == "same-origin"
