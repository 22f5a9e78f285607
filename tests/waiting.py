"""How long a test waits for what is bound to come: one limit for all, far beyond what it takes.

A test ends its waiting on what happens, never on a clock. The limit is there for what will not come
at all, so that it costs a failing run minutes and a passing one nothing; a machine that does eight
other things as well must not reach it. No test measures time, and none asserts that something does
not happen within a time: it waits for something that comes later, and looks then.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 300.0
PATIENCE_MS = 1000 * PATIENCE_S  # as playwright wants it


def wait(condition: Callable[[], object], pause_s: float = 0.02) -> None:
    """Until ``condition()`` holds, looking every ``pause_s``."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited for {PATIENCE_S:.0f} s in vain"
        time.sleep(pause_s)
