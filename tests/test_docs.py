"""What can be configured, asked or measured is in the documents, under its own name."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from app.settings import Settings
from app.store import COMMANDS
from fa_engine import DATASETS, SCHEMES
from fa_engine.alignment import Alignment
from fa_engine.feedback import SIGNALS
from fa_engine.matrices import MATRICES
from fa_engine.walk import Walk

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
MATH = (ROOT / "docs" / "MATH.md").read_text()


@pytest.mark.parametrize("name", [f"FA_{name.upper()}" for name in Settings.model_fields])
def test_every_setting_is_in_the_readme(name):
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", [*SCHEMES, *COMMANDS, *DATASETS])
def test_every_scheme_command_and_data_set_is_in_the_readme(name):
    assert f"`{name}`" in README


@pytest.mark.parametrize(
    "name",
    [*SCHEMES, *SIGNALS, *MATRICES, *(field.name for field in (*fields(Alignment), *fields(Walk)))],
)
def test_every_part_and_measure_is_in_the_mathematics(name):
    assert f"`{name}`" in MATH


@pytest.mark.parametrize("name", SCHEMES)
def test_source_and_deviation_of_every_scheme_are_in_the_mathematics(name):
    row = next(line for line in MATH.splitlines() if line.startswith(f"| `{name}`"))
    source = SCHEMES[name].source.split("; ")[-1]
    assert source.removesuffix(" et al. 2019") in row
    told = [line for line in MATH.splitlines() if line.startswith("|") and f"`{name}`" in line]
    deviation = SCHEMES[name].deviation
    assert not deviation or any(line.endswith(f"| {deviation} |") for line in told)


def test_what_the_values_of_pixels_are_is_in_both_documents():
    assert "not standardised" in " ".join(README.split())
    assert "and not standardised" in " ".join(MATH.split())
    images = [spec for spec in DATASETS.values() if spec.image_shape]
    assert images
    for spec in images:
        assert "[0, 1], not standardised" in spec.text


def test_the_readme_names_files_that_exist():
    named = re.findall(r"`((?:fa_engine|app|tests|assets)/[\w./]*)`", README)
    assert named
    for path in named:
        assert (ROOT / path).exists(), path
