import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

globalThis.document = {
  createElement: () => ({ getContext: () => ({ measureText: ({ length }) => ({ width: 7 * length }) }) }),
};
const { ChartMarks } = load("spread.js", "chart-marks.js");
const { written } = ChartMarks;

test("values are written as their panel counts", () => {
  assert.equal(written("y", 0.123456), "0.123");
  assert.equal(written("y", 0.0001234), "1.2e-4");
  assert.equal(written("y", 123456), "1.2e+5");
  assert.equal(written("y2", 0.9721), "97.2 %");
  assert.equal(written("y3", 89.96), "90.0°");
});

/* A view of one loss line; the axes are 1000 steps and three decades wide. */
function viewOf({ loss = { x: [], y: [] }, run = {}, range = [0, 1000], autorange = true } = {}) {
  const trace = () => ({ x: [], y: [], text: [] });
  const data = [{ ...loss }, { x: [], y: [] }, trace()];
  return {
    changes: [],
    run: { state: "running", total_steps: 5000, steps_per_second: 100, scheme: "fa", ...run },
    meta: {
      places: { loss: { median: 0 }, test_loss: { median: 1 } },
      room: 2,
      ticks: [[2, [1, 10]], [0.5, [1, 2, 5]]],
      domains: [[0.7, 0.9], [0, 0.3]],
      control: [0, 1].map(() => ({ name: "control", label: { text: "{}", font: { size: 11 } } })),
    },
    gd: {
      data,
      layout: { xaxis: {}, yaxis: {}, shapes: [{ name: "other" }, { name: "changes" }] },
      _fullLayout: {
        font: { family: "x" },
        xaxis: { range, autorange, _length: 800 },
        yaxis: { range: [-2, 1], autorange, type: "log", _length: 300 },
      },
    },
  };
}

test("a running run has room ahead, one that ended closes up", () => {
  const loss = { x: [100, 1000], y: [1, 0.5] };
  const view = viewOf({ loss });
  ChartMarks(view).makeRoom(new Map());
  assert.equal(view.gd.layout.xaxis.autorangeoptions.include, 1150); // 15 % of the steps, or 1.5 s
  assert.deepEqual(view.gd.data[2].x, [1000]);
  assert.equal(view.gd.data[2].y[0], 0.4);
  const late = viewOf({ loss, run: { total_steps: 1100 } });
  ChartMarks(late).makeRoom(new Map());
  assert.equal(late.gd.layout.xaxis.autorangeoptions.include, 1100); // no further than it goes
  const ended = viewOf({ loss, run: { state: "finished" } });
  ChartMarks(ended).makeRoom(new Map());
  assert.deepEqual(ended.gd.layout.xaxis.autorangeoptions, {});
});

test("a line of a point or two is marked, what is not defined does not count", () => {
  const mode = (y, added = []) => {
    const view = viewOf({ loss: { x: y, y } });
    ChartMarks(view).markFew(new Map([[0, { x: added, y: added }]]));
    return view.gd.data[0].mode;
  };
  assert.equal(mode([]), "lines");
  assert.equal(mode([1]), "lines+markers");
  assert.equal(mode([1, null, null, null]), "lines+markers");
  assert.equal(mode([1, 2], [3]), "lines");
});

test("few steps have a tick each, many are left to plotly; decades as they have room", () => {
  const few = viewOf({ range: [4.5, 9.5], autorange: false });
  ChartMarks(few).setTicks(new Map());
  assert.equal(few.gd.layout.xaxis.tickmode, "array");
  assert.deepEqual(few.gd.layout.xaxis.tickvals.slice(0, 3), [4, 5, 6]);
  assert.ok(few.gd.layout.xaxis.tickvals.every(Number.isInteger));
  const many = viewOf();
  ChartMarks(many).setTicks(new Map());
  assert.equal(many.gd.layout.xaxis.tickmode, "auto");
  assert.deepEqual(many.gd.layout.yaxis.tickvals, [1, 10]); // three decades
  many.gd._fullLayout.yaxis.range = [-1, 0];
  ChartMarks(many).setTicks(new Map());
  assert.deepEqual(many.gd.layout.yaxis.tickvals, [1, 2, 5]);
});

test("a line that ended has its name where it went, and no value", () => {
  const run = { config: { activation: "tanh" } };
  const view = viewOf({ loss: { x: [1, 2, 3], y: [5, 0.1, null] }, run });
  view.gd.data.push({ x: [0, 1, 0.5], y: [1, null, 0.5], text: ["", "", ""] });
  view.meta.names = { gap: 16, least: 12, leader: 14, lead: "" };
  const end = { axis: "y", keys: ["loss"], names: ["train"], trace: 3, title: "Loss", narrow: "", undefined: { other: "" } };
  const words = (added) => {
    ChartMarks(view).showEnds(end, new Map(added));
    return [view.gd.data[3].text[1], view.gd.data[3].y[1]];
  };
  assert.deepEqual(words([]), ["train –", 1 / 3]); // of three decades from 0.01 on
  assert.deepEqual(words([[0, { x: [4], y: [null] }]]), ["train –", 1 / 3]);
  assert.deepEqual(words([[0, { x: [4, 5], y: [1, null] }]]), ["train –", 2 / 3]);
  assert.deepEqual(words([[0, { x: [4], y: [1] }]]), ["train 1", 2 / 3]);
});

test("labels of changes do not overlap: the newer one stays, and counts the older", () => {
  const view = viewOf();
  const long = "lr 0.1 → 0.05 and more words"; // 200 px of 800
  view.changes = [[100, long], [110, long], [120, long], [900, "short"]];
  ChartMarks(view).placeControls();
  const [other, lines, ...drawn] = view.gd.layout.shapes;
  assert.equal(other.name, "other");
  assert.deepEqual(drawn.map(({ x0, x1 }) => [x0, x1]), view.changes.map(([step]) => [step, step]));
  const words = drawn.map(({ label }) => label.text);
  assert.deepEqual(words, ["", `${long} +1`, long, "short"]); // there are two rows
  assert.deepEqual(view.lane.map(({ told }) => told).sort(), [[0, 1], [2], [3]]);
  assert.equal(drawn[2].label.xanchor, "left");
  assert.equal(drawn[3].label.xanchor, "right"); // it would be cut off on the other side
  assert.equal(lines.path.match(/M/g).length, 8); // each through both panels,
  assert.ok(lines.path.startsWith("M100,0.7L100,0.9M100,0L100,0.3")); // and not between them
  ChartMarks(view).placeControls();
  assert.equal(view.gd.layout.shapes.length, 6); // drawn again, not twice
});
