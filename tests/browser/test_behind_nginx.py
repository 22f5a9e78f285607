"""The dashboard behind a real nginx, on a name of its own and below a path, as the README says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser_helpers import Site, kept, until, wait
from playwright.sync_api import BrowserContext, Playwright, expect
from waiting import PATIENCE_S

from scripts.driving import dashboard

ROOT = Path(__file__).parents[2]
NAME = "dashboard.example"
# The system's, or what scripts/install_test_tools.sh has unpacked.
PLACES = os.pathsep.join(["/usr/sbin", "/usr/local/sbin", f"{sys.prefix}/nginx/usr/sbin"])
NGINX = shutil.which("nginx") or shutil.which("nginx", path=PLACES)
LOCATIONS = re.findall(r"```nginx\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@dataclass
class Proxied:
    """What a browser asks, and the same server without a proxy between."""

    url: str
    site: Site


@pytest.fixture(scope="module", params=[0, 1], ids=["its own name", "below a path"])
def proxied(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxied]:
    """``python -m app`` behind nginx, which buffers what it is not told not to."""
    folder = tmp_path_factory.mktemp("nginx")
    location = LOCATIONS[request.param]
    prefix = re.search(r"location (\S+)", location)
    assert prefix
    port = free_port()
    settings = {"allowed_hosts": f"{NAME}:{port}", "path_prefix": prefix[1]}
    with dashboard(folder / "state", patience_s=PATIENCE_S, **settings) as url:
        at = location.replace("http://127.0.0.1:8050", url)
        temporary = "\n".join(
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;"
            f"events {{}} http {{ access_log off; {temporary}"
            f"server {{ listen 127.0.0.1:{port}; server_name {NAME}; {at} }} }}"
        )
        nginx = subprocess.Popen(
            [str(NGINX), "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "log"]
        )
        try:
            wait(lambda: nginx.poll() is not None or answers(port))
            assert nginx.poll() is None, (folder / "log").read_text()
            yield Proxied(f"http://{NAME}:{port}{prefix[1]}", Site(url))
        finally:
            nginx.send_signal(signal.SIGTERM)
            nginx.wait(PATIENCE_S)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
    except OSError:
        return False
    return True


@pytest.fixture
def resolving(playwright: Playwright, tmp_path: Path) -> Iterator[BrowserContext]:
    """A browser for which the name is this machine's."""
    with kept(playwright, tmp_path, f"--host-resolver-rules=MAP {NAME} 127.0.0.1") as found:
        yield found


def test_a_run_is_trained_and_watched_through_nginx(
    resolving: BrowserContext, proxied: Proxied
) -> None:
    context = resolving
    wrong: list[str] = []
    context.on("console", lambda said: said.type == "error" and wrong.append(said.text))
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    context.on(
        "response",
        lambda answer: (
            (answer.url.startswith(proxied.url) and answer.status < 400) or wrong.append(answer.url)
        ),
    )
    page = context.new_page()
    page.goto(proxied.url)
    expect(page.locator("#first")).to_be_visible()
    page.click("#first")
    page.wait_for_url(f"{proxied.url}?run=*")
    until(page, "() => faLive.stats.frames > 3 && faLive.drawn > 0")
    assert page.evaluate("faLive.link.kind()") in ("shared", "own")
    assert page.locator("html").get_attribute("data-lost") is None
    page.click("#pause")
    expect(page.locator("#run-state")).to_have_text("paused")
    page.evaluate("() => Plotly.relayout(faLive.gd, { 'xaxis.range': [0, 100] })")
    page.click("#step")
    page.click("#resume")
    expect(page.locator("#run-state")).to_have_text("running")
    assert page.evaluate("faLive.gd.layout.xaxis.range[1]") == 100
    run_id = page.url.rpartition("=")[2]
    href = page.locator("#export-json").get_attribute("href")
    assert href
    assert page.evaluate("async href => (await fetch(href)).status", href) == 200
    page.click("#stop")
    expect(page.locator("#run-state")).to_have_text("stopped")
    for name in ("Stability", "Walk", "Plane", "Train"):
        page.locator("#nav").get_by_text(name, exact=True).click()
        page.wait_for_url(re.compile(re.escape(proxied.url)))
        expect(page.locator("#nav [aria-current=page]")).to_have_text(name)
        expect(page.locator(".nowhere")).to_have_count(0)
        page.reload()
        expect(page.locator("#nav [aria-current=page]")).to_have_text(name)
    expect(page.locator("#run-state")).to_have_text("stopped")
    page.click("#runs-button")
    item = page.locator(f"#runs-list a[href$='{run_id}'], .mantine-Menu-item[href$='{run_id}']")
    expect(item.first).to_be_visible()
    page.goto(f"{proxied.url}nothing")
    page.locator(".nowhere a").click()
    page.wait_for_url(proxied.url)
    page.close()
    assert wrong == []


def test_events_are_not_held_back_by_the_buffer(proxied: Proxied) -> None:
    run_id = proxied.site.start(epochs=9000, hidden=[16], measure_every=20)
    port = int(proxied.url.split(":")[2].partition("/")[0])
    path = proxied.url.partition(str(port))[2]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}api/runs/{run_id}/stream", headers={"Host": NAME}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as stream:
        while not stream.readline().startswith(b"id: "):
            pass  # the run goes on and the stream does not end, so that this would wait for good
    proxied.site.post(f"/api/runs/{run_id}/commands", {"command": "stop"})
