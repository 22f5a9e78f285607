"""Requests that nobody has thought of: none is a fault of the server, and none that is refused
leaves anything behind.

A hundred of each kind every day; `make thorough` makes three thousand of each. What they find
becomes an example here, or a test of its own.
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_strict import outputs_of
from web_helpers import Script
from werkzeug.test import TestResponse

from app.pages import PAGES
from app.server import WebApp
from app.store import RunState
from app.store.listing import COLUMNS, NUMBER_TESTS, TEXT_TESTS
from app.strict import UPDATE

ANY = settings(
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)
STARTS = (201, 202)  # what may make the queue longer

NASTY = st.sampled_from(
    [
        *("", " ", "0", "-1", "1e999", "nan", "inf", "null", "true", "9" * 30, "1,", ",", "\x00"),
        *("é", "💥", "\u202e", "%", "%00", "=", "<b>", "'", '"', "\\", "../..", "run", "__class__"),
    ]
)
TEXT = st.text(max_size=12) | NASTY
VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**62)
    | st.floats()
    | TEXT
    | st.sampled_from([1e308, -1e308, 1e-320, 2**63, -(2**63)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


LOOKS = ("events", "export.csv", "export.json", "export.parquet", "export.py", "export.html")


class Faults(logging.Handler):
    """What the log says at the level of an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))


@pytest.fixture
def faults() -> Iterator[Faults]:
    handler = Faults()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def client(app: WebApp) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def ended(script: Script) -> str:
    """A run that has ended, with measurements."""
    script.measure(12, blocks=2)
    script.finish()
    return script.run.id


def queued(app: WebApp) -> int:
    return sum(run.state is RunState.QUEUED for run in app.store.runs())


def assert_no_fault(answer: TestResponse | Any, faults: Faults, asked: object) -> None:
    assert answer.status_code < 500 or answer.status_code == 503, asked
    assert faults.said == [], asked


@ANY
@given(data=st.data())
def test_requests_of_the_document(
    app: WebApp, ended: str, faults: Faults, data: st.DataObject
) -> None:
    operation = data.draw(st.sampled_from(operations(app)))
    case = data.draw(operation.as_strategy())
    for name in case.path_parameters or {}:
        if data.draw(st.booleans()):
            case.path_parameters[name] = ended
    if isinstance(case.body, dict) and "ids" in case.body and data.draw(st.booleans()):
        case.body["ids"] = [ended]
    before = queued(app)
    answer = case.call()
    told = (case.method, case.path, case.path_parameters, case.query, case.body)
    assert_no_fault(answer, faults, told)
    assert queued(app) <= before or answer.status_code in STARTS, told


_operations: dict[int, list[Any]] = {}


def operations(app: WebApp) -> list[Any]:
    """Those of the document of ``app``."""
    if id(app) not in _operations:
        _operations.clear()
        schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
        _operations[id(app)] = [one.ok() for one in schema.get_all_operations()]
    return _operations[id(app)]


NUMBERS = st.sampled_from([0, -1, 1, 0.5, 1e300, -1e300, 1e-320, 2**62, 2**63, 2**70, 10**400])


def place(tree: Any, data: st.DataObject) -> tuple[Any, ...]:
    """A place in a document, as likely in a small part of it as in a large one."""
    at: tuple[Any, ...] = ()
    while isinstance(tree, (dict, list)) and tree and (not at or data.draw(st.integers(0, 3))):
        keys = list(tree) if isinstance(tree, dict) else range(min(2, len(tree)))
        at = (*at, data.draw(st.sampled_from(keys)))
        tree = tree[at[-1]]
    return at


def found(tree: Any, at: tuple[Any, ...]) -> Any:
    """What is there."""
    for step in at:
        tree = tree[step]
    return tree


def put(tree: Any, at: tuple[Any, ...], value: Any) -> Any:
    """The document with another value in a place."""
    if not at:
        return value
    tree = copy.copy(tree)
    tree[at[0]] = put(tree[at[0]], at[1:], value)
    return tree


@ANY
@given(data=st.data())
def test_documents_that_somebody_has_changed(
    app: WebApp, client: FlaskClient, ended: str, faults: Faults, data: st.DataObject
) -> None:
    true = client.get(f"/api/runs/{ended}/export.json").get_json()
    tree = true
    for _ in range(data.draw(st.integers(1, 3))):
        at = place(tree, data)
        is_number = isinstance(found(tree, at), (int, float, type(None)))
        tree = put(tree, at, data.draw(NUMBERS | VALUE if is_number else VALUE))
    text = json.dumps(tree).encode()
    if not data.draw(st.integers(0, 4)):
        text = text[: data.draw(st.integers(0, len(text)))]
    before = len(app.store.runs())
    answer = client.post("/api/import", data=text)
    assert_no_fault(answer, faults, text[:2000])
    assert len(app.store.runs()) == before + (answer.status_code == 201)
    if answer.status_code == 201:  # what was taken in can be looked at, and taken out again
        (run,) = answer.get_json()["runs"]
        of_run = f"/api/runs/{run['id']}"
        looks = [of_run, *(f"{of_run}/{name}" for name in LOOKS)]
        looks.append(f"/api/compare?runs={run['id']},{ended}")
        for look in data.draw(st.lists(st.sampled_from(looks), min_size=2, max_size=2)):
            assert_no_fault(client.get(look), faults, (look, text[:2000]))
        assert queued(app) == 0


