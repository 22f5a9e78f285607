import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

globalThis.document = {
  documentElement: { dataset: {} },
  getElementById: () => null,
  addEventListener() {},
};
globalThis.location = { search: "?show=charts" };
globalThis.addEventListener = () => {};
globalThis.requestAnimationFrame = () => {};
const { viewOf, keptBy } = load("address.js", "view.js").View;

test("the page looks as its address says before anything is there", () => {
  assert.deepEqual(document.documentElement.dataset, { show: "charts" });
});

test("what an address says of it is taken or named", () => {
  assert.deepEqual(viewOf("?type=large&run=x"), {
    values: { show: null, type: "large" },
    wrong: [],
  });
  assert.deepEqual(viewOf("?show=all&type=large"), {
    values: { show: null, type: "large" },
    wrong: ["show = 'all': allowed is charts"],
  });
});

test("it stays from page to page, and the rest of an address with it", () => {
  const now = { show: null, type: "large" };
  assert.equal(keptBy("?run=x&seed=1", now), "?run=x&type=large&seed=1");
  assert.equal(keptBy("", now), "?type=large");
  assert.equal(keptBy("?type=large", now), "?type=large");
  assert.equal(keptBy("?run=x", { show: null, type: null }), "?run=x");
});
