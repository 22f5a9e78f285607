"""What is wrong with a configuration, in words: field, value, and what is allowed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from fa_engine.config.groups import Knobs
from fa_engine.config.knob import knob_of


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a configuration.

    Attributes:
        field: name of the field in :class:`RunConfig`, or of what else was asked for.
        value: what was given.
        allowed: what would have been accepted.
        called: what pages call the field, where it is none of :class:`RunConfig`.
    """

    field: str
    value: Any
    allowed: str
    called: str = ""

    @property
    def title(self) -> str:
        """What a person reads beside the field; empty for what stands on no page."""
        known = Knobs.model_fields.get(self.field)
        return self.called or (str(known.title) if known else "")

    @property
    def message(self) -> str:
        """One sentence for who writes code, of title, field, value and what is allowed."""
        title = f"{self.title}, " if self.title else ""
        return f"{title}{self.field} = {_shown(self.value)}: allowed is {self.allowed}"

    @property
    def words(self) -> str:
        """The same for who reads a page, where fields and options have titles and no names."""
        name = self.title or self.field
        if self.value in ("", None):
            return f"{name} is empty: allowed is {self._allowed_words}"
        return f"{name} = {_shown(self.value)}: allowed is {self._allowed_words}"

    @property
    def _allowed_words(self) -> str:
        """``above 0 with optimizer = 'nesterov'`` in the titles of field and option."""

        def other(match: re.Match[str]) -> str:
            field = Knobs.model_fields.get(match[1])
            if field is None:
                return match[0]
            value = match[2].strip("'")
            return f"{field.title} {(knob_of(field).options or {}).get(value, value)}"

        text = re.sub(r"\b([a-z_]+) = ('\w+'|[\d.]+)", other, self.allowed)
        own = Knobs.model_fields.get(self.field)
        options = (own and knob_of(own).options) or {}
        listed, *rest = re.split(r"(?= with )", text, maxsplit=1)
        listed = re.sub(r"\w+", lambda match: options.get(match[0], match[0]), listed)
        return "".join([listed, *rest])


class NotAllowed(ValueError):
    """What is asked for beside a configuration is out of range; ``problem`` says how.

    Attributes:
        problem: the :class:`Problem`: field, value and what is allowed.
    """

    def __init__(self, field: str, value: Any, allowed: str, called: str = "") -> None:
        self.problem = Problem(field, value, allowed, called)
        super().__init__(self.problem.message)


def problems(error: ValidationError) -> list[Problem]:
    """Everything that is wrong, one :class:`Problem` for each field that a person has to mend.

    Args:
        error: what making a :class:`RunConfig` raised.
    """
    found: dict[str, Problem] = {}
    for entry in error.errors(include_url=False):
        context = entry.get("ctx", {})
        name = str(context.get("field") or (entry["loc"][0] if entry["loc"] else "config"))
        allowed = str(context.get("allowed", ""))
        if entry["type"] == "extra_forbidden":
            allowed = "one of the fields " + ", ".join(Knobs.model_fields)
        elif not allowed:
            allowed = "an object of RunConfig's fields"
        found.setdefault(name, Problem(name, context.get("value", entry["input"]), allowed))
    return list(found.values())


def refusal(name: str, value: Any, allowed_text: str, called: str = "") -> PydanticCustomError:
    """What ends a model's validation, and :func:`problems` makes a :class:`Problem` of."""
    name, value = _whole_pairs(name), _whole_pairs(value)
    message = Problem(name, value, allowed_text, called).message
    context = {"field": name, "value": value, "allowed": allowed_text, "message": message}
    return PydanticCustomError("not_allowed", "{message}", context)


def _whole_pairs(value: Any) -> Any:
    """The same without half a surrogate pair, of which pydantic can say nothing."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, (list, tuple)):
        return [_whole_pairs(item) for item in value]
    if isinstance(value, dict):
        return {_whole_pairs(key): _whole_pairs(item) for key, item in value.items()}
    return value


def _shown(value: Any) -> str:
    several = isinstance(value, (list, tuple)) and len(value) > 1
    text = ", ".join(map(str, value)) if several else repr(value)
    if not text.isprintable():  # a terminal may obey it, and a page turn around
        text = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
    if len(text) <= 80:
        return text
    of = f" ({len(value):,} characters)" if isinstance(value, str) else ""
    return text[:77] + "..." + of
