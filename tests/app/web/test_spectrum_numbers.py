"""The numbers beside a spectrum: what K decides of a scheme is told, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from dash.development.base_component import Component

from app.components.spectrum_numbers import numbers
from app.lab import SpectrumParams, compute, pack_arrays, unpack_arrays
from fa_engine import SCHEMES, RunConfig, Trainer

CONFIG = RunConfig(hidden=(7, 6), replicates=1, learning_rate=0.1, dtype="float64")


def told(config: RunConfig) -> tuple[str, dict[str, Any]]:
    """All that the panel says, and what it was made from."""
    trainer = Trainer(config)
    for _ in range(5):
        trainer.advance()

    class Shelf:
        def open(self, _run_id: str, _step: int, _beside: object = None) -> Trainer:
            return trainer

    params = SpectrumParams(n_samples=4).model_dump()
    found = compute("spectrum", params, Shelf(), lambda _share: None)  # type: ignore[arg-type]
    arrays = unpack_arrays(pack_arrays(found))
    said: list[str] = []

    def read(part: Any) -> None:
        if isinstance(part, Component):
            read(getattr(part, "children", None))
        elif isinstance(part, (list, tuple)):
            for each in part:
                read(each)
        elif part is not None:
            said.append(str(part))

    read(numbers(arrays, 5))
    return "\n".join(said), dict(arrays)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_is_called_unstable_where_nothing_is_decided(scheme: str) -> None:
    said, _ = told(CONFIG.replace(scheme=scheme, loss="squared_error"))
    decided = scheme not in ("sdfa", "drtp", "wm")
    assert ("Unstable modes" in said) == decided
    assert ("overshoots" in said) == decided
    if not decided:
        assert "times as large in" not in said
    assert ("at this moment" in said) == (scheme == "wm")
    assert ("quadratic form" in said) == (scheme not in ("sdfa", "drtp"))
    assert ("−(eᵀK_L e + eᵀK_h s)/N" in said) == (scheme in ("sdfa", "drtp"))
    assert "Error left" in said


def test_a_late_network_is_told_by_its_roots() -> None:
    said, arrays = told(CONFIG.replace(delay_modules=3))
    assert f"{int(arrays['n_outside'])} of {4 * 9 * 3}" in said
    assert f"{float(arrays['growth']):.6g}" in said
    assert "overshoots" not in said
    assert "Roots" not in told(CONFIG)[0]
