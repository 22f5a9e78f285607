"""`make docs`: all is in the site, its links hold, and it loads from nowhere else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from waiting import PATIENCE_S

from fa_engine import DATASETS, MATRICES, MEASURES, SCHEMES, SIGNALS, RunConfig, public
from fa_engine.cli.texts import COMMANDS
from scripts import reference

pytest.importorskip("sphinx", reason="Sphinx is not installed: requirements-dev.txt has it")

ROOT = Path(__file__).parents[1]
# Of a page: what a browser fetches of itself, where it only leads on a click.
FETCHED = {"src", "srcset", "poster", "data"}


class Page(HTMLParser):
    """What a page fetches, where it leads, and where it can be led to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetches: list[str] = []
        self.leads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in FETCHED or (tag, name) in {("link", "href"), ("form", "action")}:
                self.fetches.append(value or "")
            elif (tag, name) == ("a", "href"):
                self.leads.append(value or "")
            elif name == "id":
                self.anchors.add(value or "")


def run(code: list[str], **more: str) -> subprocess.CompletedProcess[str]:
    """A Python program that imports from the repository."""
    return subprocess.run(
        [sys.executable, *code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | more,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does; a proxy that nobody serves answers for the network."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    nowhere = "http://127.0.0.1:9"
    done = run(["-m", "scripts.docs", str(folder)], http_proxy=nowhere, https_proxy=nowhere)
    assert (done.returncode, done.stderr) == (0, "")
    assert str(folder / "index.html") in done.stdout
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """All of its pages."""
    return {path: Page(path.read_text()) for path in site.rglob("*.html")}


def test_every_document_is_a_page(site: Path, pages: dict[Path, Page]) -> None:
    for name, words in {
        "index": "Ten minutes with it",
        "docs/MATH": "Four different things are called alignment",
        "docs/EXTENDING": "What can be added",
        "CONTRIBUTING": "What a change has to hold to",
        "SECURITY": "What is trusted",
        "CHANGELOG": "The first version",
        "examples/index": "own_scheme.py",
    }.items():
        assert words in (site / f"{name}.html").read_text()
    assert len(pages) > 15


def test_every_name_of_the_top_is_in_the_reference(pages: dict[Path, Page]) -> None:
    anchors = set().union(*(page.anchors for page in pages.values()))
    wanted = {f"fa_engine.{name}" for name in public.__all__ if name != "register"}
    wanted |= {f"fa_engine.register.{n}" for n in reference.public_names("fa_engine.register")}
    wanted |= {"fa_engine.Trainer.diverged_at", "fa_engine.Matrices.refresh"}
    assert wanted <= anchors


def test_rows_fields_and_commands_are_those_of_the_code(site: Path) -> None:
    code = r'<code class="docutils literal notranslate"><span class="pre">([^<]*)</span></code>'
    rows = set(re.findall(code, (site / "reference" / "catalogue.html").read_text()))
    assert {*SCHEMES, *SIGNALS, *MATRICES, *MEASURES, *DATASETS} <= rows
    fields = set(re.findall(code, (site / "reference" / "training.html").read_text()))
    assert set(RunConfig.model_fields) <= fields
    helped = (site / "reference" / "command-line.html").read_text()
    assert all(f"Usage: fa-engine {name}" in helped for name in COMMANDS)
    assert "Usage: python -m app" in helped


def test_it_loads_from_nowhere_else(site: Path, pages: dict[Path, Page]) -> None:
    fetched = {address for page in pages.values() for address in page.fetches}
    assert len(fetched) > 10
    assert {one for one in fetched if urlsplit(one).netloc} == set()
    for sheet in site.rglob("*.css"):
        named = re.findall(r"url\(([^)]*)\)|@import ([^;]*)", sheet.read_text())
        assert not [one for one in named if re.match(r"""["']?(https?:)?//""", "".join(one))]


def broken(site: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """Links within the site that lead to no file, or to no place in it."""
    for path, page in pages.items():
        for address in (*page.leads, *page.fetches):
            there = urlsplit(address)
            if there.netloc or there.scheme or not address:
                continue
            target = (path.parent / unquote(there.path)).resolve() if there.path else path
            known = pages.get(target)
            lost = there.fragment and known and unquote(there.fragment) not in known.anchors
            if lost or not target.exists():
                yield f"{path.relative_to(site)}: {address}"


def test_every_link_within_it_holds(site: Path, pages: dict[Path, Page]) -> None:
    assert [*broken(site, pages)] == []


def test_a_reference_to_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    text = "Start\n=====\n\n.. autofunction:: fa_engine.bounds\n\nSee :func:`fa_engine.{}`.\n"
    for name in ("bounds", "bonds"):
        laid = tmp_path / name
        (laid / "_static").mkdir(parents=True)
        (laid / "conf.py").write_text((ROOT / "docs" / "conf.py").read_text())
        (laid / "_static" / "favicon.ico").write_bytes(b"")
        (laid / "index.rst").write_text(text.format(name))
    code = "import sys; from pathlib import Path; from scripts.docs import build;"
    code += (
        "here = Path(sys.argv[1]); print(*[build(here / n, here / 'site') for n in sys.argv[2:]])"
    )
    done = run(["-c", code, str(tmp_path), "bounds", "bonds"])
    assert done.stdout == "0 1\n"
    assert re.findall(r"reference target not found: (\S+)", done.stderr) == ["fa_engine.bonds"]
