"""What everything takes, in words, and the buttons that free it."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from app.components import aria
from app.room import Freed, Taken, size_words
from app.settings import Settings


def room_panel(settings: Settings) -> Component:
    """The section, which a callback fills."""
    return html.Section(
        [
            html.H2("Room"),
            html.Div(id="room-taken", className="room-taken"),
            html.Div(
                [
                    dmc.Button(
                        "Remove deleted runs for good",
                        id="room-free",
                        variant="default",
                        size="sm",
                        disabled=True,
                    ),
                    dmc.Button("Empty the cache", id="room-cache", variant="default", size="sm"),
                    html.Span(id="room-note", className="soft", role="status"),
                ],
                className="room-actions",
            ),
            html.P(rule(settings), className="room-rule soft"),
        ],
        className="room",
        **aria("Room"),
    )


def rule(settings: Settings) -> str:
    """Which checkpoints stay."""
    if not settings.checkpoint_mb:
        return "This installation keeps no checkpoints (FA_CHECKPOINT_MB = 0)."
    return (
        "A run keeps checkpoints at steps spaced by their logarithm, and those asked for, in up "
        f"to {size_words(settings.checkpoint_mb * 1e6)} (FA_CHECKPOINT_MB). When a run begins and "
        f"all checkpoints take more than {size_words(settings.checkpoint_total_mb * 1e6)} "
        "(FA_CHECKPOINT_TOTAL_MB) less its own share, the checkpoints of those runs go first that "
        "were written to longest ago, never those of a run that goes on; measurements always stay. "
        "Deleted runs take their room until they are removed for good."
    )


def taken_table(taken: Taken) -> Component:
    """What each part takes."""
    rows = [
        ("Runs and measurements", taken.database - taken.results),
        ("Checkpoints", taken.checkpoints),
        ("Trajectories", taken.trajectories),
        ("Results of the lab's pages", taken.results),
        ("Cache", taken.cache),
    ]
    total = sum(size for _, size in rows)
    return html.Table(
        html.Tbody(
            [
                html.Tr([html.Th(title, scope="row"), html.Td(size_words(size))])
                for title, size in [*rows, ("Together", total)]
            ]
        )
    )


def deleted_words(taken: Taken) -> str:
    """What is deleted and could be freed."""
    if not taken.deleted:
        return "No run is deleted."
    runs = "1 deleted run" if taken.deleted == 1 else f"{taken.deleted:,} deleted runs"
    return f"{runs} with {size_words(taken.of_deleted)} of checkpoints can be restored or removed."


def freed_words(freed: Freed) -> str:
    """What freeing came to."""
    if not freed.runs:
        return f"{size_words(freed.bytes)} freed."
    runs = "1 run is" if len(freed.runs) == 1 else f"{len(freed.runs):,} runs are"
    later = (
        ""
        if freed.shrunk
        else " The database gives their room back when this is pressed while no run goes on."
    )
    return f"{runs} gone for good, {size_words(freed.bytes)} freed.{later}"
