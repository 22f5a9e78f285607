"""Numbers as a person types them. One rule for separators: understood or refused, never guessed.

- A whole number is digits, or groups of three behind commas, spaces or underscores: ``65,536`` is
  65536. A point is refused: ``1.000`` may be 1000 or 1.
- A number has a point before its decimals: ``0.1``, ``1e-3``. A comma is refused: ``1,500`` may be
  1500 or 1.5.
- In a list, commas, semicolons and spaces lie between numbers, one between two; ``1,024`` without a
  space is refused, for it may be 1024 or 1 and 24.

Digits of other scripts and spaces around are understood. What is no text is left as it is.
"""

from __future__ import annotations

import re
from typing import Any

_SPACE = " \u00a0\u2009\u202f"  # with those that only ever lie between groups of digits
_GROUPED = re.compile(rf"([+-]?[1-9]\d{{0,2}})([,_{_SPACE}])(\d{{3}})((?:\2\d{{3}})*)")
_WHOLE = re.compile(r"[+-]?\d+")
_REAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_CLOSE = re.compile(r"(?<![\d,])\d{1,3}(?:,\d{3})+(?![\d,])")  # groups, or a list without spaces


class Unclear(ValueError):
    """A text that can be read in no way or in several.

    Attributes:
        hint: how to write what may have been meant; may be empty.
    """

    def __init__(self, hint: str = "") -> None:
        super().__init__(hint)
        self.hint = hint


def whole(value: Any) -> Any:
    """A whole number from text.

    Raises:
        Unclear: it is none, or may be two.
    """
    if not isinstance(value, str):
        return value
    text = _plain(value)
    if _WHOLE.fullmatch(text):
        return int(text)
    if _GROUPED.fullmatch(text):
        return int(re.sub(rf"[,_{_SPACE}]", "", text))
    if match := re.fullmatch(r"(\d+)\.(\d+)", text):
        joined, alone = int(match[1] + match[2]), int(match[1])
        alternatives = f"{joined} or {alone}" if not int(match[2]) else f"{joined}"
        raise Unclear(f"write {alternatives}" if len(match[2]) == 3 else "")
    raise Unclear


def real(value: Any) -> Any:
    """A number from text.

    Raises:
        Unclear: it is none, or may be two.
    """
    if not isinstance(value, str):
        return value
    text = _plain(value)
    if _REAL.fullmatch(text):
        return float(text)
    if match := re.fullmatch(r"([+-]?\d+),(\d+)", text):
        decimal = f"{match[1]}.{match[2]}"
        grouped = _GROUPED.fullmatch(text)
        either = f"{match[1]}{match[2]} or {float(decimal)!r}"
        raise Unclear(f"write {either if grouped else decimal}")
    for groups, point in (",.", ".,"):
        head, found, decimals = text.rpartition(point)
        if found and decimals.isdigit() and _GROUPED.fullmatch(head.replace(groups, ",")):
            raise Unclear(f"write {head.replace(groups, '')}.{decimals}")
    raise Unclear


def entries(text: str, spaces: bool = True) -> list[str]:
    """The entries of a list; none for an empty text. One separator at the end counts for nothing.

    Args:
        text: as it was typed.
        spaces: whether they lie between entries too, and not within.

    Raises:
        Unclear: an entry is missing, or a separator may be one between groups of digits.
    """
    text = _plain(text)
    if match := _CLOSE.search(text):
        apart = ", ".join(str(int(part)) for part in match[0].split(","))
        raise Unclear(f"write {match[0].replace(',', '')} or {apart}")
    if match := re.search(rf"(?<!\d)([1-9]\d{{0,2}})[{_SPACE[1:]}](\d{{3}})(?!\d)", text):
        raise Unclear(f"write {match[1]}{match[2]} or {match[1]}, {int(match[2])}")
    if match := re.search(r"(?<![\d.])(\d+)\s*[,;\s]\s*(0\d+)(?![\d.])", text):
        raise Unclear(f"write {match[1]}{match[2]} or {match[1]}, {int(match[2])}")
    found = re.split(r"\s*[,;]\s*|\s+" if spaces else r"\s*[,;]\s*", text)
    if found and not found[-1]:
        found.pop()
    if not all(found):
        raise Unclear("write one comma between two")
    return found


def number(kind: Any, value: Any) -> Any:
    """Text as a number of the annotation ``kind``; what is of another kind is left as it is.

    Raises:
        Unclear: it is none, or may be two.
    """
    if kind in (int, int | None):
        return whole(value)
    return real(value) if kind in (float, float | None) else value


def hint(error: ValueError) -> str:
    """What to add to the words of what is allowed: how to write what may have been meant."""
    said = error.hint if isinstance(error, Unclear) else ""
    return f": {said}" if said else ""


def _plain(text: str) -> str:
    """Without spaces around, in ASCII digits."""
    return "".join(str(int(c)) if c.isdecimal() else c for c in text.strip())
