"""What stands under the scheme in the form."""

import pytest

from app.components.form import explanation
from fa_engine import SCHEMES


@pytest.mark.parametrize("name", SCHEMES)
def test_the_form_tells_what_a_scheme_is_and_where_it_differs_from_its_publication(name):
    row = SCHEMES[name]
    text = explanation(name)
    assert text.startswith(row.explanation)
    assert ("Not as published: " in text) == bool(row.deviation)
    assert text.endswith(row.deviation)


def test_what_is_no_scheme_has_no_text():
    assert explanation(None) == explanation("nope") == ""
