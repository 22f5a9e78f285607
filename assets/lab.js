/* The lab's slider that goes on by itself. */
(function () {
  "use strict";

  const PLAY = "Play";
  const PAUSE = "Pause";

  /* Pressed: begins, from the start where it stands at the end, or halts. A tick: one further. */
  function play(_clicks, _ticks, at, last, halted) {
    const keep = window.dash_clientside.no_update;
    const pressed = window.dash_clientside.callback_context.triggered.some(({ prop_id: id }) =>
      id.endsWith(".n_clicks")
    );
    if (pressed) return halted ? [false, PAUSE, at >= last ? 0 : keep] : [true, PLAY, keep];
    if (halted || at >= last) return [true, PLAY, keep];
    return [false, PAUSE, at + 1];
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.lab = { play };
})();
