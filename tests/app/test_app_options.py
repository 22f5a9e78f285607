"""``python -m app``'s options: the settings, and nothing beside them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import PATIENCE_S

from app.options import SECRET, take
from app.settings import Settings, settings_or_exit

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What options set goes with the test."""
    environment = {name: value for name, value in os.environ.items() if name[:3] != "FA_"}
    monkeypatch.setattr(os, "environ", environment | {"FA_STATE_DIR": str(tmp_path)})
    monkeypatch.setenv("COLUMNS", "200")


def test_every_setting_that_is_no_secret_is_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        take(["--help"])
    assert not ended.value.code
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert SECRET == ["control_token", "view_token"]
    for name, field in Settings.model_fields.items():
        shown = f" --{name.replace('_', '-')} " in said
        assert shown != (name in SECRET), name
        if shown:
            assert " ".join(str(field.description).split()) in said


def test_an_option_wins_over_its_variable() -> None:
    os.environ["FA_PORT"] = "1111"
    os.environ["FA_WORKERS"] = "3"
    take(["--port", "2222", "--open", "--max-epochs", "7"])
    settings = settings_or_exit()
    assert (settings.port, settings.workers, settings.open) == (2222, 3, True)
    assert os.environ["FA_MAX_EPOCHS"] == "7"  # processes of the same start see it too


def test_what_is_wrong_is_said_as_the_settings_say_it() -> None:
    with pytest.raises(SystemExit) as ended:
        take(["--port", "99999", "--log-level", "loud"])
    assert str(ended.value.code).splitlines() == [
        "FA_PORT = '99999': allowed is a whole number from 0 to 65535",
        "FA_LOG_LEVEL = 'loud': allowed is debug, info, warning, error",
    ]


@pytest.mark.parametrize("words", [["--prot", "1"], ["--control-token", "0123456789abcdefg"]])
def test_what_is_no_option_ends_it(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        take(words)
    assert ended.value.code not in (0, None)
    assert f"Unknown option: {words[0]}" in " ".join(capsys.readouterr().err.split())


def test_options_serve() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "--port", "0", "--workers", "0"],
        cwd=ROOT,
        env=os.environ | {"FA_PORT": "1"},  # which nobody but root may listen on
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        said = process.stdout.readline()
        assert "http://127.0.0.1:" in said
        assert "http://127.0.0.1:1 " not in said
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
