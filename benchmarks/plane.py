"""The Plane page: how long after a slider's move everything that follows it is painted."""

from __future__ import annotations

from playwright.sync_api import Page

from benchmarks.live import dashboard, page, row

SLIDERS = {
    "target": "target",
    "feedback": "feedback (BP's plane stays)",
    "rate": "learning rate",
    "noise": "gradient noise",
}
MOVES = 60
GAP_MS = 30
SETTLE_MS = 2000

# From the last event of pointer or key before a draw to the first moment after its frame.
LOG_FOLLOWED = """() => {
    window.followed = [];
    let last = null;
    for (const kind of ["pointermove", "keydown"]) {
        addEventListener(kind, (event) => { last = event.timeStamp; }, true);
    }
    const { plane } = window.dash_clientside;
    const { draw } = plane;
    plane.draw = (...given) => {
        const from = last;
        const answer = draw(...given);
        requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = () => followed.push((performance.now() - from) / 1000);
            port2.postMessage(null);
        });
        return answer;
    };
}"""


def dragged(opened: Page, slider: str) -> list[float]:
    """Seconds from a move of the thumb to its paint, while it is dragged along."""
    box = opened.locator(f"#plane-{slider}").bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    opened.mouse.move(box["x"] + 0.2 * box["width"], y)
    opened.mouse.down()
    opened.wait_for_timeout(SETTLE_MS / 4)
    opened.evaluate("() => { followed.length = 0; }")
    for move in range(MOVES):
        opened.mouse.move(box["x"] + (0.2 + 0.7 * (move + 1) / MOVES) * box["width"], y)
        opened.wait_for_timeout(GAP_MS)
    opened.mouse.up()
    opened.wait_for_timeout(SETTLE_MS / 4)
    return list(opened.evaluate("followed"))


def stepped(opened: Page, slider: str) -> list[float]:
    """Seconds from a press of an arrow key to its paint, one at a time."""
    opened.evaluate("() => { followed.length = 0; }")
    thumb = opened.locator(f"#plane-{slider} [role=slider]")
    for _ in range(MOVES // 2):
        thumb.press("ArrowLeft")
        opened.wait_for_timeout(5 * GAP_MS)
    return list(opened.evaluate("followed"))


def main() -> None:
    """Prints one table."""
    with dashboard() as served, page(f"{served.url}/plane") as opened:
        opened.wait_for_selector("#plane-along .scatterlayer path")
        opened.wait_for_timeout(SETTLE_MS)
        opened.evaluate(LOG_FOLLOWED)
        print("\nThe Plane page, a slider's move to all that follows it painted")
        print(f"  {'':<46}{'median':>9}{'p95':>11}")
        for slider, title in SLIDERS.items():
            row(f"{title}: dragged", dragged(opened, slider))
            row(f"{title}: by a step", stepped(opened, slider))


if __name__ == "__main__":
    main()
