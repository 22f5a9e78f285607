/* What stands beside the lines of the Train page's charts: their last values, the changes that were
   made, ticks, and the room that a running run needs. All of it goes into the figure, before plotly
   draws it. */
(function () {
  "use strict";

  const AHEAD = 0.15; // room that the step axis of a running run has for what comes, of its steps,
  const AHEAD_S = 1.5; // or of this many seconds
  const BELOW = 0.8; // and the loss axis: down to this share of the lowest value
  const NEAR_PX = 2; // a name that stands no further from its line's end needs no leader
  const MORE_PX = 24; // for the number of changes whose labels have no room
  const BLANK = " "; // plotly throws an empty word's element away, and never makes it again
  const NOWHERE = "M1,0"; // a path that draws nothing
  const FEW_STEPS = 12; // on the axis, so that plotly would put ticks between them
  const EMPTY = 0.3; // of a panel without a value, so that it is said why
  const FEW = 3; // points that do not make a line yet: they are marked

  /* A value as it stands beside the end of its line. */
  function written(axis, value) {
    if (value === null) return "–";
    if (axis === "y2") return `${(100 * value).toFixed(1)} %`;
    if (axis === "y3") return `${value.toFixed(1)}°`;
    return value >= 0.001 && value < 1000
      ? String(Number(value.toPrecision(3)))
      : value.toExponential(1);
  }

  /* Why nothing is defined: no network is left, or what the scheme or the activation makes of it. */
  function whyUndefined(said, { divergence, scheme, config }) {
    if (divergence && divergence.empty) return divergence.empty;
    return said[scheme] || said[config.activation] || said.other;
  }

  /* For the figure of `view` (assets/live.js). */
  function marksOf(view) {
    /* Axes that follow the data have some room for what comes next, so that most of it can be drawn
       without moving them; when a run rests or ends they close up. */
    function makeRoom(more) {
      const { gd, meta, run } = view;
      const { median } = meta.places.loss;
      const fresh = more.get(median) || { x: [], y: [] };
      const last = [gd.data[median], fresh].flatMap(({ x }) => x.slice(-1)).pop();
      const moving = run.state === "running" && last !== undefined;
      const room = Math.max(AHEAD * last, AHEAD_S * (run.steps_per_second || 0));
      const lows = ["loss", "test_loss"].flatMap((key) => {
        const { low, median: middle } = meta.places[key];
        const index = low === undefined ? middle : low;
        return [gd.data[index], more.get(index) || { y: [] }].flatMap(({ y }) => y.slice(-1));
      });
      const lowest = Math.min(...lows.filter((value) => value > 0));
      gd.layout.xaxis.autorangeoptions = moving
        ? { include: Math.min(run.total_steps, last + room) }
        : {};
      const lower = [moving && isFinite(lowest) ? BELOW * lowest : null];
      Object.assign(
        gd.data[meta.room],
        last === undefined
          ? { x: [0, 0], y: meta.blank } // the axis of the empty page
          : { x: [moving ? last : 0], y: lower }
      );
    }

    /* A line of one point is none. */
    function markFew(more) {
      for (const { median } of Object.values(view.meta.places)) {
        const trace = view.gd.data[median];
        const added = (more.get(median) || { y: [] }).y;
        let count = 0;
        for (const y of [trace.y, added]) {
          for (let i = 0; i < y.length && count < FEW; i += 1) count += y[i] !== null;
        }
        trace.mode = count > 0 && count < FEW ? "lines+markers" : "lines";
      }
    }

    /* As a list: a distance of 1 between ticks would outlive a zoom, and take plotly seconds. */
    const whole = (low) => ({
      tickmode: "array",
      tickvals: Array.from({ length: FEW_STEPS + 2 }, (_, i) => Math.floor(low) + i),
    });

    /* As many ticks of the loss as have room, for whatever it spans now; and no half steps. */
    function setTicks(more) {
      const { xaxis } = view.gd._fullLayout;
      const { include = 0 } = view.gd.layout.xaxis.autorangeoptions || {};
      const newest = [...more.values()].flatMap(({ x }) => x.slice(-1));
      const ahead = xaxis.autorange ? [include, ...newest] : [];
      const span = Math.max(xaxis.range[1], ...ahead) - xaxis.range[0];
      const ticks = span < FEW_STEPS ? whole(xaxis.range[0]) : { tickmode: "auto" };
      Object.assign(view.gd.layout.xaxis, ticks);
      const [low, high] = view.gd._fullLayout.yaxis.range;
      const seen = (value) => Math.log10(value) >= low && Math.log10(value) <= high;
      const fits = view.meta.ticks.find(([d, values]) => high - low > d && values.some(seen));
      const [, tickvals, ticktext] = fits || [];
      Object.assign(
        view.gd.layout.yaxis,
        fits ? { tickmode: "array", tickvals, ticktext } : { tickmode: "auto", tickvals: null }
      );
    }

    /* Every change is a line through the panels and a mark in the lane above them; its label stands
       beside the mark, on the side and in the row that has room. Where neither has, the newer label
       stays, and counts the others; a pointer there is told which (assets/point-out.js). */
    function placeControls() {
      const { gd, meta, changes } = view;
      const axis = gd._fullLayout.xaxis;
      const [low, high] = axis.range;
      const width = axis._length;
      const where = (step) => {
        const at = ((step - low) / (high - low)) * width;
        return axis.autorange ? Math.min(at, width) : at; // it follows in this very draw
      };
      const newest = changes.map(([step, label], index) => ({ index, label, at: where(step) }));
      newest.reverse();
      const seen = newest.filter(({ at }) => at >= 0 && at <= width);
      const put = (more) => {
        const labels = seen.map(({ at, label }) => ({ at, long: wide(label) + more }));
        return window.Spread.rowsOf(labels, width, meta.control.length);
      };
      let placed = put(0);
      if (placed.includes(null)) placed = put(MORE_PX);
      const drawn = changes.map(([step]) => {
        const shape = structuredClone(meta.control[0]);
        shape.x0 = shape.x1 = step;
        shape.label.text = "";
        return shape;
      });
      view.lane = [];
      seen.forEach(({ index, label, at }, place) => {
        if (!placed[place]) return;
        const { side, row, more } = placed[place];
        const shape = drawn[index];
        const words = more.length ? `${label} +${more.length}` : label;
        shape.label.text = meta.control[row].label.text.replace("{}", words);
        shape.label.xanchor = side;
        const long = wide(words);
        const told = [index, ...more.map((other) => seen[other].index)].sort((a, b) => a - b);
        view.lane.push({ from: side === "left" ? at : at - long, long, row, told });
      });
      const { shapes } = gd.layout;
      const lines = shapes.find(({ name }) => name === "changes");
      lines.path = changes
        .flatMap(([step]) => meta.domains.map(([from, to]) => `M${step},${from}L${step},${to}`))
        .join("");
      lines.visible = changes.length > 0;
      // In place: the figure that dcc.Graph holds has the same list, and draws it after a zoom.
      const others = shapes.filter((shape) => shape.name !== "control");
      shapes.splice(0, shapes.length, ...others, ...drawn);
    }

    const pen = document.createElement("canvas").getContext("2d");
    const widths = new Map();

    function wide(label) {
      if (!widths.has(label)) {
        const { family } = view.gd._fullLayout.font;
        pen.font = `${view.meta.control[0].label.font.size}px ${family}`;
        widths.set(label, pen.measureText(label).width + 10);
      }
      return widths.get(label);
    }

    const lastOf = (y) => y.findLast((value) => value !== null) ?? null;

    /* The last value of every line, beside its end; moved apart where two would overlap, and then
       with a leader. */
    function showEnds(end, more) {
      const { gd, meta } = view;
      const axis = gd._fullLayout[end.axis.replace("y", "yaxis")];
      const [low, high] = axis.range;
      const log = axis.type === "log";
      const trace = gd.data[end.trace];
      const across = gd._fullLayout.xaxis;
      const labels = end.keys.map((key, place) => {
        const index = meta.places[key].median;
        const added = more.get(index);
        const { x, y } = added && added.x.length ? added : gd.data[index];
        const [from, to] = across.range;
        const last = x[x.length - 1]; // a window elsewhere has other values beside it
        const here = y.length && (across.autorange || (last >= from && last <= to));
        const value = here ? y[y.length - 1] : null;
        // A line that ended before, its networks having diverged say, has its name where it went.
        const end = here ? lastOf(y) ?? lastOf(gd.data[index].y) : null;
        const share = end === null ? NaN : ((log ? Math.log10(end) : end) - low) / (high - low);
        return { place, value, at: share * axis._length };
      });
      // An axis that follows the data will follow this value too; one that was zoomed may hide it.
      const free = axis.autorange;
      const seen = labels.filter(({ at }) => (free ? isFinite(at) : at >= -2 && at <= axis._length));
      for (const label of seen) label.at = Math.min(Math.max(label.at, 0), axis._length);
      const { gap, kept } = window.Spread.gapAndKept(seen.length, axis._length, meta.names);
      const chosen = kept.map((index) => seen[index]).sort((a, b) => a.at - b.at);
      const wanted = chosen.map(({ at }) => at);
      const stand = window.Spread.spread(wanted, gap, 0, axis._length);
      trace.text[0] = view.narrow ? end.narrow : end.title;
      for (const { place } of labels) trace.text[1 + place] = BLANK;
      end.leads = [];
      chosen.forEach(({ place, value, at }, index) => {
        trace.y[1 + place] = stand[index] / axis._length;
        trace.text[1 + place] = `${meta.names.lead}${end.names[place]} ${written(end.axis, value)}`;
        if (Math.abs(stand[index] - at) > NEAR_PX) end.leads.push([at, stand[index]]);
      });
      const [said, where] = undefinedWords(end, more) || [BLANK, 0.5];
      trace.text[1 + labels.length] = said;
      trace.x[1 + labels.length] = where;
    }

    /* The leaders of all panels are one shape; as shares of the charts without their margins. */
    function showLeads() {
      const { gd, meta } = view;
      const { w, h } = gd._fullLayout._size;
      const shape = gd.layout.shapes.find(({ name }) => name === "leaders");
      const right = (1 + meta.names.leader / w).toFixed(4);
      const lines = meta.ends.flatMap(({ leads }, panel) => {
        const up = (at) => (meta.domains[panel][0] + at / h).toFixed(4);
        return leads.map(([end, name]) => `M1,${up(end)}L${right},${up(name)}`);
      });
      shape.path = lines.join("") || NOWHERE; // a shape without any has no element to be extended
      return shape;
    }

    /* Why a panel holds nothing although there are measurements, or nothing any more, and where to
       say so, from 0 to 1 across; in words too short for a break. */
    function undefinedWords(end, more) {
      if (!view.run) return null;
      if (end.keys.length === 0) return [end.undefined.none, 0.5];
      let [last, newest] = [null, null]; // steps of the last value, and of the last measurement
      for (const key of end.keys) {
        const index = view.meta.places[key].median;
        for (const { x, y } of [view.gd.data[index], more.get(index) || { x: [], y: [] }]) {
          if (x.length) newest = Math.max(newest, x[x.length - 1]);
          const at = y.findLastIndex((value) => value !== null);
          if (at >= 0) last = Math.max(last, x[at]);
        }
      }
      if (newest === null) return null;
      const words = whyUndefined(end.undefined, view.run);
      if (last === null) return [words, 0.5];
      const [low, high] = view.gd._fullLayout.xaxis.range;
      const [from, to] = [Math.max(last, low), Math.min(newest, high)].map(
        (step) => (step - low) / (high - low)
      );
      return to - from <= EMPTY ? null : [words, Math.min(Math.max((from + to) / 2, 0.3), 0.7)];
    }

    return { makeRoom, markFew, setTicks, placeControls, showEnds, showLeads };
  }

  window.ChartMarks = Object.assign(marksOf, { written });
})();
