"""The browser's half, tested by node: pure functions of assets/ in tests/assets/*.test.mjs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import playwright
import pytest

from fa_engine.dynamics.plane import Plane

ROOT = Path(__file__).parent.parent
STEPS = 300
REACH = 3.0
CASES = {
    "linear": ("linear", (1.0,), (1.0,)),
    "samples": ("linear", (0.5, -1.2, 2.0), (1.0, 0.3, -0.4)),
    "bent": ("tanh", (1.0,), (0.6,)),
    "tanh": ("tanh", (0.5, -1.0, 1.7), (0.6, -0.2, 0.4)),
}


def node() -> str | None:
    """A node that runs: the system's, or the one that playwright brings."""
    for found in (shutil.which("node"), Path(playwright.__file__).parent / "driver" / "node"):
        try:
            if found and not subprocess.run([found, "--version"], capture_output=True).returncode:
                return str(found)
        except OSError:
            continue
    return None


def plane_numbers() -> list[dict[str, Any]]:
    """What fa_engine/dynamics/plane.py finds for some networks, at random points."""
    rng = np.random.default_rng(5)
    draws = rng.standard_normal((1, STEPS, 2))
    found = []
    for name, (activation, x, y) in CASES.items():
        for target, feedback in ((1.0, 1.0), (-0.7, 0.4), (1.3, -1.5)):
            plane = Plane(target=target, feedback=feedback, activation=activation, x=x, y=y)
            schemes = {}
            for scheme, noise in (("fa", 0.0), ("bp", 0.1)):
                w = rng.uniform(-REACH, REACH, (20, 2))
                cosine = plane.cosine(w, scheme)
                points = [
                    [*w[i], plane.loss(w[i]), plane.update(w[i], scheme), c, s]
                    for i, (c, s) in enumerate(zip(cosine, plane.stability(w, scheme), strict=True))
                ]
                start = w[0]
                path = plane.walk(start[None], scheme, 0.05, STEPS, noise, draws).w[:, 0]
                schemes[scheme] = {
                    "points": points,
                    "fixed": plane.fixed(scheme, REACH).points,
                    "start": start,
                    "rate": 0.05,
                    "noise": noise,
                    "path": path[~np.isnan(path).any(axis=1)],
                }
            setup = {
                "cases": {name: {"activation": activation, "x": x, "y": y}},
                "maxSteps": STEPS,
                "time": 1e9,
                "reach": REACH,
                "drawn": STEPS + 1,
                "stride": 0,
                "resting": 1e-6,
                "escaped": 100,
                "draws": draws[0],
            }
            found.append(
                {
                    "setup": setup,
                    "name": name,
                    "t": target,
                    "b": feedback,
                    "reach": REACH,
                    "schemes": schemes,
                }
            )
    return found


def listed(value: Any) -> Any:
    """What JSON has no word for."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item()


@pytest.mark.skipif(node() is None, reason="there is no node, and playwright's does not run")
def test_pure_functions_of_the_browser_half(tmp_path: Path) -> None:
    numbers = tmp_path / "plane.json"
    numbers.write_text(json.dumps(plane_numbers(), default=listed))
    files = sorted((ROOT / "tests" / "assets").glob("*.test.mjs"))
    assert len(files) >= 8
    made = subprocess.run(
        [str(node()), "--test", "--test-reporter=tap", *files],
        env=os.environ | {"PLANE_NUMBERS": str(numbers)},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout[-8000:] + made.stderr[-2000:]
    assert "\n# skipped 0\n" in made.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "assets").glob("*.js")), ids=lambda path: path.name)
def test_no_function_takes_anothers_name(path: Path) -> None:
    """A script says nothing where one does: the later one is called for both."""
    named = re.findall(r"^  (?:async )?function (\w+)", path.read_text(), re.MULTILINE)
    assert [name for name, count in Counter(named).items() if count > 1] == []
