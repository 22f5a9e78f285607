"""The Runs page: all runs in one table, and what is done with them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from pydantic import ValidationError

from app.components import address, aria, data, drives
from app.components.room_panel import (
    deleted_words,
    freed_words,
    room_panel,
    rule_asked,
    rule_words,
    taken_table,
)
from app.components.runs_table import COLUMNS, GRID, asked, row, runs_grid
from app.components.shell import note
from app.pages.base import Context, Page
from app.room import Room, size_words
from app.store import Command, Deleted, Labels, Rule, RunEnded, StoreError
from app.watching import only_watches
from fa_engine import NotAllowed, problems

_TICK_MS = 2000
_LOOK_FOR_MS = 250  # after the last letter of a search
_TICK = "Tick runs to compare, stop, pin, tag or delete them."
_WRITE = "Click a note to write into it; F2, Enter or two clicks for a name or tags."
_MOVE = "Drag a column's title to move it; its menu filters."
_ACTIONS = ("stop", "pin", "unpin", "delete", "restore")


def layout(context: Context) -> Component:
    """The page as it is before the grid has asked for anything."""
    return html.Div(
        [
            dcc.Store(id="runs-told"),  # something has changed that the grid shows
            dcc.Store(id="runs-seen"),  # revision of the list that it shows
            dcc.Store(id="runs-undo-ids"),
            dcc.Interval(id="runs-tick", interval=_TICK_MS),
            html.Div(id="runs-sink", hidden=True),
            _head(),
            _bar(),
            html.Div(
                [
                    runs_grid(written=not only_watches()),
                    html.Div(_nothing(), id="runs-empty", hidden=True),
                ],
                className="runs-table",
            ),
            html.P(_MOVE if only_watches() else f"{_WRITE} {_MOVE}", className="soft runs-hint"),
            room_panel(context.settings),
            _undo(),
        ],
        className="runs-page",
    )


def _head() -> Component:
    return html.Div(
        [
            dmc.TextInput(
                id="runs-search",
                placeholder="Search names, notes, tags, ids",
                debounce=_LOOK_FOR_MS,
                value="",
                size="sm",
                className="runs-search",
                autoComplete="off",
                inputProps={"type": "search"},
                **aria("Search runs"),
            ),
            html.Span(id="runs-count", className="soft", role="status"),
            html.Div(className="spring"),
            dmc.Switch(id="runs-deleted", label="Deleted ones", size="sm", checked=False),
            dmc.Menu(
                [
                    dmc.MenuTarget(
                        dmc.Button("Columns", id="runs-choose", variant="default", size="sm")
                    ),
                    dmc.MenuDropdown(
                        [
                            dmc.CheckboxGroup(
                                [
                                    dmc.Checkbox(label=column.title, value=column.name, size="xs")
                                    for column in COLUMNS
                                    if column.name != "name"
                                ],
                                id="runs-columns",
                                value=[],
                                label="Columns that are shown",
                                size="xs",
                                className="runs-columns",
                            ),
                            dmc.Button(
                                "As at first", id="runs-reset", variant="subtle", size="compact-sm"
                            ),
                        ]
                    ),
                ],
                closeOnItemClick=False,
                position="bottom-end",
                withinPortal=False,
                keepMounted=True,
            ),
        ],
        className="runs-head",
    )


def _bar() -> Component:
    """What is done with the runs that are ticked."""

    def button(name: str, title: str) -> Any:
        look = {"variant": "default", "size": "compact-sm", "disabled": True}
        return dmc.Button(title, id=f"runs-{name}", **look, **drives())

    return html.Div(
        [
            html.Span(_TICK, id="runs-ticked", className="soft"),
            html.A("Compare", id="runs-compare", className="runs-link"),
            html.A("Run again with changes", id="runs-again", className="runs-link"),
            button("stop", "Stop"),
            button("pin", "Pin"),
            button("unpin", "Unpin"),
            html.Div(
                [
                    dmc.TextInput(
                        id="runs-tag",
                        placeholder="a tag",
                        size="xs",
                        w=110,
                        debounce=True,  # Enter says what is in it
                        autoComplete="off",
                        **aria("Tag for the runs that are ticked"),
                        **drives(),
                    ),
                    button("add-tag", "Tag"),
                ],
                className="runs-tagging",
            ),
            button("delete", "Delete"),
            button("restore", "Restore"),
        ],
        id="runs-bar",
        className="runs-bar",
        role="group",
        **aria("Ticked runs"),
        **data(some="no", deleted="no"),
    )


def _nothing() -> list[Component]:
    """What stands where no run does."""
    return [
        html.P(
            [
                html.Strong("Here will be "),
                "every run with its scheme, data and rate, its best and last accuracy and its last "
                "angle, to be sorted, searched, noted and compared.",
            ]
        ),
        dcc.Link("Train a first run", href=address("/"), className="coming-start"),
    ]


def _undo() -> Component:
    return html.Div(
        [
            html.Span(id="runs-undo-words"),
            dmc.Button("Undo", id="runs-undo", size="compact-sm", **drives()),
            html.Button(
                "×", id="runs-undo-close", className="runs-close", type="button", **aria("Close")
            ),
        ],
        id="runs-undo-note",
        className="runs-undo",
        role="status",
        hidden=True,
    )


def register(app: Dash, context: Context) -> None:
    """Callbacks of the page; what the grid does by itself is in assets/runs.js."""
    keep, room = context.store.keep, context.room

    @app.callback(
        Output(GRID, "getRowsResponse"),
        Output("runs-count", "children"),
        Output("runs-empty", "hidden"),
        Output("runs-empty", "children"),
        Output("notes", "sendNotifications", allow_duplicate=True),
        Input(GRID, "getRowsRequest"),
        State("runs-search", "value"),
        State("runs-deleted", "checked"),
        prevent_initial_call=True,
    )
    def rows(request: dict[str, Any] | None, search: str | None, deleted: bool | None) -> Any:
        if request is None:
            raise PreventUpdate
        try:
            listing = asked(request, search, deleted=bool(deleted))
            found, total = keep.page(listing)
        except NotAllowed as error:
            nothing = {"rowData": [], "rowCount": 0}
            return nothing, "", False, error.problem.words, note(error.problem.words)
        parents = keep.names({run.parent_id for run in found if run.parent_id})
        answer = {"rowData": [row(run, parents) for run in found], "rowCount": total}
        narrowed = bool(listing.search or listing.where or deleted)
        words = "No run is deleted." if deleted else "No run is like that."
        return (
            answer,
            _counted(total, narrowed),
            bool(total),
            words if narrowed else _nothing(),
            no_update,
        )

    @app.callback(
        Output("runs-told", "data"),
        Output("runs-seen", "data"),
        Input("runs-tick", "n_intervals"),
        State("runs-seen", "data"),
    )
    def look(_tick: int | None, seen: list[int] | None) -> Any:
        now = list(keep.revision())
        if seen == now:
            raise PreventUpdate
        return (no_update if seen is None else _token()), now

    @app.callback(
        Output("runs-told", "data", allow_duplicate=True),
        Output("notes", "sendNotifications", allow_duplicate=True),
        Input(GRID, "cellValueChanged"),
        prevent_initial_call=True,
    )
    def write(changes: list[dict[str, Any]] | None) -> Any:
        for change in changes or ():
            name, value = change["colId"], change.get("value") or ""
            if name == "tags":
                value = [tag for tag in map(str.strip, str(value).split(",")) if tag]
            try:
                keep.change([change["rowId"]], Labels.model_validate({name: value}))
            except (ValidationError, NotAllowed, StoreError) as error:
                return _token(), note(_words(error))
        return _token(), no_update

    @app.callback(
        Output("runs-told", "data", allow_duplicate=True),
        Output("notes", "sendNotifications", allow_duplicate=True),
        Output("runs-undo-ids", "data"),
        Output("runs-undo-words", "children"),
        Output("runs-tag", "value"),
        *(Input(f"runs-{name}", "n_clicks") for name in _ACTIONS),
        Input("runs-add-tag", "n_clicks"),
        Input("runs-tag", "n_submit"),
        State("runs-tag", "value"),
        State(GRID, "selectedRows"),
        prevent_initial_call=True,
    )
    def act(*given: Any) -> Any:
        *clicks, tag, ticked = given
        if not any(clicks) or not ticked or not ctx.triggered_id:
            raise PreventUpdate
        ids = [one["id"] for one in ticked]
        told: Any = no_update
        undo: Any = no_update
        words: Any = no_update
        typed: Any = no_update
        try:
            match str(ctx.triggered_id).removeprefix("runs-"):
                case "stop":
                    told = _stopped(context, ids)
                case "pin" | "unpin" as name:
                    keep.change(ids, Labels(pinned=name == "pin"))
                case "restore":
                    keep.restore(ids)
                case "delete":
                    undo, words = ids, _deleted_words(keep.delete(ids), room)
                case _:
                    if not (tag or "").strip():
                        raise PreventUpdate
                    tags = [one for one in map(str.strip, tag.split(",")) if one]
                    keep.change(ids, Labels.model_validate({"add_tags": tags}))
                    typed = ""
        except (ValidationError, NotAllowed, StoreError) as error:
            told = note(_words(error))
        return _token(), told, undo, words, typed

    @app.callback(
        Output("runs-told", "data", allow_duplicate=True),
        Output("notes", "sendNotifications", allow_duplicate=True),
        Output("runs-undo-ids", "data", allow_duplicate=True),
        Input("runs-undo", "n_clicks"),
        State("runs-undo-ids", "data"),
        prevent_initial_call=True,
    )
    def undo(clicks: int | None, ids: list[str] | None) -> Any:
        if not clicks or not ids:
            raise PreventUpdate
        try:
            keep.restore(ids)
        except (NotAllowed, StoreError) as error:
            return _token(), note(_words(error)), None
        return _token(), no_update, None

    @app.callback(
        Output("room-taken", "children"),
        Output("room-note", "children"),
        Output("room-free", "disabled"),
        Output("runs-undo-ids", "data", allow_duplicate=True),
        Output("runs-told", "data", allow_duplicate=True),
        Input("room-free", "n_clicks"),
        Input("room-cache", "n_clicks"),
        Input("runs-undo-ids", "data"),
        running=[(Output("room-free", "loading"), True, False)],
        prevent_initial_call="initial_duplicate",
    )
    def free(_free: int | None, _cache: int | None, _undo: Any) -> Any:
        words = ""
        told: Any = no_update
        undone: Any = no_update
        if ctx.triggered_id == "room-free" and _free:
            words, told, undone = freed_words(room.free(["deleted"])), _token(), None
        elif ctx.triggered_id == "room-cache" and _cache:
            words = freed_words(room.free(["cache"]))
        taken = room.taken()
        said = f"{words} {deleted_words(taken)}".strip()
        return taken_table(taken), said, not taken.deleted, undone, told

    @app.callback(
        Output("room-one", "value"),
        Output("room-all", "value"),
        Output("room-one", "error"),
        Output("room-all", "error"),
        Output("room-rule", "children"),
        Input("room-change", "n_clicks"),
        Input("room-one", "n_submit"),
        Input("room-all", "n_submit"),
        State("room-one", "value"),
        State("room-all", "value"),
        running=[(Output("room-change", "loading"), True, False)],
    )
    def thin(_clicks: Any, _one: Any, _all: Any, one: str | None, together: str | None) -> Any:
        wrong = {}
        if ctx.triggered_id:
            try:
                room.change_rule(rule_asked(one, together))
            except ValidationError as error:
                wrong = {problem.field: problem.words for problem in problems(error)}
        errors = [wrong.get(name) for name in Rule.model_fields]
        if wrong:
            return no_update, no_update, *errors, no_update
        changed = context.store.rules.rule()
        shown = ["" if value is None else f"{value:,}" for _, value in changed]
        return *shown, *errors, rule_words(*room.rule())

    for name, inputs in (
        ("refresh", [Input("runs-told", "data")]),
        ("again", [Input("runs-search", "value"), Input("runs-deleted", "checked")]),
        ("ticked", [Input(GRID, "selectedRows"), Input("runs-deleted", "checked")]),
        ("columns", [Input("runs-columns", "value")]),
        ("reset", [Input("runs-reset", "n_clicks")]),
        ("undo", [Input("runs-undo-ids", "data"), Input("runs-undo-close", "n_clicks")]),
        ("open", [Input(GRID, "id")]),
    ):
        app.clientside_callback(
            ClientsideFunction("runs", name), Output("runs-sink", f"data-{name}"), *inputs
        )


def _stopped(context: Context, ids: Sequence[str]) -> Any:
    """Stops what has not ended; a note where nothing has to be."""
    count = 0
    for run_id in ids:
        try:
            context.store.send(run_id, Command(command="stop"))
            count += 1
        except RunEnded:
            continue
    return no_update if count else note("All of these runs have ended already.")


def _deleted_words(deleted: Deleted, room: Room) -> str:
    """What was deleted, and what hangs on it."""
    count, bytes_ = len(deleted.run_ids), room.of_runs(deleted.run_ids)
    parts = ["1 run is deleted" if count == 1 else f"{count:,} runs are deleted"]
    if deleted.stopped:
        parts.append("stopped first" if count == 1 else f"{len(deleted.stopped):,} stopped first")
    them = "it" if count == 1 else "them"
    if bytes_:
        parts.append(f"{size_words(bytes_)} of checkpoints with {them}")
    if deleted.heirs:
        heirs = len(deleted.heirs)
        handed = f"handed over from {them}"
        one = f"1 run that was {handed} stays"
        parts.append(one if heirs == 1 else f"{heirs:,} runs that were {handed} stay")
    return ", ".join(parts) + "."


def _counted(total: int, narrowed: bool) -> str:
    found = " found" if narrowed else ""
    return "1 run" + found if total == 1 else f"{total:,} runs{found}"


def _words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return " ".join(problem.words for problem in problems(error))
    return error.problem.words if isinstance(error, NotAllowed) else str(error)


def _token() -> int:
    return time.time_ns()


RUNS = Page("/runs", "Runs", "Runs · Feedback alignment", layout, register, of_run=False)
