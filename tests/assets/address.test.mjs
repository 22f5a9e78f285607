import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const page = (prefix) => {
  const textContent = JSON.stringify({ requests_pathname_prefix: prefix });
  globalThis.document = { getElementById: (id) => (id === "_dash-config" ? { textContent } : null) };
  return load("address.js").Address;
};

test("addresses stand below what the server says", () => {
  assert.equal(page("/").of("/api/runs"), "/api/runs");
  assert.equal(page("/fa/").of("/api/runs"), "/fa/api/runs");
  assert.equal(page("/fa/").of("/?run=1"), "/fa/?run=1");
  assert.equal(page("/lab/fa").of("/"), "/lab/fa/");
});

test("without a page they stand at the root", () => {
  delete globalThis.document;
  assert.equal(load("address.js").Address.of("/api"), "/api");
});

test("a page's fields are put for those that were there, and what stands beside them stays", () => {
  const { joined, fieldsOf } = page("/");
  assert.equal(joined("", "scheme=dfa&hidden=64,64"), "?scheme=dfa&hidden=64,64");
  assert.equal(joined("?scheme=bp&run=a,b&type=large", "seed=1"), "?run=a,b&type=large&seed=1");
  assert.equal(joined("?scheme=bp&unknown=1"), "");
  assert.equal(joined("?show=charts&seed=1", "seed=1", { show: null, run: "x" }), "?run=x&seed=1");
  assert.equal(joined("?run=a%26b", ""), "?run=a%26b");
  assert.equal(fieldsOf("?run=x&seed=1&type=large&hidden=8,8"), "seed=1&hidden=8,8");
  assert.equal(fieldsOf(""), "");
});

test("another address is told to Dash, and is a step back only where that is asked for", () => {
  const told = [];
  const { put } = page("/");
  Object.assign(globalThis, {
    location: { pathname: "/walk", search: "?run=a", hash: "" },
    history: {
      state: 1,
      pushState: (...words) => told.push(["push", ...words]),
      replaceState: (...words) => told.push(["replace", ...words]),
    },
    dispatchEvent: ({ type }) => told.push(type),
  });
  put("?run=a");
  put("?run=b");
  put("?run=c", true);
  assert.deepEqual(told, [
    ["replace", 1, "", "/walk?run=b"],
    "_dashprivate_pushstate",
    ["push", {}, "", "/walk?run=c"],
    "_dashprivate_pushstate",
  ]);
});
