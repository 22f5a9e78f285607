"""Runs that come as a document (:mod:`app.files.document`), checked like any input."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Annotated, Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from app.files.document import FORMAT, FORMATS, SERIES, VERSION
from app.store import SHAPES, Incoming, Labels, Parent, RunState, Series
from app.store.texts import PROSE, is_id, is_prose
from fa_engine import SCHEMES, NotAllowed, RunConfig, problems
from fa_engine.config import UNLIMITED, as_written
from fa_engine.measures.catalogue import sizes

MOST_BYTES = 64_000_000
MOST_RUNS = 100
_LEAST_ROOM = 16_000_000
_ROOM_A_LETTER = 4  # bytes: a number, or null, has more letters than four with its comma
_VALUE_BYTES = 4
_LONGEST = 10_000
_YEAR_10000 = 253_402_300_800  # in unix seconds: no calendar goes further
_A_LIFE_S = 10.0**10
_DOCUMENT = f'a document of export.json: "format": "{FORMAT}" or "{FORMATS}"'


def _text(value: str) -> str:
    if not is_prose(value, _LONGEST):
        raise ValueError(f"a text of at most {_LONGEST:,} characters, {PROSE}")
    return value


def _id(value: str) -> str:
    if not is_id(value):
        raise ValueError("an id of 1 to 64 letters and digits")
    return value


_Id = Annotated[str, AfterValidator(_id)]
_Prose = Annotated[str, AfterValidator(_text)]
_Step = Annotated[int, Field(ge=0, lt=2**62)]
_Time = Annotated[float, Field(ge=0, lt=_YEAR_10000)]


class _Parent(BaseModel):
    run_id: _Id = Field(max_length=32)
    step: _Step


class _Run(BaseModel):
    """What is taken of a run as the API gives it; the rest follows from it."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    id: _Id
    name: str
    state: RunState = Field(strict=False)
    reason: _Prose
    created_at: _Time
    started_at: _Time | None
    ended_at: _Time | None
    step: _Step
    epoch: float | None = Field(ge=0)
    steps_per_second: float | None = Field(ge=0)
    trained_s: float | None = Field(ge=0, lt=_A_LIFE_S)
    diverged_at: list[_Step | None]
    learning_rate: float = Field(gt=0, le=100)
    scheme: str
    note: str = ""
    tags: list[str] = []
    parent: _Parent | None = None


