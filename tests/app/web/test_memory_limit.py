"""A run that takes more memory than is allowed is refused in one way wherever it is asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.components.form import config_from
from app.server import WebApp, create_app
from app.settings import Settings

LARGE = {"dataset": "spirals", "hidden": [512, 512], "batch_size": 1500, "replicates": 32}


@pytest.fixture
def app(settings: Settings) -> Iterator[WebApp]:
    made = create_app(settings.model_copy(update={"max_run_mb": 300}))
    yield made
    made.close()


def test_form_api_and_race_say_the_same(app: WebApp) -> None:
    client = app.test_client()
    run = client.post("/api/runs", json={"config": LARGE})
    race = client.post("/api/races", json={"config": LARGE, "values": ["fa", "dfa"]})
    _, wrong = config_from(LARGE, app.settings.limits)
    for said in (
        *(answer.get_json()["errors"][0]["message"] for answer in (run, race)),
        *wrong.values(),
    ):
        assert "this run would take about" in said
        assert "300 MB are allowed (FA_MAX_RUN_MB)" in said
    assert (run.status_code, race.status_code) == (422, 422)
    assert list(wrong) == ["batch_size"]
    assert app.store.runs() == []
