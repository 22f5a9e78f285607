"""Commands: what a person may ask of a run that has not ended."""

from __future__ import annotations

from typing import Any, NoReturn

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from fa_engine import Problem, RunConfig, problems

COMMANDS = ("pause", "resume", "stop", "step", "set")
SETTABLE = ("learning_rate", "scheme")


class Command(BaseModel):
    """One command: ``Command(command="pause")``, ``Command(command="set", learning_rate=0.05)``.

    ``Command.model_validate(body)`` reads the body of a request.

    Attributes:
        command: ``pause``, ``resume``, ``stop``, ``step`` (one training step while paused; a
            running run is paused first) or ``set``.
        learning_rate, scheme: with ``set`` only, at least one of them; ``None`` leaves it alone.

    Raises:
        pydantic.ValidationError: ``fa_engine.problems(error)`` lists what is wrong, in the words
            of :class:`fa_engine.RunConfig`.
    """

    model_config = ConfigDict(frozen=True)

    command: str
    learning_rate: float | None = None
    scheme: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            _refuse("command", data, 'an object such as {"command": "pause"}')
        if data.get("command") not in COMMANDS:
            _refuse("command", data.get("command"), "one of " + ", ".join(COMMANDS))
        for name in data.keys() - cls.model_fields.keys():
            _refuse(str(name), data[name], "one of the fields " + ", ".join(cls.model_fields))
        given = [name for name in SETTABLE if data.get(name) is not None]
        if data["command"] == "set" and not given:
            _refuse("command", "set", "set with " + " or ".join(SETTABLE))
        if data["command"] != "set" and given:
            _refuse(given[0], data[given[0]], "only with the command set")
        return data

    @field_validator(*SETTABLE, mode="before")
    @classmethod
    def _as_in_a_config(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None:
            return None
        name = str(info.field_name)
        try:
            return getattr(RunConfig.model_validate({name: value}), name)
        except ValidationError as error:
            problem = problems(error)[0]
            _refuse(problem.field, problem.value, problem.allowed)

    @property
    def changes(self) -> dict[str, Any]:
        """What ``set`` sets, by name."""
        return {n: getattr(self, n) for n in SETTABLE if getattr(self, n) is not None}


def _refuse(field: str, value: Any, allowed: str) -> NoReturn:
    message = Problem(field, value, allowed).message
    context = {"field": field, "value": value, "allowed": allowed, "message": message}
    raise PydanticCustomError("not_allowed", "{message}", context)
