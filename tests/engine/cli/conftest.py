"""What the tests of the command line share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_helpers import ROOT

from fa_engine.cli import main

Said = tuple[int, str, str]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Callable[..., Said]:
    """``fa-engine`` as a process of its own in a new folder: its status, stdout and stderr."""

    def call(*words: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "fa_engine", *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr

    return call


@pytest.fixture
def here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Said]:
    """The same within this process."""
    monkeypatch.setenv("COLUMNS", "300")

    def call(*words: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(words)
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call
