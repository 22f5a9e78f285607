import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { spread, gapAndKept, rowsOf } = load("spread.js").Spread;

test("names that want one place stand around it", () => {
  assert.deepEqual(spread([100, 100, 100], 16, 0, 200), [84, 100, 116]);
  assert.deepEqual(spread([0, 0], 16, 0, 200), [0, 16]);
  assert.deepEqual(spread([200, 200], 16, 0, 200), [184, 200]);
  assert.deepEqual(spread([], 16, 0, 200), []);
});

test("names that are apart stay where they are", () => {
  assert.deepEqual(spread([10, 40, 90], 16, 0, 200), [10, 40, 90]);
});

test("where there is no room for all, the first and the last are kept", () => {
  const sizes = { gap: 16, least: 12.5 };
  assert.deepEqual(gapAndKept(3, 200, sizes), { gap: 16, kept: [0, 1, 2] });
  const { gap, kept } = gapAndKept(30, 100, sizes);
  assert.ok(gap >= 12.5);
  assert.equal(kept[0], 0);
  assert.equal(kept.at(-1), 29);
  assert.equal(kept.length, 9);
});

test("labels take rows and sides, and the others are counted by the nearest", () => {
  const labels = [50, 52, 54, 56, 300].map((at) => ({ at, long: 90 }));
  const placed = rowsOf(labels, 400, 2);
  assert.deepEqual(
    placed.map((place) => place && [place.side, place.row]),
    [["left", 0], ["left", 1], null, null, ["right", 0]]
  );
  assert.deepEqual(placed[1].more, [2, 3]);
});

test("a label that would be cut off stands on the other side or nowhere", () => {
  assert.equal(rowsOf([{ at: 20, long: 90 }], 400, 2)[0].side, "left");
  assert.equal(rowsOf([{ at: 390, long: 90 }], 400, 2)[0].side, "right");
  assert.deepEqual(rowsOf([{ at: 20, long: 90 }], 60, 2), [null]);
});
