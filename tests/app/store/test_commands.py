"""Commands: what is let in, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.store import COMMANDS, Command
from fa_engine import RunConfig, problems


@pytest.mark.parametrize(
    "name", [name for name in COMMANDS if name not in ("set", "track", "extend")]
)
def test_plain_commands(name: str) -> None:
    assert Command.model_validate({"command": name}).changes == {}


def test_set_parses_what_it_sets() -> None:
    body = {"command": "set", "learning_rate": "0.05", "scheme": "bp"}
    assert Command.model_validate(body).changes == {"learning_rate": 0.05, "scheme": "bp"}
    assert Command(command="set", scheme="dfa").changes == {"scheme": "dfa"}


def test_track_says_how_often() -> None:
    assert Command.model_validate({"command": "track", "every": 200}).every == 200
    assert Command(command="track", every=0).changes == {}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "command"),
        ("pause", "command"),
        (None, "command"),
        ({}, "command"),
        ({"command": "explode"}, "command"),
        ({"command": ["pause"]}, "command"),
        ({"command": "set"}, "command"),
        ({"command": "set", "learning_rate": None}, "command"),
        ({"command": "pause", "scheme": "bp"}, "scheme"),
        ({"command": "set", "learning_rat": 0.1}, "learning_rat"),
        ({"command": "set", "learning_rate": "nan"}, "learning_rate"),
        ({"command": "set", "learning_rate": 0}, "learning_rate"),
        ({"command": "set", "learning_rate": -1}, "learning_rate"),
        ({"command": "set", "learning_rate": True}, "learning_rate"),
        ({"command": "set", "scheme": "magic"}, "scheme"),
        ({"command": "set", "every": 5}, "command"),
        ({"command": "set", "scheme": "bp", "every": 5}, "every"),
        ({"command": "track"}, "command"),
        ({"command": "track", "every": -1}, "every"),
        ({"command": "track", "every": 1.5}, "every"),
        ({"command": "track", "every": True}, "every"),
        ({"command": "track", "every": 5, "scheme": "bp"}, "scheme"),
        ({"command": "checkpoint", "every": 5}, "every"),
        ({"command": "extend"}, "command"),
        ({"command": "extend", "epochs": 0}, "epochs"),
        ({"command": "extend", "epochs": 2.0}, "epochs"),
        ({"command": "extend", "epochs": 2, "every": 5}, "every"),
        ({"command": "resume", "epochs": 2}, "epochs"),
    ],
)
def test_a_wrong_command_names_field_and_value(body: Any, field: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Command.model_validate(body)
    found = problems(raised.value)
    assert [problem.field for problem in found] == [field]
    assert found[0].allowed
    if isinstance(body, dict) and field in body:
        assert repr(body[field]) in found[0].message or "pause" in found[0].message


@pytest.mark.parametrize("change", [{"learning_rate": -1}, {"scheme": "magic"}])
def test_the_words_are_those_of_a_config(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as of_config:
        RunConfig.model_validate(change)
    with pytest.raises(ValidationError) as of_command:
        Command.model_validate({"command": "set", **change})
    assert problems(of_command.value) == problems(of_config.value)
