import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

globalThis.document = { documentElement: { dataset: {} } };
globalThis.MutationObserver = class {
  observe() {}
};
const { FaRuns } = load("runs.js");

test("values are written as a person reads them, and what is not there is empty", () => {
  for (const how of ["number", "whole", "percent", "degrees", "duration", "when"]) {
    assert.equal(FaRuns[how](null), "");
    assert.equal(FaRuns[how](undefined), "");
  }
  assert.equal(FaRuns.number(0.1 + 0.2), "0.3");
  assert.equal(FaRuns.whole(12345.4), "12,345");
  assert.equal(FaRuns.percent(97.25), "97.3 %");
  assert.equal(FaRuns.degrees(0), "0.0°");
  assert.equal(FaRuns.left(2, { data: { replicates: 3 } }), "2 of 3");
  assert.equal(FaRuns.left(2, {}), "");
  const median = (replicates_left, replicates) => FaRuns.median({ replicates_left, replicates });
  assert.equal(median(8, 8), "median of 8 networks");
  assert.equal(median(2, 8), "median of the 2 of 8 networks left");
  assert.equal(median(0, 8), "none of 8 networks is left");
  assert.equal(median(1, 1), "");
});

test("a long text is cut, with its length told", () => {
  assert.equal(FaRuns.cut("short"), "short");
  assert.equal(FaRuns.cut(null), "");
  const told = FaRuns.cut("💥".repeat(10_000));
  assert.equal(told, `${"💥".repeat(400)}… (10,000 characters)`);
});

test("a duration has the units that it needs", () => {
  assert.equal(FaRuns.duration(0.25), "0.3 s");
  assert.equal(FaRuns.duration(42.4), "42 s");
  assert.equal(FaRuns.duration(60), "1:00 min");
  assert.equal(FaRuns.duration(3599), "59:59 min");
  assert.equal(FaRuns.duration(3600 * 26 + 61), "26:01 h");
});

test("a day is written so that it sorts", () => {
  assert.match(FaRuns.when(1.7e12), /^2023-11-1[45] \d\d:\d\d$/);
});

const first = [
  { colId: "ag-Grid-SelectionColumn", width: 66 },
  { colId: "name", width: 300 },
  { colId: "state", width: 150 },
  { colId: "note", width: 240 },
];

test("columns are as remembered, and those that have come since are there too", () => {
  const kept = [
    { colId: "state", width: 90 },
    { colId: "gone", width: 1 },
    { colId: "name", hide: true },
  ];
  const found = FaRuns.opening(kept, first, true);
  assert.deepEqual(
    found.map((column) => column.colId),
    ["state", "name", "ag-Grid-SelectionColumn", "note"],
  );
  assert.equal(found[0].width, 90);
});

test("a narrow window begins with few columns, a wide one with all of them", () => {
  assert.equal(FaRuns.opening(null, first, false), first);
  const found = FaRuns.opening(null, first, true);
  assert.deepEqual(
    found.filter((column) => !column.hide).map((column) => column.colId),
    ["ag-Grid-SelectionColumn", "name", "state"],
  );
});
