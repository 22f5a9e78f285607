"""A chart's SVG as PDF, and what a stranger's SVG may not."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pypdf import PageObject, PdfReader

from app.figures.look import FONT
from app.files import pdf
from app.server import WebApp

WHERE = "/api/chart.pdf"
RED = base64.b64decode(  # a PNG of one pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


@pytest.fixture
def client(app: WebApp) -> FlaskClient:
    return app.test_client()


def svg(inner: str, size: str = 'width="400" height="300"') -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{inner}</svg>'


def image(address: str) -> str:
    return f'<image href="{address}" width="40" height="40"/>'


def page_of(content: bytes) -> PageObject:
    assert content.startswith(b"%PDF")
    (page,) = PdfReader(io.BytesIO(content)).pages
    return page


def fonts(found: Any) -> set[str]:
    """Names of the typefaces of a page and of what is drawn on it."""
    resources = found.get("/Resources", {}).get_object()
    own = {str(one["/BaseFont"]) for one in _parts(resources, "/Font")}
    return own.union(*map(fonts, _parts(resources, "/XObject")))


def images(found: Any) -> int:
    drawn = list(_parts(found.get("/Resources", {}).get_object(), "/XObject"))
    return sum(1 if one["/Subtype"] == "/Image" else images(one) for one in drawn)


def _parts(resources: Any, kind: str) -> list[Any]:
    return [one.get_object() for one in resources.get(kind, {}).values()]


@contextmanager
def files_of(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """A server of these files: its address, and what it is asked for."""
    asked: list[str] = []

    class Files(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_said: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_a_page_of_its_size_with_words_in_a_typeface_that_is_always_there(
    client: FlaskClient,
) -> None:
    words = "Learning rate η 0.05, w₁ −3, 90°, 10\u200b−3"
    style = f"font-family: {FONT}; font-size: 13px".replace('"', "'")
    answer = client.post(WHERE, data=svg(f'<text x="9" y="40" style="{style}">{words}</text>'))
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    page = page_of(answer.data)
    assert (page.mediabox.width, page.mediabox.height) == (300, 225)  # points
    assert page.extract_text() == words.replace("\u200b", "")  # plotly's, beside exponents
    assert {"SourceSansPro" in name for name in fonts(page)} == {True}


def test_an_image_within_it_is_drawn_and_no_other(client: FlaskClient, tmp_path: Path) -> None:
    here = tmp_path / "red.png"
    here.write_bytes(RED)
    within = "data:image/png;base64," + base64.b64encode(RED).decode()
    assert images(page_of(client.post(WHERE, data=svg(image(within))).data)) == 1
    with files_of(tmp_path) as (address, asked):
        for other in (f"{address}/red.png", str(here), f"file://{here}", "../red.png", "red.png"):
            answer = client.post(WHERE, data=svg(image(other)))
            assert answer.status_code == 422, other
            assert answer.get_json()["errors"][0]["field"] == "body"
            # nor by an image within an image, which is left out
            nested = base64.b64encode(svg(image(other)).encode()).decode()
            answer = client.post(WHERE, data=svg(image(f"data:image/svg+xml;base64,{nested}")))
            assert answer.status_code == 422 or images(page_of(answer.data)) == 0
    assert asked == []


ENTITY = '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + svg("<text>&a;</text>")
DEEP = svg("<g>" * 100_000 + "</g>" * 100_000)
SLOW = svg(  # hours
    '<filter id="f"><feGaussianBlur stdDeviation="1000"/></filter>'
    + '<rect filter="url(#f)" width="100000" height="100000"/>' * 9999
)


@pytest.mark.parametrize("body", ["", "no SVG", "<svg>", "\0", "<html/>", ENTITY, DEEP])
def test_what_is_none_is_refused(client: FlaskClient, body: str) -> None:
    answer = client.post(WHERE, data=body)
    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    assert error["field"] == "body"
    assert "an SVG" in error["allowed"]
    assert client.post(WHERE, data=svg("")).status_code == 200


def test_one_that_takes_too_long_is_let_go(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "MOST_S", 1)
    answer = client.post(WHERE, data=SLOW)
    assert answer.status_code == 422
    assert "longer than 1 s" in answer.get_json()["errors"][0]["allowed"]


def test_too_many_at_once_are_told_to_come_again(client: FlaskClient) -> None:
    with pdf._places, pdf._places:
        answer = client.post(WHERE, data=svg(""))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "Try again" in answer.get_json()["error"]
    assert client.post(WHERE, data=svg("")).status_code == 200
