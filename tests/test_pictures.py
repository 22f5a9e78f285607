"""The pictures of docs/images show the pages as they are."""

from __future__ import annotations

import json

import pytest

from scripts.pictures import IMAGES, MADE_OF, PICTURES, made_of


@pytest.fixture(scope="module")
def now() -> dict[str, dict[str, str]]:
    return made_of()


def test_what_a_page_is_made_of_is_the_same_when_nothing_has_changed(
    now: dict[str, dict[str, str]],
) -> None:
    assert made_of() == now
    digests = [tuple(parts.values()) for parts in now.values()]
    assert len(set(digests)) == len(PICTURES)  # each page is one of its own


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_not_older_than_its_page(name: str, now: dict[str, dict[str, str]]) -> None:
    assert (IMAGES / f"{name}.png").exists()
    then = json.loads(MADE_OF.read_text()).get(name, {})
    changed = [part for part in now[name] if now[name][part] != then.get(part)]
    assert not changed, f"changed since docs/images/{name}.png was taken: {changed}; make pictures"
