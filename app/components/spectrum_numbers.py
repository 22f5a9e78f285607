"""What a spectrum says, in numbers and words; and nothing that ``K`` does not decide."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from dash import html
from dash.development.base_component import Component

from app.lab import Arrays
from fa_engine.dynamics.stability import e_folding

_Row = tuple[str, str, str]  # name, value, remark


def numbers(a: Arrays, step: int) -> list[Component]:
    """What the spectrum says, and the rate of the loss, in numbers."""
    if not np.isfinite(a["min_real"]):
        return [html.P(f"This network had diverged by step {step:,}: it has no spectrum.")]
    return [
        html.P(str(a["words"]), className="lab-verdict"),
        _table("What it says", _modes(a)),
        *_rates(a),
    ]


def _modes(a: Arrays) -> list[_Row]:
    """The modes of ``K``, called unstable where the scheme may be called so."""
    modes = len(a["eigenvalues"])
    told = f"{int(a['n_unstable'])} of {modes}"
    share = f"{100 * float(a['unstable_share']):.1f} %"
    by_error = "error_unstable_share" in a  # another loss than squared error: H K decides
    if by_error:
        rows = [("Modes of K below 0", told, f"{share}; by themselves they decide nothing")]
    elif a["stability"]:
        rows = [("Unstable modes", told, share)]
    elif a["of_moment"]:
        rows = [("Modes below 0 at this moment", told, share)]
    else:
        rows = [("Real part below 0", told, f"{share}, of the error were it sent this way")]
    if by_error:
        rows.append(_of_error(a))
    of = " of K" if by_error else ""
    own = _pace(a, "eigenvalues") if not by_error and bool(a["n_unstable"]) else ""
    rows += [
        (f"Smallest real part{of}", f"{float(a['min_real']):.3g}", own),
        (f"Largest real part{of}", f"{float(a['max_real']):.3g}", ""),
    ]
    if "growth" in a:
        outside = f"{int(a['n_outside'])} of {int(a['n_roots'])}"
        rows += [
            ("Roots outside the unit circle", outside, "of all modules together"),
            ("Largest of them", f"{float(a['growth']):.6g}", "times as large after a step"),
        ]
    if a["stability"] and a["pace"]:
        overshoots = f"{100 * float(a['overshooting_share']):.1f} %"
        rows.append(("Modes that a step overshoots", overshoots, "stable, but |1 − ηλ| > 1"))
    uphill = f"{100 * float(a['misaligned_share']):.1f} %"
    if str(a["signal"]) == "error":
        rows.append(("Errors it would follow uphill", uphill, "negative modes of (K + Kᵀ)/2"))
    angle = f"{float(a['angle_deg']):.1f}°"
    rows += [
        ("Update to true gradient", angle, "all parameters together"),
        ("Error left", f"{float(a['error_left']):.3g}", "root mean square of an output's"),
    ]
    return rows


def _of_error(a: Arrays) -> _Row:
    """The modes of ``H K``, by which the error itself changes."""
    share, modes = float(a["error_unstable_share"]), len(a["error_eigenvalues"])
    if a["stability"]:
        name = "Unstable modes of H K"
    elif a["of_moment"]:
        name = "Modes of H K below 0 at this moment"
    else:
        name = "Modes of H K below 0"
    pace = _pace(a, "error_eigenvalues") if share > 0 else ""
    remark = f"{100 * share:.1f} %" + (f", {pace}" if pace else "")
    return name, f"{round(share * modes)} of {modes}", remark


def _pace(a: Arrays, which: str) -> str:
    """How fast the least stable mode leaves, where that is decided."""
    if not (a["stability"] and a["pace"]):
        return ""
    steps = e_folding(complex(a[which][0]), float(a["learning_rate"]))
    return f"e times as large in {steps:,.0f} steps"


def _rates(a: Arrays) -> list[Component]:
    """Three ways to the rate at which the loss changes."""
    if str(a["signal"]) == "error":
        title, form, remark = "Alignment is this quadratic form", "−eᵀK e/N", "from the kernel"
    else:
        title, form = "What the loss changes at", "−(eᵀK_L e + eᵀK_h s)/N"
        remark = "from the output layer's kernel, and the hidden layers' with s, what they are sent"
    rates = [
        (form, float(a["kernel_rate"]), remark),
        ("−⟨g, u⟩", float(a["product_rate"]), "from gradient and update"),
        ("dLoss/dt", float(a["finite_rate"]), "measured, by a small step"),
    ]
    return [_table(title, [(name, f"{value:.6g}", words) for name, value, words in rates])]


def _table(title: str, rows: Sequence[_Row]) -> Component:
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
