"""Numbers as a person types them: separators are understood or refused, never guessed."""

import pytest
from pydantic import ValidationError

from fa_engine import RunConfig, problems
from fa_engine.typed import Unclear, entries, real, whole

UNDERSTOOD = {
    whole: [
        ("1024", 1024),
        ("65,536", 65_536),
        ("1,024,000", 1_024_000),
        ("65 536", 65_536),
        ("65\u202f536", 65_536),
        ("65_536", 65_536),
        (" 12\t", 12),
        ("１２", 12),
        ("-3", -3),
        ("007", 7),
    ],
    real: [("0.1", 0.1), (" 1e-3 ", 0.001), ("5.", 5), (".5", 0.5), ("1E2", 100), ("０.１", 0.1)],
}
REFUSED = {
    whole: [
        ("1.000", "write 1000 or 1"),
        ("65.536", "write 65536"),
        *((text, "") for text in ("1.0", "1.5", "1,00", "10,00", "1000,000", "0,100", "1,024 000")),
        *((text, "") for text in ("", "1e3", "nan", "0x10", "1__0", ",", "1,", "²", "−3")),
    ],
    real: [
        ("0,1", "write 0.1"),
        ("1,5", "write 1.5"),
        ("1,500", "write 1500 or 1.5"),
        ("1,024.5", "write 1024.5"),
        ("1.024,5", "write 1024.5"),
        ("-1,000,000.25", "write -1000000.25"),
        *((text, "") for text in ("", "nan", "inf", "-Infinity", "1 000", "1_0", "1,5e3", "0x1")),
    ],
}


def of_both(cases):
    return [(read, *case) for read, own in cases.items() for case in own]


@pytest.mark.parametrize(("read", "text", "value"), of_both(UNDERSTOOD))
def test_a_number_is_understood(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize(("read", "text", "hint"), of_both(REFUSED))
def test_what_may_not_be_one_number_is_refused(read, text, hint):
    with pytest.raises(Unclear) as refused:
        read(text)
    assert refused.value.hint == hint


@pytest.mark.parametrize(
    "text", ["64, 32", "64,32", "64 32", "64;32", " 64 ; 32 ", "64, 32,", "６４, ３２"]
)
def test_a_list_is_understood(text):
    assert entries(text) == ["64", "32"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1,024", "write 1024 or 1, 24"),
        ("1, 024", "write 1024 or 1, 24"),
        ("1 024", "write 1024 or 1, 24"),
        ("1\u202f024", "write 1024 or 1, 24"),
        ("64, 1,024", "write 1024 or 1, 24"),
        ("256,128", "write 256128 or 256, 128"),
        ("1,024,512", "write 1024512 or 1, 24, 512"),
        *((text, "write one comma between two") for text in ("64,,64", "64, ,64", ",64", "64;,64")),
    ],
)
def test_what_may_be_several_lists_is_refused(text, hint):
    with pytest.raises(Unclear) as refused:
        entries(text)
    assert refused.value.hint == hint


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"hidden": "1,024"}, "Hidden layers = '1,024': allowed is 1 to 32 layers"),
        ({"hidden": "64,,64"}, ": write one comma between two"),
        ({"hidden": "64.0"}, "Hidden layers = '64.0'"),
        ({"hidden": "conv 16x5,, pool 2"}, ": write one comma between two"),
        ({"epochs": "1.000"}, "Epochs = '1.000': allowed is a whole number from 1, at most 10,000"),
        ({"epochs": "1.000"}, ": write 1000 or 1"),
        ({"epochs": ""}, "Epochs is empty: allowed is a whole number"),
        ({"learning_rate": "0,1"}, "allowed is a number above 0, at most 100: write 0.1"),
        ({"teacher_hidden": "1,024"}, ": write 1024 or 1, 24"),
        ({"frozen": "1,,2"}, "Frozen layers = '1,,2'"),
        ({"feedback_rank": "1.000"}, ": write 1000 or 1"),
        ({"weight_std": "0,1"}, ": write 0.1"),
    ],
)
def test_messages_show_both_readings_under_the_title_of_the_field(fields, said):
    (problem,) = refused(**fields)
    assert said in problem.words
    assert f"{problem.field} = " not in problem.words
    assert problem.message.startswith(f"{problem.title}, {problem.field} = ")


def test_what_a_message_shows_can_be_typed():
    (problem,) = refused(batch_size=70_000)
    assert "65,536" in problem.allowed
    config = RunConfig(batch_size="60,000", dataset="mnist", hidden="8", replicates=1)
    assert config.batch_size == 60_000


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"optimizer": "nesterov"}, "above 0 with Optimizer "),
        ({"route": "direct", "matrix": "sign"}, " with Route "),
        ({"scheme": "bp", "route": "direct"}, " with Matrix "),
        ({"scheme": "magic"}, "one of Backpropagation, "),
        ({"feedback_rank": 3, "feedback_density": 0.5}, "1 with Feedback rank 3"),
    ],
)
def test_pages_speak_of_titles_where_scripts_have_names(fields, words):
    (problem,) = refused(**fields)
    assert words in problem.words
    assert "'" not in problem.words.partition(": allowed is ")[2]


def refused(**fields):
    with pytest.raises(ValidationError) as caught:
        RunConfig(**fields)
    return problems(caught.value)
