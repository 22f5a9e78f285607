import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { goesThrough, broken, sorted } = load("studies.js").StudyLines;

const box = (x0, x1, y0, y1) => ({ x0, x1, y0, y1 });

test("a row stays where it goes through every box, drawn either way round", () => {
  assert.ok(goesThrough([0.2, 0.8], []));
  assert.ok(goesThrough([0.2, 0.8], [box(0.5, 1.5, 0.7, 0.9)]));
  assert.ok(goesThrough([0.2, 0.8], [box(1.5, 0.5, 0.9, 0.7)]));
  assert.ok(!goesThrough([0.2, 0.6], [box(0.5, 1.5, 0.7, 0.9)]));
  assert.ok(!goesThrough([0.2, 0.8], [box(0.5, 1.5, 0.7, 0.9), box(-0.5, 0.5, 0.5, 1)]));
});

test("a box over two axes asks both, and one between axes asks nothing", () => {
  assert.ok(!goesThrough([0.2, 0.8], [box(-0.5, 1.5, 0.7, 0.9)]));
  assert.ok(goesThrough([0.75, 0.8], [box(-0.5, 1.5, 0.7, 0.9)]));
  assert.ok(goesThrough([0.2, 0.8], [box(0.3, 0.6, 0, 0.1)]));
});

test("lines are broken after each row", () => {
  assert.deepEqual(broken([[0, 1], [0.5, 0.5]]), {
    x: [0, 1, null, 0, 1, null],
    y: [0, 1, null, 0.5, 0.5, null],
  });
});

test("what is brushed away is pale, and the rest keeps its colour", () => {
  const meta = { rows: [[0, 1], [0, 0.5], [1, 0]], bins: [1, 0, 1] };
  const [pale, first, second] = sorted(meta, [box(-0.5, 0.5, 0, 0.2)], 2);
  assert.deepEqual(pale.y, [1, 0, null]);
  assert.deepEqual(first.y, [0, 0.5, null]);
  assert.deepEqual(second.y, [0, 1, null]);
  assert.deepEqual(sorted(meta, [], 2)[0].y, []);
});
