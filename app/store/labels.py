"""What people put to runs: a name, a note, tags, a pin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.store.commands import refuse
from app.store.texts import LINE, PROSE, is_line, is_prose, tidied

LONGEST_NAME = 100
LONGEST_NOTE = 10_000
LONGEST_TAG = 40
MOST_TAGS = 20
NO_FIRST = "=+@"
"""Letters that no name begins with: a spreadsheet would take the rest for a formula."""

NAME = f"a text of 1 to {LONGEST_NAME} {LINE} that begins with none of " + " ".join(NO_FIRST)
_NOTE = f"a text of at most {LONGEST_NOTE:,} characters, {PROSE}"
_TAGS = f"a list of at most {MOST_TAGS} tags, each of 1 to {LONGEST_TAG} {LINE} without a comma"


class Labels(BaseModel):
    """What changes of them: ``Labels(note="the one with the good start", add_tags=["lecture"])``.

    ``Labels.model_validate(body)`` reads the body of a request; what is left out stays as it is.

    Raises:
        pydantic.ValidationError: ``fa_engine.problems(error)`` lists what is wrong.
    """

    model_config = ConfigDict(frozen=True)

    name: str | None = Field(default=None, description=NAME)
    note: str | None = Field(default=None, description=_NOTE)
    tags: list[str] | None = Field(default=None, description=f"all of them: {_TAGS}")
    add_tags: list[str] | None = Field(default=None, description=f"to those there are: {_TAGS}")
    remove_tags: list[str] | None = Field(default=None, description=f"from them: {_TAGS}")
    pinned: bool | None = Field(default=None, description="whether it stays on top of the list")

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> Any:
        names = ", ".join(cls.model_fields)
        if not isinstance(data, dict):
            refuse("body", data, 'an object such as {"note": "the good start"}')
        for name in data.keys() - cls.model_fields.keys():
            refuse(str(name), data[name], f"one of the fields {names}")
        if not any(value is not None for value in data.values()):
            refuse("body", data, f"at least one of the fields {names}")
        if data.get("tags") is not None and (data.get("add_tags") or data.get("remove_tags")):
            refuse("tags", data["tags"], "either tags or add_tags and remove_tags")
        return data

    @field_validator("name", mode="before")
    @classmethod
    def _a_name(cls, value: Any) -> Any:
        if value is not None and not is_name(value):
            refuse("name", value, NAME)
        return value.strip() if isinstance(value, str) else value

    @field_validator("note", mode="before")
    @classmethod
    def _a_note(cls, value: Any) -> Any:
        if value is None:
            return None
        text = tidied(value) if isinstance(value, str) else ""
        if not isinstance(value, str) or not is_prose(text, LONGEST_NOTE):
            refuse("note", value, _NOTE)
        return text

    @field_validator("tags", "add_tags", "remove_tags", mode="before")
    @classmethod
    def _some_tags(cls, value: Any, info: Any) -> Any:
        if value is None:
            return None
        found = one_each([t.strip() for t in value]) if _are_texts(value) else []
        good = all(is_line(t, LONGEST_TAG) and "," not in t for t in found)
        if not _are_texts(value) or not good or len(found) > MOST_TAGS:
            refuse(str(info.field_name), value, _TAGS)
        return found

    @field_validator("pinned", mode="before")
    @classmethod
    def _a_pin(cls, value: Any) -> Any:
        if value is not None and not isinstance(value, bool):
            refuse("pinned", value, "true or false")
        return value

    def tags_after(self, before: Sequence[str]) -> list[str]:
        """The tags of a run that had ``before``.

        Raises:
            fa_engine.NotAllowed: they are too many.
        """
        if self.tags is not None:
            return self.tags
        gone = {tag.casefold() for tag in self.remove_tags or ()}
        return one_each(
            [tag for tag in [*before, *(self.add_tags or ())] if tag.casefold() not in gone]
        )


def is_name(value: object) -> bool:
    """Whether a run may be called so."""
    return (
        isinstance(value, str)
        and is_line(value.strip(), LONGEST_NAME)
        and value.strip()[0] not in NO_FIRST
    )


def one_each(tags: Sequence[str]) -> list[str]:
    """``tags`` in their order, of those that differ in capitals alone the first."""
    return list({tag.casefold(): tag for tag in reversed(tags)}.values())[::-1]


def _are_texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(tag, str) for tag in value)
