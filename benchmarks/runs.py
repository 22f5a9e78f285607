"""A list of 10,000 runs: pages of it from the database, and the Runs page in a browser.

Prints milliseconds: how long a page of a hundred runs takes, sorted, searched and filtered; from
the address to the first rows; and from one picture to the next while the table scrolls.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from sqlalchemy import create_engine, insert

from app.server import create_app
from app.serving import served
from app.settings import Settings
from app.store import Condition, Listing, Store
from app.store.summary import described, join_tags, words_of
from app.store.tables import runs
from benchmarks.live import page
from fa_engine import RunConfig

COUNT = 10_000
REPEATS = 15
SCROLLS = 60

LISTS = {
    "newest first": Listing(),
    "page 90": Listing(offset=9_000),
    "by best accuracy": Listing(sort=(("best_accuracy", True),)),
    "by name, page 50": Listing(sort=(("name", False),), offset=5_000),
    "search of two words": Listing(search="lecture run-77"),
    "rate and accuracy": Listing(
        where=(Condition("learning_rate", "<", 0.1), Condition("best_accuracy", ">", 0.9))
    ),
}

# The largest and the middle time between two pictures while the table goes down by a row or two
# in each.
SCROLL = """count => new Promise(done => {
  const body = document.querySelector('.ag-body-viewport, .ag-grid-viewport');
  const times = [];
  let last = performance.now();
  const next = () => {
    const now = performance.now();
    times.push(now - last);
    last = now;
    body.scrollTop += 60;
    if (times.length > count) done(times.slice(1));
    else requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
})"""


def fill(url: str, count: int = COUNT, seed: int = 0) -> None:
    """Puts ``count`` runs that have ended into the database at ``url``, without events."""
    Store(url).close()
    rng = np.random.default_rng(seed)
    config = RunConfig(hidden=(64, 64), epochs=2)
    rows = []
    for number in range(count):
        rate = float(rng.choice([0.01, 0.03, 0.1, 0.3]))
        scheme = str(rng.choice(["fa", "dfa", "bp", "kp"]))
        own = config.replace(learning_rate=rate, scheme=scheme, seed=number)
        name = f"{scheme.upper()} on digits, run-{number}, rate {rate:g}"
        tags = join_tags(["lecture"]) if number % 7 == 0 else ""
        best = float(rng.uniform(0.1, 0.99))
        run_id = f"r{number:09d}"
        rows.append(
            {
                "id": run_id,
                "name": name,
                "config": own.model_dump(mode="json"),
                "state": "finished",
                "reason": "",
                "created_at": 1.7e9 + 60 * number,
                "started_at": 1.7e9 + 60 * number,
                "ended_at": 1.7e9 + 60 * number + 30,
                "step": own.total_steps,
                "total_steps": own.total_steps,
                "epoch": 2.0,
                "steps_per_second": 100.0,
                "learning_rate": rate,
                "scheme": scheme,
                "revision": 1,
                "diverged_at": [None] * own.replicates,
                "trained_s": float(rng.uniform(1, 5000)),
                "pinned": False,
                "tags": tags,
                "words": words_of(run_id, name, None, tags),
                "replicates_left": own.replicates,
                "best_accuracy": best,
                "last_accuracy": best,
                "last_angle_deg": float(rng.uniform(20, 90)),
                **described(own),
            }
        )
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(insert(runs), rows)
    engine.dispose()


def median_ms(times: list[float]) -> float:
    """Of seconds."""
    return 1e3 * statistics.median(times)


def lists(store: Store) -> None:
    """Prints how long a page of each list takes."""
    for name, listing in LISTS.items():
        times = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            found, total = store.keep.page(listing)
            times.append(time.perf_counter() - began)
        print(f"  {name:<34}{median_ms(times):>8.1f} ms   {len(found)} of {total:,}")


def in_a_browser(url: str) -> None:
    """Prints how long the page takes to open, and how smoothly it scrolls."""
    with page(url) as opened:
        opened.wait_for_selector("#runs-button")
        times = []
        for _ in range(5):
            began = time.perf_counter()
            opened.goto(f"{url}/runs", wait_until="commit")
            opened.wait_for_selector(".ag-row .runs-name a")
            times.append(time.perf_counter() - began)
        print(f"  {'the address to the first rows':<34}{median_ms(times):>8.0f} ms")
        times = []
        for _ in range(5):
            opened.goto(f"{url}/plane")
            opened.wait_for_selector("#plane .js-plotly-plot, .js-plotly-plot")
            opened.wait_for_timeout(1_500)
            began = time.perf_counter()
            opened.click("#nav a[href='/runs']")
            opened.wait_for_selector(".ag-row .runs-name a")
            times.append(time.perf_counter() - began)
        print(f"  {'from another page to the first rows':<34}{median_ms(times):>8.0f} ms")
        opened.wait_for_timeout(1_000)
        found = np.array(opened.evaluate(SCROLL, SCROLLS))
        print(f"  {'one picture to the next, median':<34}{np.median(found):>8.0f} ms")
        print(f"  {'the longest while it scrolls':<34}{found.max():>8.0f} ms")


def main() -> None:
    """Prints all of it."""
    print(f"\n{COUNT:,} runs")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(state_dir=Path(folder), workers=0)
        fill(settings.database_url)
        with Store(settings.database_url) as store:
            lists(store)
        app = create_app(settings)
        with served(app) as url:
            in_a_browser(url)
        app.close()


if __name__ == "__main__":
    main()
