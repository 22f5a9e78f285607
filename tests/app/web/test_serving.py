"""The real servers: the first moment after a start, what goes over the wire, what may be kept."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from waiting import PATIENCE_S, wait
from web_helpers import Script, Viewer, serve

from app.server import WebApp, create_app
from app.settings import Settings

ROOT = Path(__file__).parents[3]
IMAGE = re.search(r"^CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
UVICORN = (
    "-m uvicorn --factory app.serving:create_asgi --no-proxy-headers --timeout-graceful-shutdown 3"
)
AT_ONCE = 120
ENCODINGS = ["zstd", "br", "gzip"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def started(command: list[str], state: Path, port: int) -> Iterator[int]:
    """The port that ``command`` answers on, from the first moment that it does."""
    environment = os.environ | {
        "FA_STATE_DIR": str(state),
        "FA_HOST": "127.0.0.1",
        "FA_PORT": str(port),
        "FA_WORKERS": "0",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait(lambda: process.poll() is not None or answers(port))
        assert process.poll() is None
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
    except OSError:
        return False
    return True


def by_image(state: Path) -> AbstractContextManager[int]:
    """As in the image, word for word."""
    assert IMAGE
    return started(json.loads(IMAGE[1]), state, free_port())


def by_uvicorn(state: Path) -> AbstractContextManager[int]:
    """As the README has it for who has a server of his own."""
    port = free_port()
    assert f"python {UVICORN}" in (ROOT / "README.md").read_text()
    return started([sys.executable, *UVICORN.split(), "--port", str(port)], state, port)


@contextmanager
def ask(port: int, address: str, **headers: str) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", address, headers=headers)
        yield connection.getresponse()
    finally:
        connection.close()


def sources(app: WebApp) -> list[str]:
    """All that the index loads."""
    index = app.test_client().get("/").get_data(as_text=True)
    return re.findall(r"(?:src|href)=\"([^\"]+)\"", index)


def burst(port: int, addresses: list[str]) -> Counter[int]:
    """What becomes of requests that all come at once, by status."""
    statuses: Counter[int] = Counter()
    together = threading.Barrier(AT_ONCE)

    def one(number: int) -> None:
        together.wait()
        with ask(port, addresses[number % len(addresses)]) as answer:
            answer.read()
            statuses[answer.status] += 1

    threads = [threading.Thread(target=one, args=(i,)) for i in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


@pytest.mark.parametrize("start", [by_image, by_uvicorn])
def test_the_first_burst_after_a_start_is_answered(
    app: WebApp, tmp_path: Path, start: Callable[[Path], AbstractContextManager[int]]
) -> None:
    with start(tmp_path) as port:
        assert burst(port, sources(app)) == {200: AT_ONCE}


def test_the_first_burst_is_answered_after_every_start(app: WebApp, tmp_path: Path) -> None:
    addresses = sources(app)
    for attempt in range(5):
        fresh = create_app(Settings(state_dir=tmp_path / str(attempt), workers=0))
        with serve(fresh) as url:
            assert burst(int(url.rpartition(":")[2]), addresses) == {200: AT_ONCE}
        fresh.close()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_cold_page_is_a_third_on_the_wire(app: WebApp, encoding: str) -> None:
    client = app.test_client()
    plain = wire = 0
    for address in ["/", "/_dash-layout", "/_dash-dependencies", *sources(app)]:
        with client.get(address) as answer:
            assert "Content-Encoding" not in answer.headers
            plain += len(answer.data)
        with client.get(address, headers={"Accept-Encoding": encoding}) as answer:
            small = len(answer.data) < 500 or answer.mimetype == "image/vnd.microsoft.icon"
            if not small and "favicon" not in address:
                assert answer.headers["Content-Encoding"] == encoding, address
            assert "Accept-Encoding" in answer.headers["Vary"]
            wire += len(answer.data)
    assert plain > 2_000_000
    assert wire < plain / 3


def test_what_the_browser_has_is_not_sent_again(app: WebApp) -> None:
    client = app.test_client()
    for address in sources(app):
        with client.get(address, headers={"Accept-Encoding": "br"}) as answer:
            kept, tag = answer.cache_control, answer.headers.get("ETag")
        if kept.max_age:  # the bundles: the version is in the address
            assert "_dash-component-suites" in address
            assert kept.max_age >= 30 * 24 * 3600
            continue
        assert tag
        again = {"Accept-Encoding": "br", "If-None-Match": tag}
        with client.get(address, headers=again) as answer:
            assert (answer.status_code, answer.data) == (304, b""), address


def test_data_is_compressed_and_the_stream_is_not(app: WebApp, url: str, script: Script) -> None:
    script.measure(count=20)
    everything = {"Accept-Encoding": "gzip, deflate, br, zstd"}
    for name in ("events?after=0", "export.csv", "export.json"):
        address = f"/api/runs/{script.run.id}/{name}"
        with app.test_client().get(address, headers=everything) as answer:
            assert answer.headers["Content-Encoding"] == "zstd"
    viewer = Viewer(f"{url}/api/runs/{script.run.id}/stream", headers=everything)
    script.measure()
    script.finish()
    assert viewer.join().seqs == list(range(1, script.revision + 1))
    port = int(url.rpartition(":")[2])
    with ask(port, f"/api/runs/{script.run.id}/stream?after=1", **everything) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert "Content-Encoding" not in answer.headers
