/* The live half of the Train page: takes events in order, draws them once a frame, and sends
   commands. The server draws a figure that holds everything up to layout.meta.seq; from there on
   this file extends it. An event is drawn exactly once: what was seen is dropped, what is missing
   is fetched. */
(function () {
  "use strict";

  const MAX_POINTS = 4000; // longer lines are drawn anew, thinned by the server
  const MAX_WAITING = 1500; // events kept for a hidden page before it is drawn anew instead
  const QUICK_MS = 60; // a draw that took longer than this is followed by a rest,
  const DRAW_SHARE = 2; // so that drawing takes at most half the time
  const POLL_MS = 1000;
  const STREAM_AGAIN_MS = 30000;
  const REFRESH_AGAIN_MS = 15000;
  const LABEL_PX = 16;
  const NARROW_PX = 520; // a telephone: the charts give less room to words
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);

  const view = {
    run: null, // the run as last heard
    changes: [], // [[step, label], ...]
    meta: null, // of the figure on the page
    gd: null, // its element
    taken: 0, // seq of the last event taken in
    head: 0, // the highest seq heard of
    queue: [], // taken in, not yet drawn
    drawn: 0, // seq of the last event on the chart
    nextDraw: 0,
    fetching: false,
    refreshing: false,
    refreshes: 0,
    controls: {}, // what the two live controls show
    stats: { frames: 0, draws: 0, gaps: 0, duplicates: 0, fetches: 0 },
  };
  view.take = take;
  window.faLive = view; // for whoever looks with the console, and for tests

  /* -- transport: shared worker, else a stream of the page's own, else asking again and again -- */

  const transport = { run: null, polling: null, since: 0 };

  function onMessage(message) {
    if (!view.run || message.run !== view.run.id) return;
    if (message.op === "frame") {
      view.stats.frames += 1;
      take(message.frame.events);
    } else {
      view.head = Math.max(view.head, message.head || 0);
      if (message.op !== "head" || view.head > view.taken) catchUp();
      if (message.op === "closed") poll(message.run);
    }
  }

  function connect() {
    if (transport.post) return;
    const local = () => {
      const hub = window.EventSource ? new window.LiveHub() : null;
      transport.post = ({ op, run, after }) => {
        if (!hub && op === "subscribe") poll(run);
        else if (hub && op === "subscribe") hub.subscribe(run, after, onMessage);
        else if (hub && op === "unsubscribe") hub.unsubscribe(run, onMessage);
        else if (hub && op === "bye") hub.leave(onMessage);
      };
    };
    if (!window.SharedWorker) return local();
    const worker = new SharedWorker("/assets/live-worker.js", { name: "live" });
    worker.onerror = () => {
      local();
      if (transport.run) subscribe(transport.run, view.taken);
    };
    worker.port.onmessage = ({ data }) => onMessage(data);
    worker.port.start();
    transport.post = (message) => worker.port.postMessage(message);
    setInterval(() => transport.post({ op: "alive" }), 20000);
  }

  function subscribe(run, after) {
    connect();
    transport.run = run;
    transport.post({ op: "subscribe", run, after });
  }

  function unsubscribe() {
    clearTimeout(transport.polling);
    transport.polling = null;
    if (transport.run) transport.post({ op: "unsubscribe", run: transport.run });
    transport.run = null;
  }

  function poll(run) {
    clearTimeout(transport.polling);
    transport.since = transport.polling ? transport.since : Date.now();
    transport.polling = setTimeout(async () => {
      if (!view.run || view.run.id !== run || view.run.ended) {
        transport.polling = null;
        return;
      }
      await catchUp();
      if (window.EventSource && Date.now() - transport.since > STREAM_AGAIN_MS) {
        transport.polling = null;
        subscribe(run, view.taken);
      } else {
        poll(run);
      }
    }, POLL_MS);
  }

  window.addEventListener("pagehide", () => transport.post && transport.post({ op: "bye" }));
  window.addEventListener("pageshow", (event) => {
    if (event.persisted && transport.run) subscribe(transport.run, view.taken);
  });

  /* -- events: in order, each once ------------------------------------------------------------ */

  function take(events) {
    const last = events[events.length - 1].seq;
    view.head = Math.max(view.head, last);
    if (view.fetching) return; // the answer is on its way, and what follows it is asked for then
    const fresh = events.filter((event) => event.seq > view.taken);
    view.stats.duplicates += events.length - fresh.length;
    if (fresh.length === 0) return;
    if (fresh[0].seq > view.taken + 1) {
      view.stats.gaps += 1;
      catchUp();
      return;
    }
    accept(fresh);
  }

  function accept(events) {
    for (const event of events) {
      view.taken = event.seq;
      hear(event);
      view.queue.push(event);
    }
    if (view.queue.length > MAX_WAITING) {
      view.queue = [];
      refresh();
    }
    showRun();
    requestDraw();
  }

  async function catchUp() {
    if (view.fetching || !view.run) return;
    const run = view.run.id;
    view.fetching = true;
    try {
      for (;;) {
        const answer = await fetch(
          `/api/runs/${encodeURIComponent(run)}/events?after=${view.taken}`
        );
        view.stats.fetches += 1;
        if (!answer.ok || !view.run || view.run.id !== run) return;
        const page = await answer.json();
        if (!view.run || view.run.id !== run) return;
        const fresh = page.events.filter((event) => event.seq > view.taken);
        if (fresh.length && fresh[0].seq === view.taken + 1) accept(fresh);
        else if (fresh.length) continue; // the figure was drawn anew meanwhile, from further back
        view.head = Math.max(view.head, view.taken);
        if (!page.more && view.head <= page.last) return;
        if (!page.more && fresh.length === 0) return;
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      poll(run); // no connection: asked again in a moment
    } finally {
      view.fetching = false;
    }
  }

  /* What an event says about the run itself. */
  function hear(event) {
    const run = view.run;
    run.revision = Math.max(run.revision, event.seq);
    if (event.progress) Object.assign(run, event.progress);
    if (event.kind === "state") {
      Object.assign(run, {
        state: event.state,
        reason: event.reason,
        ended: event.ended,
        step: event.step,
      });
    } else if (event.kind === "control") {
      run[event.name] = event.to;
      view.changes.push([event.step, event.label]);
    } else if (event.kind === "notice") {
      notify(event.message, "Note", "yellow");
    }
  }

  /* -- the chart -------------------------------------------------------------------------------- */

  function adopt(figure) {
    const meta = figure && figure.layout && figure.layout.meta;
    if (!meta || !meta.token) return "";
    const wait = () => {
      const gd = document.querySelector("#charts .js-plotly-plot");
      if (!gd || !gd._fullLayout || !gd.layout.meta || gd.layout.meta.token !== meta.token) {
        if (!view.meta || meta.token >= view.meta.token) requestAnimationFrame(wait);
        return;
      }
      begin(gd, gd.layout.meta);
    };
    wait();
    return meta.token;
  }

  function begin(gd, meta) {
    view.meta = meta;
    view.refreshing = false;
    if (view.gd !== gd) {
      view.gd = gd;
      gd.on("plotly_relayout", () => {
        keepZoom();
        requestDraw(true);
      });
    }
    if (gd.clientWidth < NARROW_PX) {
      Object.assign(gd.layout.margin, { l: 42, r: 88 });
      gd.layout.dragmode = false; // a finger scrolls the page
      for (const end of meta.ends) gd.data[end.trace].textfont.size.fill(12, 1);
    }
    if (!meta.run) {
      unsubscribe();
      view.run = null;
      if (meta.missing) notify(meta.missing);
      showRun();
      return;
    }
    const other = !view.run || view.run.id !== meta.run.id;
    if (other) {
      unsubscribe();
      view.head = meta.seq;
      view.controls = {};
    }
    if (other || meta.run.revision >= view.run.revision) view.run = { ...meta.run };
    view.changes = meta.changes.slice();
    view.taken = view.drawn = meta.seq;
    view.queue = [];
    if (other && !view.run.ended) subscribe(view.run.id, meta.seq);
    else if (view.head > view.taken) catchUp();
    showRun();
    restoreZoom();
    draw(); // at once, before anyone sees the figure without its zoom
  }

  /* plotly forgets a zoom along the shared axis when the figure is drawn anew (its uirevision only
     remembers y axes here), so it is kept by hand. */
  const AXES = ["xaxis", "yaxis", "yaxis2", "yaxis3"];

  function keepZoom() {
    const { layout } = view.gd;
    view.zoom = {
      run: view.run && view.run.id,
      axes: AXES.map((axis) => [axis, layout[axis].autorange === true, layout[axis].range]),
    };
  }

  function restoreZoom() {
    if (!view.zoom || view.zoom.run !== view.run.id) return;
    for (const [axis, auto, range] of view.zoom.axes) {
      if (!auto && range) {
        Object.assign(view.gd.layout[axis], { autorange: false, range: range.slice() });
      }
    }
  }

  function refresh() {
    if (view.refreshing) return;
    view.refreshing = true;
    view.refreshes += 1;
    setProps("refresh", { data: view.refreshes });
    const asked = view.refreshes;
    setTimeout(() => {
      if (!view.refreshing || view.refreshes !== asked) return;
      view.refreshing = false; // the answer was lost: asked again
      refresh();
    }, REFRESH_AGAIN_MS);
  }

  let asked = false;
  let force = false;
  function requestDraw(always) {
    force = force || Boolean(always);
    if (asked) return;
    asked = true;
    requestAnimationFrame(drawWhenDue);
  }

  function drawWhenDue(now) {
    if (now < view.nextDraw) {
      requestAnimationFrame(drawWhenDue);
      return;
    }
    asked = false;
    if (!view.run || !view.gd || (view.queue.length === 0 && !force)) return;
    const started = performance.now();
    draw();
    force = false;
    const took = performance.now() - started;
    view.nextDraw = took < QUICK_MS ? 0 : started + DRAW_SHARE * took;
  }

  function draw() {
    const { gd, meta } = view;
    const more = new Map(); // index of a trace -> { x, y }
    for (const event of view.queue) {
      view.drawn = event.seq;
      if (event.kind === "control") addControl(event);
      for (const [key, band] of Object.entries(event.bands || {})) {
        for (const [part, index] of Object.entries(meta.places[key] || {})) {
          const line = more.get(index) || { x: [], y: [] };
          for (let i = 0; i < band.step.length; i += 1) {
            line.x.push(band.step[i]);
            line.y.push(band[part][i]);
          }
          more.set(index, line);
        }
      }
    }
    view.queue = [];
    const range = String(gd._fullLayout.yaxis.range);
    const indices = [...more.keys()].filter((index) => more.get(index).x.length);
    for (const end of meta.ends) showEnds(end, more);
    turnLabels();
    setTicks();
    view.stats.draws += 1;
    if (indices.length === 0) {
      Plotly.redraw(gd);
    } else {
      const lines = indices.map((index) => more.get(index));
      Plotly.extendTraces(
        gd,
        { x: lines.map((line) => line.x), y: lines.map((line) => line.y) },
        indices
      );
    }
    // Words were placed for the axis as it was; where no other draw follows, this one is repeated.
    if (view.run.state !== "running" && String(gd._fullLayout.yaxis.range) !== range) {
      requestDraw(true);
    }
    if (indices.some((index) => gd.data[index].x.length > MAX_POINTS)) refresh();
  }

  function addControl(event) {
    const templates = view.meta.control;
    const shape = structuredClone(templates[(view.changes.length - 1) % templates.length]);
    shape.x0 = shape.x1 = event.step;
    shape.label.text = shape.label.text.replace("{}", event.label);
    view.gd.layout.shapes = [...(view.gd.layout.shapes || []), shape];
  }

  /* As many ticks of the loss as have room, for whatever it spans now. */
  function setTicks() {
    const [low, high] = view.gd._fullLayout.yaxis.range;
    const fits = view.meta.ticks.find(([decades]) => high - low > decades);
    Object.assign(
      view.gd.layout.yaxis,
      fits ? { tickmode: "array", tickvals: fits[1] } : { tickmode: "auto", tickvals: null }
    );
  }

  /* The label of a control stands on the side that has room. */
  function turnLabels() {
    const [low, high] = view.gd._fullLayout.xaxis.range;
    for (const shape of view.gd.layout.shapes || []) {
      if (shape.name === "control") {
        shape.label.xanchor = shape.x0 < (low + high) / 2 ? "left" : "right";
      }
    }
  }

  /* The last value of every line, beside its end; moved apart where two would overlap. */
  function showEnds(end, more) {
    const { gd, meta } = view;
    const axis = gd._fullLayout[end.axis.replace("y", "yaxis")];
    const [low, high] = axis.range;
    const log = axis.type === "log";
    const trace = gd.data[end.trace];
    const labels = end.keys.map((key, place) => {
      const index = meta.places[key].median;
      const added = (more.get(index) || { y: [] }).y;
      const y = added.length ? added : gd.data[index].y;
      const value = y.length ? y[y.length - 1] : null;
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
      trace.text[1 + place] = share >= 0 && share <= 1 ? words : "";
    });
    const first = 1 + end.marks.length;
    for (const { place } of labels) trace.text[first + place] = "";
    for (const { place, value, at } of seen) {
      trace.y[first + place] = at / axis._length;
      trace.text[first + place] = ` ${end.names[place]} ${written(end.axis, value)}`;
    }
  }

  function written(axis, value) {
    if (axis === "y2") return `${(100 * value).toFixed(1)} %`;
    if (axis === "y3") return `${value.toFixed(1)}°`;
    return value >= 0.001 && value < 1000
      ? String(Number(value.toPrecision(3)))
      : value.toExponential(1);
  }

  /* -- the header of the run ---------------------------------------------------------------------- */

  const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

  function text(id, value) {
    const element = $(id);
    if (element && element.textContent !== value) element.textContent = value;
  }

  function showRun() {
    const run = view.run;
    const state = run ? (run.ended ? "ended" : run.state) : "none";
    if (root.dataset.run !== state) {
      root.dataset.run = state;
      setProps("step", { disabled: !["running", "paused"].includes(state) });
      setProps("stop", { disabled: !["queued", "running", "paused"].includes(state) });
      setProps("reset", { disabled: state === "none" });
    }
    if (!run || !$("run-name")) return;
    root.dataset.state = run.state;
    text("run-name", run.name);
    text("run-state", run.state);
    text("run-reason", run.reason || (run.state === "queued" ? "waiting for a worker" : ""));
    const share = run.total_steps ? Math.min(1, run.step / run.total_steps) : 0;
    $("run-progress").style.width = `${100 * share}%`;
    $("run-progressbar").setAttribute("aria-valuenow", String(Math.round(100 * share)));
    text("run-step", `${number.format(run.step)} / ${number.format(run.total_steps)}`);
    text("run-epoch", `${(run.epoch || 0).toFixed(run.epochs < 20 ? 1 : 0)} / ${run.epochs}`);
    const moving = run.state === "running" && run.steps_per_second > 0;
    text("run-speed", moving ? number.format(run.steps_per_second) : "–");
    text("run-left", moving ? spoken((run.total_steps - run.step) / run.steps_per_second) : "–");
    for (const kind of ["csv", "json"]) {
      $(`export-${kind}`).setAttribute("href", `/api/runs/${run.id}/export.${kind}`);
    }
    const several = run.config.replicates > 1;
    text(
      "chart-note",
      several
        ? `Lines are the median of ${run.config.replicates} networks, bands their central 80 %.` +
            " Drag to zoom, double-click to zoom out."
        : "Drag to zoom, double-click to zoom out."
    );
    showChanges();
    showControls();
  }

  function showChanges() {
    const box = $("changes");
    const wanted = view.changes.map(([step, label]) => `step ${number.format(step)}: ${label}`);
    if (box.dataset.run === view.run.id && box.childElementCount === wanted.length) return;
    box.dataset.run = view.run.id;
    box.replaceChildren(
      ...wanted.map((words) => {
        const chip = document.createElement("span");
        chip.className = "chip";
        chip.textContent = words;
        return chip;
      })
    );
  }

  function showControls() {
    const { learning_rate: rate, scheme } = view.run;
    if (view.controls.rate !== rate) {
      view.controls.rate = rate;
      setProps("now-lr", { value: String(rate), error: null });
    }
    if (view.controls.scheme !== scheme) {
      view.controls.scheme = scheme;
      setProps("now-scheme", { value: scheme });
    }
  }

  function spoken(seconds) {
    const s = Math.ceil(seconds);
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
    return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  }

  /* -- commands ------------------------------------------------------------------------------------ */

  function notify(message, title = "That did not work", color = "red") {
    const id = `note-${Date.now()}-${Math.random()}`;
    setProps("notes", { sendNotifications: [{ action: "show", id, title, message, color }] });
  }

  async function send(body) {
    const answer = await fetch(`/api/runs/${encodeURIComponent(view.run.id)}/commands`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }).catch(() => null);
    if (!answer) return "The server does not answer.";
    if (answer.ok) return null;
    const said = await answer.json().catch(() => ({}));
    return said.errors ? said.errors.map((e) => e.message).join(" ") : said.error || "Refused.";
  }

  const order = (command) => (clicks) => {
    if (clicks && view.run) send({ command }).then((wrong) => wrong && notify(wrong));
    return window.dash_clientside.no_update;
  };

  function learningRate(value) {
    const run = view.run;
    if (!run || run.ended || value === undefined || value === null) {
      return window.dash_clientside.no_update;
    }
    if (value !== "" && Number(value) === run.learning_rate) {
      setProps("now-lr", { error: null });
      return window.dash_clientside.no_update;
    }
    send({ command: "set", learning_rate: value }).then((wrong) =>
      setProps("now-lr", { error: wrong })
    );
    return window.dash_clientside.no_update;
  }

  function scheme(value) {
    if (view.run && !view.run.ended && value && value !== view.run.scheme) {
      send({ command: "set", scheme: value }).then((wrong) => wrong && notify(wrong));
    }
    return window.dash_clientside.no_update;
  }

  /* What is wrong cannot hide in the fold. The fold is the browser's own: nobody else knows
     whether it is open. */
  function unfold() {
    requestAnimationFrame(() => {
      if (document.querySelector("#more [data-error]")) $("more").open = true;
    });
    return window.dash_clientside.no_update;
  }

  root.dataset.run = "none";
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.live = {
    adopt,
    pause: order("pause"),
    resume: order("resume"),
    step: order("step"),
    stop: order("stop"),
    learning_rate: learningRate,
    scheme,
    unfold,
  };
})();
