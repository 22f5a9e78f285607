/* The live half of the Train page: takes events in order, draws them once a frame, and sends
   commands. The server draws a figure that holds everything up to layout.meta.seq; from there on
   this file extends it. An event is drawn exactly once: what was seen is dropped, what is missing
   is fetched. */
(function () {
  "use strict";

  const MAX_POINTS = 4000; // longer lines are drawn anew, thinned by the server
  const MAX_WAITING = 1500; // events kept for a hidden page before it is drawn anew instead
  const QUICK_MS = 60; // a drawing by plotly that took longer than this is followed by a rest,
  const DRAW_SHARE = 3; // they take at most a third of the time
  const WHOLE_MS = 4000; // after which plotly draws again what quick.js has extended,
  const HOVER_MS = 1000; // and while a pointer is there: plotly finds only what it drew itself
  const WHOLE_KINDS = ["control", "state", "diverged"]; // events that only plotly draws
  const ASK_AGAIN_MS = 1000;
  const REFRESH_AGAIN_MS = 15000;
  const NARROW_PX = 520; // a telephone: the charts give less room to words
  const FIT_MS = 500; // after which the charts must fill their room
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);

  const view = {
    run: null, // the run as last heard
    missing: "", // why there is none, where the address names one
    changes: [], // [[step, label], ...]
    meta: null, // of the figure on the page
    gd: null, // its element
    taken: 0, // seq of the last event taken in
    head: 0, // the highest seq heard of
    queue: [], // taken in, not yet drawn
    drawn: 0, // seq of the last event on the chart
    nextDraw: 0, // by plotly
    whole: 0, // when plotly drew last
    fetching: false,
    refreshing: false,
    refreshes: 0,
    stale: false, // hidden for so long that it is drawn anew when it is seen
    buttons: null, // the state for which they are enabled
    controls: {}, // what the two live controls show
    stats: { frames: 0, draws: 0, quick: 0, gaps: 0, duplicates: 0, fetches: 0 },
  };
  view.take = take;
  window.faLive = view; // for whoever looks with the console, and for tests
  const { makeRoom, markFew, setTicks, placeControls, showEnds, showLeads } =
    window.ChartMarks(view);
  const { showRun } = window.RunHeader(view);

  /* -- events: in order, each once ------------------------------------------------------------ */

  const { sift, after, points, added } = window.Events;
  const addressOf = (run) => window.Address.of(`/api/runs/${encodeURIComponent(run)}`);
  let again = null;

  const link = window.LiveLink({
    base: window.Address.base,
    cursor: () => view.taken,
    follows: (run) => Boolean(view.run) && view.run.id === run && !view.run.ended,
    hear({ op, frame, head = 0 }) {
      if (op === "frame") {
        view.stats.frames += 1;
        take(frame.events);
      } else if (op === "head" || op === "end" || op === "closed") {
        view.head = Math.max(view.head, head);
        if (op !== "head" || view.head > view.taken) catchUp();
      }
    },
    ask: () => catchUp(),
    silent(is) {
      if (is) root.dataset.lost = "yes";
      else delete root.dataset.lost;
    },
  });
  view.link = link;

  function take(events) {
    view.head = Math.max(view.head, events[events.length - 1].seq);
    if (view.fetching) return; // the answer is on its way, and what follows it is asked for then
    const { fresh, gap, known } = sift(events, view.taken);
    view.stats.duplicates += known;
    if (gap) {
      view.stats.gaps += 1;
      catchUp();
    } else if (fresh.length) {
      accept(fresh);
    }
  }

  function accept(events) {
    for (const event of events) {
      view.taken = event.seq;
      hear(event);
      view.queue.push(event);
    }
    const many = view.queue.length > MAX_WAITING || points(view.queue) > MAX_POINTS;
    if (!shown()) {
      view.queue = []; // another page is shown; coming back draws everything anew
    } else if (many) {
      view.queue = [];
      if (document.hidden) view.stale = true;
      else refresh();
    }
    showRun();
    requestDraw();
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !view.stale) return;
    view.stale = false;
    refresh();
  });

  async function catchUp() {
    if (view.fetching || !view.run) return;
    const run = view.run.id;
    view.fetching = true;
    try {
      for (;;) {
        const from = view.taken;
        const answer = await fetch(`${addressOf(run)}/events?after=${from}`);
        view.stats.fetches += 1;
        if (view.run && view.run.id === run) link.heard(answer.status < 500);
        if (!view.run || view.run.id !== run) return;
        if (!answer.ok) {
          if (answer.status >= 500) catchUpSoon(run);
          return;
        }
        const page = await answer.json();
        if (!view.run || view.run.id !== run) return;
        const { fresh, gap } = sift(page.events, view.taken);
        if (gap) continue; // the figure was drawn anew meanwhile, from further back
        if (fresh.length) accept(fresh);
        view.head = Math.max(view.head, view.taken);
        if (page.more) continue;
        if (view.head <= view.taken) return;
        if (view.taken === from) {
          catchUpSoon(run); // heard of, and not there yet
          return;
        }
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      link.heard(false);
      link.poll(run); // no connection: asked again in a moment
    } finally {
      view.fetching = false;
    }
  }

  /* The stream may have nothing more to say, so that nobody else would ask again. */
  function catchUpSoon(run) {
    clearTimeout(again);
    again = setTimeout(() => view.run && view.run.id === run && catchUp(), ASK_AGAIN_MS);
  }

  /* What an event says about the run itself. */
  function hear(event) {
    view.run = after(view.run, event);
    if (event.kind === "state" && event.ended) link.heard(true);
    else if (event.kind === "control") view.changes.push([event.step, event.label]);
    else if (["notice", "diverged"].includes(event.kind) && event.message) {
      notify(event.message, "Note", "yellow");
      view.controls = {}; // a change may have been refused: they show what acts
    }
  }

  /* -- the chart -------------------------------------------------------------------------------- */

  function adopt(figure) {
    const meta = figure && figure.layout && figure.layout.meta;
    if (!meta || !meta.token) return "";
    const wait = () => {
      if (view.meta && view.meta.token === meta.token) return; // begun already
      const gd = document.querySelector("#charts .js-plotly-plot");
      if (!$("charts")) return; // another page is shown by now
      if (!gd || !gd._fullLayout || !gd.layout.meta || gd.layout.meta.token !== meta.token) {
        if (!view.meta || meta.token >= view.meta.token) requestAnimationFrame(wait);
        return;
      }
      begin(gd, gd.layout.meta);
    };
    // dcc.Graph gives its own figure back after every zoom: that is no new drawing, its lines have
    // been extended since, and they would be extended again.
    wait();
    return meta.token;
  }

  const shown = () => Boolean(view.gd && view.gd.isConnected);

  function begin(gd, meta) {
    view.meta = meta;
    view.refreshing = false;
    if (view.gd !== gd) {
      view.gd = gd;
      view.buttons = null; // they are new as well
      view.controls = {};
      gd.on("plotly_relayout", () => {
        keepZoom();
        requestDraw(true);
      });
      gd.on("plotly_react", () => {
        if (!view.run || gd.layout.meta.token !== view.meta.token) return;
        settle(); // after a zoom, with the server's layout but for the axes
        requestDraw(true);
      });
    }
    // plotly resets to what the first figure said, which is the empty page's.
    for (const axis of ["xaxis", "yaxis", "yaxis3"]) {
      for (const kept of ["_rangeInitial0", "_rangeInitial1", "_autorangeInitial"]) {
        delete gd._fullLayout[axis][kept];
      }
    }
    settle();
    if (!meta.run) {
      if (named() && !meta.missing) return; // drawn for another address
      link.leave();
      view.run = null;
      view.missing = meta.missing || "";
      if ($("missing")) $("missing").textContent = view.missing;
      showRun();
      return;
    }
    const other = !view.run || view.run.id !== meta.run.id;
    if (other) {
      link.leave();
      view.head = meta.seq;
      view.controls = {};
    }
    if (other || meta.run.revision >= view.run.revision) view.run = { ...meta.run };
    view.changes = meta.changes.slice();
    view.taken = view.drawn = meta.seq;
    view.queue = [];
    if (other && !view.run.ended) link.follow(view.run.id);
    else if (view.head > view.taken) catchUp();
    showRun();
    restoreZoom();
    draw(); // at once, before anyone sees the figure without its zoom
    setTimeout(fit, FIT_MS);
  }

  /* The room of the charts changes just as a run appears, and a draw in that moment can hide the
     change from plotly. */
  function fit() {
    const { gd } = view;
    if (gd && gd.isConnected && Math.abs(gd.clientHeight - gd._fullLayout.height) > 1) {
      Plotly.Plots.resize(gd);
    }
  }

  function settle() {
    const { gd, meta } = view;
    view.narrow = gd.clientWidth < NARROW_PX;
    if (!view.narrow) return;
    Object.assign(gd.layout.margin, { l: 48, r: 100 });
    gd.layout.dragmode = false; // a finger scrolls the page
    for (const end of meta.ends) gd.data[end.trace].textfont.size.fill(12, 1);
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
    asked = false;
    if (!view.run || !shown() || (view.queue.length === 0 && !force)) return;
    // The server's next drawing is there already, with lines of its own: begin() goes on from it.
    const { meta } = view.gd.layout || {};
    if (!meta || meta.token !== view.meta.token) return;
    if (extend(now)) return;
    if (now < view.nextDraw) {
      requestDraw();
      return;
    }
    const started = performance.now();
    draw();
    force = false;
    const took = performance.now() - started;
    view.nextDraw = took < QUICK_MS ? 0 : started + DRAW_SHARE * took;
  }

  /* What waits to be drawn: index of a trace -> { x, y }. */
  const waiting = () => {
    const { data } = view.gd;
    const [drawn, steps] = [(index) => data[index].y, (index) => data[index].x];
    return added(view.queue, view.meta.places, drawn, steps);
  };

  /* Draws what waits without plotly, where that will do. */
  function extend(now) {
    const { gd, meta } = view;
    if (force || view.run.state !== "running") return false;
    if (now - view.whole > (gd.matches(":hover") ? HOVER_MS : WHOLE_MS)) return false;
    if (view.queue.some(({ kind }) => WHOLE_KINDS.includes(kind))) return false;
    const more = waiting();
    if (tooLong(more)) return false;
    for (const end of meta.ends) showEnds(end, more);
    const leads = showLeads();
    const words = meta.ends.map(({ trace }) => trace);
    if (!window.QuickDraw.extend(gd, meta.places, more, words, leads)) return false;
    view.drawn = view.queue[view.queue.length - 1].seq;
    view.queue = [];
    view.stats.quick += 1;
    return true;
  }

  const tooLong = (more) =>
    [...more].some(([index, { x }]) => view.gd.data[index].x.length + x.length > MAX_POINTS);

  function draw() {
    const { gd, meta } = view;
    const more = waiting();
    if (view.queue.length) view.drawn = view.queue[view.queue.length - 1].seq;
    view.queue = [];
    const ranges = () => String(AXES.map((axis) => gd._fullLayout[axis].range));
    const before = ranges();
    const indices = [...more.keys()].filter((index) => more.get(index).x.length);
    const long = tooLong(more);
    for (const end of meta.ends) showEnds(end, more);
    showLeads();
    markFew(more);
    placeControls();
    makeRoom(more);
    setTicks(more);
    view.stats.draws += 1;
    view.whole = performance.now();
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
    if (view.run.state !== "running" && ranges() !== before) {
      requestDraw(true);
    }
    if (long) refresh();
  }

  /* -- commands ------------------------------------------------------------------------------------ */

  function notify(message, title = "That did not work", color = "red") {
    const id = `note-${Date.now()}-${Math.random()}`;
    setProps("notes", { sendNotifications: [{ action: "show", id, title, message, color }] });
  }

  async function send(body) {
    const answer = await fetch(`${addressOf(view.run.id)}/commands`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }).catch(() => null);
    if (!answer) return "The server does not answer.";
    if (answer.ok) return null;
    const said = await answer.json().catch(() => ({}));
    return said.errors ? said.errors.map(({ words }) => words).join(" ") : said.error || "Refused.";
  }

  const order = (command) => (clicks) => {
    if (clicks && view.run) obey({ command });
    return window.dash_clientside.no_update;
  };

  function trainLonger(clicks, epochs) {
    if (clicks && view.run) obey({ command: "extend", epochs });
    return false; // the question is closed
  }

  async function obey(body) {
    const { id, ended } = view.run;
    const wrong = await send(body);
    if (wrong) notify(wrong);
    else if (ended) {
      await catchUp(); // it goes on: nobody listened any more
      link.follow(id);
    }
  }

  /* Every click is a step of its own; of two that come while the page is busy Dash tells one. */
  document.addEventListener("click", ({ target }) => {
    if (target.closest("#step:not([disabled])")) order("step")(1);
  });

  function learningRate(value) {
    const run = view.run;
    if (!run || run.ended || value === undefined || value === null) {
      return window.dash_clientside.no_update;
    }
    if (value !== "" && Number(value) === run.learning_rate) {
      setProps("now-lr", { error: null });
      return window.dash_clientside.no_update;
    }
    send({ command: "set", learning_rate: value }).then((wrong) => {
      if (!view.run || view.run.id !== run.id) return; // an event makes it another object
      const acting = `${view.run.learning_rate} goes on acting.`;
      setProps("now-lr", { error: wrong && `${wrong.replace(/\.$/, "")}. ${acting}` });
    });
    return window.dash_clientside.no_update;
  }

  function scheme(value) {
    if (view.run && !view.run.ended && value && value !== view.run.scheme) {
      send({ command: "set", scheme: value }).then((wrong) => {
        if (!wrong) return;
        notify(wrong);
        showActing();
      });
    }
    return window.dash_clientside.no_update;
  }

  /* The live controls show what acts, whatever was asked for. */
  function showActing() {
    view.controls = {};
    showRun();
  }

  document.addEventListener("keydown", ({ key, target }) => {
    if (key === "Escape" && target.id === "now-lr" && view.run) showActing();
  });

  /* The run that the address names, if any; the page says so until it is there. */
  const named = () => new URLSearchParams(window.location.search).get("run");

  function arrive() {
    const run = named();
    if (!run) return window.dash_clientside.no_update;
    if ($("missing")) $("missing").textContent = "";
    if (!view.run || view.run.id !== run) root.dataset.run = "waiting";
    return window.dash_clientside.no_update;
  }

  /* The theme that the page has. Mantine's switch knows it only once it has been used. */
  const themeNow = () => root.dataset.mantineColorScheme || "light";
  let themeSaid = null;

  function theme(_computed) {
    const now = themeNow();
    if (now === themeSaid) return window.dash_clientside.no_update;
    themeSaid = now;
    return now;
  }

  new MutationObserver(() => {
    if (themeSaid === null || themeNow() === themeSaid) return;
    themeSaid = themeNow();
    setProps("theme-now", { data: themeSaid });
  }).observe(root, { attributeFilter: ["data-mantine-color-scheme"] });

  root.dataset.run = named() ? "waiting" : "none";
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.live = {
    adopt,
    pause: order("pause"),
    resume: order("resume"),
    stop: order("stop"),
    train_longer: trainLonger,
    learning_rate: learningRate,
    scheme,
    theme,
    arrive,
  };
})();
