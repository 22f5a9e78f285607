"""``fa-engine train`` as it is called: what it shows, what it writes, how it ends."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from cli_helpers import ROOT, SMALL
from safetensors.torch import load_file

from fa_engine import RunConfig, Trainer, allowed
from fa_engine.cli.interrupts import Interrupts
from fa_engine.measures.catalogue import MEASURES

CONFIG = RunConfig(hidden=(8,), replicates=2, epochs=2)


def test_a_pipe_gets_plain_lines_and_pandas_the_table(elsewhere: Any, tmp_path: Path) -> None:
    files = ["--csv", "run.csv", "--parquet", "run.parquet", "--plot", "run.svg"]
    status, said, error = elsewhere("train", *SMALL, *files)
    assert (status, error) == (0, "")
    assert said.isprintable() or set(said) - {"\n"} == {c for c in said if c.isprintable()}
    assert re.match(r"step 0 of 44  loss \d", said)
    assert "step 44 of 44" in said
    assert "2 networks" in said
    table = pandas.read_csv(tmp_path / "run.csv")
    assert [*table.columns[:5]] == ["step", "epoch", "replicate", "diverged", "loss"]
    measured = [*Trainer(CONFIG)]
    assert table["step"].tolist() == [m.step for m in measured for _ in range(2)]
    for name, column in (("loss", "loss"), ("gradient_angle_deg", "gradient_angle_deg_1")):
        expected = np.concatenate([getattr(m, name).reshape(-1) for m in measured])
        np.testing.assert_array_equal(
            table[column].to_numpy(np.float32), expected.astype(np.float32)
        )
    columnar = pandas.read_parquet(tmp_path / "run.parquet")
    pandas.testing.assert_frame_equal(columnar, table, check_dtype=False, rtol=1e-6)
    picture = (tmp_path / "run.svg").read_text()
    for words in ("Loss", "Accuracy", "Gradient angle", "layer 1", "test set"):
        assert f">{words}" in picture


def test_a_table_has_a_column_for_every_measure(here: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    assert here("train", *SMALL, "--walk", "--activation", "relu", "--quiet", "--csv", str(path))[
        :2
    ] == (0, "")
    table = pandas.read_csv(path)
    for name, row in MEASURES.items():
        column = name if row.shape == "R" else f"{name}_1"
        assert table[column].notna().any(), column


def test_a_run_that_goes_on_is_the_uninterrupted_one(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--hidden", "8", "--replicates", "2", "--optimizer", "adam", "--quiet"]
    onwards = ["--resume", "b", "--quiet"]
    assert here("train", *options, "--epochs", "4", "--csv", "a.csv", "--save", "a")[0] == 0
    assert here("train", *options, "--epochs", "2", "--csv", "b.csv", "--save", "b")[0] == 0
    assert here("train", *onwards, "--epochs", "4", "--csv", "c.csv", "--save", "c")[0] == 0
    whole, resumed = load_file(tmp_path / "a"), load_file(tmp_path / "c")
    assert whole.keys() == resumed.keys()
    assert all(whole[name].equal(resumed[name]) for name in whole)
    tables = [pandas.read_csv(tmp_path / f"{name}.csv") for name in "abc"]
    columns = ["step", "replicate", "loss", "gradient_angle_deg_1"]
    joined = pandas.concat(tables[1:])[columns]
    # The last look of the shorter run, at step 44, was not due in the longer one.
    joined = joined[joined["step"].isin(tables[0]["step"])].reset_index(drop=True)
    pandas.testing.assert_frame_equal(joined, tables[0][columns], check_exact=True)


def test_ctrl_c_ends_a_run_and_writes_what_there_is(tmp_path: Path) -> None:
    words = ["--hidden", "8", "--replicates", "2", "--epochs", "10000"]
    files = ["--save", "run.safetensors", "--csv", "run.csv"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fa_engine", "train", *words, *files],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("step 0 of 220000")
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in error
    assert re.fullmatch(
        r"Interrupted after [\d,]+ steps; run.safetensors goes on from there\n", error
    )
    trainer = Trainer.load(tmp_path / "run.safetensors")
    assert 0 < trainer.step < trainer.total_steps
    table = pandas.read_csv(tmp_path / "run.csv")
    assert table["step"].max() <= trainer.step
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.csv", "run.safetensors"]


def test_a_reader_that_goes_away_ends_it_without_a_word(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "fa_engine", "train", "--hidden", "8", "--epochs", "10000"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_noted_and_a_second_one_obeyed(number: signal.Signals, status: int) -> None:
    before = signal.getsignal(number)
    with Interrupts() as interrupts:
        assert interrupts.status == 0
        assert signal.getsignal(number) != before
        signal.raise_signal(number)
        assert interrupts.status == status
        assert signal.getsignal(number) == before
    assert signal.getsignal(number) == before


def test_networks_that_diverge_are_named(here: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    wild = ["--activation", "linear", "--loss", "squared_error", "--learning-rate", "100"]
    status, said, error = here("train", *SMALL, *wild, "--csv", str(path))
    assert status == 1
    assert re.fullmatch(r"Diverged: 2 of 2 networks: 1 \(step \d+\), 2 \(step \d+\)\n", error)
    assert "0 of 2 networks left" in said
    assert pandas.read_csv(path)["diverged"].any()


def test_a_terminal_gets_a_picture(tmp_path: Path) -> None:
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "fa_engine", "train", *SMALL],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "PYTHONIOENCODING": "utf-8"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    found = b""
    try:
        while part := os.read(master, 65_536):
            found += part
    except OSError:  # it has ended
        pass
    os.close(master)
    assert process.wait() == 0
    said = found.decode()
    assert "\x1b[" in said
    assert "step 44 of 44" in said
    assert "90°┤" in said
    assert any("\u2800" < sign < "\u2900" for sign in said)
    assert "layer 1" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--csv", "nowhere/run.csv"], "--csv nowhere/run.csv: allowed is a file in a folder"),
        (["--save", "."], "--save .: allowed is a file in a folder"),
        (["--plot", "run.gif"], "--plot run.gif: allowed is a file that ends in .svg, .pdf, .png"),
        (["--resume", "none"], "--resume none is not a checkpoint: "),
    ],
)
def test_files_that_cannot_be_are_refused_before_training(
    words: list[str], said: str, here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, error = here("train", *words)
    assert (status, out) == (2, "")
    assert error.startswith(said)
    assert len(error.splitlines()) == 1


def test_beside_resume_only_epochs_may_be_given(here: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    Trainer(CONFIG).save(path)
    status, _, error = here("train", "--resume", str(path), "--scheme", "bp")
    assert status == 2
    assert error.startswith("Feedback scheme, scheme = 'bp': allowed is nothing beside --resume")
    status, _, error = here("train", "--resume", str(path), "--epochs", "none")
    assert (status, error) == (2, f"Epochs, epochs = 'none': allowed is {allowed('epochs')}\n")


@pytest.mark.parametrize(("option", "module"), [("csv", "pyarrow"), ("plot", "matplotlib")])
def test_what_is_missing_is_named_with_how_to_have_it(
    option: str, module: str, here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    status, _, error = here("train", *SMALL, f"--{option}", str(tmp_path / "run.svg"))
    assert status == 2
    assert error.endswith(f"needs {module}: pip install 'feedback-alignment-dashboard[files]'\n")
