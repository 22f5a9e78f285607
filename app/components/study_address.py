"""The state of the Studies page as its address: which study, how it is looked at, or what one that
is not started yet would vary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote_plus

from app.address import BESIDE
from app.studies import VALUES, Asked
from fa_engine import Problem, RunConfig
from fa_engine.config import listed_fields

MEASURE, AGAINST = "test_accuracy", "gradient_angle_deg.bottom"
"""Values that a study is looked at by, where nobody says otherwise."""

_LOOK = ("study", "measure", "against", "x", "y")
_ASK = ("sampling", "samples", "title", "extend")
_PLAIN = ",:/;"


@dataclass(frozen=True)
class Looked:
    """What an address says.

    Attributes:
        study: id of the study that is shown; empty: one that is not started yet.
        measure, against: names of values.
        x, y: fields that the charts are over; empty: the first ones that vary.
        fields: of a study that is not started: what is written for each field.
        sampling, samples, title: of that study.
        extend: id of the study that these cells are to join.
        problems: what is wrong; it is left out.
    """

    study: str = ""
    measure: str = MEASURE
    against: str = AGAINST
    x: str = ""
    y: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    sampling: str = "grid"
    samples: str = ""
    title: str = ""
    extend: str = ""
    problems: tuple[Problem, ...] = ()

    @classmethod
    def read(cls, search: str | None) -> Looked:
        """Of the part of an address behind its question mark."""
        values: dict[str, Any] = {}
        fields: dict[str, str] = {}
        wrong: list[Problem] = []
        known = listed_fields(RunConfig)
        for name, several in parse_qs((search or "").lstrip("?"), keep_blank_values=True).items():
            text = several[0].strip()
            if name in ("measure", "against") and text not in VALUES:
                allowed = f"a value such as {MEASURE}; GET /api/studies/<id> has all"
                wrong.append(Problem(name, text, allowed))
            elif name in _LOOK or name in _ASK:
                values[name] = text
            elif name in known:
                fields[name] = text
            elif name not in BESIDE:
                wrong.append(Problem(name, text, "a name that this page knows, such as study"))
        return cls(**values, fields=fields, problems=tuple(wrong))

    def search(self) -> str:
        """The same as part of an address."""
        begin = Looked()
        names = _LOOK if self.study else ("measure", "against", *_ASK)
        told = {name: getattr(self, name) for name in names}
        told = {name: text for name, text in told.items() if text != getattr(begin, name)}
        parts = told if self.study else {**self.fields, **told}
        query = "&".join(f"{k}={quote_plus(v, safe=_PLAIN)}" for k, v in parts.items())
        return f"?{query}" if query else ""

    def asked(self) -> Asked:
        """The study that it says is to be started.

        Raises:
            NotAllowed: it says something else.
        """
        samples: Any = self.samples
        if samples.isascii() and samples.isdecimal() and len(samples) < 7:
            samples = int(samples)
        return Asked.read(
            {
                "fields": dict(self.fields),
                "sampling": self.sampling,
                "samples": samples if self.sampling != "grid" else None,
                "title": self.title,
            }
        )