class _Change(BaseModel):
    """What was changed while it ran."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    at: _Time
    step: _Step
    name: str = Field(pattern="^(learning_rate|scheme)$")
    old: Any = Field(alias="from")
    new: Any = Field(alias="to")
    title: _Prose | None = None


def read_document(text: bytes) -> list[Incoming]:
    """The runs of a document, at least one.

    Raises:
        fa_engine.NotAllowed: it says which field is wrong, how, and what is allowed.
    """
    if len(text) > MOST_BYTES:
        raise NotAllowed("file", f"{len(text):,} bytes", f"at most {MOST_BYTES:,} bytes")
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        said = f"JSON without an error ({error})"
        raise NotAllowed("file", text[:40].decode(errors="replace"), said) from None
    if not isinstance(found, dict) or found.get("format") not in (FORMAT, FORMATS):
        value = found.get("format") if isinstance(found, dict) else found
        raise NotAllowed("format", value, _DOCUMENT)
    _check_version(found)
    if found["format"] == FORMAT:
        return [_incoming(found, "", _Room(len(text)))]
    several = found.get("runs")
    if not isinstance(several, list) or not 1 <= len(several) <= MOST_RUNS:
        value = len(several) if isinstance(several, list) else several
        raise NotAllowed("runs", value, f"a list of 1 to {MOST_RUNS} runs")
    for place, one in enumerate(several):
        if not isinstance(one, dict):
            raise NotAllowed(f"runs.{place}", one, "a run")
        _check_version(one)
    room = _Room(len(text))
    return [_incoming(one, f"runs.{place}.", room) for place, one in enumerate(several)]


def _check_version(found: Mapping[str, Any]) -> None:
    version = found.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= VERSION:
        newer = "; a newer version has written it" if isinstance(version, int) else ""
        raise NotAllowed("version", version, f"a whole number from 1 to {VERSION}{newer}")


class _Room:
    """How many bytes all series of a document may come to: what is not in it is undefined, so that
    few letters can name any number of values.

    Args:
        letters: of the document.
    """

    def __init__(self, letters: int) -> None:
        self._most = self._left = _LEAST_ROOM + _ROOM_A_LETTER * letters

    def take(self, n_bytes: int, where: str) -> None:
        """Takes so many of them.

        Raises:
            fa_engine.NotAllowed: there are no more as many.
        """
        self._left -= n_bytes
        if self._left < 0:
            allowed = f"series of at most {self._most:,} bytes in a document of this length"
            raise NotAllowed(where, f"{n_bytes:,} bytes", allowed)


def _incoming(found: Mapping[str, Any], where: str, room: _Room) -> Incoming:
    run, changes, series = (found.get(name) for name in ("run", "changes", "series"))
    if not isinstance(run, dict):
        raise NotAllowed(f"{where}run", run, "an object")
    try:
        given = run.get("config")
        given = as_written(given) if isinstance(given, dict) else given
        config = RunConfig.model_validate(given, context={"limits": UNLIMITED})
    except ValidationError as error:
        first = problems(error)[0]
        field = f"{where}run.config.{first.field}"
        raise NotAllowed(field, first.value, first.allowed, first.title) from None
    row = _checked(_Run, run, f"{where}run")
    try:
        labels = Labels(name=row.name, note=row.note, tags=row.tags)
    except ValidationError as error:
        first = problems(error)[0]
        raise NotAllowed(f"{where}run.{first.field}", first.value, first.allowed) from None
    if row.scheme not in SCHEMES:
        raise NotAllowed(f"{where}run.scheme", row.scheme, "one of " + ", ".join(SCHEMES))
    if len(row.diverged_at) != config.replicates:
        allowed = f"{config.replicates} values, one a network"
        raise NotAllowed(f"{where}run.diverged_at", row.diverged_at, allowed)
    if not isinstance(changes, list):
        raise NotAllowed(f"{where}changes", changes, "a list")
    told = [_checked(_Change, one, f"{where}changes.{at}") for at, one in enumerate(changes)]
    going = not row.state.ended
    return Incoming(
        came_from=row.id,
        config=config,
        name=labels.name or row.name,
        state=RunState.INTERRUPTED if going else row.state,
        reason="it still went on where it was exported" if going else row.reason,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        step=row.step,
        epoch=row.epoch or 0.0,
        steps_per_second=row.steps_per_second or 0.0,
        trained_s=row.trained_s,
        diverged_at=row.diverged_at,
        learning_rate=row.learning_rate,
        scheme=row.scheme,
        note=row.note,
        tags=row.tags,
        parent=Parent(row.parent.run_id, row.parent.step) if row.parent else None,
        controls=[(change.at, _header(change, where)) for change in told],
        series=_series(series, config, f"{where}series", room),
    )


def _header(change: _Change, where: str) -> dict[str, Any]:
    for value in (change.old, change.new):
        known = value in SCHEMES if isinstance(value, str) else isinstance(value, (int, float))
        if not known or isinstance(value, str) != (change.name == "scheme"):
            raise NotAllowed(f"{where}changes", value, f"a value of {change.name}")
    header = {"step": change.step, "name": change.name, "from": change.old, "to": change.new}
    return header | ({"title": change.title} if change.title else {})


def _checked(kind: Any, given: Any, where: str) -> Any:
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join([where, *map(str, first["loc"])])
        allowed = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        value = None if first["type"] == "missing" else first["input"]
        raise NotAllowed(field, value, allowed) from None


def _series(given: Any, config: RunConfig, where: str, room: _Room) -> Series:
    if not isinstance(given, dict):
        raise NotAllowed(where, given, "an object of arrays")
    known = ", ".join(SERIES)
    for name in given.keys() - set(SERIES):
        allowed = f"one of the series {known}, or of a plugin that is loaded here (FA_PLUGINS)"
        raise NotAllowed(f"{where}.{name}", "an array", allowed)
    steps = given.get("step")
    if not isinstance(steps, list) or not all(type(step) is int for step in steps):
        raise NotAllowed(f"{where}.step", steps, "a list of whole numbers")
    step = np.array(steps, dtype=np.float64)
    if len(step) and (step.min() < 0 or step.max() >= 2**62 or (np.diff(step) < 0).any()):
        raise NotAllowed(f"{where}.step", "a list", "steps from 0 on, none before the one above it")
    lengths = sizes(config.replicates, len(config.layers))
    values = sum(prod(lengths[letter] for letter in letters) for letters in SHAPES.values())
    room.take(_VALUE_BYTES * values * len(steps), where)
    arrays: dict[str, Any] = {"step": np.array(steps, dtype=np.int64)}
    for name, letters in SHAPES.items():
        shape = (len(steps), *(lengths[letter] for letter in letters))
        arrays[name] = _values(given.get(name), shape, f"{where}.{name}")
    return Series.of(arrays)


def _values(given: Any, shape: tuple[int, ...], where: str) -> NDArray[np.float32]:
    """An array of numbers and nulls; nothing at all is an array of nulls."""
    allowed = f"numbers and null in the shape {' x '.join(map(str, shape))}"
    if given is None:
        return np.full(shape, np.nan, np.float32)
    try:
        array = np.array(given)
    except ValueError:  # ragged
        raise NotAllowed(where, "a list", allowed) from None
    if array.size == 0 and shape[0] == 0:
        return np.empty(shape, np.float32)
    kinds = {type(value) for value in array.flat} if array.dtype == object else set()
    if array.shape != shape or array.dtype.kind not in "iufO" or kinds - {int, float, type(None)}:
        said = " x ".join(map(str, array.shape))
        raise NotAllowed(where, f"{said} values", allowed)
    with np.errstate(over="ignore"):
        return array.astype(np.float32)
