"""Logs: one line an event, with its fields, from libraries too."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from app import logs

# In a process of its own: the handler is the process's, and pytest has taken it here.
_SCRIPT = """
import logging
from app import logs

logs.begin({level!r}, {format_!r})
log = logs.logger("app.somewhere")
log.debug("seldom wanted")
log.info("run begins", run_id="abc", step=3)
logging.getLogger("library").warning("of %s", "somebody else")
logging.getLogger("werkzeug").info("GET / 200")
with logs.about(run_id="def"):
    token = "never-in-a-log-0123"
    try:
        raise ValueError("a" + chr(10) + chr(27) + "[2Jb")
    except ValueError:
        log.exception("run failed")
"""


def written(level: str = "info", format_: str | None = None) -> list[str]:
    script = _SCRIPT.format(level=level, format_=format_)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert not done.stdout
    return done.stderr.splitlines()


@pytest.mark.parametrize("format_", ["json", None])  # what is no terminal gets JSON
def test_an_event_is_a_line_of_json_with_its_fields(format_: str | None) -> None:
    begins, library, failed = (json.loads(line) for line in written(format_=format_))
    assert (begins["event"], begins["run_id"], begins["step"]) == ("run begins", "abc", 3)
    assert (begins["level"], begins["logger"]) == ("info", "app.somewhere")
    assert begins["pid"]
    assert begins["timestamp"].endswith("Z")
    assert (library["event"], library["logger"]) == ("of somebody else", "library")
    assert (failed["level"], failed["run_id"]) == ("error", "def")
    assert "ValueError: a" in failed["exception"]
    assert "never-in-a-log" not in json.dumps(failed)  # what variables hold is nobody's business


def test_a_person_reads_text_that_no_typed_text_can_draw_over() -> None:
    lines = written(format_="text")
    assert "run begins" in lines[0]
    assert "run_id=abc" in lines[0]
    assert not any("never-in-a-log" in line for line in lines)


@pytest.mark.parametrize(("level", "events"), [("debug", 4), ("warning", 2), ("error", 1)])
def test_the_level_says_what_is_left_out(level: str, events: int) -> None:
    assert len(written(level, "json")) == events


@pytest.fixture
def handler() -> Iterator[logging.Handler]:
    """A handler of the root logger as :func:`app.logs.begin` makes one, on a stream of the test."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        logs.begin("info", "text")
        (made,) = root.handlers
        yield made
    finally:
        root.handlers[:] = before
        root.setLevel(level)


def test_controls_in_a_name_are_shown_and_not_obeyed(
    handler: logging.Handler, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(sys.stderr)
    logs.logger("app.x").info("run begins", run_name="a\n\x1b[2J\u202eb")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert r"a\n\x1b[2J\u202eb" in said.replace("\\\\", "\\")
