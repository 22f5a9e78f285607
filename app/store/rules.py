"""The rule by which checkpoints are kept and make room: the settings', unless a person has changed
it while everything runs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine

from app.settings import Settings
from app.store.commands import refuse
from app.store.tables import rules


def _said(name: str) -> Any:
    description = Settings.model_fields[name].description
    return Field(default=None, description=f"{description} null: as the settings have it")


class Rule(BaseModel):
    """How much room there is for checkpoints, in MB; what is None is as the settings have it.

    What is allowed is what the settings of these names allow.

    Raises:
        pydantic.ValidationError: ``fa_engine.problems(error)`` lists what is wrong.
    """

    model_config = ConfigDict(frozen=True)

    checkpoint_mb: int | None = _said("checkpoint_mb")
    checkpoint_total_mb: int | None = _said("checkpoint_total_mb")

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            refuse("body", data, 'an object such as {"checkpoint_total_mb": 4000}')
        for name in data.keys() - cls.model_fields.keys():
            refuse(str(name), data[name], "one of the fields " + ", ".join(cls.model_fields))
        return data

    @field_validator("*", mode="before")
    @classmethod
    def _as_the_setting(cls, value: Any, info: Any) -> Any:
        field: Any = Settings.model_fields[info.field_name]
        if value is None:
            return None
        bounded: Any = Annotated[int, *field.metadata]
        try:
            return TypeAdapter(bounded).validate_python(value, strict=True)
        except ValidationError:
            refuse(info.field_name, value, field.json_schema_extra["allowed"])

    def over(self, settings: Settings) -> tuple[int, int]:
        """The two as they are in force, in MB."""
        found = self.model_dump()
        one, all_ = (
            getattr(settings, name) if found[name] is None else found[name] for name in found
        )
        return one, all_


_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Rules:
    """The rule of an installation. Every method is one transaction."""

    def __init__(self, reader: Engine, writer: Engine) -> None:
        self._reader, self._writer = reader, writer

    def rule(self) -> Rule:
        """What a person has changed of it."""
        with self._reader.connect() as connection:
            found = connection.execute(select(rules.c.name, rules.c.value)).all()
        return Rule(**{row.name: row.value for row in found if row.name in Rule.model_fields})

    def change(self, rule: Rule) -> None:
        """Changes what it was made with, ``Rule(checkpoint_mb=None)``, for runs that begin from now
        on; the rest stays."""
        given = [(name, value) for name, value in rule if name in rule.model_fields_set]
        values = [{"name": name, "value": value} for name, value in given if value is not None]
        with self._writer.begin() as connection:
            connection.execute(delete(rules).where(rules.c.name.in_([name for name, _ in given])))
            if values:  # two may change it at once
                insert = _INSERTS[connection.dialect.name](rules)
                written = {"value": insert.excluded.value}
                connection.execute(
                    insert.on_conflict_do_update(index_elements=[rules.c.name], set_=written),
                    values,
                )
