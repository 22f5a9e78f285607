/* The lab's slider that goes on by itself, and a finger on its charts. */
(function () {
  "use strict";

  const PLAY = "Play";
  const PAUSE = "Pause";

  /* Pressed: begins, from the start where it stands at the end, or halts. A tick: one further. For
     who wants nothing to move it goes to the end at once, and from there to the start. */
  function play(_clicks, _ticks, at, last, halted) {
    const keep = window.dash_clientside.no_update;
    const pressed = window.dash_clientside.callback_context.triggered.some(({ prop_id: id }) =>
      id.endsWith(".n_clicks")
    );
    if (pressed && halted && window.matchMedia("(prefers-reduced-motion: reduce)").matches) {
      return [true, PLAY, at >= last ? 0 : last];
    }
    if (pressed) return halted ? [false, PAUSE, at >= last ? 0 : keep] : [true, PLAY, keep];
    if (halted || at >= last) return [true, PLAY, keep];
    return [false, PAUSE, at + 1];
  }

  /* A finger on a chart scrolls the page: plotly would keep the touch and zoom. What a tap is over is
     shown all the same, since the browser makes a mouse's events of it. */
  const scrolls = (event) => {
    if (event.target.closest(".lab .js-plotly-plot, .plane .js-plotly-plot")) event.stopPropagation();
  };
  document.addEventListener("touchstart", scrolls, { capture: true, passive: true });

  /* The address names the run that is shown, without a step back. */
  function nameRun(known) {
    const { joined, fieldsOf, put } = window.Address;
    const { search } = window.location;
    if (known && known.run && !new URLSearchParams(search).has("run")) {
      put(joined(search, fieldsOf(search), { run: known.run }));
    }
  }

  /* The step of the checkpoint that is looked at, for the address; nothing for the newest. */
  function stepNow(at, fresh, known) {
    const found = (known && known.checkpoints) || [];
    return fresh || at >= found.length - 1 ? null : found[at][0];
  }

  /* What is shown when a button is pressed is what the button is about: by the time that Dash asks
     the server, a run that goes on has another checkpoint. */
  const ABOUT_WHAT_IS_SHOWN = "#stab-kick-go, #hand-start";
  const pressed = ({ target }) => {
    if (!target.closest(ABOUT_WHAT_IS_SHOWN)) return;
    const shown = document.querySelector("#stab-step [data-shown]");
    const [run, seq] = shown ? shown.dataset.shown.split(" ") : [null, null];
    window.dash_clientside.set_props("stab-pressed-at", { data: [run, Number(seq)] });
  };
  document.addEventListener("click", pressed, { capture: true });

  /* Below no output is told to Dash: it holds a callback up while anything is on its way that its
     inputs may come of, over however many callbacks between, and of what a page asks again and
     again something always is. */
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);

  /* The run, when it is another one. */
  function stabilityRun(known, before) {
    if (known && known.run && known.run !== before) setProps("stab-run-now", { data: known.run });
  }

  /* The same; and what was drawn of the one before goes. */
  function walkRun(run, before) {
    if (!run || run === before) return;
    setProps("walk-plane", { data: null });
    setProps("walk-run-shown", { data: run });
  }

  /* Presses Kick for an address that says so, as soon as the checkpoint that it names is drawn. */
  function kickAsked(drawn, kicked, before, clicks) {
    if (kicked && !before && !clicks && drawn && drawn[1]) setProps("stab-kick-go", { n_clicks: 1 });
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.lab = {
    play,
    name_run: nameRun,
    step_now: stepNow,
    stability_run: stabilityRun,
    walk_run: walkRun,
    kick_asked: kickAsked,
  };
})();
