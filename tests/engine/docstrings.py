"""What a docstring of a public name has to say, and what of it is missing."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

TENSOR = re.compile(r"\b(Tensor|NDArray|ArrayLike|Array|ComplexArray)\b")
SHAPED = re.compile(r"\w+\[[\w\[\].]+, \"[^\"]*\"\]")  # Float[Tensor, "N c"], in a signature
SHAPE = re.compile(r"``\([^`]*\)``")
OF_SELF = {"self", "cls"}


def missing(name: str, value: Any) -> Iterator[str]:
    """What the docstring of a name lacks, and those of its own public methods, in words.

    Args:
        name: what it is called in what is said.
        value: a class, a function, or something else that has a docstring.
    """
    if inspect.isclass(value):
        yield from of_class(name, value)
    elif inspect.isfunction(value):
        yield from of_function(name, inspect.unwrap(value))
    elif not inspect.getdoc(value):
        yield f"{name}: no docstring"


def of_class(name: str, kind: type) -> Iterator[str]:
    """What the docstring of a class lacks: itself, its fields, its methods."""
    told = kind.__doc__ or ""
    if not told or told.startswith(
        f"{kind.__name__}("
    ):  # what dataclass writes where there is none
        yield f"{name}: no docstring"
        return
    if dataclasses.is_dataclass(kind):
        inherited = " ".join(base.__doc__ or "" for base in kind.__mro__[1:])
        for field in dataclasses.fields(kind):
            if not field.name.startswith("_") and not described(field.name, told + inherited):
                yield f"{name}: field {field.name} is not described"
    for attribute, found in vars(kind).items():
        if attribute.startswith("_") and attribute not in ("__init__", "__call__"):
            continue
        whole = f"{name}.{attribute}"
        function = unwrapped(found)
        if function is None or function.__module__ != kind.__module__:
            continue
        if isinstance(found, property):
            yield from of_property(whole, function, kind)
        elif attribute != "__init__":
            yield from of_function(whole, function, kind)
        elif not dataclasses.is_dataclass(kind):
            yield from of_function(whole, function, kind, beside=told)


def unwrapped(found: Any) -> Callable[..., Any] | None:
    """The function of a method, a property or the like; None: it is none of these."""
    if isinstance(found, property):
        found = found.fget
    found = getattr(found, "func", found)  # of a cached property
    found = getattr(found, "__func__", found)  # of a class method
    return inspect.unwrap(found) if inspect.isfunction(found) else None


def of_property(name: str, function: Callable[..., Any], kind: type) -> Iterator[str]:
    """What a property's docstring lacks: itself, and a shape where it is an array."""
    told = inspect.getdoc(function) or ""
    if not told:
        yield f"{name}: no docstring"
    yield from shapes(name, function, told + (kind.__doc__ or ""))


def of_function(
    name: str, function: Callable[..., Any], kind: type | None = None, beside: str = ""
) -> Iterator[str]:
    """What the docstring of a function lacks: itself, arguments, errors, shapes.

    Args:
        name: what it is called in what is said.
        function: of a module, or of a class.
        kind: the class.
        beside: what is told of it elsewhere, as of an ``__init__`` in its class.
    """
    own = function.__doc__ or ""
    told = own + beside + ((kind.__doc__ or "") if kind is not None else "")
    inherits = kind is not None and any(
        getattr(vars(base).get(function.__name__), "__doc__", None) for base in kind.__mro__[1:]
    )
    if not own and not beside:
        yield f"{name}: no docstring"
        return
    if not inherits:
        for parameter in inspect.signature(function).parameters:
            if parameter in OF_SELF or parameter.startswith("_"):
                continue
            if not described(parameter, told):
                yield f"{name}: argument {parameter} is not described"
        yield from shapes(name, function, told)
    for error in sorted(raised(function, kind)):
        if not re.search(rf"Raises:[\s\S]*\b{error}\b", told):
            yield f"{name}: {error} is not under Raises"


def described(name: str, told: str) -> bool:
    """Whether a docstring has a name under its arguments, or as code in its text."""
    entry = rf"^\s+\*{{0,2}}(?:[\w*]+, )*{name}(?:, \w+)*:\s"
    return bool(
        re.search(entry, told, re.MULTILINE) or re.search(rf"``[^`]*\b{name}\b[^`]*``", told)
    )


def shapes(name: str, function: Callable[..., Any], told: str) -> Iterator[str]:
    """Arrays of which neither the signature nor the docstring says the shape.

    The signature is the source's: while testing, functions have other annotations.
    """
    if SHAPE.search(told):
        return
    (defined,) = tree_of(function).body
    assert isinstance(defined, ast.FunctionDef)
    of = defined.args
    parts = {one.arg: one.annotation for one in (*of.posonlyargs, *of.args, *of.kwonlyargs)}
    for part, annotation in (*parts.items(), ("what is returned", defined.returns)):
        text = "" if annotation is None else ast.unparse(annotation).replace("'", '"')
        if TENSOR.search(SHAPED.sub("", text)):
            yield f"{name}: no shape of {part}"


def raised(function: Callable[..., Any], kind: type | None = None) -> set[str]:
    """Names of the errors that a function raises and does not catch, itself or by a private
    function of its module or class."""
    return _raised(tree_of(function), import_module(function.__module__), kind, frozenset())


def _raised(node: ast.AST, module: ModuleType, kind: type | None, seen: frozenset[str]) -> set[str]:
    def of(nodes: Iterable[ast.AST]) -> set[str]:
        return set().union(*(_raised(one, module, kind, seen) for one in nodes))

    if isinstance(node, ast.Try):
        caught = {word for handler in node.handlers for word in names_in(handler.type)}
        return (of(node.body) - caught) | of([*node.handlers, *node.orelse, *node.finalbody])
    found = of(ast.iter_child_nodes(node))
    if isinstance(node, ast.Raise) and node.exc is not None:
        error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        last = ast.unparse(error).split(".")[-1]
        return found | ({last} if last[0].isupper() else set())
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        short = called.removeprefix("self.")
        owner = module if called == short else kind
        helper = unwrapped(vars(owner).get(short)) if owner is not None else None
        private = short.startswith("_") and short not in seen
        if private and helper is not None and helper.__module__ == module.__name__:
            found |= _raised(tree_of(helper), module, kind, seen | {short})
    return found


def names_in(node: ast.expr | None) -> list[str]:
    """The names in an expression, without what they are attributes of."""
    text = "" if node is None else ast.unparse(node)
    return [word.split(".")[-1] for word in re.findall(r"[\w.]+", text)]


@cache
def tree_of(function: Callable[..., Any]) -> ast.Module:
    """The code of a function, as a module with nothing else in it."""
    return ast.parse(textwrap.dedent(inspect.getsource(function)))
