"""What the tests of recipes share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fa_engine import DATASETS, LOSSES, MATRICES, SIGNALS
from fa_engine.optimizers import SCHEDULES
from recipes.parts import add_parts

TABLES = (DATASETS, LOSSES, MATRICES, SCHEDULES, SIGNALS)


@pytest.fixture(autouse=True)
def _own_names() -> Iterator[None]:
    """What recipes add is known in their tests alone."""
    before = [set(table) for table in TABLES]
    add_parts()
    yield
    for table, names in zip(TABLES, before, strict=True):
        for name in set(table) - names:
            del table[name], table.origins[name]
