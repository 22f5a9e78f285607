"""Every example runs by itself, from anywhere, and says what it says it does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import PATIENCE_S

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
GUIDE = (ROOT / "docs" / "EXTENDING.md").read_text()


def run(code: list[str], folder: Path, **more: str) -> str:
    """What a Python program prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | more,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def numbers(text: str) -> list[float]:
    """All numbers of a text."""
    return [float(number) for number in re.findall(r"-?\d+\.\d+|-?\d+", text)]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each example prints, run once."""
    found: dict[str, str] = {}

    class Once(dict[str, str]):
        def __missing__(self, name: str) -> str:
            folder = tmp_path_factory.mktemp(name.removesuffix(".py"))
            self[name] = found[name] = run([str(ROOT / "examples" / name)], folder)
            return self[name]

    return Once()


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_runs_and_has_a_sentence(name: str, printed: dict[str, str]) -> None:
    assert re.match(r'"""[A-Z][^"]+\.', (ROOT / "examples" / name).read_text())
    assert printed[name] or name == "my_rules.py"


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_guide_names_it(name: str) -> None:
    assert f"`{name}`" in GUIDE


def test_matrices_that_drift_come_to_the_weights(printed: dict[str, str]) -> None:
    first, *_, last = printed["own_matrix.py"].splitlines()
    assert min(numbers(first)[1:]) > 80
    assert max(numbers(last)[1:]) < 10


def test_the_loop_of_ones_own_learns_and_aligns(printed: dict[str, str]) -> None:
    first, *_, last = (numbers(line) for line in printed["own_loop.py"].splitlines())
    assert last[1] < first[1] / 4
    assert all(later < angle - 10 for angle, later in zip(first[2:], last[2:], strict=True))


def test_moons_are_learned(printed: dict[str, str]) -> None:
    assert min(numbers(printed["own_data.py"])) > 0.9


def test_one_that_stopped_early_is_back_at_what_was_measured(printed: dict[str, str]) -> None:
    stopped, back, found, measured = numbers(printed["early_stopping.py"])
    assert stopped > back
    assert found == measured


def test_the_code_of_the_guide_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)
    assert run(["-c", code], tmp_path)


def test_each_way_of_registering_is_in_the_guide() -> None:
    from fa_engine import register

    own = [name for name, value in vars(register).items() if getattr(value, "__doc__", None)]
    ways = {name for name in own if name[0].islower() and callable(getattr(register, name))}
    ways = {name for name in ways if getattr(register, name).__module__ == register.__name__}
    assert ways == set(re.findall(r"`@?register\.(\w+)\(", GUIDE))