@ANY
@given(after=TEXT | st.integers().map(str), header=st.none() | st.integers().map(str) | NASTY)
@example(after="9" * 400, header=None)
@example(after="²", header="²")
def test_cursors_of_any_kind(
    client: FlaskClient, ended: str, faults: Faults, after: str, header: str | None
) -> None:
    headers = {"Last-Event-ID": quote(header)} if header is not None else {}
    for what in ("events", "stream"):
        where = f"/api/runs/{ended}/{what}?after={quote(after)}"
        answer = client.get(where, headers=headers)
        assert answer.data is not None  # a stream of a run that has ended ends
        assert_no_fault(answer, faults, (where, headers))


@pytest.mark.usefixtures("ended")
@ANY
@given(
    where=st.lists(
        st.tuples(
            st.sampled_from(COLUMNS) | TEXT, st.sampled_from([*TEXT_TESTS, *NUMBER_TESTS]), TEXT
        ).map("".join)
        | TEXT,
        max_size=3,
    ),
    sort=st.lists(st.sampled_from([*COLUMNS, *(f"-{c}" for c in COLUMNS)]) | TEXT, max_size=3),
    search=TEXT,
    limit=TEXT | st.integers().map(str),
    offset=TEXT | st.integers().map(str),
)
@example(where=["number=1e300"], sort=[], search="", limit="5", offset="0")
@example(where=["pinned=nan"], sort=[], search="", limit="5", offset="0")
def test_lists_of_any_kind(
    client: FlaskClient,
    faults: Faults,
    where: list[str],
    sort: list[str],
    search: str,
    limit: str,
    offset: str,
) -> None:
    asked = [("where", one) for one in where] + [("sort", ",".join(sort)), ("search", search)]
    for more in ([], [("limit", limit)], [("offset", offset), ("deleted", limit)]):
        query = urlencode(asked + more)
        assert_no_fault(client.get(f"/api/runs?{query}"), faults, query)


NAMES = st.sampled_from(
    [
        *("run", "runs", "race", "report", "scheme", "hidden", "learning_rate", "epochs", "seed"),
        *("checkpoint", "network", "n_samples", "under", "show", "type", "measures", "group", "x"),
        *("align", "layers", "log", "replicates", "plane", "through", "w1", "w2", "b", "along"),
    ]
)


@ANY
@given(data=st.data())
def test_addresses_of_pages(
    app: WebApp, client: FlaskClient, ended: str, faults: Faults, data: st.DataObject
) -> None:
    """As the browser brings them: to every callback that looks at the address."""
    pairs = data.draw(st.lists(st.tuples(NAMES | TEXT, TEXT | st.just(ended)), max_size=4))
    path = data.draw(st.sampled_from([page.path for page in PAGES]))
    search = f"?{urlencode(pairs)}" if data.draw(st.booleans()) else data.draw(TEXT)
    assert_no_fault(client.get(f"{path}?{search.lstrip('?')}".replace("#", "")), faults, search)
    callback = data.draw(st.sampled_from(readers(client)))
    known = {
        "url.search": search,
        "url.pathname": path,
        "url.href": f"http://localhost{path}{search}",
        "theme-now.data": "light",
    }

    def told(one: dict[str, str]) -> Any:
        if one["id"].startswith("{"):
            return []
        return {**one, "value": known.get(f"{one['id']}.{one['property']}")}

    outputs = outputs_of(callback)
    body = {
        "output": callback["output"],
        "outputs": outputs if callback["output"].startswith("..") else outputs[0],
        "inputs": [told(one) for one in callback["inputs"]],
        "state": [told(one) for one in callback["state"]],
        "changedPropIds": ["url.search"],
    }
    answer = client.post(UPDATE, data=json.dumps(body), content_type="application/json")
    assert_no_fault(answer, faults, (callback["output"], path, search))
    assert len(app.store.runs()) == 1


_readers: list[dict[str, Any]] = []


def readers(client: FlaskClient) -> list[dict[str, Any]]:
    """The server's callbacks that are told the address."""
    if not _readers:
        told = client.get("/_dash-dependencies").get_json()
        _readers.extend(
            one
            for one in told
            if not one["clientside_function"]
            and any(asked["id"] == "url" for asked in [*one["inputs"], *one["state"]])
        )
        assert len(_readers) > 5
    return _readers
