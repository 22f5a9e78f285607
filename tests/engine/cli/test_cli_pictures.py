"""The picture of angles: where its dots are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fa_engine.cli.pictures import angle_chart

WIDTH, HEIGHT, PLACES = 45, 8, 80  # a place a dot: 40 characters of two


def lines(angles: NDArray[np.float64]) -> list[str]:
    found = angle_chart(angles, 1000, WIDTH, HEIGHT).plain.splitlines()
    assert len(found) == HEIGHT + 2
    assert all(len(line) <= WIDTH for line in found)
    return found


def drawn(line: str) -> str:
    return line[5:]


def test_chance_is_at_the_top_and_no_angle_at_the_foot() -> None:
    angles = np.full((PLACES, 2), 90.0)
    angles[:, 1] = 0
    found = lines(angles)
    assert drawn(found[0]) == "⠉" * 40
    assert drawn(found[HEIGHT - 1]) == "⣀" * 40
    assert all(not drawn(line).strip() for line in found[1 : HEIGHT - 1])
    assert found[0].startswith(" 90°┤")
    assert found[HEIGHT // 2].startswith(" 45°┤")
    assert found[HEIGHT].startswith("  0°┼")
    assert found[HEIGHT + 1].endswith("step 1,000")


def test_what_is_to_come_is_empty() -> None:
    angles = np.full((PLACES, 1), np.nan)
    angles[: PLACES // 2] = 90.0
    assert drawn(lines(angles)[0]).rstrip() == "⠉" * 20


def test_measurements_that_are_far_apart_are_joined() -> None:
    angles = np.full((PLACES, 1), np.nan)
    angles[0], angles[-1] = 90.0, 0.0
    found = [drawn(line) for line in lines(angles)[:HEIGHT]]
    columns = {place for line in found for place, sign in enumerate(line) if sign != " "}
    assert columns == set(range(40))
    firsts = [len(line) - len(line.lstrip()) for line in found]
    assert firsts == sorted(firsts)


@pytest.mark.parametrize(("largest", "top"), [(95.0, " 90°┤"), (140.0, "180°┤")])
def test_the_axis_goes_to_180_where_an_angle_is_well_above_chance(largest: float, top: str) -> None:
    angles = np.full((PLACES, 1), 60.0)
    angles[3] = largest
    assert lines(angles)[0].startswith(top)


def test_nothing_measured_is_an_empty_picture() -> None:
    found = lines(np.full((PLACES, 3), np.nan))
    assert not any(drawn(line).strip() for line in found[:HEIGHT])
