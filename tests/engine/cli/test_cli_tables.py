"""``fa-engine schemes``, ``measures``, ``datasets`` and ``experiments``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fa_engine import DATASETS, SCHEMES
from fa_engine.cli import tables
from fa_engine.measures.catalogue import MEASURES
from fa_engine.studies.catalogue import EXPERIMENTS

ROWS: dict[str, Mapping[str, Any]] = {
    "schemes": SCHEMES,
    "measures": MEASURES,
    "datasets": DATASETS,
    "experiments": EXPERIMENTS,
}


@pytest.mark.parametrize("command", ROWS)
def test_a_pipe_gets_a_line_each_with_every_column(command: str, here: Any) -> None:
    status, said, _ = here(command)
    assert status == 0
    header, *lines = [line.split("\t") for line in said.splitlines()]
    assert header[:3] == ["name", "title", "sentence"]
    assert {len(line) for line in lines} == {len(header)}
    assert {line[0]: line[1] for line in lines} == {n: r.title for n, r in ROWS[command].items()}
    if command == "schemes":
        assert {line[header.index("deviation")] for line in lines} == {
            row.deviation for row in SCHEMES.values()
        }


def test_a_row_that_is_added_is_listed(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEMES, "mine", replace(SCHEMES["fa"], title="A scheme of mine"))
    assert "mine\tA scheme of mine\t" in here("schemes")[1]


@pytest.mark.parametrize(("command", "row"), [("schemes", "cDFA"), ("experiments", "Of mine")])
def test_what_a_plugin_adds_is_listed(
    command: str, row: str, elsewhere: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "of_mine.py").write_text(
        "from dataclasses import replace\n"
        "from fa_engine import SCHEMES, register\n"
        "from fa_engine.studies.catalogue import EXPERIMENTS\n"
        "register.scheme('mine', replace(SCHEMES['dfa'], title='cDFA'))\n"
        "EXPERIMENTS.add('mine', replace(EXPERIMENTS['learns'], title='Of mine'))\n"
    )
    monkeypatch.setenv("FA_PLUGINS", "of_mine")
    status, said, error = elsewhere(command)
    assert (status, error) == (0, "")
    assert f"\nmine\t{row}\t" in said


def test_a_terminal_gets_sentences(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        tables, "Console", lambda: Console(force_terminal=True, width=80, no_color=True)
    )
    tables.schemes()
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 100  # with what makes names bold
    for row in SCHEMES.values():
        assert row.title in said
        assert row.explanation.split()[-1] in said
