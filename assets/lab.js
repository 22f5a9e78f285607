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
    return window.dash_clientside.no_update;
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.lab = { play, name_run: nameRun };
})();
