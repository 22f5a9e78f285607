"""The wheel: what is in it, what it needs, and that it works where the repository is not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from scripts.metadata import needed

ROOT = Path(__file__).parents[1]
TRAINS = """
import fa_engine
from fa_engine import RunConfig, Trainer

assert fa_engine.__file__.startswith({where!r}), fa_engine.__file__
last = list(Trainer(RunConfig(hidden=(8,), epochs=1, replicates=2)))[-1]
print(last.step, last.loss.shape)
"""
SERVES = """
from app.server import ASSETS, create_app
from app.settings import Settings

assert str(ASSETS).startswith({where!r}), ASSETS
app = create_app(Settings(state_dir={state!r}))
client = app.test_client()
for address in ("/", "/assets/live.js", "/assets/css/1-frame.css", "/runs"):
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status)
app.close()
print("served")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as a package index would have it, without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps"]
    subprocess.run(
        [*command, "--quiet", "--disable-pip-version-check", "-w", str(folder), str(ROOT)],
        check=True,
        cwd=folder,
    )
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it lies unpacked, which is all that an installation of it does."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(code: str, installed: Path, folder: Path) -> str:
    """What a script prints that knows the installed package alone."""
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-P", "-c", code]
    return subprocess.run(
        command, check=True, cwd=folder, env=environment, capture_output=True, text=True
    ).stdout.strip()


def test_it_holds_what_is_run_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"app", "fa_engine"}
    assert {"fa_engine/py.typed", "app/py.typed", "app/assets/live.js"} <= set(names)
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    with zipfile.ZipFile(wheel) as archive:
        (entries,) = [name for name in names if name.endswith("/entry_points.txt")]
        assert "fa-engine = fa_engine.cli:main" in archive.read(entries).decode()
    tracked = subprocess.run(
        ["git", "ls-files", "app", "fa_engine"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert set(tracked) <= set(names)


def test_what_it_needs_is_what_everything_is_tested_with(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith("/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
    told = metadata.get_all("Requires-Dist", [])
    pins = (ROOT / "requirements.txt").read_text()
    pinned = {
        name.lower(): version for name, version in re.findall(r"^([\w.-]+).*==(\S+)$", pins, re.M)
    }
    asked = {}
    for one in told:
        found = re.match(r"([\w.-]+)(?:\[.*\])?>=(\S+?)(?:; extra == '(?:app|files)')?$", one)
        assert found, one
        asked[found[1]] = found[2]
    assert asked == pinned
    engine = {re.split(r"[\[>]", one)[0] for one in told if "extra" not in one}
    assert {"torch", "numpy", "pydantic"} <= engine
    assert not engine & {"dash", "flask", "sqlalchemy", "plotly", "pyarrow", "matplotlib"}
    of_files = {re.split(r"[\[>]", one)[0] for one in told if "extra == 'files'" in one}
    assert of_files == {"pyarrow", "matplotlib"}
    for one in of_files:  # the dashboard has them too
        assert any(each.startswith(one) and "extra == 'app'" in each for each in told)
    assert metadata["License-Expression"] == "Apache-2.0"


def test_a_line_that_is_no_pin_is_refused() -> None:
    with pytest.raises(ValueError, match=r"requirements.txt: 'torch>=2' is no pinned package"):
        needed("# engine\ntorch>=2\n")


def test_a_script_elsewhere_trains_with_it(installed: Path, tmp_path: Path) -> None:
    assert run(TRAINS.format(where=str(installed)), installed, tmp_path) == "22 (2,)"


def test_the_dashboard_is_served_from_it(installed: Path, tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    code = SERVES.format(where=str(installed), state=state)
    assert run(code, installed, tmp_path).endswith("served")
