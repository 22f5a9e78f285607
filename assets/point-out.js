/* What a pointer on the Train page's charts is near: that line stands out and the others of its panel
   fade, and of changes it is told which they were. Classes on what plotly has drawn: nothing is
   drawn anew. */
(function () {
  "use strict";

  const NEAR_PX = 14; // to a line
  const BESIDE_PX = 5; // to the mark of a change
  const ROW_PX = 16; // of labels, above the lane of marks
  const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  let at = null; // the pointer, in the figure's pixels
  let due = false;
  let attached = null;

  /* Index of the value of a rising list that is nearest to `value`. */
  function nearest(list, value) {
    let [low, high] = [0, list.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (list[middle] <= value) low = middle;
      else high = middle;
    }
    return high >= 0 && Math.abs(list[high] - value) < Math.abs(list[low] - value) ? high : low;
  }

  /* The key of the line that the pointer is at, or at whose name; and those of its panel. */
  function lineAt(view, { x, y }) {
    const { gd, meta } = view;
    const across = gd._fullLayout.xaxis;
    for (const end of meta.ends) {
      const up = gd._fullLayout[end.axis.replace("y", "yaxis")];
      const height = y - up._offset;
      if (height < -ROW_PX / 2 || height > up._length + ROW_PX / 2) continue;
      const beside = x - across._offset > across._length;
      const words = gd.data[end.trace];
      let found = null;
      let least = beside ? ROW_PX / 2 : NEAR_PX;
      end.keys.forEach((key, place) => {
        const { x: steps, y: values } = gd.data[meta.places[key].median];
        let line = NaN;
        if (beside) line = words.text[1 + place].trim() ? (1 - words.y[1 + place]) * up._length : NaN;
        else if (steps.length) {
          const value = values[nearest(steps, across.p2d(x - across._offset))];
          line = value === null ? NaN : up.d2p(value);
        }
        if (Math.abs(line - height) < least) {
          least = Math.abs(line - height);
          found = key;
        }
      });
      return { found, end };
    }
    return { found: null, end: null };
  }

  function fade(view) {
    const { gd, meta } = view;
    const { found, end } = at ? lineAt(view, at) : {};
    const faded = new Set();
    for (const key of found ? end.keys : []) {
      if (key !== found) for (const index of Object.values(meta.places[key])) faded.add(index);
    }
    const leaders = gd.layout.shapes.findIndex(({ name }) => name === "leaders");
    const path = gd.querySelector(`.shapelayer path[data-index="${leaders}"]`);
    if (path) path.classList.toggle("faded", Boolean(found));
    for (const group of gd.querySelectorAll(".scatterlayer > .trace")) {
      const { index } = group.__data__[0].trace;
      group.classList.toggle("faded", faded.has(index));
      const words = meta.ends.find(({ trace }) => trace === index);
      if (!words) continue;
      for (const point of group.querySelectorAll(".textpoint")) {
        const key = words.keys[point.__data__.i - 1];
        point.classList.toggle("faded", Boolean(found && words === end && key && key !== found));
      }
    }
  }

  /* Indices of the changes that the pointer is at. */
  function changesAt(view, { x, y }) {
    const { gd, meta, changes, lane } = view;
    const { xaxis, _size: size } = gd._fullLayout;
    const [low, high] = xaxis.range;
    const place = (step) => xaxis._offset + ((step - low) / (high - low)) * xaxis._length;
    const top = size.t + (1 - meta.control[0].y1) * size.h;
    const row = Math.floor((top - y) / ROW_PX);
    const label = (lane || []).find((l) => {
      const from = xaxis._offset + l.from;
      return l.row === row && x >= from && x <= from + l.long;
    });
    if (label) return label.told;
    if (y < top || x < xaxis._offset || x > xaxis._offset + xaxis._length) return [];
    return changes.flatMap(([step], index) => (Math.abs(place(step) - x) <= BESIDE_PX ? [index] : []));
  }

  function tell(view) {
    const { gd } = view;
    const box = gd.closest(".charts");
    let tip = box.querySelector(".change-tip");
    const told = at ? changesAt(view, at) : [];
    if (!tip) {
      tip = document.createElement("div");
      tip.className = "change-tip";
      tip.setAttribute("role", "tooltip");
      box.append(tip);
    }
    tip.hidden = told.length === 0;
    if (tip.hidden) return;
    const lines = told.map((index) => {
      const [step, label] = view.changes[index];
      const line = document.createElement("div");
      line.textContent = `step ${number.format(step)}: ${label}`;
      return line;
    });
    tip.replaceChildren(...lines);
    const { _size: size } = gd._fullLayout;
    const top = size.t + (1 - view.meta.control[0].y0) * size.h;
    tip.style.top = `${top + 4}px`;
    tip.style.left = `${Math.max(0, Math.min(at.x + 8, gd.clientWidth - tip.offsetWidth - 4))}px`;
  }

  function show() {
    due = false;
    const view = window.faLive;
    if (!view || !view.gd || !view.gd.isConnected || !view.meta || !view.run) return;
    if (view.gd !== attached) {
      attached = view.gd;
      attached.on("plotly_afterplot", () => at && fade(window.faLive));
    }
    fade(view);
    tell(view);
  }

  function later() {
    if (due) return;
    due = true;
    requestAnimationFrame(show);
  }

  document.addEventListener("pointermove", (event) => {
    const gd = event.target.closest ? event.target.closest("#charts .js-plotly-plot") : null;
    if (!gd && !at) return;
    at = null;
    if (gd) {
      const { left, top } = gd.getBoundingClientRect();
      at = { x: event.clientX - left, y: event.clientY - top };
    }
    later();
  });
  document.addEventListener("pointerleave", () => {
    at = null;
    later();
  });
})();
