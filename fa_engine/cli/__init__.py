"""The command line: ``fa-engine``, or ``python -m fa_engine``.

A command's own module is imported when it is called for: PyTorch takes seconds, and the help of all
commands needs none of it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib import metadata

from cyclopts import App
from rich.console import Console

from fa_engine.cli.texts import ALL, COMMANDS, FIRST

DISTRIBUTION = "feedback-alignment-dashboard"
_PIPE = 141  # the exit status of what SIGPIPE ends


def _version() -> str:
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "not installed: run from its folder"


def flowing(text: str) -> str:
    """Paragraphs that a terminal breaks where it ends, not where the source does."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text)


def examples(lines: str) -> str:
    """The end of a help: what may be typed, a line each."""
    return "Examples:\n\n" + "\n".join(f"  {line}" for line in lines.splitlines())


def command_line() -> App:
    """All commands, none of them imported."""
    app = App(
        name="fa-engine",
        help=flowing(ALL),
        help_epilogue=examples(FIRST),
        help_format="plaintext",
        version=_version,
        console=Console(),
        error_console=Console(stderr=True),
    )
    for place, (name, text) in enumerate(COMMANDS.items()):
        app.command(
            f"fa_engine.cli.{text.module}:{name}",
            name=name,
            help=flowing(text.help),
            help_epilogue=examples(text.examples),
            sort_key=place,
        )
    app.register_install_completion_command(
        help="Install completion for the shell that this is called from."
    )
    return app


def main(words: Sequence[str] | None = None) -> None:
    """Reads the command line, ``words`` or that of the process, and ends with its exit status."""
    try:
        result = command_line()(words)
        sys.stdout.flush()
    except BrokenPipeError:  # who read it has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_PIPE)
    sys.exit(result if isinstance(result, int) else 0)
