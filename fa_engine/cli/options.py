"""Options of a command, made from the fields of a pydantic model: one for each, none by hand.

What is typed is handed to the model as it was typed, so that what is wrong is said in the model's
own words. The names that a command line completes are those that a field has now.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin

from cyclopts import Group, Parameter, Token
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from fa_engine.config import Knob, NotAllowed, RunConfig, allowed, knob_of, listed_fields, problems

WRONG = 2
"""The exit status where something that was typed is not allowed."""

_KINDS = {int: "INT", float: "NUMBER", tuple: "LIST"}
F = TypeVar("F", bound=Callable[..., Any])


def option(name: str) -> str:
    """``--learning-rate`` of ``learning_rate``."""
    return "--" + name.replace("_", "-")


def with_fields(
    model: type[BaseModel],
    *,
    title: str,
    but: Sequence[str] = (),
    described: Callable[[str], str] | None = None,
) -> Callable[[F], F]:
    """Gives the fields of ``model`` to a command that takes ``**fields``, as options.

    What was not given does not arrive; what was, as a text, or as a switch's ``True`` or ``False``.
    A parameter that the command has itself stands for the field of its name.

    Args:
        model: the fields; what else there is to say of one is its :class:`~fa_engine.config.Knob`.
        title: of the first panel of the help; that of a group has the group beside it.
        but: fields that are no options.
        described: what the field of that name accepts, in words; None: nothing is said of it.
    """

    def give(command: F) -> F:
        own = inspect.signature(command).parameters.values()
        fixed = [each for each in own if each.kind is not inspect.Parameter.VAR_KEYWORD]
        none = {*but, *(each.name for each in fixed)}
        fields = {name: field for name, field in listed_fields(model).items() if name not in none}
        names = ["", *(knob_of(field).group for field in fields.values())]
        groups = {
            name: Group(f"{title}: {name}" if name else title, sort_key=place)
            for place, name in enumerate(dict.fromkeys(names))
        }
        made = [
            _parameter(name, field, groups, described(name) if described else "")
            for name, field in fields.items()
        ]
        command.__signature__ = inspect.Signature([*fixed, *made])  # type: ignore[attr-defined]
        return command

    return give


def given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that stand on the command line."""
    return {name: value for name, value in fields.items() if value is not None}


def config_of(fields: Mapping[str, Any]) -> RunConfig:
    """The configuration that the options make; ends the program where they make none."""
    try:
        return RunConfig(**fields)
    except ValidationError as error:
        refuse(error)


def with_run_config(command: F) -> F:
    """:func:`with_fields` of a run."""
    return with_fields(RunConfig, title="Run", described=allowed)(command)


def refuse(error: ValidationError | NotAllowed | str) -> NoReturn:
    """Says what is not allowed, a line for each, and ends the program."""
    match error:
        case ValidationError():
            lines = [problem.message for problem in problems(error)]
        case NotAllowed():
            lines = [error.problem.message]
        case _:
            lines = [error]
    for line in lines:
        complain(line)
    sys.exit(WRONG)


def complain(line: object) -> None:
    """Writes a line to stderr."""
    sys.stderr.write(f"{line}\n")


def _parameter(
    name: str, field: FieldInfo, groups: Mapping[str, Group], allowed_text: str
) -> inspect.Parameter:
    knob, kind = knob_of(field), _kind(field)
    options = knob.options
    switch = kind is bool
    default = _shown(field, knob)
    about = Parameter(
        name=option(name),
        help=_help(field, knob, "" if options or switch else allowed_text),
        group=groups[knob.group],
        show_default=(lambda _: default) if default else False,
        converter=None if switch else _or_nothing if field.default is None else _as_typed,
        allow_leading_hyphen=not switch,
        metavar=None if switch else "CHOICE" if options else _KINDS.get(kind, "TEXT"),
    )
    # Options and any other text: what is none of them is the model's to refuse.
    type_: Any = bool if switch else Literal[tuple(options)] | str if options else str
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[type_ | None, about],
    )


def _as_typed(_type: Any, tokens: Sequence[Token]) -> str:
    return tokens[0].value


def _or_nothing(type_: Any, tokens: Sequence[Token]) -> str | None:
    """Nothing, where it is what the field has without a value, may be typed too."""
    return _as_typed(type_, tokens) or None


def _kind(field: FieldInfo) -> Any:
    """The type of a field, without the None that it may be."""
    kind = field.annotation
    if get_origin(kind) in (Union, UnionType):
        kinds = [one for one in get_args(kind) if one is not type(None)]
        kind = kinds[0] if len(kinds) == 1 else str
    return get_origin(kind) or kind


def _help(field: FieldInfo, knob: Knob, allowed_text: str) -> str:
    unit = knob.unit
    said = allowed_text[:1].upper() + allowed_text[1:].removesuffix(", or empty")
    parts = [field.description, said and f"{said}.", unit and f"Unit: {unit}."]
    return " ".join(part for part in parts if part)


def _shown(field: FieldInfo, knob: Knob) -> str:
    """The default, in words; empty where the description has it."""
    if field.default_factory is not None or field.default in (None, "", ()):
        return knob.empty
    if isinstance(field.default, bool):
        return "yes" if field.default else "no"
    if isinstance(field.default, tuple):
        return ",".join(map(str, field.default))
    return str(field.default)
