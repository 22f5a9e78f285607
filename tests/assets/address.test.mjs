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
