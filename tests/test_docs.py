"""What can be configured, asked or measured is in the documents, under its own name."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from app.settings import Settings
from app.store import COMMANDS
from fa_engine import DATASETS, SCHEMES, RunConfig
from fa_engine.feedback.matrices import MATRICES
from fa_engine.feedback.schemes import SIGNALS
from fa_engine.measures.alignment import Alignment
from fa_engine.measures.catalogue import MEASURES
from fa_engine.measures.walk import Walk

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
    [
        *sorted({*SCHEMES, *SIGNALS, *MATRICES, *MEASURES}),
        *(
            field.name
            for field in (*fields(Alignment), *fields(Walk))
            if field.name not in MEASURES
        ),
    ],
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


# What stands in the same type as names of code and is a value or a quantity.
SYMBOLS = {"nan", "None", "eta", "lambda", "alpha"}


def defined(tree: ast.AST) -> Iterator[str]:
    """Names that a piece of code gives: functions, classes, arguments, variables, attributes, keys
    of tables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.keyword) and node.arg:  # of a row of a registry
            yield node.arg
        elif isinstance(node, ast.Dict):
            yield from (str(key.value) for key in node.keys if isinstance(key, ast.Constant))


def named() -> list[str]:
    """What the mathematics has in the type of code and that is no formula."""
    words = {word for word in re.findall(r"`([^`\n]+)`", MATH) if len(word) > 2}
    fits = r"[A-Za-z_][\w/]*\.py|[A-Za-z]\w+/[\w/]*|[A-Za-z]\w{2,}(\.\w+)?"
    # One letter with an index is a quantity: d_l, or u_t.
    found = {
        word for word in words if re.fullmatch(fits, word) and not re.match(r"\w_|d[uw]/", word)
    }
    return sorted(found - SYMBOLS)


TREES = {path.stem: ast.parse(path.read_text()) for path in (ROOT / "fa_engine").rglob("*.py")}
OWNERS = TREES | {
    node.name: node
    for tree in TREES.values()
    for node in ast.walk(tree)
    if isinstance(node, ast.ClassDef)
}
NAMES = {name for tree in TREES.values() for name in defined(tree)}


@pytest.mark.parametrize("name", named())
def test_what_the_mathematics_names_is_there(name):
    if "/" in name:
        assert (ROOT / name).exists()
    elif name.endswith(".py"):
        assert any([*(ROOT / folder).rglob(name)] for folder in ("fa_engine", "tests/engine"))
    elif "." in name:
        owner, own = name.split(".")
        fields = RunConfig.model_fields if owner == "RunConfig" else ()
        assert own in {*defined(OWNERS[owner]), *fields}
    else:
        assert name in NAMES


def test_the_names_that_are_looked_up_are_those_of_the_mathematics():
    assert {"feedback_density", "decides.decision", "Trainer.diverged_at", "test_rest.py"} < {
        *named()
    }
    assert "lambda" not in named()
    assert len(named()) > 80
