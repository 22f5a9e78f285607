"""The way in for runs that were trained elsewhere."""

from __future__ import annotations

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from app.files.intake import MOST_BYTES, read_document
from app.store import Store
from app.views import run_view
from fa_engine import NotAllowed


def import_blueprint(store: Store) -> Blueprint:
    """``POST /api/import``."""
    blueprint = Blueprint("import", __name__)

    @blueprint.post("/api/import")
    def take_in() -> ResponseReturnValue:
        """Takes in the runs of a document that `export.json` made, all of them or none.

        They get ids of their own and are marked as imported; of a run that still went on where it
        was exported, what there was.
        """
        size = request.content_length
        if size is not None and size > MOST_BYTES:
            raise NotAllowed("file", f"{size:,} bytes", f"at most {MOST_BYTES:,} bytes")
        request.max_content_length = MOST_BYTES
        ids = store.copies.take_in(read_document(request.get_data()))
        return jsonify({"runs": [run_view(store.run(run_id)) for run_id in ids]}), 201

    return blueprint
