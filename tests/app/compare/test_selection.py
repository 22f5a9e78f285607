"""What is compared is an address, and an address that is partly wrong is taken for the rest."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.address import defaults, read, write
from app.compare import MAX_RUNS, Selection
from app.compare.selection import FIELDS
from fa_engine import RunConfig, problems
from fa_engine.config import listed_fields
from fa_engine.measures.catalogue import MEASURES

FULL = {
    "runs": ("abc", "def"),
    "measures": ("loss", "weight_angle_deg", "path_length"),
    "layers": (1, 3),
    "x": "seconds",
    "align": "parent",
    "colour": "learning_rate",
    "group": "scheme",
    "replicates": "lines",
    "smoothing": 0.6,
    "log": ("update_norm", "x"),
    "cursor": 120.0,
}


def query(selection: Selection) -> str:
    return write(selection.model_dump(), defaults(Selection))


def test_an_address_is_read_as_it_was_written() -> None:
    selection = Selection(**FULL)  # type: ignore[arg-type]
    found = read(Selection, query(selection))
    assert found.problems == []
    assert Selection(**found.values) == selection
    assert query(Selection()) == ""
    assert query(Selection(runs=("a", "b"), cursor=3)) == "runs=a,b&cursor=3"
    assert query(Selection(log=())) == "log="
    assert read(Selection, "log=").values == {"log": ()}


@pytest.mark.parametrize(
    ("text", "field", "allowed"),
    [
        ("measures=loss,lost", "measures", "gradient_angle_deg"),
        ("x=stepp", "x", "one of step, epoch, samples, seconds"),
        ("align=no", "align", "start, parent"),
        ("colour=red", "colour", "learning_rate"),
        ("group=colour", "group", "learning_rate"),
        ("replicates=all", "replicates", "band, lines, none"),
        ("smoothing=1", "smoothing", "0 to 0.999"),
        ("smoothing=nan", "smoothing", "0 to 0.999"),
        ("cursor=inf", "cursor", "a number from 0"),
        ("layers=0", "layers", "from 1 at the bottom"),
        ("layers=1,x", "layers", "from 1 at the bottom"),
        ("log=loss,y", "log", "one of loss"),
        (f"runs={','.join(f'r{i}' for i in range(MAX_RUNS + 1))}", "runs", str(MAX_RUNS)),
    ],
)
def test_what_is_wrong_is_named_and_the_rest_is_taken(text: str, field: str, allowed: str) -> None:
    found = read(Selection, f"?race=abc&{text}")
    assert found.values == {"race": "abc"}
    (problem,) = found.problems
    assert problem.field == field
    assert allowed in problem.allowed
    assert problem.title == Selection.model_fields[field].title


def test_runs_are_taken_once_and_measures_in_the_order_of_the_catalogue() -> None:
    assert Selection(runs=("a", "b", "a")).runs == ("a", "b")
    assert Selection(measures=("accuracy", "loss")).measures == ("loss", "accuracy")


def test_every_measure_and_every_field_can_be_chosen() -> None:
    assert Selection(measures=tuple(MEASURES)).measures == tuple(MEASURES)
    assert set(FIELDS) == set(listed_fields(RunConfig))
    for name in FIELDS:
        assert Selection(group=name, colour=name).group == name


def test_a_selection_refuses_by_itself() -> None:
    with pytest.raises(ValidationError) as caught:
        Selection(x="day")
    (problem,) = problems(caught.value)
    assert (problem.field, problem.value) == ("x", "day")
