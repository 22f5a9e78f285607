"""What a spectrum says, in numbers and words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from dash import html
from dash.development.base_component import Component

from app.lab import Arrays


def numbers(a: Arrays, step: int) -> list[Component]:
    """What the spectrum says, and the identity, in numbers."""
    if not np.isfinite(a["min_real"]):
        return [html.P(f"This network had diverged by step {step:,}: it has no spectrum.")]
    modes = len(a["eigenvalues"])
    rows = [
        (
            "Unstable modes",
            f"{int(a['n_unstable'])} of {modes}",
            f"{100 * float(a['unstable_share']):.1f} %",
        ),
        ("Smallest real part", f"{float(a['min_real']):.3g}", ""),
        ("Largest real part", f"{float(a['max_real']):.3g}", ""),
        (
            "Modes that a step overshoots",
            f"{100 * float(a['overshooting_share']):.1f} %",
            "stable, but |1 − ηλ| > 1",
        ),
    ]
    if "error_unstable_share" in a:
        share = f"{100 * float(a['error_unstable_share']):.1f} %"
        rows.append(("Unstable modes of H K", share, "what softmax makes of K"))
    rows += [
        (
            "Errors it would follow uphill",
            f"{100 * float(a['misaligned_share']):.1f} %",
            "negative modes of (K + Kᵀ)/2",
        ),
        ("Update to true gradient", f"{float(a['angle_deg']):.1f}°", "all parameters together"),
    ]
    identity = [
        ("−eᵀK e/N", float(a["kernel_rate"]), "from the kernel"),
        ("−⟨g, u⟩", float(a["product_rate"]), "from gradient and update"),
        ("dLoss/dt", float(a["finite_rate"]), "measured, by a small step"),
    ]
    return [
        _table("What it says", rows),
        _table(
            "Alignment is this quadratic form",
            [(name, f"{value:.6g}", words) for name, value, words in identity],
        ),
    ]


def _table(title: str, rows: Sequence[tuple[str, str, str]]) -> Component:
    return html.Div(
        [
            html.H3(title),
            html.Table(
                html.Tbody(
                    [
                        html.Tr(
                            [
                                html.Th(name, scope="row"),
                                html.Td([value, html.Span(words, className="unit")]),
                            ]
                        )
                        for name, value, words in rows
                    ]
                )
            ),
        ]
    )
