/* The live half of the Compare page: follows the runs that go on, one cursor and one zoom for all
   charts, and a chart as large as the screen. The server says which traces have changed; each is put
   in place of the one that is there, one chart a frame. */
(function () {
  "use strict";

  const LOOK_MS = 700; // between two looks at runs that go on
  const SLOW_MS = 3000; // where the server does not answer
  const NUMBERS_MS = 4000; // between two renewals of the tables
  const NARROW_PX = 520;
  const WHOLE_MS = 15000; // after which plotly draws a chart whose lines were put in by hand
  const STILL_MS = 400; // a page that scrolled a moment ago goes on scrolling over a chart
  const TYPES = "input, textarea, select, [contenteditable=true], [role=combobox], [role=slider]";
  const { valueAt, stops, nearest, moved, said, withCursor } = window.CompareCursor;
  const $ = (id) => document.getElementById(id);
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const root = document.documentElement;

  const view = {
    known: null, // what the server drew
    have: "", // revisions on the page
    timer: null,
    waiting: new Map(), // id of a chart -> what is to be put there
    pinned: null, // the cursor of the address
    pointed: null, // and that of the pointer
    told: 0, // when the tables were renewed
    states: "",
    beats: 0,
    going: true, // as the server last said
    stats: { looks: 0, draws: 0, longest: 0 },
  };
  window.faCompare = view; // for whoever looks with the console, and for tests

  const figures = () => [...document.querySelectorAll("#compare-charts .js-plotly-plot")];
  const chartOf = (id) => document.querySelector(`#${id} .js-plotly-plot`);
  const ready = (gd) => gd && gd._fullLayout && gd.layout && gd.layout.meta;

  /* -- following ------------------------------------------------------------------------------- */

  function adopt(known) {
    clearTimeout(view.timer);
    view.known = known;
    view.waiting.clear();
    if (!known) return "";
    view.have = known.have;
    view.pinned = known.cursor;
    if (known.going) view.timer = setTimeout(look, LOOK_MS);
    requestAnimationFrame(settle);
    return String(known.token);
  }

  async function look() {
    const { known } = view;
    if (!known || !$("compare-charts")) return; // another page is shown
    let wait = LOOK_MS;
    if (!document.hidden && !view.waiting.size) {
      const theme = root.dataset.mantineColorScheme;
      const query = `${known.query}&theme=${theme}&have=${encodeURIComponent(view.have)}`;
      try {
        const answer = await fetch(window.Address.of(`/api/compare?${query}`));
        if (view.known !== known) return;
        if (!answer.ok) throw new TypeError(answer.statusText);
        const news = await answer.json();
        if (view.known !== known) return;
        view.stats.looks += 1;
        delete root.dataset.lost;
        if (news.runs && !take(news)) return;
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        root.dataset.lost = "yes";
        wait = SLOW_MS;
      }
    }
    view.timer = setTimeout(look, wait);
  }

  /* False where nothing will follow, or all is drawn anew. */
  function take(news) {
    view.have = news.have;
    for (const run of news.runs) showRun(run);
    for (const [id, panel] of Object.entries(news.panels)) {
      const gd = chartOf(id);
      if (!ready(gd)) continue;
      if (gd.data.length !== panel.count) {
        setProps("compare-anew", { data: Date.now() }); // a layer or a run has come
        return false;
      }
      view.waiting.set(id, panel);
    }
    requestAnimationFrame(drawNext);
    const ended = !news.going;
    view.going = news.going;
    const states = news.runs.map(({ state }) => state).join();
    const other = states !== view.states; // buttons depend on it
    view.states = states;
    if (ended || other || performance.now() - view.told > NUMBERS_MS) {
      view.told = performance.now();
      view.beats += 1;
      setProps("compare-beat", { data: view.beats });
    }
    return !ended;
  }

  function showRun(run) {
    const chip = document.querySelector(`.chip[data-run="${CSS.escape(run.id)}"]`);
    if (!chip) return;
    const dot = document.createElement("span");
    dot.className = `dot dot-${run.class}`;
    chip.querySelector(".chip-state").replaceChildren(dot, run.state);
    chip.querySelector(".chip-step").textContent = run.step;
  }

  /* One chart a frame: all of them at once would be one long frame. */
  function drawNext() {
    const [next] = view.waiting;
    if (!next) return;
    const [id, panel] = next;
    view.waiting.delete(id);
    const gd = chartOf(id);
    if (ready(gd)) {
      const begun = performance.now();
      put(gd, panel, !view.going);
      view.stats.draws += 1;
      view.stats.longest = Math.max(view.stats.longest, performance.now() - begun);
    }
    if (view.waiting.size) requestAnimationFrame(drawNext);
    else showCursor();
  }

  function put(gd, { traces, axes, notes }, whole = false) {
    for (const [place, trace] of Object.entries(traces)) Object.assign(gd.data[place], trace);
    const still = gd.faZoomed || (sameRange(gd, "x", axes) && sameRange(gd, "y", axes));
    gd.faAxes = { x: axes.xaxis.range, y: axes.yaxis.range };
    const lines = Object.entries(traces)
      .filter(([, trace]) => trace.x)
      .map(([place, trace]) => [Number(place), trace]);
    const said = JSON.stringify(gd.layout.annotations) === JSON.stringify(notes);
    const recent = performance.now() - (gd.faWhole || 0) < WHOLE_MS;
    if (!whole && still && said && recent && window.QuickDraw.replace(gd, lines)) {
      gd.faLate = true; // names at the ends, and what a pointer is told
      return;
    }
    gd.layout.annotations = notes;
    if (!gd.faZoomed) {
      Object.assign(gd.layout.xaxis, axes.xaxis, { title: gd.layout.xaxis.title });
      Object.assign(gd.layout.yaxis, axes.yaxis);
    }
    drawWhole(gd);
  }

  function sameRange(gd, name, axes) {
    const [now, next] = [gd.layout[`${name}axis`], axes[`${name}axis`]];
    const type = ({ type = "linear" }) => type; // plotly names it, the server where it is another
    return type(now) === type(next) && String(now.range) === String(next.range);
  }

  function drawWhole(gd) {
    gd.faWhole = performance.now();
    gd.faLate = false;
    Plotly.redraw(gd);
  }

  /* -- zoom ------------------------------------------------------------------------------------ */

  let settling = false; // a zoom of ours

  function settle() {
    const all = figures();
    if (!all.length || !all.every(ready)) {
      if ($("compare-charts") && $("compare-charts").children.length) {
        setTimeout(() => requestAnimationFrame(settle), 50);
      }
      return;
    }
    for (const gd of all) {
      const { xaxis, yaxis, meta } = gd.layout;
      if (gd.faOf !== view.known.token && !gd.faZoomed) {
        gd.faAxes = { x: xaxis.range.slice(), y: yaxis.range.slice() };
      }
      gd.faOf = view.known.token;
      if (gd.faPanel === meta.panel) continue;
      gd.faPanel = meta.panel;
      gd.on("plotly_relayout", (change) => !settling && zoomed(gd, change));
      gd.on("plotly_doubleclick", showAll);
      gd.on("plotly_hover", ({ points }) => standOut(points[0].data.meta.line));
      gd.on("plotly_unhover", () => standOut(null));
      gd.on("plotly_afterplot", () => placeCursor(gd));
      gd.addEventListener("pointerenter", () => gd.faLate && drawWhole(gd));
      if (gd.clientWidth < NARROW_PX) narrow(gd);
    }
    showCursor();
  }

  /* A telephone: names would take half of the chart; the table below has them. */
  function narrow(gd) {
    const names = gd.data.findIndex(({ name }) => name === "names");
    gd.layout.dragmode = false;
    Plotly.update(gd, { visible: false }, { "margin.r": 14, "margin.l": 48 }, [names]);
  }

  async function zoomed(gd, change) {
    if (!Object.keys(change).some((key) => /^[xy]axis\.(range|autorange)/.test(key))) return;
    gd.faZoomed = true;
    const range = gd.layout.xaxis.range.slice();
    await together((other) => other !== gd && { "xaxis.range": range.slice() });
    for (const other of figures()) other.faZoomed = true;
    for (const other of figures()) showNames(other, false);
  }

  async function showAll() {
    await together(({ faAxes }) => ({
      "xaxis.range": faAxes.x.slice(),
      "yaxis.range": faAxes.y.slice(),
    }));
    for (const gd of figures()) {
      gd.faZoomed = false;
      showNames(gd, true);
    }
    return false;
  }

  async function together(changeOf) {
    if (settling) return;
    settling = true;
    for (const gd of figures().filter(ready)) {
      const change = changeOf(gd);
      if (change) await Plotly.relayout(gd, change);
    }
    settling = false;
    showCursor();
  }

  /* Names stand where lines end on the whole axis. */
  function showNames(gd, are) {
    const place = gd.data.findIndex(({ name }) => name === "names");
    const group = [...gd.querySelectorAll(".scatterlayer > .trace")].find(
      (found) => found.__data__[0].trace.index === place
    );
    if (group) group.style.opacity = are ? 1 : 0;
  }

  /* -- one line among many --------------------------------------------------------------------- */

  function standOut(line) {
    for (const gd of figures()) {
      for (const group of gd.querySelectorAll(".scatterlayer > .trace")) {
        const { meta } = gd.data[group.__data__[0].trace.index] || {};
        const other = line && meta && meta.line && meta.line !== line;
        group.classList.toggle("faded", Boolean(other));
      }
    }
    for (const row of document.querySelectorAll("[data-line]")) {
      row.classList.toggle("pointed", Boolean(line) && row.dataset.line === line);
    }
  }

  /* -- the cursor ------------------------------------------------------------------------------ */

  const medians = (gd) => gd.data.filter(({ meta }) => meta && meta.median);
  const shown = () => (view.pointed === null ? view.pinned : view.pointed);
  const isLog = (gd) => gd._fullLayout.xaxis.type === "log";

  function showCursor() {
    for (const gd of figures()) if (ready(gd)) placeCursor(gd);
    readOut();
  }

  function placeCursor(gd) {
    const box = gd.closest(".chart");
    let mark = box.querySelector(".cursor-line");
    if (!mark) {
      mark = document.createElement("div");
      mark.className = "cursor-line";
      box.append(mark);
    }
    const at = shown();
    const { xaxis, yaxis } = gd._fullLayout;
    const left = at === null || (isLog(gd) && at <= 0) ? NaN : xaxis.d2p(at);
    mark.hidden = !(left >= -1 && left <= xaxis._length + 1);
    if (mark.hidden) return;
    mark.style.left = `${gd.offsetLeft + xaxis._offset + left}px`;
    mark.style.top = `${gd.offsetTop + yaxis._offset}px`;
    mark.style.height = `${yaxis._length}px`;
  }

  let soon = false;
  function later(at) {
    view.pointed = at;
    if (soon) return;
    soon = true;
    requestAnimationFrame(() => {
      soon = false;
      if ($("compare-charts")) showCursor();
    });
  }

  const places = () => stops(figures().filter(ready).flatMap(medians));

  /* A row a line, a column a chart. */
  function readOut() {
    const place = $("compare-readout");
    if (!place) return;
    const at = shown();
    const all = figures().filter(ready);
    const cell = (name, text, scope) => {
      const made = document.createElement(name);
      if (scope) made.scope = scope;
      made.textContent = text;
      return made;
    };
    const table = document.createElement("table");
    table.className = "compare-table";
    const across = all.length ? all[0].layout.xaxis.title.text : "";
    const number = at === null ? "" : at.toLocaleString("en", { maximumSignificantDigits: 8 });
    const head = table.createTHead().insertRow();
    head.append(cell("th", at === null ? "last" : `${across} ${number}`, "col"));
    for (const gd of all) head.append(cell("th", gd.layout.meta.panels.y, "col"));
    const body = table.createTBody();
    for (const [line, name] of Object.entries((view.known || {}).names || {})) {
      const row = body.insertRow();
      row.dataset.line = line;
      row.append(cell("th", name, "row"));
      for (const gd of all) {
        const trace = medians(gd).find(({ meta }) => meta.line === line);
        const value = trace ? valueAt(trace, at === null ? Infinity : at) : null;
        row.append(cell("td", said(value, gd.layout.meta.unit)));
      }
    }
    place.replaceChildren(table);
  }

  /* Into the address, without a step back, and to the tables of the server. */
  let pinning = null;
  function pin(at) {
    view.pinned = at;
    view.pointed = null;
    showCursor();
    clearTimeout(pinning);
    pinning = setTimeout(() => {
      const { location, history } = window;
      const search = withCursor(location.search, at);
      history.replaceState(history.state, "", `${location.pathname}${search}${location.hash}`);
      window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    }, 250);
  }

  function atPointer(event) {
    const gd = event.target.closest && event.target.closest("#compare-charts .js-plotly-plot");
    if (!ready(gd)) return null;
    const { xaxis, yaxis } = gd._fullLayout;
    const { left, top } = gd.getBoundingClientRect();
    const x = event.clientX - left - xaxis._offset;
    const y = event.clientY - top - yaxis._offset;
    if (x < 0 || x > xaxis._length || y < 0 || y > yaxis._length) return null;
    return nearest(places(), xaxis.p2d(x));
  }

  document.addEventListener("pointermove", (event) => {
    if (!$("compare-charts") || event.buttons) return;
    const at = atPointer(event);
    if (at !== view.pointed) later(at);
  });

  let pressed = null;
  document.addEventListener("pointerdown", (event) => {
    // While a button is down plotly covers the page.
    pressed = { x: event.clientX, y: event.clientY, at: $("compare-charts") && atPointer(event) };
  }, true);
  document.addEventListener("click", (event) => {
    if (!$("compare-charts") || event.detail > 1) return;
    const { target } = event;
    const full = target.closest("[data-full]");
    const out = target.closest("[data-out]");
    if (full) fill($(`${full.dataset.full}-box`));
    else if (out) setProps("compare-out", { data: { run: out.dataset.out, at: Date.now() } });
  });
  document.addEventListener("pointerup", (event) => {
    if (!$("compare-charts") || !pressed) return;
    const far = Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y);
    if (far > 3 || event.button !== 0 || event.detail > 1) return; // a pan
    if (pressed.at !== null) pin(pressed.at);
  }, true);

  document.addEventListener("keydown", (event) => {
    if (!$("compare-charts") || event.defaultPrevented) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest(`${TYPES}, [role=dialog], [role=menu], [role=listbox]`)) return;
    const large = event.shiftKey ? 10 : 1;
    const all = places();
    const wanted = {
      ArrowLeft: () => moved(all, view.pinned, -large),
      ArrowRight: () => moved(all, view.pinned, large),
      Home: () => (all.length ? all[0] : null),
      End: () => (all.length ? all[all.length - 1] : null),
      Escape: () => null,
    }[event.key];
    if (!wanted || (event.key === "Escape" && (view.pinned === null || document.fullscreenElement))) {
      return;
    }
    event.preventDefault();
    pin(wanted());
  });

  /* -- as large as the screen ------------------------------------------------------------------ */

  async function fill(box) {
    if (document.fullscreenElement) {
      await document.exitFullscreen();
      return;
    }
    try {
      await box.requestFullscreen();
    } catch {
      box.classList.toggle("filled"); // a browser may refuse: then as large as the window
      resize();
    }
  }

  function resize() {
    requestAnimationFrame(() => {
      for (const gd of figures()) if (ready(gd)) Plotly.Plots.resize(gd).then(() => placeCursor(gd));
    });
  }
  document.addEventListener("fullscreenchange", () => $("compare-charts") && resize());

  /* -- the wheel ------------------------------------------------------------------------------- */

  let scrolled = 0;
  document.addEventListener("wheel", (event) => {
    const over = event.target.closest && event.target.closest("#compare-charts .js-plotly-plot");
    const now = performance.now();
    if (over && now - scrolled > STILL_MS) return; // plotly zooms
    scrolled = now;
    if (over) event.stopPropagation(); // the page scrolls on
  }, { capture: true, passive: true });

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.compare = { adopt };
})();
