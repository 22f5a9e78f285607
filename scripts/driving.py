"""A dashboard that is served, and how a browser is begun that drives it: for pictures, tests and
benchmarks alike."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Of a Chromium that asks nobody but the dashboard, and has no screen."""


def chromium() -> str | None:
    """The system's Chromium; None: the one that playwright has installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def dashboard(
    state: Path | str,
    *,
    quiet: bool = False,
    patience_s: float | None = None,
    **settings: object,
) -> Iterator[str]:
    """``python -m app`` on a free port, ended as Ctrl-C ends it; its address.

    Args:
        state: the folder of its state.
        quiet: nobody reads its log.
        patience_s: how long it may take to end; None: as long as it takes.
        settings: further ones, ``workers=2`` for ``FA_WORKERS``. By default it has one worker.

    Raises:
        RuntimeError: it did not start, or ended with an error.
        subprocess.TimeoutExpired: it did not end.
    """
    own = {"state_dir": state, "port": 0, "workers": 1} | settings
    process = subprocess.Popen(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=os.environ | {f"FA_{name.upper()}": str(value) for name, value in own.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            found = re.search(r"http://[\d.:]+", process.stdout.readline())
            if not found:
                raise RuntimeError("the dashboard did not start")
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)
            ended = process.wait(patience_s)
    if ended:
        raise RuntimeError(f"the dashboard ended with {ended}")
