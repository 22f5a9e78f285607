"""What people may write: in whatever writing, and nothing that is not seen but does something."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.store import Labels
from app.store.texts import is_id, is_line, is_prose, isolated, tidied
from fa_engine import Problem, problems

HEBREW, PERSIAN = "יישור משוב", "می‌خواهم"  # the second has a joiner that is not seen

UNSEEN = {
    "NUL": "a\0b",
    "escape": "a\x1b[31mb",
    "bell": "a\x07b",
    "delete": "a\x7fb",
    "next line": "a\x85b",
    "override": "a\u202eb",
    "isolate": "a\u2066b",
    "half a pair": "a\ud800b",
}


@pytest.mark.parametrize("text", UNSEEN.values(), ids=UNSEEN.keys())
def test_what_does_something_unseen_is_refused_everywhere(text: str) -> None:
    assert not is_line(text, 100)
    assert not is_prose(text, 100)
    for labels in ({"name": text}, {"note": text}, {"tags": [text]}):
        with pytest.raises(ValidationError) as refused:
            Labels.model_validate(labels)
        (problem,) = problems(refused.value)
        assert problem.field == next(iter(labels))
        assert problem.message.isprintable()  # as a terminal shows it


@pytest.mark.parametrize("text", ["a\nb", "a\tb", "a\u2028b", "", "  ", "\u200b"])
def test_a_line_is_one_line_that_is_seen(text: str) -> None:
    assert not is_line(text, 100)


@pytest.mark.parametrize(
    "text",
    [
        HEBREW,
        PERSIAN,
        "日本　語",
        "a\u00a0b",
        "\uf0b7 of Word",
        "a \U0001fae9",
        "</script><b>",
        "=1+1",
        "100 % 💥",
        "a" * 100,
    ],
)
def test_any_other_text_is_one(text: str) -> None:
    assert is_line(text, 100)
    assert is_prose(text, 100)
    assert not is_prose(text, len(text) - 1)


def test_prose_has_lines_and_joiners() -> None:
    assert is_prose(f"{PERSIAN}\n\t{HEBREW}", 100)
    assert Labels(note=" one\r\ntwo\rthree ").note == tidied("one\ntwo\nthree") == "one\ntwo\nthree"


def test_what_is_too_long_is_refused_with_its_length() -> None:
    with pytest.raises(ValidationError) as refused:
        Labels(note="n" * 1_000_000)
    (problem,) = problems(refused.value)
    assert "(1,000,000 characters)" in problem.message
    assert "at most 10,000 characters" in problem.message
    assert len(problem.message) < 500
    assert len(Problem("name", "n" * 101, "less").words) < 200


def test_only_what_runs_the_other_way_is_isolated() -> None:
    assert isolated("FA on digits") == "FA on digits"
    assert isolated(HEBREW) == f"\u2068{HEBREW}\u2069"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("k3x9", True), ("a.b-c:1_2", True), ("", False), ("a b", False), ("a\0", False), (7, False)],
)
def test_an_id_is_letters_and_digits(text: object, is_one: bool) -> None:
    assert is_id(text) is is_one
    assert not is_id("a" * 65)
