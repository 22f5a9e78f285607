"""Every name that others may use says what goes in and comes out, in which shapes, and what is
refused; and every one of the top has its place in the reference."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from docstrings import missing
from torch import Tensor

from fa_engine import public, register
from scripts import reference

ROOT = Path(__file__).parents[2]


def documented() -> list[str]:
    """Every class and function of the reference, by its whole path."""
    found = [f"fa_engine.{name}" for name in public.__all__]
    for page in reference.PAGES.values():
        found += page.beside
        found += (f"{at}.{name}" for at in page.modules for name in reference.public_names(at))
    tables = {f"fa_engine.{name}" for name in reference.TABLES}
    return [name for name in found if name not in tables]


@pytest.mark.parametrize("name", documented())
def test_a_public_name_says_what_it_takes_gives_and_refuses(name: str) -> None:
    module, _, last = name.rpartition(".")
    value = getattr(import_module(module), last)
    if isinstance(value, dict):
        assert reference.words_under(name)
    else:
        assert not [*missing(name, value)]


@pytest.mark.parametrize("name", reference.TABLES)
def test_a_table_of_rows_says_what_they_are(name: str) -> None:
    home = reference.home_of(f"fa_engine.{name}")
    assert getattr(import_module(home.rpartition(".")[0]), name) is getattr(public, name)
    assert reference.words_under(home)


def test_every_name_of_the_top_stands_on_one_page() -> None:
    placed = Counter([*reference.placed(), "register"])
    assert placed == Counter(public.__all__)
    assert set(reference.public_names("fa_engine.register")) > {"scheme", "measure", "arrays"}
    assert register in (getattr(public, name) for name in placed)


def test_every_module_of_dynamics_is_in_the_reference() -> None:
    folder = ROOT / "fa_engine" / "dynamics"
    there = {f"fa_engine.dynamics.{path.stem}" for path in folder.glob("[a-z]*.py")}
    assert there <= set(reference.PAGES["dynamics"].modules)


def public_definitions(tree: ast.Module | ast.ClassDef, above: str = "") -> Iterator[Any]:
    """Functions and classes without a leading underscore, and those of the classes; not what is a
    mere ``...``, as in a protocol."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if ast.unparse(node.body) != "...":
                yield f"{above}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node, f"{above}{node.name}.")


@pytest.mark.parametrize("folder", ["fa_engine", "app", "scripts"])
def test_every_public_function_and_class_has_a_docstring(folder: str) -> None:
    found = [
        (path, name, node)
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name, node in public_definitions(ast.parse(path.read_text()))
    ]
    assert len(found) > 30
    assert [f"{path}: {name}" for path, name, node in found if not ast.get_docstring(node)] == []


# What the checker has to find, so that it is known to find it.


def bare(x: Tensor) -> Tensor:
    return x


def of_no_shape(x: Tensor) -> None:
    """Takes ``x``."""


def of_no_words(x: Tensor, count: int) -> Tensor:
    """Gives ``(N, c)``.

    Args:
        x: ``(N, c)``.
    """
    if count:
        raise LookupError(count)
    _deeper()
    return x


def _deeper() -> None:
    try:
        raise KeyError("caught")
    except KeyError:
        raise RuntimeError("not caught") from None


@dataclass
class Half:
    """A half.

    Attributes:
        one: of two.
    """

    one: int
    two: int

    def method(self, step: int) -> None:
        """Does something."""

    @property
    def plain(self) -> int:
        return self.one


class Whole(Half):
    """A whole."""

    def method(self, step: int) -> None:
        """As the other, of which it takes over what ``step`` is not told to be."""


def test_what_a_docstring_lacks_is_found() -> None:
    assert [*missing("bare", bare)] == ["bare: no docstring"]
    assert [*missing("f", of_no_shape)] == ["f: no shape of x"]
    assert [*missing("f", of_no_words)] == [
        "f: argument count is not described",
        "f: LookupError is not under Raises",
        "f: RuntimeError is not under Raises",
    ]
    assert [*missing("Half", Half)] == [
        "Half: field two is not described",
        "Half.method: argument step is not described",
        "Half.plain: no docstring",
    ]
    assert [*missing("measure", register.measure)] == []
