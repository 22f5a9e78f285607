/* The Studies page: which lines of its parallel axes stay, when some axes are brushed. */
(function () {
  "use strict";

  const PALE = 0; // trace of those that are brushed away; then one a colour, then what can be hit

  /* Whether a row, a place from 0 to 1 on each axis, goes through all boxes: through each on every
     axis that it covers. One that covers none asks nothing. */
  function goesThrough(row, boxes) {
    return boxes.every(({ x0, x1, y0, y1 }) =>
      row.every((place, axis) => {
        const covered = Math.min(x0, x1) <= axis && axis <= Math.max(x0, x1);
        return !covered || (Math.min(y0, y1) <= place && place <= Math.max(y0, y1));
      })
    );
  }

  /* One broken line through all rows. */
  function broken(rows) {
    return {
      x: rows.flatMap((row) => [...row.keys(), null]),
      y: rows.flatMap((row) => [...row, null]),
    };
  }

  /* The lines of every trace: the pale one, and one a colour. */
  function sorted({ rows, bins }, boxes, colours) {
    const stays = rows.map((row) => goesThrough(row, boxes));
    const of = (wanted) => broken(rows.filter((_, number) => wanted(number)));
    const kept = [...Array(colours).keys()].map((bin) =>
      of((number) => stays[number] && bins[number] === bin)
    );
    return [of((number) => !stays[number]), ...kept];
  }

  let brushed = { of: "", boxes: [] }; // of a study, and of what its axes are

  function parallel() {
    const gd = document.querySelector("#studies-parallel .js-plotly-plot");
    return gd && gd.layout && gd.layout.meta && gd.layout.meta.rows ? gd : null;
  }

  function sort(gd) {
    const lines = sorted(gd.layout.meta, brushed.boxes, gd.data.length - 2);
    const update = { x: lines.map(({ x }) => x), y: lines.map(({ y }) => y) };
    const which = lines.map((_, number) => PALE + number);
    window.Plotly.restyle(gd, update, which);
  }

  function brush() {
    const gd = parallel();
    if (!gd) return;
    brushed = { of: gd.layout.meta.of, boxes: gd.layout.selections || [] };
    sort(gd);
  }

  /* What was brushed stays so when cells that have come since are drawn as well. */
  function drawnAnew() {
    const gd = parallel();
    if (!gd || !brushed.boxes.length) return;
    const restore = () => {
      if (!gd.layout.meta || gd.layout.meta.of !== brushed.of) return;
      const selections = brushed.boxes;
      window.Plotly.relayout(gd, { selections }).then(() => sort(gd));
    };
    // Drawn already, or it follows.
    if (!(gd.layout.selections || []).length) restore();
    else gd.once("plotly_afterplot", restore);
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.studies = { brush, drawn_anew: drawnAnew, rows: (told) => told };
  window.StudyLines = { goesThrough, broken, sorted }; // for tests
})();
