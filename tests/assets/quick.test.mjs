import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { holds, pixels, extend } = load("quick.js").QuickDraw;
const linear = { d2p: (value) => 2 * value };
const log = { d2p: (value) => 100 - 10 * Math.log10(value) };

test("points stand where the axes put them, undefined ones nowhere", () => {
  const line = { x: [1, 2, 3], y: [1, null, 100] };
  assert.deepEqual(pixels(linear, log, line), ["2.00,100.00", "6.00,80.00"]);
});

test("a value without a place on the axis needs plotly", () => {
  assert.equal(pixels(linear, log, { x: [1], y: [0] }), null);
});

test("an axis that follows its data holds what is in its range, one that was zoomed anything", () => {
  const axis = { autorange: true, range: [0, 10] };
  assert.equal(holds(axis, [0, 10, null]), true);
  assert.equal(holds(axis, [10.1]), false);
  assert.equal(holds({ ...axis, autorange: false }, [99]), true);
  assert.equal(holds({ autorange: true, type: "log", range: [-2, 0] }, [0.01, 1]), true);
  assert.equal(holds({ autorange: true, type: "log", range: [-2, 0] }, [2]), false);
});

test("while plotly has not drawn every trace nothing is done", () => {
  const gd = {
    data: [{ x: [1], y: [1] }],
    _fullLayout: { xaxis: linear },
    querySelectorAll: () => [],
  };
  const before = structuredClone(gd.data);
  assert.equal(extend(gd, { loss: { median: 0 } }, new Map([[0, { x: [2], y: [2] }]]), []), false);
  assert.deepEqual(gd.data, before);
});
