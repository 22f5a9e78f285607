/* What events mean, as functions of what they are given: which are new, what they say of the run,
   what they add to its lines. */
(function (root) {
  "use strict";

  /* Of consecutive events, those beyond `taken`, the last that was taken in; whether some are
     missing before them; and how many were known. */
  function sift(events, taken) {
    const fresh = events.filter(({ seq }) => seq > taken);
    const gap = fresh.length > 0 && fresh[0].seq > taken + 1;
    return { fresh, gap, known: events.length - fresh.length };
  }

  /* The run after an event. */
  function after(run, event) {
    const next = { ...run, revision: Math.max(run.revision, event.seq), ...event.progress };
    if (event.kind === "state") {
      const { state, reason, ended, step } = event;
      return { ...next, state, reason, ended, step, ended_at: ended ? event.at : null };
    }
    if (event.kind === "diverged") {
      const { diverged_at, divergence } = event;
      return { ...next, diverged_at, divergence };
    }
    if (event.kind !== "control") return next;
    const { name = next.name, total_steps = next.total_steps } = { ...event, name: event.title };
    return { ...next, [event.name]: event.to, name, total_steps };
  }

  /* Measurements in events. */
  const points = (events) =>
    events.reduce((sum, { bands }) => sum + (bands ? bands.loss.step.length : 0), 0);

  function lastDefined(lines) {
    for (const y of lines) {
      for (let i = y.length - 1; i >= 0; i -= 1) if (y[i] !== null) return y[i];
    }
    return null;
  }

  /* What events add to the traces: index -> { x, y }. `places` says which trace is which part of
     which measure, `drawn(index)` what is there already, and `steps(index)` at which steps. The edges
     of a band meet where they are not defined, on the last median before, from the step on at which a
     gap begins to that at which it ends (app/figures/bands.py does the same). */
  function added(events, places, drawn, steps = () => []) {
    const more = new Map();
    const of = (index) => {
      if (!more.has(index)) more.set(index, { x: [], y: [] });
      return more.get(index);
    };
    for (const event of events) {
      for (const [key, band] of Object.entries(event.bands || {})) {
        const parts = places[key] || {};
        let last = null; // the last defined median, whether it is the newest, and where that is
        let [open, at] = [false, null];
        if ("low" in parts) {
          const { x, y } = of(parts.median);
          last = lastDefined([y, drawn(parts.median)]);
          open = ((y.length ? y : drawn(parts.median)).at(-1) ?? null) !== null;
          at = (x.length ? x : steps(parts.median)).at(-1);
        }
        const lines = Object.entries(parts).map(([part, index]) => [band[part], of(index)]);
        const edges = lines.filter(([values]) => values !== band.median);
        for (let i = 0; i < band.step.length; i += 1) {
          const defined = band.median[i] !== null;
          if (last !== null && defined !== open) {
            for (const [, line] of edges) {
              line.x.push(defined ? band.step[i] : (at ?? band.step[i]));
              line.y.push(last);
            }
          }
          [open, at] = [defined, band.step[i]];
          if (defined) last = band.median[i];
          for (const [values, line] of lines) {
            line.x.push(band.step[i]);
            line.y.push(values === band.median || values[i] !== null ? values[i] : last);
          }
        }
      }
    }
    return more;
  }

  root.Events = { sift, after, points, added };
})(self);
