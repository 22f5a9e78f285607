/* The plane's numbers: closed forms of docs/MATH.md, section 5, and what fa_engine/dynamics/plane.py finds,
   which tests/test_assets.py writes to the file that PLANE_NUMBERS names. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { load } from "./load.mjs";

globalThis.document = { addEventListener() {} };
const plane = load("plane.js").PlaneNetwork;

const numbers = process.env.PLANE_NUMBERS;
const cases = { one: { activation: "linear", x: [1], y: [1] } };
const near = (got, wanted, tolerance = 1e-9) => {
  if (Array.isArray(wanted)) {
    assert.equal(got.length, wanted.length);
    wanted.forEach((value, i) => near(got[i], value, tolerance));
  } else if (wanted === null) {
    assert.equal(got, null);
  } else {
    const close = Math.abs(got - wanted) <= tolerance * Math.max(1, Math.abs(wanted));
    assert.ok(close, `${got} for ${wanted}`);
  }
};

test("one linear sample: loss, updates and the curve w1 w2 = t, stable beyond -(b t)^(1/3)", () => {
  const [t, b, w1, w2] = [2, 0.5, 1.5, -0.7];
  const net = plane.network({ cases }, "one", t, b);
  const e = w1 * w2 - t;
  near(plane.at(net, false, w1, w2).loss, (e * e) / 2);
  near(plane.at(net, false, w1, w2).u, [b * e, e * w1]);
  near(plane.at(net, true, w1, w2).u, [w2 * e, e * w1]);
  near(plane.at(net, false, w1, w2).g, [w2 * e, e * w1]);
  const { curve } = plane.fixed(net, false, 3);
  const drawn = curve.filter(([x]) => x !== null);
  for (const [x, y, k] of drawn) {
    near(x * y, t);
    near(k, b * y + x * x);
  }
  const edge = drawn.filter(([, , k]) => Math.abs(k) < 1e-9).map(([x]) => x);
  near(edge, [-Math.cbrt(b * t)], 1e-6);
});

test("backpropagation's cosine is 1, and not defined where there is no gradient", () => {
  const net = plane.network({ cases }, "one", 1, 1);
  near(plane.cosine(plane.at(net, true, 0.3, 0.4)), 1);
  assert.equal(plane.cosine(plane.at(net, true, 0, 0)), null);
});

test("the level through a start conserves w1^2 / 2 - b w2, backpropagation's w1^2 - w2^2", () => {
  const net = plane.network({ cases }, "one", 1, 0.8);
  const [w1, w2] = [0.7, -1.1];
  for (const [x, y] of plane.level(net, false, [w1, w2], 3, 31)) {
    near((x * x) / 2 - 0.8 * y, (w1 * w1) / 2 - 0.8 * w2);
  }
  for (const [x, y] of plane.level(net, true, [w1, w2], 3, 31)) near(x * x - y * y, w1 * w1 - w2 * w2);
});

test("Python finds the same", { skip: !numbers && "run by tests/test_assets.py" }, () => {
  const found = JSON.parse(readFileSync(numbers, "utf8"));
  assert.ok(found.length > 3);
  for (const { setup, name, t, b, reach, schemes } of found) {
    const net = plane.network(setup, name, t, b);
    for (const [scheme, wanted] of Object.entries(schemes)) {
      const bp = scheme === "bp";
      for (const [w1, w2, loss, u, cosine, stability] of wanted.points) {
        const point = plane.at(net, bp, w1, w2);
        near(point.loss, loss);
        near(point.u, u);
        near(plane.cosine(point), cosine);
        near(plane.stability(point), stability, 1e-6); // a root of what nearly cancels
      }
      const fixed = plane.fixed(net, bp, reach).points;
      const sorted = (rows) => rows.map(([x, y]) => [x, y]).sort((p, q) => p[0] - q[0] || p[1] - q[1]);
      near(sorted(fixed), sorted(wanted.fixed), 1e-6);
      const path = plane.walk(setup, net, bp, wanted.start, wanted.rate, wanted.noise, setup.draws);
      near(path.map(([, w1, w2]) => [w1, w2]), wanted.path, 1e-7);
    }
  }
});
