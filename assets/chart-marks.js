/* What stands beside the lines of the Train page's charts: their last values, the changes that were
   made, ticks, and the room that a running run needs. All of it goes into the figure, before plotly
   draws it. */
(function () {
  "use strict";

  const AHEAD = 0.15; // room that the step axis of a running run has for what comes, of its steps,
  const AHEAD_S = 1.5; // or of this many seconds
  const BELOW = 0.8; // and the loss axis: down to this share of the lowest value
  const LABEL_PX = 16;
  const BLANK = " "; // plotly throws an empty word's element away, and never makes it again
  const FEW_STEPS = 12; // on the axis, so that plotly would put ticks between them
  const EMPTY = 0.3; // of a panel without a value, so that it is said why
  const FEW = 3; // points that do not make a line yet: they are marked

  /* A value as it stands beside the end of its line. */
  function written(axis, value) {
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
      Object.assign(gd.data[meta.room], {
        x: [moving ? last : 0],
        y: [moving && isFinite(lowest) ? BELOW * lowest : null],
      });
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
      const fits = view.meta.ticks.find(([decades]) => high - low > decades);
      Object.assign(
        view.gd.layout.yaxis,
        fits ? { tickmode: "array", tickvals: fits[1] } : { tickmode: "auto", tickvals: null }
      );
    }

    /* Every change is a line; its label stands on the side that has room, in the row that has room.
       Where neither has, the newer label stays. */
    function placeControls() {
      const { gd, meta, changes } = view;
      const axis = gd._fullLayout.xaxis;
      const [low, high] = axis.range;
      const width = axis._length;
      const rows = meta.control.map(() => []);
      const choose = (at, long) => {
        const sides = at < width / 2 ? ["left", "right"] : ["right", "left"];
        for (const side of sides) {
          const [from, to] = side === "left" ? [at, at + long] : [at - long, at];
          if (from < 0 || to > width) continue; // cut off there
          const row = rows.findIndex((taken) => taken.every(([a, b]) => to < a || from > b));
          if (row < 0) continue;
          rows[row].push([from, to]);
          return { side, row };
        }
        return null;
      };
      const drawn = changes.map(() => null);
      for (let i = changes.length - 1; i >= 0; i -= 1) {
        const [step, label] = changes[i];
        let at = ((step - low) / (high - low)) * width;
        if (axis.autorange) at = Math.min(at, width); // it follows in this very draw
        const place = at >= 0 && at <= width ? choose(at, wide(label)) : null;
        const shape = structuredClone(meta.control[place ? place.row : 0]);
        shape.x0 = shape.x1 = step;
        shape.label.text = place ? shape.label.text.replace("{}", label) : "";
        if (place) shape.label.xanchor = place.side;
        drawn[i] = shape;
      }
      // In place: the figure that dcc.Graph holds has the same list, and draws it after a zoom.
      const { shapes } = gd.layout;
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

    /* The last value of every line, beside its end; moved apart where two would overlap. */
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
        const share = value === null ? NaN : ((log ? Math.log10(value) : value) - low) / (high - low);
        return { place, value, at: share * axis._length };
      });
      // An axis that follows the data will follow this value too; one that was zoomed may hide it.
      const free = axis.autorange;
      const seen = labels.filter(({ at }) => (free ? isFinite(at) : at >= -2 && at <= axis._length));
      for (const label of seen) label.at = Math.min(Math.max(label.at, 0), axis._length);
      seen.sort((a, b) => a.at - b.at);
      for (let i = 1; i < seen.length; i += 1) {
        seen[i].at = Math.max(seen[i].at, seen[i - 1].at + LABEL_PX);
      }
      const over = seen.length ? seen[seen.length - 1].at - axis._length : 0;
      if (over > 0) {
        seen[seen.length - 1].at -= over;
        for (let i = seen.length - 2; i >= 0; i -= 1) {
          seen[i].at = Math.min(seen[i].at, seen[i + 1].at - LABEL_PX);
        }
      }
      // The words of the panel: its title, its marks, then these.
      end.marks.forEach(([value, words], place) => {
        const share = (value - low) / (high - low);
        trace.y[1 + place] = share;
        trace.text[1 + place] = share >= 0 && share <= 1 ? words : BLANK;
      });
      const first = 1 + end.marks.length;
      for (const { place } of labels) trace.text[first + place] = BLANK;
      for (const { place, value, at } of seen) {
        trace.y[first + place] = at / axis._length;
        trace.text[first + place] = ` ${end.names[place]} ${written(end.axis, value)}`;
      }
      const [said, across_] = undefinedWords(end, more) || [BLANK, 0.5];
      trace.text[first + labels.length] = said;
      trace.x[first + labels.length] = across_;
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

    return { makeRoom, markFew, setTicks, placeControls, showEnds };
  }

  window.ChartMarks = Object.assign(marksOf, { written });
})();
