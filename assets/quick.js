/* Between two drawings by plotly: extends the lines, bands and words that it has drawn, in place.
   Drawing the whole figure costs 50 to 100 ms without a graphics card, most of it for axes and words
   that have not changed; this costs a few. What it leaves in the figure's data is what
   Plotly.extendTraces leaves there, so that plotly's next drawing shows the same. */
(function () {
  "use strict";

  const axisOf = (gd, trace) => gd._fullLayout[trace.yaxis.replace("y", "yaxis")];

  /* Where the points stand, "x,y" in pixels; a value that is not defined stands nowhere. Null where
     one has no place on the axis, as 0 on a logarithmic one. */
  function pixels(across, up, { x, y }) {
    const found = [];
    for (let i = 0; i < x.length; i += 1) {
      if (y[i] === null) continue;
      const [left, top] = [across.d2p(x[i]), up.d2p(y[i])];
      if (!isFinite(left) || !isFinite(top)) return null;
      found.push(`${left.toFixed(2)},${top.toFixed(2)}`);
    }
    return found;
  }
  /* Whether the axis shows the values as it stands; one that was zoomed shows what it shows. */
  function holds(axis, values) {
    if (!axis.autorange) return true;
    const [low, high] = axis.range;
    return values.every((value) => {
      const at = axis.type === "log" ? Math.log10(value) : value;
      return value === null || (at >= low && at <= high);
    });
  }

  /* The drawn groups of a figure, by the index of their trace. */
  function groupsOf(gd) {
    const groups = gd.querySelectorAll(".scatterlayer > .trace");
    return new Map([...groups].map((group) => [group.__data__[0].trace.index, group]));
  }

  /* Draws what was added (index of a trace -> { x, y }), the words (indices of their traces) and the
     leaders to them, a shape in shares of the charts.
     False, and nothing is done, where only plotly can: an axis has to move, a line to begin. */
  function extend(gd, places, more, words, leads) {
    const across = gd._fullLayout.xaxis;
    const groups = groupsOf(gd);
    if (groups.size < gd.data.length) return false; // plotly is about to draw
    const added = (index) => index !== undefined && more.has(index) && more.get(index).x.length > 0;
    const longer = (index) => {
      const { x, y } = more.get(index);
      return { x: gd.data[index].x.concat(x), y: gd.data[index].y.concat(y) };
    };
    const paths = []; // [path, its new shape]: all are known before anything is changed
    for (const { low, high, median } of Object.values(places)) {
      if (!added(median)) continue;
      const trace = gd.data[median];
      const { x, y } = more.get(median);
      const path = [...groups.get(median).querySelectorAll(".lines > .js-line")].pop();
      if (!path && y.every((value) => value === null)) continue; // not defined all along
      const gap = !trace.connectgaps && [...trace.y.slice(-1), ...y].includes(null);
      const up = axisOf(gd, trace);
      if (!path || gap || trace.mode !== "lines" || !holds(across, x) || !holds(up, y)) return false;
      const line = pixels(across, up, { x, y });
      if (!line) return false;
      paths.push([path, [path.getAttribute("d"), ...line].join("L")]);
      const fill = added(low) && groups.get(low).querySelector(".js-fill");
      if (!fill) continue;
      if (!holds(up, more.get(low).y) || !holds(up, more.get(high).y)) return false;
      const above = pixels(across, up, longer(high));
      const below = pixels(across, up, longer(low));
      if (!above || !below) return false;
      paths.push([fill, `M${[...above, ...below.reverse()].join("L")}Z`]);
    }
    const texts = words.flatMap((index) => wordsOf(gd, groups, index));
    const lines = gd.querySelector(`.shapelayer path[data-index="${gd.layout.shapes.indexOf(leads)}"]`);
    if (texts.includes(null) || !lines) return false;
    for (const [index, { x, y }] of more) {
      const trace = gd.data[index];
      trace.x = trace.x.concat(x);
      trace.y = trace.y.concat(y);
    }
    for (const [path, shape] of paths) path.setAttribute("d", shape);
    for (const task of texts) task();
    lines.setAttribute("d", inPixels(gd, leads.path));
    return true;
  }

  /* Puts whole lines and the symbols of points elsewhere (index of a trace -> { x, y }); the figure's
     data are the caller's. False, and nothing is done, where plotly drew none or not as many. */
  function move(gd, lines, points) {
    const { xaxis } = gd._fullLayout;
    const groups = groupsOf(gd);
    const tasks = [];
    for (const [index, { x, y }] of lines) {
      const group = groups.get(index);
      const drawn = group ? group.querySelectorAll(".lines > .js-line") : [];
      const line = pixels(xaxis, axisOf(gd, gd._fullData[index]), { x, y });
      if (drawn.length !== 1 || !line || line.length !== x.length) return false;
      tasks.push(() => drawn[0].setAttribute("d", `M${line.join("L")}`));
    }
    for (const [index, { x, y }] of points) {
      const group = groups.get(index);
      const drawn = group ? group.querySelectorAll(".points > path.point") : [];
      const places = pixels(xaxis, axisOf(gd, gd._fullData[index]), { x, y });
      if (drawn.length !== x.length || !places || places.length !== x.length) return false;
      places.forEach((place, i) => {
        tasks.push(() => drawn[i].setAttribute("transform", `translate(${place})`));
      });
    }
    for (const task of tasks) task();
    return true;
  }

  /* The shape of a line, or of areas, with a gap wherever something is null. Null where a point has no
     place on an axis. */
  function shape(across, up, { x, y }, closed) {
    let found = "";
    let open = false;
    for (let i = 0; i < x.length; i += 1) {
      if (x[i] === null || y[i] === null) {
        if (open && closed) found += "Z";
        open = false;
        continue;
      }
      const [left, top] = [across.d2p(x[i]), up.d2p(y[i])];
      if (!isFinite(left) || !isFinite(top)) return null;
      found += `${open ? "L" : "M"}${left.toFixed(2)},${top.toFixed(2)}`;
      open = true;
    }
    return open && closed ? `${found}Z` : found;
  }

  /* Puts other lines and areas in place of those that are drawn (index of a trace -> { x, y, mode });
     the figure's data are the caller's. False, and nothing is done, where plotly drew none. */
  function replace(gd, traces) {
    const { xaxis } = gd._fullLayout;
    const groups = groupsOf(gd);
    const tasks = [];
    for (const [index, line] of traces) {
      const full = gd._fullData[index];
      const group = groups.get(index);
      if (!full || !group || line.mode !== full.mode || full.mode !== "lines") return false;
      const area = full.fill === "toself";
      const [path, ...more] = group.querySelectorAll(area ? ".js-fill" : ".lines > .js-line");
      const drawn = path && shape(xaxis, axisOf(gd, full), line, area);
      if (!drawn) return false;
      tasks.push(() => path.setAttribute("d", drawn));
      for (const rest of more) tasks.push(() => rest.setAttribute("d", "M0,0")); // it is in the first
    }
    for (const task of tasks) task();
    return true;
  }

  /* A task for each word after the title; null for one that plotly has not made yet. */
  function wordsOf(gd, groups, index) {
    const trace = gd.data[index];
    const up = axisOf(gd, trace);
    const points = [...groups.get(index).querySelectorAll(".textpoint")];
    const elements = new Map(points.map((point) => [point.__data__.i, point.firstChild]));
    return trace.text.slice(1).map((text, place) => {
      const element = elements.get(place + 1);
      const y = trace.y[place + 1];
      if (!element) return text.trim() && y !== null ? null : () => {};
      return () => {
        if (element.textContent !== text) element.textContent = text;
        if (y !== null) element.setAttribute("y", up.d2p(y).toFixed(2));
      };
    });
  }

  /* A path in shares of the charts, in pixels. */
  function inPixels(gd, path) {
    const { l, t, w, h } = gd._fullLayout._size;
    return path.replace(/([\d.-]+),([\d.-]+)/g, (_, x, y) =>
      `${(l + x * w).toFixed(2)},${(t + (1 - y) * h).toFixed(2)}`
    );
  }

  window.QuickDraw = { extend, move, replace, shape, holds, pixels };
})();
