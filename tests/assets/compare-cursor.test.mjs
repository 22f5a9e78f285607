import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { upTo, valueAt, stops, nearest, moved, said, withCursor } =
  load("compare-cursor.js").CompareCursor;

test("the last that is not above a value", () => {
  assert.equal(upTo([0, 10, 20], 15), 1);
  assert.equal(upTo([0, 10, 20], 20), 2);
  assert.equal(upTo([0, 10, 20], -1), -1);
  assert.equal(upTo([], 3), -1);
});

test("a line has the value of its last measurement up to the cursor", () => {
  const line = { x: [0, 10, 20, 30], y: [1, null, 3, null] };
  assert.equal(valueAt(line, 5), 1);
  assert.equal(valueAt(line, 15), 1);
  assert.equal(valueAt(line, 1000), 3);
  assert.equal(valueAt(line, -5), null);
  assert.equal(valueAt({ x: [], y: [] }, 5), null);
});

test("the cursor stops where some line has a point, and nowhere beyond", () => {
  const places = stops([{ x: [0, 10] }, { x: [5, 10, 20] }]);
  assert.deepEqual(places, [0, 5, 10, 20]);
  assert.equal(nearest(places, 7), 5);
  assert.equal(nearest(places, 18), 20);
  assert.equal(nearest(places, -3), 0);
  assert.equal(nearest(places, 99), 20);
  assert.equal(nearest([], 1), null);
  assert.equal(moved(places, 5, 1), 10);
  assert.equal(moved(places, 5, -1), 0);
  assert.equal(moved(places, 7, 1), 10);
  assert.equal(moved(places, 7, -1), 5);
  assert.equal(moved(places, 20, 10), 20);
  assert.equal(moved(places, 0, -10), 0);
  assert.equal(moved(places, null, 1), 0);
  assert.equal(moved(places, null, -1), 20);
  assert.equal(moved([], 3, 1), null);
});

test("values are written with their unit", () => {
  assert.equal(said(0.9625, "share"), "96.3 %");
  assert.equal(said(45.678, "°"), "45.7°");
  assert.equal(said(0.012345, "loss"), "0.01235");
  assert.equal(said(-2, "norm"), "−2");
  assert.equal(said(1e-7, "loss"), "1.00e−7");
  assert.equal(said(null, "loss"), "–");
});

test("an address takes a cursor, another, and none", () => {
  assert.equal(withCursor("?runs=a,b", 120), "?runs=a,b&cursor=120");
  assert.equal(withCursor("?runs=a,b&cursor=120&x=epoch", 3.5), "?runs=a,b&x=epoch&cursor=3.5");
  assert.equal(withCursor("?cursor=120", null), "");
});
