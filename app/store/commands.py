"""Commands: what a person may ask of a run."""

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

from fa_engine import RunConfig, problems
from fa_engine.config import refusal

COMMANDS = ("pause", "resume", "stop", "step", "set", "checkpoint", "track", "extend")
SETTABLE = ("learning_rate", "scheme")
MAX_EVERY = 10_000_000
MAX_MORE = 1_000_000
_FIELDS = {"set": SETTABLE, "track": ("every",), "extend": ("epochs",)}  # the others take none


class Command(BaseModel):
    """One command: ``Command(command="pause")``, ``Command(command="set", learning_rate=0.05)``.

    ``Command.model_validate(body)`` reads the body of a request.

    Attributes:
        command: ``pause``, ``resume``, ``stop``, ``step`` (one training step while paused; a
            running run is paused first), ``set``, ``checkpoint`` (keep one now), ``track`` (keep
            one every so many steps, as long as there is room) or ``extend`` (a run that has
            finished goes on).
        learning_rate, scheme: with ``set`` only, at least one of them; ``None`` leaves it alone.
        every: with ``track`` only: steps from one checkpoint to the next; 0 ends it.
        epochs: with ``extend`` only: how many more.

    Raises:
        pydantic.ValidationError: ``fa_engine.problems(error)`` lists what is wrong, in the words
            of :class:`fa_engine.RunConfig`.
    """

    model_config = ConfigDict(frozen=True)

    command: str
    learning_rate: float | None = None
    scheme: str | None = None
    every: int | None = None
    epochs: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            refuse("command", data, 'an object such as {"command": "pause"}')
        if data.get("command") not in COMMANDS:
            refuse("command", data.get("command"), "one of " + ", ".join(COMMANDS))
        for name in data.keys() - cls.model_fields.keys():
            refuse(str(name), data[name], "one of the fields " + ", ".join(cls.model_fields))
        command = data["command"]
        taken = _FIELDS.get(command, ())
        given = [name for name in data if name != "command" and data[name] is not None]
        if taken and not any(name in taken for name in given):
            refuse("command", command, f"{command} with " + " or ".join(taken))
        for name in given:
            if name not in taken:
                owner = next(owner for owner, names in _FIELDS.items() if name in names)
                refuse(name, data[name], f"only with the command {owner}")
        return data

    @field_validator("every", mode="before")
    @classmethod
    def _steps(cls, value: Any) -> Any:
        if value is not None and not _whole(value, 0, MAX_EVERY):
            refuse("every", value, f"a whole number of steps from 0 to {MAX_EVERY:,}")
        return value

    @field_validator("epochs", mode="before")
    @classmethod
    def _more(cls, value: Any) -> Any:
        if value is not None and not _whole(value, 1, MAX_MORE):
            refuse("epochs", value, f"a whole number of further epochs from 1 to {MAX_MORE:,}")
        return value

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
            refuse(problem.field, problem.value, problem.allowed)

    @property
    def changes(self) -> dict[str, Any]:
        """What ``set`` sets, by name."""
        return {n: getattr(self, n) for n in SETTABLE if getattr(self, n) is not None}


def _whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def refuse(field: str, value: Any, allowed: str) -> NoReturn:
    """Ends a model's validation with what :func:`fa_engine.problems` makes a problem of."""
    raise refusal(field, value, allowed)
