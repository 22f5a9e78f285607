"""The live stream over real HTTP: every event once and in order, whoever comes and goes."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request

import numpy as np
import pytest
from waiting import PATIENCE_S
from web_helpers import LEASE_S, OWNER, Script, Viewer, in_a_loop, serve

from app.frames import FRAME_BYTES, PAGE, Frame
from app.hub import Hub
from app.live import Watch, messages
from app.server import WebApp, create_app
from app.settings import Settings
from app.store import Command, Draft, RunState
from fa_engine import Measurement


def stream(url: str, script: Script, query: str = "") -> str:
    return f"{url}/api/runs/{script.run.id}/stream{query}"


def test_all_viewers_get_every_event_once_and_in_order(url: str, script: Script) -> None:
    viewers = [Viewer(stream(url, script)) for _ in range(3)]
    for _ in range(5):
        script.measure(count=3, blocks=4)
    script.finish()
    for viewer in viewers:
        viewer.join()
        assert viewer.seqs == list(range(1, script.revision + 1))
        assert viewer.ended
        assert viewer.ids[-1] == script.revision
        assert viewer.events[-1]["state"] == "finished"


def test_the_id_of_a_frame_is_its_last_event(url: str, script: Script) -> None:
    viewer = Viewer(stream(url, script))
    script.measure(blocks=5)
    script.finish()
    viewer.join()
    assert viewer.ids == [frame["events"][-1]["seq"] for frame in viewer.frames]


def test_a_viewer_that_reconnects_misses_nothing_and_sees_nothing_twice(
    url: str, script: Script
) -> None:
    first = Viewer(stream(url, script), enough=lambda viewer: len(viewer.events) >= 4)
    script.measure(blocks=6)
    first.join()
    script.measure(blocks=3)
    # A browser repeats the address it began with, and the header counts.
    again = Viewer(stream(url, script, "?after=1"), {"Last-Event-ID": str(first.ids[-1])})
    script.measure(blocks=2)
    script.finish()
    again.join()
    assert first.seqs + again.seqs == list(range(1, script.revision + 1))


def test_a_late_viewer_starts_where_its_backfill_ended(url: str, script: Script) -> None:
    early = Viewer(stream(url, script))
    script.measure(blocks=7)
    seen = script.revision
    late = Viewer(stream(url, script, f"?after={seen}"))
    script.measure(blocks=2)
    script.finish()
    early.join()
    assert late.join().seqs == list(range(seen + 1, script.revision + 1))
    assert early.seqs == list(range(1, script.revision + 1))


def test_a_new_process_does_not_begin_again_at_the_start(
    app: WebApp, settings: Settings, script: Script
) -> None:
    script.measure(blocks=5)
    with serve(app) as url:
        before = Viewer(stream(url, script), enough=lambda v: v.ids[-1] == script.revision).join()
    restarted = create_app(settings)
    with serve(restarted) as url:
        after = Viewer(stream(url, script), {"Last-Event-ID": str(before.ids[-1])})
        script.measure(blocks=2)
        script.finish()
        assert after.join().seqs == [script.revision - 2, script.revision - 1, script.revision]
    restarted.close()


def test_more_events_than_fit_one_frame_come_in_several(url: str, script: Script) -> None:
    script.write(*[Draft.notice(1, f"note {n}") for n in range(2 * PAGE + 5)])
    script.finish()
    viewer = Viewer(stream(url, script)).join()
    assert viewer.seqs == list(range(1, script.revision + 1))
    assert len(viewer.frames) == 3
    assert viewer.ended


def test_frames_and_pages_are_bounded_by_bytes(app: WebApp, url: str, script: Script) -> None:
    script.measure(count=30, blocks=40)
    script.measure(count=8000)  # one alone is more than the limit
    script.measure(count=30, blocks=40)
    script.finish()
    sizes = {}
    for frame in frames_of(app, script):
        sizes[frame.last - frame.first + 1] = len(frame.message)
        assert frame.first == frame.last or len(frame.message) < FRAME_BYTES + 200
    assert sizes[1] > FRAME_BYTES
    assert max(sizes) > 10
    assert Viewer(stream(url, script)).join().seqs == list(range(1, script.revision + 1))
    client, after = app.test_client(), 0
    while after < script.revision:
        answer = client.get(f"/api/runs/{script.run.id}/events?after={after}")
        page = answer.get_json()
        assert len(page["events"]) == 1 or len(answer.data) < FRAME_BYTES + 200
        assert page["events"][0]["seq"] == after + 1
        after = page["last"]
        assert page["more"] == (after < script.revision) != page["ended"]


def frames_of(app: WebApp, script: Script) -> list[Frame]:
    hub = Hub(app.store)
    found = [frame for frame in frames(hub, script) if frame]
    hub.close()
    return found


def test_measurements_that_are_large_are_not_read_together(script: Script) -> None:
    script.measure(count=100, blocks=10)
    (size,) = {len(e.payload) for e in script.store.events(script.run.id) if e.payload}
    read = script.store.events(script.run.id, after=2, most_bytes=3 * size)
    assert [event.seq for event in read] == [3, 4, 5]
    assert len(script.store.events(script.run.id, after=2, most_bytes=1)) == 1
    assert len(script.store.events(script.run.id, after=2, limit=2, most_bytes=3 * size)) == 2


def test_frames_in_memory_are_bounded_by_bytes(app: WebApp, script: Script) -> None:
    script.measure(count=5, blocks=30)
    script.finish()
    # Room for one frame and no more: each viewer has all of them all the same.
    hub = Hub(app.store, frame_bytes=5000, kept_bytes=6000)

    async def watch() -> None:
        seen, most = [], 0
        async for frame in hub.frames(script.run.id, 0):
            assert frame is not None
            seen.append(frame)
            most = max(most, hub.kept_bytes)
        assert len(seen) > 5
        assert [frame.first for frame in seen[1:]] == [frame.last + 1 for frame in seen[:-1]]
        assert seen[-1].last == script.revision
        assert 0 < most <= 6000

    in_a_loop(watch())
    assert hub.kept_bytes == 0  # nobody watches any more
    hub.close()


def test_a_kept_frame_ends_nothing_that_has_been_extended(app: WebApp, script: Script) -> None:
    script.measure()
    script.finish()
    hub = Hub(app.store)
    ended_at = script.revision

    async def watch() -> None:
        first = hub.frames(script.run.id, 0)
        kept = await anext(first)  # and this viewer stays, so that its frames do
        assert kept is not None
        assert kept.ended
        app.store.send(script.run.id, Command(command="extend", epochs=1))
        again = app.store.claim(OWNER, LEASE_S)
        assert again is not None
        script.write(Draft.notice(44, "it goes on"))
        second = hub.frames(script.run.id, 0)
        assert await anext(second) is kept
        script.finish()
        rest = [frame async for frame in second if frame]
        assert rest[-1].last == script.revision > ended_at

    in_a_loop(watch())
    hub.close()


def test_a_run_that_is_over_and_seen_is_no_content(url: str, script: Script) -> None:
    script.finish()
    viewer = Viewer(stream(url, script, f"?after={script.revision}")).join()
    assert viewer.status == 204
    assert viewer.events == []
    rest = Viewer(stream(url, script, f"?after={script.revision - 1}")).join()
    assert rest.seqs == [script.revision]
    assert rest.ended


def test_beyond_the_cap_a_stream_is_put_off_until_a_place_is_free(
    url: str, app: WebApp, script: Script
) -> None:
    viewers = [Viewer(stream(url, script)) for _ in range(app.settings.max_streams)]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(stream(url, script), timeout=PATIENCE_S)
    with refused.value as answer:
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
    # What cannot stream can still ask.
    with urllib.request.urlopen(
        f"{url}/api/runs/{script.run.id}/events", timeout=PATIENCE_S
    ) as answer:
        assert json.load(answer)["last"] == script.revision
    script.finish()
    for viewer in viewers:
        viewer.join()
    assert Viewer(stream(url, script)).join().ended


def test_a_stream_is_not_to_be_buffered(url: str, script: Script) -> None:
    script.finish()
    with urllib.request.urlopen(stream(url, script), timeout=PATIENCE_S) as answer:
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert "no-cache" in answer.headers["Cache-Control"]


def test_json_has_the_same_events_as_the_stream(url: str, app: WebApp, script: Script) -> None:
    script.measure(count=10, blocks=3)
    script.write(Draft.control(30, "learning_rate", 0.1, 0.05))
    script.finish()
    streamed = Viewer(stream(url, script)).join().events
    client = app.test_client()
    answer = client.get(f"/api/runs/{script.run.id}/events").get_json()
    assert answer["events"] == streamed
    assert answer["last"] == script.revision
    assert answer["ended"]
    later = client.get(f"/api/runs/{script.run.id}/events?after=3").get_json()
    assert later["events"] == streamed[3:]


def test_json_comes_in_pages(app: WebApp, script: Script) -> None:
    script.write(*[Draft.notice(1, "") for _ in range(PAGE)])
    script.finish()
    client, after, seqs = app.test_client(), 0, []
    while True:
        page = client.get(f"/api/runs/{script.run.id}/events?after={after}").get_json()
        seqs += [event["seq"] for event in page["events"]]
        after = page["last"]
        if not page["more"]:
            break
        assert not page["ended"]
    assert page["ended"]
    assert seqs == list(range(1, script.revision + 1))


def test_measurements_are_median_and_band_as_lists(
    app: WebApp, script: Script, measured: list[Measurement]
) -> None:
    script.measure(count=10)
    page = app.test_client().get(f"/api/runs/{script.run.id}/events?after=2").get_json()
    bands = page["events"][0]["bands"]
    part = measured[:10]
    assert set(bands) == {
        "loss",
        "accuracy",
        "test_loss",
        "test_accuracy",
        "gradient_angle_deg/1",
        "gradient_angle_deg/2",
    }
    loss = np.array([m.loss for m in part])  # (T, R)
    assert bands["loss"]["step"] == [m.step for m in part]
    np.testing.assert_allclose(bands["loss"]["median"], np.median(loss, axis=1), rtol=1e-5)
    np.testing.assert_allclose(bands["loss"]["low"], np.quantile(loss, 0.1, axis=1), rtol=1e-5)
    np.testing.assert_allclose(bands["loss"]["high"], np.quantile(loss, 0.9, axis=1), rtol=1e-5)
    top = np.array([m.gradient_angle_deg[:, 1] for m in part])
    np.testing.assert_allclose(
        bands["gradient_angle_deg/2"]["median"], np.median(top, axis=1), rtol=1e-5
    )
    evaluated = [m for m in part if m.test_loss is not None]
    assert bands["test_loss"]["step"] == [m.step for m in evaluated] != []


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 40])
def test_a_cursor_that_is_none_is_refused(app: WebApp, script: Script, after: str) -> None:
    for address in ("events", "stream"):
        answer = app.test_client().get(f"/api/runs/{script.run.id}/{address}?after={after}")
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["field"] == "after"
        assert answer.get_json()["errors"][0]["value"] == after


def test_an_unknown_run_is_not_found(app: WebApp) -> None:
    for address in ("events", "stream"):
        assert app.test_client().get(f"/api/runs/nobody/{address}").status_code == 404


def test_viewers_of_a_run_share_its_frames(app: WebApp, script: Script) -> None:
    hub = Hub(app.store)
    start = script.revision

    async def watch() -> None:
        viewers = [hub.frames(script.run.id, start) for _ in range(3)]
        waiting = [asyncio.ensure_future(anext(viewer)) for viewer in viewers]
        script.measure()
        first = await asyncio.gather(*waiting)
        script.measure()
        second = [await anext(viewer) for viewer in viewers]
        assert {frame.last for frame in first if frame} == {start + 1}
        assert all(frame is second[0] for frame in second)

    in_a_loop(watch())
    hub.close()


def test_a_silent_run_is_pinged(app: WebApp, script: Script) -> None:
    hub = Hub(app.store, ping_s=0.01)

    async def watch() -> None:
        viewer = hub.frames(script.run.id, script.revision)
        assert [await anext(viewer) for _ in range(3)] == [None, None, None]
        # As an event of its own name, which a page hears, with no events of the run in it.
        said = messages(hub, Watch(script.run.id, script.revision, ""))
        nothing = json.dumps({"run_id": script.run.id, "events": []}, separators=(",", ":"))
        assert await anext(said) == b"retry: 1000\n\n"
        assert await anext(said) == f"event: ping\ndata: {nothing}\n\n".encode()

    in_a_loop(watch())
    hub.close()


def test_a_run_whose_worker_is_gone_is_put_back_while_it_is_watched(
    app: WebApp, script: Script
) -> None:
    app.store.heartbeat(script.run.id, OWNER, -1.0)  # the last word of its worker was long ago
    hub = Hub(app.store, lease_s=0.01, sweep_s=0.05)

    async def watch() -> None:
        async for frame in hub.frames(script.run.id, 0):  # it goes on: the viewer stays
            if app.store.run(script.run.id).state is RunState.QUEUED:
                assert frame is None or not frame.ended
                break

    in_a_loop(watch())
    assert "worker" in app.store.run(script.run.id).reason
    hub.close()


def test_a_viewer_of_a_run_that_ended_unseen_is_let_go(app: WebApp, script: Script) -> None:
    hub = Hub(app.store, ping_s=0.01)
    script.finish()
    assert frames(hub, script, script.revision) == [None]
    hub.close()


def frames(hub: Hub, script: Script, after: int = 0) -> list[Frame | None]:
    """All that a viewer is given."""

    async def watch() -> list[Frame | None]:
        return [frame async for frame in hub.frames(script.run.id, after)]

    return in_a_loop(watch())


def test_viewers_of_a_run_that_is_deleted_are_let_go(url: str, script: Script, app: WebApp) -> None:
    viewers = [Viewer(stream(url, script)) for _ in range(2)]
    script.measure(blocks=3)
    app.store.keep.delete([script.run.id])
    for viewer in viewers:
        assert viewer.join().ended
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(stream(url, script), timeout=PATIENCE_S)
    assert refused.value.code == 404
    refused.value.close()
    app.store.keep.restore([script.run.id])
    late = Viewer(stream(url, script))
    script.finish()
    assert late.join().seqs == list(range(1, script.revision + 1))
