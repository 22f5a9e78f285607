"""What people may write: lines, such as names and tags, and prose, such as notes and paragraphs.

Whatever writing they are in. What is not seen but does something is refused: a terminal obeys some
control characters, a page's text turns around behind others, PostgreSQL takes no NUL, and half a
surrogate pair can be stored nowhere.
"""

from __future__ import annotations

import re
import unicodedata

LINE = "printable characters"
PROSE = "without control characters, but for tabs and line breaks, or such as turn its direction"

_KEPT = "\t\n"
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSEEN = frozenset({"Cc", "Cs"})  # not Cn: what is no character yet is one for a later Python
_BREAKS = frozenset("\t\n\u2028\u2029")
_ID = re.compile(r"[\w.:-]+", re.ASCII)
_RIGHT_TO_LEFT = frozenset({"R", "AL"})


def is_line(text: str, longest: int) -> bool:
    """Whether it is a line of at most ``longest`` characters, some of which are seen."""
    broken = any(letter in _BREAKS or _does_something(letter) for letter in text)
    seen = any(letter.isprintable() and not letter.isspace() for letter in text)
    return seen and len(text) <= longest and not broken


def is_prose(text: str, longest: int) -> bool:
    """Whether it is a text of at most ``longest`` characters, in lines or not."""
    return len(text) <= longest and not any(map(_does_something, text))


def is_id(text: object, longest: int = 64) -> bool:
    """Whether something could be the id of a run, here or elsewhere."""
    return isinstance(text, str) and len(text) <= longest and bool(_ID.fullmatch(text))


def tidied(text: str) -> str:
    """The same with line breaks of one kind, and nothing around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def isolated(text: str) -> str:
    """The same, so that what it is put into keeps its own direction: for what is no element of
    its own."""
    if any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in text):
        return f"\u2068{text}\u2069"
    return text


def _does_something(letter: str) -> bool:
    if letter in _KEPT:
        return False
    return letter in _TURNING or unicodedata.category(letter) in _UNSEEN
