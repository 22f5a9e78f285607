"""What runs have measured and what they are, as files for other programs (:mod:`app.files`).

Tables and documents are sent piece by piece, as the database gives them: a run of a million
measurements takes no more of the server's memory than a short one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from app.backfills import Backfills
from app.files import document, page, pdf, table
from app.files.script import as_script
from app.files.table import schema_of, settings_of
from app.frames import dump
from app.settings import Settings
from app.shown import without_folders
from app.store import Run, Series, Store, UnknownCheckpoint
from fa_engine import CheckpointError, NotAllowed
from fa_engine.files.table import as_csv, as_parquet
from fa_engine.training import checkpoint

MOST_RUNS = 100
_PIECE_BYTES = 2**20
_PARQUET = "application/vnd.apache.parquet"
_RETRY_AFTER_S = 2


def export_blueprint(store: Store, settings: Settings, backfills: Backfills) -> Blueprint:
    """``/api/runs/<id>/export.*``, of several runs ``/api/export.*?runs=a,b``, and of a chart."""
    blueprint = Blueprint("export", __name__)

    def about(run: Run) -> dict[str, Any]:
        return document.about(run, store.copies.controls(run.id, run.revision))

    def parts(run: Run) -> Iterator[Series]:
        return store.copies.parts(run.id, run.revision)

    def rows(runs: Sequence[Run], several: bool) -> tuple[Any, Iterator[Any]]:
        schema = schema_of(runs, several=several)
        beside = settings_of(runs) if several else [{}] * len(runs)
        found = (
            table.batches(schema, run, parts(run), own)
            for run, own in zip(runs, beside, strict=True)
        )
        return schema, chain.from_iterable(found)

    @blueprint.get("/api/runs/<run_id>/export.csv")
    def as_table(run_id: str) -> ResponseReturnValue:
        """Every measure of every replicate as CSV, one row a step and replicate."""
        run = store.run(run_id)
        answer = _file(as_csv(*rows([run], False)), "text/csv", f"run-{run_id}.csv")
        return _described(answer, url_for("export.settings_beside", run_id=run_id))

    @blueprint.get("/api/runs/<run_id>/export.parquet")
    def as_columns(run_id: str) -> ResponseReturnValue:
        """The same table as Parquet; what goes beside it is in its metadata."""
        run = store.run(run_id)
        sent = as_parquet(*rows([run], False), about(run))
        return _file(sent, _PARQUET, f"run-{run_id}.parquet")

    @blueprint.get("/api/runs/<run_id>/export.config.json")
    def settings_beside(run_id: str) -> ResponseReturnValue:
        """What goes beside the table: the run, its settings, what was changed while it ran."""
        text = f"{dump(about(store.run(run_id)))}\n".encode()
        return _file(iter([text]), "application/json", f"run-{run_id}.config.json")

    @blueprint.get("/api/runs/<run_id>/export.json")
    def everything(run_id: str) -> ResponseReturnValue:
        """Table and what goes beside it in one, which `POST /api/import` takes in again."""
        run = store.run(run_id)
        sent = document.as_json(about(run), partial(parts, run))
        return _file(sent, "application/json", f"run-{run_id}.json")

    @blueprint.get("/api/runs/<run_id>/export.py")
    def repeats(run_id: str) -> ResponseReturnValue:
        """A Python script that repeats the run with fa_engine alone."""
        run = store.run(run_id)
        text = as_script(run, store.copies.controls(run_id, run.revision), settings.threads)
        return _file(iter([text.encode()]), "text/x-python", f"run-{run_id}.py")

    @blueprint.get("/api/runs/<run_id>/export.html")
    def charts(run_id: str) -> ResponseReturnValue:
        """The charts as one page that needs no network, and the settings under them."""
        text = page.as_page(store.run(run_id), backfills.history(run_id))
        return _file(iter([text.encode()]), "text/html", f"run-{run_id}.html")

    @blueprint.get("/api/runs/<run_id>/weights.safetensors")
    def weights(run_id: str) -> ResponseReturnValue:
        """Weights, biases and feedback matrices of a checkpoint, `?step=N`; without, the last."""
        kept = store.checkpoints(run_id)
        step = _step(request.args.get("step"), kept[-1].step if kept else 0)
        found = store.checkpoint(run_id, step)
        path = settings.checkpoint_dir / run_id / f"{found.step}.safetensors"
        if not path.is_file():  # it has made room for those of newer runs
            raise UnknownCheckpoint(run_id, found.step)
        try:
            checkpoint.read(path)
        except CheckpointError as error:  # its bytes are none that anybody should go on from
            said = without_folders(str(error), settings.checkpoint_dir)
            return jsonify({"error": said}), 409
        name = f"run-{run_id}-{found.step}.safetensors"
        return _file(_pieces(path), "application/octet-stream", name)

    @blueprint.get("/api/export.csv")
    def several_as_table() -> ResponseReturnValue:
        """Several runs, `?runs=a,b`, as one table: with the run and the settings that differ."""
        runs = _asked(store)
        answer = _file(as_csv(*rows(runs, True)), "text/csv", "runs.csv")
        beside = url_for("export.several_settings", runs=",".join(run.id for run in runs))
        return _described(answer, beside)

    @blueprint.get("/api/export.parquet")
    def several_as_columns() -> ResponseReturnValue:
        """The same as Parquet."""
        runs = _asked(store)
        beside = {"runs": [about(run) for run in runs]}
        return _file(as_parquet(*rows(runs, True), beside), _PARQUET, "runs.parquet")

    @blueprint.get("/api/export.config.json")
    def several_settings() -> ResponseReturnValue:
        """What goes beside that table: each run, its settings, what was changed while it ran."""
        text = f"{dump({'runs': [about(run) for run in _asked(store)]})}\n".encode()
        return _file(iter([text]), "application/json", "runs.config.json")

    @blueprint.get("/api/export.json")
    def several_documents() -> ResponseReturnValue:
        """Each run as `export.json` of one has it, all in one document."""
        runs = _asked(store)
        one_by_one = (document.as_json(about(run), partial(parts, run)) for run in runs)
        return _file(document.together(one_by_one), "application/json", "runs.json")

    @blueprint.post("/api/chart.pdf")
    def chart_as_pdf() -> ResponseReturnValue:
        """An SVG, as pages make them of their charts, as PDF: one page of its size.

        The SVG is the body of the request. An image in it that is not within it is refused.
        """
        svg = request.get_data()
        try:
            made = pdf.as_pdf(svg)
        except pdf.NoPicture as error:
            raise NotAllowed("body", f"{len(svg):,} bytes", f"an SVG; {error}", "Chart") from None
        except pdf.Busy as error:
            return jsonify({"error": str(error)}), 503, {"Retry-After": str(_RETRY_AFTER_S)}
        return _file(iter([made]), "application/pdf", "chart.pdf")

    return blueprint


def _asked(store: Store) -> list[Run]:
    """The runs that an address names, ``?runs=a,b``, each once."""
    text = request.args.get("runs", "")
    ids = list(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))
    if not 1 <= len(ids) <= MOST_RUNS:
        raise NotAllowed("runs", text, f"1 to {MOST_RUNS} ids with commas between them")
    return [store.run(run_id) for run_id in ids]


def _step(text: str | None, last: int) -> int:
    if text is None:
        return last
    if not text.isdecimal() or len(text) > 18:
        raise NotAllowed("step", text, "the step of a checkpoint, a whole number from 0")
    return int(text)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _file(parts: Iterator[bytes], mimetype: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(stream_with_context(parts), mimetype=mimetype, headers=headers)


def _described(answer: Response, beside: str) -> Response:
    answer.headers["Link"] = f'<{beside}>; rel="describedby"; type="application/json"'
    return answer
