"""``fa-engine experiment``: what it says before and after, what it writes, how it ends."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_helpers import ROOT

from fa_engine.measures.catalogue import MEASURES
from fa_engine.studies.catalogue import EXPERIMENTS
from fa_engine.studies.experiment import Arm, Experiment, Prediction
from fa_engine.studies.outcome import in_words
from fa_engine.studies.verdicts import Rule

SHORT = {"hidden": (8,), "epochs": 4, "measure_every": 4, "learning_rate": 0.2}
TINY = Experiment(
    title="A tiny one",
    question="Does the loss fall?",
    claim="It falls.",
    source="These tests",
    settings={"digits": SHORT, "mnist": SHORT},
    arms={
        "fa": Arm("Feedback alignment", {"scheme": "fa"}),
        "bp": Arm("Backpropagation [of old]", {"scheme": "bp"}),
    },
    predictions=[
        Prediction(
            "Its loss falls",
            lambda e: 1 - e["fa"].last("loss") / e["fa"].first("loss"),
            "share of the loss that is gone",
            "share",
            Rule(0.05, above=True),
        ),
        Prediction(
            "An angle is small [or not]",
            lambda e: e["fa"].last("hidden_angle_deg"),
            "hidden angle",
            "°",
            Rule(10, above=False),
        ),
    ],
    shows=["loss", "test_accuracy", "gradient_angle_deg"],
    look_for="A line that goes down.",
)


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXPERIMENTS, "tiny", TINY)


def test_rules_are_said_before_anything_is_trained_and_verdicts_after(here: Any) -> None:
    status, said, error = here("experiment", "tiny")
    assert (status, error) == (0, "")
    before, _, after = said.partition("  1 %  Feedback alignment: step 0 of 88\n")
    assert before.startswith("A tiny one\nQuestion: Does the loss fall?\nClaim: It falls. (These")
    for prediction in TINY.predictions:
        told = f"Of each network: {prediction.of}. {in_words(prediction)}"
        assert f"{prediction.words}\n   {told}\n" in before
    assert "Backpropagation [of old]: step 88 of 88" in after
    falls, small = (line for line in after.splitlines() if re.match(r"  [12] ", line))
    assert re.search(r" Its loss falls +[\d.]+ %  +above 5 %  +borne out", falls)
    assert re.search(r" An angle is small \[or not\] +[\d.]+°  +below 10°  +not borne out", small)
    assert re.search(r"\n +\[[\d.]+ %, [\d.]+ %\]", after)
    assert "the median of all networks there could be with 99.2 %." in after
    assert "\nAll together: not borne out (digits, 8 networks of each arm," in after


def test_what_is_written_is_strict_json_with_all_that_was_found(here: Any, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    status, said, _ = here("experiment", "tiny", "--replicates", "9", "--json", str(path))
    assert status == 0
    assert said.endswith(f"wrote {path}\n")

    def refuse(name: str) -> None:
        raise AssertionError(name)

    found = json.loads(path.read_text(), parse_constant=refuse)
    assert (found["experiment"], found["verdict"]) == ("tiny", "not borne out")
    assert (found["dataset"], found["networks"]) == ("digits", 9)
    falls, _ = found["predictions"]
    assert (falls["verdict"], falls["bound"], falls["above"]) == ("borne out", 0.05, True)
    assert len(falls["values"]) == 9
    np.testing.assert_allclose(
        [falls["interval"]["low"], falls["interval"]["high"]],
        [sorted(falls["values"])[1], sorted(falls["values"])[-2]],
        rtol=1e-5,
    )
    curve = found["arms"]["bp"]["curves"][0]
    assert (curve["measure"], curve["step"][0], curve["step"][-1]) == ("loss", 0, 88)
    assert found["arms"]["bp"]["config"]["scheme"] == "bp"


def test_the_picture_has_every_measure_prediction_and_verdict(here: Any, tmp_path: Path) -> None:
    path = tmp_path / "out.svg"
    assert here("experiment", "tiny", "--plot", str(path))[0] == 0
    picture = path.read_text()
    words = [MEASURES[name].title for name in TINY.shows]
    words += [prediction.of for prediction in TINY.predictions]
    words += [arm.title for arm in TINY.arms.values()]
    words += ["Its loss falls: borne out", "An angle is small [or not]: not borne out", "A tiny"]
    for word in words:
        assert f">{word}" in picture, word


def test_too_few_networks_decide_nothing_and_a_picture_says_so(here: Any, tmp_path: Path) -> None:
    path = tmp_path / "out.svg"
    status, said, _ = here("experiment", "tiny", "--replicates", "5", "--plot", str(path))
    assert status == 0
    reason = "5 networks are too few: it takes 8"
    assert len(re.findall(rf"{reason} .* undecided", said)) == 2
    assert "All together: undecided" in said
    assert "the median of all networks" not in said
    assert f">Its loss falls: undecided ({reason})" in path.read_text()


def test_networks_that_diverge_are_counted_and_drawn_without(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wild = {"activation": "linear", "loss": "squared_error", "learning_rate": 100}
    arms = dict(TINY.arms) | {"fa": Arm("Wild", {"scheme": "fa", **wild})}
    monkeypatch.setitem(EXPERIMENTS, "tiny", replace(TINY, arms=arms))
    path, target = tmp_path / "out.json", tmp_path / "out.png"
    words = ["--json", str(path), "--plot", str(target)]
    status, said, _ = here("experiment", "tiny", *words)
    assert status == 0
    assert "Diverged: 8 of 8 networks (Wild)" in said
    found = json.loads(path.read_text())
    assert found["arms"]["fa"]["lost"] == 8
    assert found["predictions"][0]["values"] == [None] * 8
    assert target.read_bytes()[1:4] == b"PNG"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], f"experiment = 'nothing': allowed is one of {', '.join(EXPERIMENTS)}, tiny"),
        (["tiny", "--dataset", "spirals"], "dataset = 'spirals': allowed is one of digits, mnist"),
        (["tiny", "--replicates", "many"], "replicates = 'many': allowed is a whole number from 1"),
        (["tiny", "--device", "tpu"], "device = 'tpu': allowed is one of auto, cpu, cuda"),
        (["extrema", "--replicates", "8"], "replicates = '8': allowed is 16, as this experiment"),
        (["tiny", "--json", "nowhere/out.json"], "--json nowhere/out.json: allowed is a file in"),
        (["tiny", "--plot", "out.gif"], "--plot out.gif: allowed is a file that ends in .svg"),
    ],
)
def test_what_cannot_be_is_refused_before_training(
    words: list[str], said: str, here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, error = here("experiment", *words)
    assert (status, out) == (2, "")
    assert said in error
    assert len(error.splitlines()) == 1


def test_samples_that_are_not_there_leave_it_undecided(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mnist").write_text("no folder")
    monkeypatch.setenv("FA_DATA_DIR", str(tmp_path))
    target = tmp_path / "out.json"
    status, _, error = here("experiment", "tiny", "--dataset", "mnist", "--json", str(target))
    assert status == 1
    assert "mnist" in error
    told = json.loads(target.read_text())
    assert told["verdict"] == "undecided"
    assert all("mnist" in one["reason"] and one["values"] == [] for one in told["predictions"])


def test_ctrl_c_ends_it_and_writes_nothing(tmp_path: Path) -> None:
    files = ["--json", "out.json", "--plot", "out.svg"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fa_engine", "experiment", "extrema", *files],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while not process.stdout.readline().startswith("  0 %"):
        pass
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130
    assert error == "Interrupted: there is no verdict, and nothing was written\n"
    assert not [*tmp_path.iterdir()]


def test_a_terminal_gets_a_bar(tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text(
        "from dataclasses import replace\n"
        "from fa_engine.studies.catalogue import EXPERIMENTS\n"
        "settings = {'digits': {'hidden': (8,), 'epochs': 2}}\n"
        "EXPERIMENTS.add('short', replace(EXPERIMENTS['drives'], settings=settings))\n"
    )
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "fa_engine", "experiment", "short"],
        cwd=tmp_path,
        env=os.environ
        | {"PYTHONPATH": f"{ROOT}:{tmp_path}", "FA_PLUGINS": "tiny", "COLUMNS": "100"}
        | {"TERM": "xterm", "PYTHONIOENCODING": "utf-8"},
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
    said = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", found.decode())
    assert "\x1b[" in found.decode()
    assert "━" in said
    assert " %" in said
    assert "All together: " in said
