"""Plugins: found by name, loaded with the engine, and named where they are missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RULES = """
from fa_engine import Scheme, register

register.scheme("mine", Scheme("Mine", "mine", "direct", "error", "random", "One.", "here"))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "rules_of_mine.py").write_text(RULES)
    return tmp_path


def run(code, folder, plugins=""):
    """Exit code and what is printed, errors included."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{folder}", "FA_PLUGINS": plugins},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


LIST = "from fa_engine import RunConfig, allowed; print(RunConfig(scheme='mine').plugins)"


@pytest.mark.parametrize(
    "first",
    [
        "import fa_engine",
        "import fa_engine.config",
        "import fa_engine.training.trainer",
        "from fa_engine.config import RunConfig\nassert RunConfig(scheme='mine').plugins",
        "import rules_of_mine",
    ],
)
def test_what_the_variable_names_is_loaded_whatever_is_imported_first(folder, first):
    code, said = run(f"{first}\n{LIST}", folder, " rules_of_mine ,")
    assert (code, said) == (0, "('rules_of_mine',)\n")


def test_without_it_there_is_no_such_scheme(folder):
    code, said = run(LIST, folder)
    assert code == 1
    assert "scheme = 'mine': allowed is one of bp, fa" in said


def test_an_installed_package_is_found_by_its_entry_point(folder):
    info = folder / "rules_package-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rules-package\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[fa_engine]\nmine = rules_of_mine\n")
    assert run(LIST, folder) == (0, "('rules_of_mine',)\n")
    (folder / "rules_of_mine.py").write_text("1 / 0")
    code, said = run(LIST, folder)
    assert code == 1
    assert "The plugin rules_of_mine cannot be loaded (rules-package, which is installed" in said
    assert said.rstrip().endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        (
            "import nothing_of_the_kind",
            "ModuleNotFoundError: No module named 'nothing_of_the_kind'",
        ),
        ("from fa_engine import register\nregister.scheme('fa', None)", "AttributeError"),
        (
            "from fa_engine import SCHEMES, register\nregister.scheme('fa', SCHEMES['bp'])",
            "RegistryError: feedback scheme 'fa': allowed is a name that is not taken",
        ),
    ],
)
def test_one_that_cannot_be_loaded_is_named_with_the_reason(folder, text, said):
    (folder / "rules_of_mine.py").write_text(text)
    code, told = run("from fa_engine import RunConfig", folder, "rules_of_mine")
    assert code == 1
    last = told.rstrip().splitlines()[-1]
    assert "The plugin rules_of_mine cannot be loaded (FA_PLUGINS names it): " in last
    assert said in last


def test_one_that_is_not_there_is_named(folder):
    code, told = run("from fa_engine import RunConfig", folder, "rules_of_mine,nowhere")
    assert code == 1
    assert "The plugin nowhere cannot be loaded (FA_PLUGINS names it): there is no such" in told


def test_a_checkpoint_names_the_plugin_that_it_needs(folder):
    save = (
        "from fa_engine import RunConfig, Trainer\n"
        "Trainer(RunConfig(scheme='mine')).save('c.safetensors')"
    )
    load = "from fa_engine import Trainer; print(Trainer.load('c.safetensors').scheme)"
    assert run(save, folder, "rules_of_mine") == (0, "")
    assert run(load, folder, "rules_of_mine") == (0, "mine\n")
    code, told = run(load, folder)
    assert code == 1
    assert "CheckpointError" in told
    assert "rules_of_mine would bring it and is not loaded here (FA_PLUGINS)" in told
