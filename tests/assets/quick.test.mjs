import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { holds, pixels, extend, replace, shape } = load("quick.js").QuickDraw;
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

test("a line is drawn with its gaps, areas are closed", () => {
  const line = { x: [1, 2, 3, 4], y: [1, null, 100, 10] };
  assert.equal(shape(linear, log, line, false), "M2.00,100.00M6.00,80.00L8.00,90.00");
  const areas = { x: [1, 2, null, 3, 4], y: [1, 1, null, 1, 10] };
  assert.equal(
    shape(linear, log, areas, true),
    "M2.00,100.00L4.00,100.00ZM6.00,100.00L8.00,90.00Z"
  );
  assert.equal(shape(linear, log, { x: [1], y: [0] }, false), null);
});

test("lines are put in place of others, or nothing is done", () => {
  const path = () => ({ d: "M1,1", setAttribute(_name, value) { this.d = value; } });
  const [first, rest, area] = [path(), path(), path()];
  const group = (index, found) => ({
    __data__: [{ trace: { index } }],
    querySelectorAll: (wanted) => found[wanted] || [],
  });
  const gd = {
    _fullLayout: { xaxis: linear, yaxis: log },
    _fullData: [
      { mode: "lines", yaxis: "y" },
      { mode: "lines", yaxis: "y", fill: "toself" },
      { mode: "markers", yaxis: "y" },
    ],
    querySelectorAll: () => [
      group(0, { ".lines > .js-line": [first, rest] }),
      group(1, { ".js-fill": [area] }),
      group(2, {}),
    ],
  };
  const line = { x: [1, 2], y: [1, 10], mode: "lines" };
  const wrong = [
    [[0, line], [2, line]],
    [[0, line], [7, line]],
    [[0, { ...line, mode: "markers" }]],
    [[0, line], [1, { ...line, y: [0, 1] }]],
  ];
  for (const traces of wrong) assert.equal(replace(gd, traces), false);
  assert.deepEqual([first.d, area.d], ["M1,1", "M1,1"]);
  assert.equal(replace(gd, [[0, line], [1, line]]), true);
  assert.equal(first.d, "M2.00,100.00L4.00,90.00");
  assert.equal(area.d, "M2.00,100.00L4.00,90.00Z");
  assert.equal(rest.d, "M0,0");
});
