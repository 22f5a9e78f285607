"""Reports over HTTP: make, read, change, delete, and take away as one page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, url_for
from flask.typing import ResponseReturnValue

from app.asked import body_of_request
from app.compare import Comparer
from app.report import UNTITLED, Content, as_page, charts_of, draw, kept
from app.store import Report, Store

_BODY = 'an object such as {"title": "Alignment", "charts": []}'


def reports_blueprint(store: Store, comparer: Comparer) -> Blueprint:
    """``/api/reports``."""
    blueprint = Blueprint("reports", __name__)
    reports = store.reports

    @blueprint.get("/api/reports")
    def all_reports() -> ResponseReturnValue:
        """The reports, those changed last first."""
        return jsonify({"reports": [view(report) for report in reports.reports()]})

    @blueprint.post("/api/reports")
    def create() -> ResponseReturnValue:
        """Makes a report of charts of comparisons, each with a paragraph beside it."""
        content = Content.model_validate(body_of_request(_BODY))
        report = reports.create(content.title or UNTITLED, kept(content.charts or []))
        headers = {"Location": url_for("reports.report", report_id=report.id)}
        return jsonify(view(report)), 201, headers

    @blueprint.get("/api/reports/<report_id>")
    def report(report_id: str) -> ResponseReturnValue:
        """A report as it is kept."""
        return jsonify(view(reports.report(report_id)))

    @blueprint.patch("/api/reports/<report_id>")
    def change(report_id: str) -> ResponseReturnValue:
        """Changes its title, or puts other charts in place of its own."""
        content = Content.model_validate(body_of_request(_BODY))
        return jsonify(view(reports.change(report_id, changed(content))))

    @blueprint.delete("/api/reports/<report_id>")
    def delete(report_id: str) -> ResponseReturnValue:
        """Deletes a report, which can be restored."""
        reports.delete(report_id)
        return jsonify({"deleted": report_id})

    @blueprint.post("/api/reports/<report_id>/restore")
    def restore(report_id: str) -> ResponseReturnValue:
        """Brings a deleted report back as it was."""
        return jsonify(view(reports.restore(report_id)))

    @blueprint.get("/api/reports/<report_id>/export.html")
    def export(report_id: str) -> ResponseReturnValue:
        """The report as one page that needs no network, with its charts as their runs stand now."""
        found = reports.report(report_id)
        text = as_page(found, [draw(comparer, chart, "light") for chart in charts_of(found)])
        headers = {"Content-Disposition": f'attachment; filename="report-{report_id}.html"'}
        return Response(text, mimetype="text/html", headers=headers)

    return blueprint


def changed(content: Content) -> Callable[[Report], tuple[str, list[Any]]]:
    """What becomes of a report by what a person puts into it."""

    def change(report: Report) -> tuple[str, list[Any]]:
        charts = report.charts if content.charts is None else kept(content.charts)
        return content.title or report.title, list(charts)

    return change


def view(report: Report) -> dict[str, Any]:
    """A report as the API gives it."""
    return {
        "id": report.id,
        "title": report.title,
        "charts": list(report.charts),
        "created_at": report.created_at,
        "changed_at": report.changed_at,
    }
