/* The header of the run on the Train page: name, state, progress, numbers, and what was changed. */
(function () {
  "use strict";

  const CHIPS = 6; // changes listed beside the state at most, fewer where they have no room
  const CHIPS_PX = 30; // their one row
  const WAITING = "waiting for a worker";
  const NAME_MS = 10000; // between two looks at what the run is called
  const LOOK_MS = 2000; // between two looks at who has the workers
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);

  /* For the run of `view` (assets/live.js). */
  function headerOf(view) {
    const waiting = { run: null, words: WAITING, timer: null };
    const { number, stateWords, partly, epochs, pace, caption } = window.RunWords;

    function text(id, value) {
      const element = $(id);
      if (element && element.textContent !== value) element.textContent = value;
    }

    function showRun() {
      const run = view.run;
      const without = view.missing ? "missing" : "none";
      const state = run ? (run.ended ? "ended" : run.state) : without;
      if (!$("run-name")) return; // another page is shown
      root.dataset.run = state;
      if (view.buttons !== state) {
        view.buttons = state;
        setProps("step", { disabled: !["running", "paused"].includes(state) });
        setProps("stop", { disabled: !["queued", "running", "paused"].includes(state) });
        setProps("reset", { disabled: !run });
        if (state === "ended") setProps("extend-epochs", { value: run.epochs });
      }
      if (!run) return;
      root.dataset.state = run.state;
      text("run-name", run.name);
      root.dataset.partly = partly(run) ? "yes" : "no";
      text("run-state", stateWords(run));
      text("run-reason", run.reason || (run.state === "queued" ? waiting.words : ""));
      const { since = "", since_short: shortly = "" } = run.divergence || {};
      text("run-since", shortly);
      $("run-since").title = since === shortly ? "" : since;
      if (run.state === "queued") wait(run.id);
      const parent = $("run-parent");
      parent.hidden = !run.parent;
      if (run.parent) {
        text("run-parent", `parent run, step ${number(run.parent.step)}`);
        parent.setAttribute("href", window.Address.of(`/?run=${run.parent.run_id}`));
      }
      const share = run.total_steps ? Math.min(1, run.step / run.total_steps) : 0;
      $("run-progress").style.width = `${100 * share}%`;
      $("run-progressbar").setAttribute("aria-valuenow", String(Math.round(100 * share)));
      text("run-step", `${number(run.step)} / ${number(run.total_steps)}`);
      text("run-epoch", epochs(run));
      const { titles, speed, time } = pace(run);
      text("run-speed-title", titles.speed);
      text("run-speed", speed);
      text("run-left-title", titles.time);
      text("run-left", time);
      for (const link of document.querySelectorAll("[data-export]")) {
        const href = window.Address.of(`/api/runs/${run.id}/${link.dataset.export}`);
        if (link.getAttribute("href") !== href) link.setAttribute("href", href);
      }
      text("run-origin", run.imported_from ? "imported" : "");
      const words = caption(run);
      if (!view.narrow) words.push("Drag to zoom, double-click to zoom out.");
      text("chart-note", words.join(" "));
      showChanges();
      showControls();
    }

    /* What it is called may have been changed elsewhere, of which no event tells: who comes back to
       the page sees it at once, who only looks at it some seconds later. */
    async function nameAgain() {
      const run = view.run;
      if (!run || document.hidden || !$("run-name")) return;
      const answer = await fetch(window.Address.of(`/api/runs/${run.id}`)).catch(() => null);
      if (!answer || !answer.ok) return;
      const { name } = await answer.json();
      if (!view.run || view.run.id !== run.id) return;
      view.run.name = name;
      text("run-name", name);
    }

    document.addEventListener("visibilitychange", nameAgain);
    window.addEventListener("focus", nameAgain);
    setInterval(nameAgain, NAME_MS);

    /* What a queued run waits for: a run that is paused keeps its worker. */
    function wait(run) {
      if (waiting.run === run) return;
      Object.assign(waiting, { run, words: WAITING });
      clearInterval(waiting.timer);
      const look = async () => {
        const here = view.run && view.run.id === run && view.run.state === "queued";
        if (!here || !$("run-name")) {
          clearInterval(waiting.timer);
          waiting.run = null;
          return;
        }
        const answer = await fetch(window.Address.of("/api/runs")).catch(() => null);
        if (!answer || !answer.ok) return;
        const { runs } = await answer.json();
        // One that was paused in the queue has no worker.
        const called = (wanted) =>
          runs
            .filter(({ state, started_at: began }) => state === wanted && began)
            .map(({ name }) => name)
            .join(", ");
        const [paused, running] = [called("paused"), called("running")];
        waiting.words = running ? `${WAITING}, behind ${running}` : WAITING;
        if (paused) {
          waiting.words += `; ${paused}: paused, and keeps one until it is resumed or stopped`;
        }
        showRun();
      };
      waiting.timer = setInterval(look, LOOK_MS);
      setTimeout(look, LOOK_MS / 4);
    }

    /* The latest changes, as many as one row has room for; the others by name. */
    function showChanges() {
      const box = $("changes");
      const key = `${view.run.id} ${view.changes.length}`;
      if (box.dataset.shown === key) return;
      box.dataset.shown = key;
      const words = view.changes.map(([step, label]) => `step ${number(step)}: ${label}`);
      for (let count = Math.min(CHIPS, words.length); ; count -= 1) {
        const earlier = words.slice(0, words.length - count);
        const chips = words.slice(words.length - count).map(chip);
        if (earlier.length) {
          const more = chip(`+${earlier.length} more`);
          more.title = earlier.join("\n");
          chips.unshift(more);
        }
        box.replaceChildren(...chips);
        if (count <= 1 || box.offsetHeight <= CHIPS_PX) return;
      }
    }

    function chip(words) {
      const element = document.createElement("span");
      element.className = "chip";
      element.textContent = words;
      return element;
    }

    window.addEventListener("resize", () => {
      if (!view.run || !$("changes")) return;
      delete $("changes").dataset.shown;
      showChanges();
    });

    function showControls() {
      const { learning_rate: rate, scheme } = view.run;
      if (view.controls.rate !== rate) {
        view.controls.rate = rate;
        setProps("now-lr", { value: String(rate), error: null });
      }
      if (view.controls.scheme !== scheme) {
        view.controls.scheme = scheme;
        setProps("now-scheme", { value: scheme });
      }
    }

    return { showRun };
  }

  window.RunHeader = headerOf;
})();
