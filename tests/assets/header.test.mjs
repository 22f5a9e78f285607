import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

globalThis.document = { documentElement: { dataset: {} } };
const { spoken } = load("header.js").RunHeader;

test("a time that is left is said in its two largest units", () => {
  for (const [seconds, words] of [
    [0, "0 s"],
    [0.2, "1 s"], // never less than there is
    [59, "59 s"],
    [59.1, "1 min 0 s"],
    [61, "1 min 1 s"],
    [3599, "59 min 59 s"],
    [3600, "1 h 0 min"],
    [90061, "25 h 1 min"],
  ]) {
    assert.equal(spoken(seconds), words);
  }
});
