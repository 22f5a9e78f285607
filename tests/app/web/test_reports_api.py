"""Reports over HTTP, and as one page that needs nobody."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from web_helpers import Script

from app.report import LONGEST_TEXT, MOST_CHARTS
from app.server import WebApp


@pytest.fixture
def charts(script: Script) -> list[dict[str, Any]]:
    """Charts of a run that has measured something."""
    script.measure(12)
    of_run = f"runs={script.run.id}"
    return [
        {"comparison": of_run, "panel": "loss", "text": "It falls </script><b>fast</b>."},
        {"comparison": f"?{of_run}&x=epoch", "panel": "gradient_angle_deg/2"},
        {"comparison": of_run, "panel": "angle"},
        {"comparison": of_run, "panel": "descent", "text": "Whose work it is."},
        {"comparison": "runs=gone", "panel": "loss"},
    ]


def created(app: WebApp, **body: Any) -> dict[str, Any]:
    answer = app.test_client().post("/api/reports", json=body)
    assert answer.status_code == 201, answer.json
    assert answer.headers["Location"].endswith(f"/api/reports/{answer.json['id']}")
    return dict(answer.json)


def test_a_report_is_made_read_changed_and_deleted(
    app: WebApp, charts: list[dict[str, Any]]
) -> None:
    client = app.test_client()
    made = created(app, title="Alignment", charts=charts)
    assert len({chart["id"] for chart in made["charts"]}) == 5
    assert [chart["panel"] for chart in made["charts"]] == [chart["panel"] for chart in charts]
    address = f"/api/reports/{made['id']}"
    assert client.get(address).json == made
    kept = made["charts"][3] | {"text": "Otherwise."}
    changed = client.patch(address, json={"charts": [kept]}).json
    assert (changed["title"], changed["charts"]) == ("Alignment", [kept])
    renamed = client.patch(address, json={"title": "Who does the work"}).json
    assert (renamed["title"], renamed["charts"]) == ("Who does the work", [kept])
    assert [report["id"] for report in client.get("/api/reports").json["reports"]] == [made["id"]]
    assert client.delete(address).json == {"deleted": made["id"]}
    assert client.get(address).status_code == 404
    assert client.get("/api/reports").json == {"reports": []}
    assert client.post(f"{address}/restore", json={}).json == renamed
    assert client.get("/api/reports/nobody").json == {"error": "There is no report 'nobody'."}


@pytest.mark.parametrize(
    ("body", "field", "allowed"),
    [
        ({"title": " "}, "title", "1 to 200 printable characters"),
        ({"title": 3}, "title", "1 to 200 printable characters"),
        ({"charts": [{"comparison": "runs=a", "panel": "lose"}]}, "panel", "a measure"),
        ({"charts": [{"comparison": "runs=a", "panel": "loss/0"}]}, "panel", "a measure"),
        ({"charts": [{"comparison": "x=minutes", "panel": "loss"}]}, "comparison", "step"),
        ({"charts": [{"panel": "loss"}]}, "comparison", "address"),
        (
            {"charts": [{"comparison": "", "panel": "loss", "text": "x" * (LONGEST_TEXT + 1)}]},
            "text",
            "at most 10,000",
        ),
        ({"charts": [{"comparison": "", "panel": "loss"}] * (MOST_CHARTS + 1)}, "charts", "50"),
        ({"charts": [{"comparison": "", "panel": "loss", "id": "a"}] * 2}, "charts", "same id"),
        ({"charts": "loss"}, "charts", "a list"),
        ({"chart": []}, "chart", "title, charts"),
    ],
)
def test_a_report_that_is_none_is_refused(
    app: WebApp, body: dict[str, Any], field: str, allowed: str
) -> None:
    client = app.test_client()
    for answer in (
        client.post("/api/reports", json=body),
        client.patch(f"/api/reports/{created(app)['id']}", json=body),
    ):
        assert answer.status_code == 422, answer.json
        (error,) = answer.json["errors"]
        assert error["field"] == field
        assert allowed in error["message"]


def test_the_page_needs_nobody_and_has_every_chart(
    app: WebApp, charts: list[dict[str, Any]]
) -> None:
    made = created(app, title="<Alignment>", charts=charts)
    answer = app.test_client().get(f"/api/reports/{made['id']}/export.html")
    assert answer.headers["Content-Disposition"].endswith(f'"report-{made["id"]}.html"')
    page = answer.get_data(as_text=True)
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    assert "&lt;Alignment&gt;" in page
    assert "It falls &lt;/script&gt;&lt;b&gt;fast&lt;/b&gt;." in page
    assert "There is no run &#x27;gone&#x27;: it was deleted, or never was." in page
    drawn = re.findall(r'Plotly\.newPlot\(\s*"chart-(\w+)"', page)
    assert drawn == [chart["id"] for chart in made["charts"][:4]]
    assert page.count("<section>") == 5
    assert len(page.encode()) < 8_000_000  # plotly's script is in it once
    assert json.dumps("Loss")[1:-1] in page
