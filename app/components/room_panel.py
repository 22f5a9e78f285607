"""What everything takes, in words, and the buttons that free it."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from app.components import aria, drives
from app.room import Freed, Taken, size_words
from app.settings import Settings
from app.store import Rule
from fa_engine.typed import whole


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
                **drives(),
            ),
            _rule_form(settings),
            html.P(id="room-rule", className="room-rule soft"),
        ],
        className="room",
        **aria("Room"),
    )


def _rule_form(settings: Settings) -> Component:
    """The numbers of the rule, which a callback fills."""

    def field(name: str, label: str, standard: int) -> Any:
        return dmc.TextInput(
            id=f"room-{name}",
            label=label,
            description=f"MB; empty: {standard:,}, as this installation is set",
            size="xs",
            debounce=True,  # Enter says what is in it
            w=230,
            autoComplete="off",
            inputProps={"inputMode": "numeric"},
        )

    return html.Div(
        [
            field("one", "Checkpoints of one run", settings.checkpoint_mb),
            field("all", "Checkpoints of all runs", settings.checkpoint_total_mb),
            dmc.Button("Change the rule", id="room-change", variant="default", size="sm"),
        ],
        className="room-actions room-form",
        **drives(),
    )


def rule_asked(one: str | None, together: str | None) -> Rule:
    """The rule that is typed.

    Raises:
        pydantic.ValidationError: a number is none, or not allowed.
    """
    given = {"checkpoint_mb": one, "checkpoint_total_mb": together}
    return Rule.model_validate({name: _whole(text or "") for name, text in given.items()})


def _whole(text: str) -> Any:
    """What is typed as a number, ``4,000``; what is none stays what it is, and is refused."""
    if not text.strip():
        return None
    try:
        return whole(text)
    except ValueError:
        return text


def rule_words(one_mb: int, all_mb: int) -> str:
    """Which checkpoints stay.

    Args:
        one_mb, all_mb: room for those of one run, and of all, in MB.
    """
    later = "Runs that begin from now on keep to it."
    if not one_mb:
        return f"No checkpoints are kept. {later}"
    return (
        "A run keeps checkpoints at steps spaced by their logarithm, and those asked for, in up "
        f"to {size_words(one_mb * 1e6)}. When a run begins and all checkpoints take more than "
        f"{size_words(all_mb * 1e6)} less its own share, the checkpoints of those runs go first "
        "that were written to longest ago, never those of a run that goes on; measurements always "
        f"stay. {later} Deleted runs take their room until they are removed for good."
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
