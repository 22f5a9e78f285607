"""What a field knows of itself: titles of what can be chosen, and words for what is allowed."""

import pytest

from fa_engine import RunConfig, register
from fa_engine.config import knob_of
from fa_engine.feedback.schemes import SCHEMES

CHOICES = [name for name, field in RunConfig.model_fields.items() if knob_of(field).options]


@pytest.mark.parametrize("name", CHOICES)
def test_what_can_be_chosen_has_a_title_to_read(name):
    for option, title in knob_of(RunConfig.model_fields[name]).options.items():
        assert option == option.lower()
        assert title
        assert "<" not in title
        assert "(" not in title.split(" ")[0]


def test_titles_are_those_of_the_rows_or_the_words_themselves():
    fields = RunConfig.model_fields
    assert knob_of(fields["measures"]).options["all"] == "All"
    assert knob_of(fields["optimizer"]).options["adam"] == "Adam"
    assert knob_of(fields["scheme"]).options["fa"] == SCHEMES["fa"].title
    assert "zero" not in knob_of(fields["feedback_init"]).options
    assert "zero" in knob_of(fields["weight_init"]).options


def test_a_row_that_is_added_later_can_be_chosen():
    before = set(knob_of(RunConfig.model_fields["schedule"]).options)
    register.schedule("held", title="Held")(lambda *_: 1.0)
    from fa_engine.optimizers import SCHEDULES

    try:
        assert set(knob_of(RunConfig.model_fields["schedule"]).options) - before == {"held"}
        schema = RunConfig.model_json_schema()["properties"]["schedule"]
        assert schema["options"]["held"] == "Held"
        assert RunConfig(schedule="held").schedule == "held"
    finally:
        del SCHEDULES["held"], SCHEDULES.origins["held"]
