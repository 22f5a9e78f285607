"""The files around the code: what is required is pinned, installed and used, and torch is small."""

import ast
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.lock import LOCKS

ROOT = Path(__file__).parent.parent
INSTALL_TORCH = ROOT / "scripts" / "install_torch.py"

# Needed without an import of ours: the drivers that a URL names, the distribution that the digits'
# file lies in, and pooch's progress bar.
NOT_IMPORTED = {"psycopg", "redis", "scikit-learn", "tqdm"}


def requirements(name: str) -> dict[str, Requirement]:
    """The requirements of a file, by canonical name."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    found = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def imported_modules(*folders: str) -> set[str]:
    """Top-level modules that the code in these folders imports."""
    found = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "constraints.txt"])
def test_pins_are_exact(name):
    pins = requirements(name)
    assert pins
    for requirement in pins.values():
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement


@pytest.mark.parametrize(("source", "lock"), LOCKS.items())
def test_a_lock_has_the_hashes_of_all_that_is_pinned(source, lock):
    """Whoever changes a pin runs `make lock`."""
    entries = re.split(r"^(?=[a-zA-Z])", (ROOT / lock).read_text(), flags=re.MULTILINE)[1:]
    locked = {}
    for entry in entries:
        name, version = re.match(r"([\w.-]+)==(\S+)", entry).groups()
        locked[canonicalize_name(name)] = version
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), name
    pins = requirements("requirements.txt")
    if source != "requirements.txt":
        pins |= requirements(source)
    wanted = {name: str(pin.specifier) for name, pin in pins.items() if name != "torch"}
    assert {name: f"=={locked.get(name)}" for name in wanted} == wanted
    # And what those bring along is pinned by constraints.txt, to the same.
    constrained = {n: str(pin.specifier) for n, pin in requirements("constraints.txt").items()}
    beside = (locked.keys() - pins.keys()) & constrained.keys()
    found = {name: f"=={locked[name]}" for name in beside}
    assert found == {name: constrained[name] for name in beside}


def test_what_is_installed_is_what_is_pinned():
    pins = requirements("requirements-dev.txt") | requirements("requirements.txt")
    assert "torch" in pins
    todo, seen = list(pins.values()), set()
    pins |= requirements("constraints.txt")
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        key = (name, frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        assert name in pins, f"{name} is not pinned"
        assert pins[name].specifier.contains(metadata.version(name)), name
        for line in metadata.requires(name) or []:
            dependency = Requirement(line)
            extras = requirement.extras or {""}
            applies = dependency.marker is None or any(
                dependency.marker.evaluate({"extra": extra}) for extra in extras
            )
            # torch pins the CUDA libraries of its other variant itself.
            cuda = name == "torch" and str(dependency.specifier).startswith("==")
            if applies and not cuda and not re.match(r"nvidia-|cuda-|triton", dependency.name):
                todo.append(dependency)


def test_what_is_imported_is_required_and_the_other_way_round():
    theirs = imported_modules("app", "fa_engine") - set(sys.stdlib_module_names)
    theirs -= {"app", "fa_engine"}
    distributions = metadata.packages_distributions()
    imported = {canonicalize_name(name) for module in theirs for name in distributions[module]}
    required = set(requirements("requirements.txt"))
    # These come as a part of another requirement, which uses them in its own interface.
    parts = {"pydantic-core", "werkzeug"}
    assert imported - parts <= required
    assert required - NOT_IMPORTED <= imported


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_make_says_which_python_it_needs(tmp_path):
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")  # as an older one answers the question for its version
    old.chmod(0o755)
    made = subprocess.run(
        ["make", "run", f"PYTHON3={old}", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        env=os.environ | {"MAKEFLAGS": "", "MAKELEVEL": "0"},
        capture_output=True,
        text=True,
    )
    assert made.returncode != 0
    assert "No Python 3.11 to 3.14" in made.stderr
    assert not (tmp_path / "venv").exists()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder and writes no log."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def index(tmp_path) -> Iterator[Path]:
    """A folder that is served as a package index at `index.joinpath("url").read_text()`."""
    folder = tmp_path / "index"
    (folder / "torch").mkdir(parents=True)
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        (folder / "url").write_text(f"http://127.0.0.1:{server.server_port}")
        yield folder
        server.shutdown()
        thread.join()


def publish(index: Path, version: str) -> None:
    """Put an empty torch of this version on the index."""
    info = f"torch-{version}.dist-info"
    wheel = index / "torch" / f"torch-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("torch/__init__.py", "")
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    link = f'<a href="{wheel.name.replace("+", "%2B")}">{wheel.name}</a>'
    (index / "torch" / "index.html").write_text(f"<!DOCTYPE html><html><body>{link}</body></html>")


@pytest.fixture(scope="module")
def new_python(tmp_path_factory) -> Path:
    """The Python of a new virtual environment."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder / "bin" / "python"


@pytest.fixture
def install_torch(new_python):
    """Run the script in the new environment: returns what it says and the version then there."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    own["PIP_CONFIG_FILE"] = os.devnull

    def run(index_url: str, kind: str = "cpu") -> tuple[str, str]:
        said = subprocess.run(
            [new_python, INSTALL_TORCH],
            env=own | {"TORCH": kind, "TORCH_INDEX": index_url, "NO_PROXY": "127.0.0.1"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        look = "from importlib import metadata as m; print(m.version('torch'))"
        there = subprocess.run([new_python, "-c", look], capture_output=True, text=True)
        return said, there.stdout.strip()

    yield run
    uninstall = [new_python, "-m", "pip", "uninstall", "--yes", "torch"]
    subprocess.run(uninstall, check=True, capture_output=True)


PINNED = str(requirements("requirements.txt")["torch"].specifier).removeprefix("==")
linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere pip's torch has no CUDA")


@linux
def test_torch_comes_without_cuda_where_the_index_answers(index, install_torch):
    publish(index, f"{PINNED}+cpu")
    url = (index / "url").read_text()
    assert install_torch(url)[1] == f"{PINNED}+cpu"
    assert install_torch(url) == ("", f"{PINNED}+cpu")  # it is there: nothing is asked again
    assert install_torch(url, "cuda")[1] == ""


@linux
def test_torch_is_left_to_pip_where_the_index_has_another_version(index, install_torch):
    publish(index, "1.0+cpu")
    said, version = install_torch((index / "url").read_text())
    assert "taking what pip finds" in said
    assert version == ""


@linux
def test_torch_is_left_to_pip_where_no_index_answers(install_torch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said, version = install_torch(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert "taking what pip finds" in said
    assert version == ""


def test_every_script_that_the_makefile_calls_is_there():
    called = set(re.findall(r"\bscripts/[\w.]+", (ROOT / "Makefile").read_text()))
    assert called
    assert {name for name in called if not (ROOT / name).exists()} == set()
    modules = set(re.findall(r"-m (scripts|benchmarks)\.?(\w*)", (ROOT / "Makefile").read_text()))
    assert all((ROOT / folder / f"{name or '__main__'}.py").exists() for folder, name in modules)


def test_no_two_files_of_tests_have_one_name():
    """Of two, pytest loads the first and refuses the other."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted(set(names)) == sorted(names)
