"""``python -m app``'s own command line: the settings as options, made from their fields.

An option is its environment variable set for this start, so that all processes of it see the same,
and what is wrong is said in the settings' own words.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

from cyclopts import App, Parameter
from pydantic import SecretStr
from rich.console import Console

from app.settings import PREFIX, Settings, settings_or_exit
from fa_engine import plugins
from fa_engine.cli import examples, flowing
from fa_engine.cli.options import given, with_fields

SECRET = [
    name
    for name, field in Settings.model_fields.items()
    if SecretStr in (field.annotation, *get_args(field.annotation))
]
"""No options: whoever has an account on a machine can read the command lines of all."""

_HELP = f"""Serve the dashboard, with its workers.

Every setting is an option, and an environment variable too: --port is {PREFIX}PORT. The option
wins. Tokens are variables alone, {" and ".join(PREFIX + name.upper() for name in SECRET)}: others
on the machine can read a command line."""
_EXAMPLES = """python -m app --port 8060 --workers 2
python -m app check --save saved.sqlite"""
_SERVE = "serve"


def command_line() -> App:
    """The options and commands of ``python -m app``."""
    app = App(
        name="python -m app",
        help=flowing(_HELP),
        help_epilogue=examples(_EXAMPLES),
        help_format="plaintext",
        version_flags=[],
        console=Console(),
        error_console=Console(stderr=True),
        result_action="return_value",
    )
    app.default(_serve)
    app.command(_check, name="check", help_epilogue="")
    return app


def take(words: Sequence[str]) -> None:
    """Sets what the options say, for who serves next; ends the program where that is not what was
    asked for: after help, after a check, and where something is wrong."""
    found = command_line()(words)
    if found != _SERVE:
        sys.exit(found)  # of a check; after help, None


def _described(name: str) -> str:
    extra = Settings.model_fields[name].json_schema_extra
    return str(extra["allowed"]) if isinstance(extra, dict) else ""


@with_fields(Settings, title="Settings", but=SECRET, described=_described)
def _serve(**options: Any) -> str:
    for name, value in given(options).items():
        text = ("yes" if value else "no") if isinstance(value, bool) else str(value)
        os.environ[PREFIX + name.upper()] = text
    plugins.load()  # those that an option names; the others are there already
    settings_or_exit()
    return _SERVE


def _check(
    *,
    save: Annotated[
        Path | None,
        Parameter(help="A new database, of what can still be read."),
    ] = None,
) -> int:
    """Say what of database and checkpoints is whole, and save what can be."""
    from app.check import run

    return run(settings_or_exit(), save, print)
