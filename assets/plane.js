/* The Plane page: the two-weight network of fa_engine/dynamics/plane.py in the browser, so that
   everything follows a slider at once. The server draws the figures first; this file puts new numbers into
   their traces, by name. tests/browser/test_plane_drawing.py compares these numbers with Python's. */
(function () {
  "use strict";

  const NEAR = 1e-3; // the smallest |w1| in which roots are looked for
  const GRID = 600; // points on either side of 0 for that
  const BISECTIONS = 60;
  const CURVE = 160; // points of a branch of the curve of fixed points
  const ZERO = 1e-9; // where stability changes, K is 0 up to rounding
  const FLOOR = 1e-3; // of the loss that contours see
  const LATER_MS = 80; // what is out of sight follows after the last move
  const REST_MS = 300; // after the last move everything is drawn by plotly
  const MOVING = /^path/; // traces of a plane that learning rate and noise move, beside the marks
  const LINES = [
    ["bp loss", "bp", 3],
    ["fa loss", "fa", 3],
    ["fa cosine", "fa", 4],
  ];

  /* -- the network: MATH.md section 5 ---------------------------------------------------------- */

  function network(setup, name, t, b) {
    const { activation, x, y } = setup.cases[name];
    const tanh = activation === "tanh";
    const aimed = t !== 0;
    return { name, tanh, x, y: y.map((v) => t * v), aimed, b, oneCurve: !tanh || x.length === 1 };
  }

  /* Loss, update u, gradient g and, with them, what stability needs. */
  function at(net, bp, w1, w2) {
    const n = net.x.length;
    let ee = 0; // means of e e, e s, e h, s s, s h, h h and e times the bend, with s = phi' x
    let es = 0;
    let eh = 0;
    let ss = 0;
    let sh = 0;
    let hh = 0;
    let eb = 0;
    for (let i = 0; i < n; i += 1) {
      const x = net.x[i];
      const h = net.tanh ? Math.tanh(w1 * x) : w1 * x;
      const s = net.tanh ? (1 - h * h) * x : x;
      const e = w2 * h - net.y[i];
      ee += e * e;
      es += e * s;
      eh += e * h;
      ss += s * s;
      sh += s * h;
      hh += h * h;
      if (net.tanh) eb -= 2 * e * h * s * x;
    }
    const c = bp ? w2 : net.b;
    return {
      loss: ee / n / 2,
      u: [(c * es) / n, eh / n],
      g: [(w2 * es) / n, eh / n],
      jacobian: [
        [(c * (w2 * ss + eb)) / n, (c * sh + (bp ? es : 0)) / n],
        [(w2 * sh + es) / n, hh / n],
      ],
      pull: es,
    };
  }

  function cosine({ u, g }) {
    const size = Math.hypot(u[0], u[1]) * Math.hypot(g[0], g[1]);
    if (!(size > 0)) return null;
    return Math.min(1, Math.max(-1, (u[0] * g[0] + u[1] * g[1]) / size));
  }

  const trace = ({ jacobian: [[a], [, d]] }) => a + d;

  /* The smaller real part of the eigenvalues of du/dw. */
  function stability(point) {
    const [[a, b], [c, d]] = point.jacobian;
    const half = (a + d) / 2;
    return half - Math.sqrt(Math.max(0, half * half - (a * d - b * c)));
  }

  /* The w2 that fits best, sum(e h) = 0. */
  function best(net, w1) {
    let hy = 0;
    let hh = 0;
    net.x.forEach((x, i) => {
      const h = net.tanh ? Math.tanh(w1 * x) : w1 * x;
      hy += h * net.y[i];
      hh += h * h;
    });
    return hy / hh;
  }

  /* -- fixed points ------------------------------------------------------------------------------ */

  const even = (low, high, n) =>
    Array.from({ length: n }, (_, i) => (i === n - 1 ? high : low + (i * (high - low)) / (n - 1)));
  const spread = (low, high, n) =>
    even(Math.log(low), Math.log(high), n).map((v, i) => (i === n - 1 ? high : Math.exp(v)));

  function bisect(f, low, high) {
    const rising = f(high) > 0;
    for (let i = 0; i < BISECTIONS; i += 1) {
      const middle = (low + high) / 2;
      if (f(middle) > 0 === rising) high = middle;
      else low = middle;
    }
    return (low + high) / 2;
  }

  function roots(f, reach) {
    const found = [];
    for (const side of [-1, 1]) {
      const grid = spread(NEAR, reach, GRID).map((v) => side * v);
      const values = grid.map(f);
      for (let i = 0; i + 1 < grid.length; i += 1) {
        if (values[i] * values[i + 1] < 0) found.push(bisect(f, grid[i], grid[i + 1]));
      }
    }
    return found.sort((a, b) => a - b);
  }

  /* {curve: [[w1, w2, K], ...] with nulls between its pieces, points: [[w1, w2, stability], ...]} */
  function fixed(net, bp, reach) {
    const inside = ([w1, w2]) => Math.abs(w1) <= reach && Math.abs(w2) <= reach;
    const judged = ([w1, w2]) => [w1, w2, stability(at(net, bp, w1, w2))];
    const points = [];
    const curve = [];
    if (net.oneCurve || !net.aimed || (!bp && net.b === 0)) {
      const across = (w1) => trace(at(net, bp, w1, best(net, w1)));
      const place = (w1) => [w1, best(net, w1), across(w1)];
      const sizes = spread(reach / 100, reach, CURVE);
      for (const branch of [sizes.map((v) => -v).reverse(), sizes]) {
        branch.forEach((w1, i) => {
          const here = place(w1);
          const last = i ? curve[curve.length - 1] : null;
          if (last && last[2] * here[2] < 0) curve.push(place(bisect(across, last[0], w1)));
          curve.push(here);
        });
        curve.push([null, null, null]);
      }
      if (!net.aimed && (bp || net.b !== 0)) {
        for (const w2 of even(-reach, reach, CURVE)) curve.push([0, w2, trace(at(net, bp, 0, w2))]);
      } else {
        curve.pop();
      }
      if (bp && net.aimed) points.push([0, 0]);
    } else {
      const pull = (w1) => at(net, bp, w1, best(net, w1)).pull;
      for (const w1 of roots(pull, reach)) points.push([w1, best(net, w1)]);
      if (bp) {
        points.push([0, 0]);
        const fit = (w1) => net.x.reduce((sum, x, i) => sum + Math.tanh(w1 * x) * net.y[i], 0);
        for (const w1 of roots(fit, reach)) points.push([w1, 0]);
      }
    }
    return { curve, points: points.filter(inside).map(judged) };
  }

  /* -- what the walk conserves ------------------------------------------------------------------- */

  const arc = (net, w1) =>
    net.tanh ? (Math.sinh(w1 * net.x[0]) / net.x[0]) ** 2 / 2 : (w1 * w1) / 2;

  function unarc(net, s) {
    const size = Math.abs(net.x[0]);
    return net.tanh ? Math.asinh(Math.sqrt(2 * s) * size) / size : Math.sqrt(2 * s);
  }

  function level(net, bp, [w1, w2], reach, count) {
    if (!net.oneCurve) return [];
    const sweep = even(-reach, reach, count);
    const signed = (value, like) => (like < 0 || Object.is(like, -0) ? -value : value);
    if (!bp) {
      if (net.b === 0) return sweep.map((v) => [w1, v]);
      const value = arc(net, w1) - net.b * w2;
      return sweep.map((v) => [v, (arc(net, v) - value) / net.b]);
    }
    const value = 2 * arc(net, w1) - w2 * w2;
    return value >= 0
      ? sweep.map((v) => [signed(unarc(net, (value + v * v) / 2), w1), v])
      : sweep.map((v) => [v, signed(Math.sqrt(2 * arc(net, v) - value), w2)]);
  }

  /* -- trajectories ------------------------------------------------------------------------------ */

  /* The steps that every one is given. */
  const given = (setup, rate) => Math.min(setup.maxSteps, Math.ceil(setup.time / rate));

  /* [[step, w1, w2, loss, cosine], ...] of one start, at the steps that are drawn; its end is what
     became of it. */
  function walk(setup, net, bp, start, rate, noise, draws) {
    const steps = given(setup, rate);
    let [w1, w2] = start;
    const path = [];
    let rests = false;
    for (let step = 0; ; step += 1) {
      const point = at(net, bp, w1, w2);
      path.push([step, w1, w2, point.loss, cosine(point)]);
      let [u1, u2] = point.u;
      rests = !noise && Math.hypot(u1, u2) < setup.resting;
      if (rests || step === steps) break;
      if (noise) {
        u1 += noise * draws[step][0];
        u2 += noise * draws[step][1];
      }
      w1 -= rate * u1;
      w2 -= rate * u2;
      if (!(Math.abs(w1) <= setup.escaped && Math.abs(w2) <= setup.escaped)) break;
    }
    const [, ...end] = path[path.length - 1];
    const inside = Math.abs(end[0]) <= setup.reach && Math.abs(end[1]) <= setup.reach;
    const every = Math.max(1, Math.ceil(path.length / setup.drawn));
    let [last] = path;
    const drawn = path.filter((point, i) => {
      const moved = Math.hypot(point[1] - last[1], point[2] - last[2]);
      if (i % every && i < path.length - 1 && moved < setup.stride) return false;
      last = point;
      return true;
    });
    if (rests) drawn.end = inside ? "rests" : "rests outside";
    else drawn.end = inside ? "moving" : "leaves";
    return drawn;
  }

  /* -- the figures ------------------------------------------------------------------------------- */

  const columns = (rows, x = 0, y = 1) => ({ x: rows.map((r) => r[x]), y: rows.map((r) => r[y]) });
  const GAP = [null, null, null];

  function panel(setup, net, bp, background, starts, walks) {
    const { reach } = setup;
    const cells = even(-reach, reach, setup.cells);
    const losses = even(-reach, reach, setup.losses);
    const places = even(-reach, reach, setup.arrows + 2).slice(1, -1);
    const { curve, points } = fixed(net, bp, reach);
    const arrows = [];
    for (const w2 of places) {
      for (const w1 of places) {
        const { u } = at(net, bp, w1, w2);
        const scale = -setup.arrow / (Math.hypot(u[0], u[1]) + setup.half);
        const [a, b] = [scale * u[0], scale * u[1]];
        const shaft = setup.shaft / Math.max(Math.hypot(a, b), ZERO);
        // along the arrow and across it, in lengths of the arrow
        const point = (along, aside) => [w1 + along * a - aside * b, w2 + along * b + aside * a];
        const neck = 0.5 - setup.head;
        const sides = [1, -1].map((side) => [
          point(-0.5, side * shaft),
          point(neck, side * shaft),
          point(neck, (side * setup.head) / 2),
        ]);
        arrows.push(...sides[0], point(0.5, 0), ...sides[1].reverse(), GAP);
      }
    }
    const levels = [];
    for (const start of starts) {
      for (const p of level(net, bp, start, reach, setup.level)) {
        levels.push(Math.abs(p[0]) > 2 * reach || Math.abs(p[1]) > 2 * reach ? GAP : p);
      }
      levels.push(GAP);
    }
    const only = (keep) => columns(curve.map((p) => (p[2] !== null && keep(p[2]) ? p : GAP)));
    const seen = (p) => p[2] !== null && Math.abs(p[0]) <= reach && Math.abs(p[1]) <= reach;
    const fresh = {
      cosine: {
        x: cells,
        y: cells,
        z: background
          ? cells.map((w2) => cells.map((w1) => cosine(at(net, bp, w1, w2))))
          : cells.map(() => cells.map(() => null)),
        visible: background,
      },
      loss: {
        x: losses,
        y: losses,
        z: losses.map((w2) =>
          losses.map((w1) => Math.log10(Math.max(at(net, bp, w1, w2).loss, FLOOR)))
        ),
      },
      update: columns(arrows),
      stable: only((k) => k > -ZERO),
      unstable: only((k) => k < ZERO),
      points: marked(points, curve.filter((p) => seen(p) && Math.abs(p[2]) < ZERO)),
      invariant: columns(levels),
      marks: numbered(starts, walks),
    };
    for (let i = 0; i < setup.maxStarts; i += 1) {
      const path = walks[i] || [];
      fresh[`path ${i + 1}`] = {
        ...columns(path, 1, 2),
        customdata: path.map((p) => p[0]),
        visible: path.length > 0,
      };
    }
    return fresh;
  }

  /* Fixed points with the look of their kind, and where the stability of the curve changes. */
  const marked = (points, edges) => (old) => {
    const text = [
      ...edges.map(() => "stability changes"),
      ...points.map((p) => (p[2] > 0 ? "stable" : "unstable")),
    ];
    const symbol = text.map((kind) => old.meta[kind][0]);
    const color = text.map((kind) => old.meta[kind][1]);
    return { ...columns([...edges, ...points]), text, marker: { ...old.marker, symbol, color } };
  };

  /* The number of each trajectory at its start; at its end a disc where it rests, else a ring. */
  const numbered = (starts, walks) => (old) => {
    const ends = walks.map((path) => path[path.length - 1].slice(1));
    const text = [...starts.map(() => ""), ...starts.map((_, i) => String(i + 1))];
    const size = [...starts.map(() => 11), ...starts.map(() => 18)];
    const color = [...starts, ...starts].map((_, i) => old.meta[i % starts.length]);
    const open = [...walks.map(({ end }) => !end.startsWith("rests")), ...starts.map(() => false)];
    const symbol = open.map((ring) => (ring ? "circle-open" : "circle"));
    const line = { ...old.marker.line, width: open.map((ring) => (ring ? 2.5 : 1.5)) };
    const marker = { ...old.marker, symbol, size, color, line };
    return { ...columns([...ends, ...starts]), text, marker };
  };

  /* What is to be seen, as the controls last said; null before they did. Of each figure: from what
     it is drawn, its numbers, and from what all but its moving traces are drawn. */
  let view = null;

  function draw(name, t, b, rate, noise, background, starts, setup, texts) {
    const net = network(setup, name, t, b);
    const walked = {};
    const walks = (scheme) => {
      walked[scheme] ||= starts.map((start, i) =>
        walk(setup, net, scheme === "bp", start, rate, noise, setup.draws[i])
      );
      return walked[scheme];
    };
    const key = (...more) => JSON.stringify([name, t, rate, noise, starts, ...more]);
    view = {
      starts,
      setup,
      figures: {
        "plane-fa": [
          key(b, background),
          () => panel(setup, net, false, background, starts, walks("fa")),
          JSON.stringify([name, t, starts, b, background]),
        ],
        "plane-bp": [
          key(background),
          () => panel(setup, net, true, background, starts, walks("bp")),
          JSON.stringify([name, t, starts, background]),
        ],
        "plane-along": [key(b), () => lines(setup, { fa: walks("fa"), bp: walks("bp") })],
      },
    };
    renew();
    const values = [t, b, rate, noise].map(written);
    const ends = ["fa", "bp"].map((scheme) => ended(walks(scheme), setup, rate));
    return [...values, told(net, setup.reach), ...described(net, texts), ...ends];
  }

  /* What became of the trajectories, in words. */
  function ended(walks, setup, rate) {
    const numbers = (kind) =>
      walks.flatMap(({ end }, i) => (end === kind ? [String(i + 1)] : [])).join(", ");
    return [
      ["At rest", "rests"],
      ["At rest out of sight", "rests outside"],
      [`Still moving after step ${given(setup, rate).toLocaleString("en")}`, "moving"],
      ["Left the plane, still moving", "leaves"],
    ]
      .filter(([, kind]) => numbers(kind))
      .map(([words, kind]) => `${words}: ${numbers(kind)}.`)
      .join(" ");
  }

  /* Loss and cosine along the walks. */
  function lines(setup, walks) {
    const fresh = {};
    for (let i = 0; i < setup.maxStarts; i += 1) {
      for (const [kind, scheme, column] of LINES) {
        const path = walks[scheme][i] || [];
        fresh[`${kind} ${i + 1}`] = { ...columns(path, 0, column), visible: path.length > 0 };
      }
    }
    return fresh;
  }

  /* Fresh numbers for every chart that shows others; for those out of sight when there is a moment.
     Into the chart itself: through the figure of dcc.Graph the same takes a third longer. */
  function renew() {
    clearTimeout(waiting);
    waiting = setTimeout(() => fill(() => true), LATER_MS);
    fill(inSight);
  }

  let waiting = null;

  function inSight(gd) {
    const { top, bottom } = gd.getBoundingClientRect();
    return Math.min(bottom, window.innerHeight) - Math.max(top, 0) > 0.1 * (bottom - top);
  }

  function fill(wanted) {
    for (const [id, [key, make, still]] of Object.entries(view.figures)) {
      const gd = document.querySelector(`#${id} .js-plotly-plot`);
      if (!gd || !gd._fullLayout || !gd.layout.meta) {
        if (document.getElementById(id)) requestAnimationFrame(renew); // plotly is on its way
        return;
      }
      if (!watched.has(gd)) {
        watched.add(gd);
        // The server has drawn it anew, for another theme, perhaps from older numbers.
        gd.on("plotly_afterplot", () => gd.layout.meta.drawn || requestAnimationFrame(renew));
      }
      if (gd.layout.meta.drawn === key || !wanted(gd)) continue;
      const fresh = make();
      const changed = (trace) => {
        const change = fresh[trace.name];
        return typeof change === "function" ? change(trace) : change;
      };
      const { meta } = gd.layout;
      const same = still && meta.still === still;
      Object.assign(meta, { drawn: key, still });
      const all = gd.data.map(changed);
      const quick = same && moved(gd, all);
      gd.data.forEach((trace, i) => Object.assign(trace, all[i]));
      clearTimeout(resting.get(gd));
      if (quick) rest(gd);
      else window.Plotly.redraw(gd);
    }
  }

  /* Paths and ends where the numbers say, all else as it is: plotly draws whole layers, the
     background with them. False where more than places has changed. */
  function moved(gd, all) {
    const lines = new Map();
    const marks = new Map();
    gd.data.forEach(({ name, marker }, i) => {
      if (name === "marks") {
        const same = String(marker.symbol) === String(all[i].marker.symbol);
        marks.set(i, same ? all[i] : null);
      } else if (MOVING.test(name) && all[i].visible) {
        lines.set(i, all[i]);
      }
    });
    return ![...marks.values()].includes(null) && window.QuickDraw.move(gd, lines, marks);
  }

  /* Plotly draws it all when the slider rests: a pointer finds only what plotly drew. */
  function rest(gd) {
    const whole = () => gd.isConnected && window.Plotly.redraw(gd);
    resting.set(gd, setTimeout(whole, REST_MS));
  }

  const resting = new WeakMap();

  const watched = new WeakSet();

  const written = (value) => value.toFixed(2).replace("-", "\u2212");

  /* Where the fixed points of FA are unstable, in words. */
  function told(net, reach) {
    if (net.b === 0) return "";
    if (!net.aimed) return `Unstable where w₁ = 0 and w₂ ${net.b > 0 ? "<" : ">"} 0.`;
    const { curve, points } = fixed(net, false, reach);
    if (!net.oneCurve) {
      if (points.length === 0) return "No fixed point is in sight.";
      const stable = points.filter((p) => p[2] > 0).length;
      return `${points.length} fixed points in sight, ${stable} of them stable.`;
    }
    const away = curve.filter((p) => p[2] !== null && p[2] < ZERO).map((p) => p[0]);
    if (away.length === 0) return "Every fixed point in sight is stable.";
    const edge = away.reduce((a, v) => (Math.abs(v) > Math.abs(a) ? v : a));
    const range = edge < 0 ? `${written(edge)} < w₁ < 0` : `0 < w₁ < ${written(edge)}`;
    return `Unstable where ${range}.`;
  }

  /* What to look for: on the plane of FA, on that of BP, along the way. */
  function described(net, { fa, bp, along }) {
    const kind = net.aimed ? net.name : "no_target";
    const fed = net.b === 0 ? "no_feedback" : kind;
    return [fa[fed], bp[kind], along[fed]];
  }

  /* -- clicks ------------------------------------------------------------------------------------ */

  /* A click on a plane is a start; of too many the oldest goes. */
  document.addEventListener("click", (event) => {
    const gd = event.target.closest(".plane-panel .js-plotly-plot");
    if (!gd || !gd._fullLayout || !view) return;
    const box = gd.getBoundingClientRect();
    const place = (axis, pixel) => {
      const [from, to] = axis.range;
      const share = (pixel - axis._offset) / axis._length;
      return { share, value: Number((from + share * (to - from)).toFixed(3)) };
    };
    const { xaxis, yaxis } = gd._fullLayout;
    const x = place(xaxis, event.clientX - box.left);
    const y = place({ ...yaxis, range: [...yaxis.range].reverse() }, event.clientY - box.top);
    if ([x, y].some(({ share }) => !(share >= 0 && share <= 1))) return;
    const data = [...view.starts, [x.value, y.value]].slice(-view.setup.maxStarts);
    window.dash_clientside.set_props("plane-starts", { data });
  });

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.plane = { draw };
  window.PlaneNetwork = { network, at, cosine, stability, best, fixed, level, walk }; // for tests
})();
