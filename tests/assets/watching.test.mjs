import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { Watching } = load("watching.js");
const control = (tagName, marked) => ({ tagName, closest: () => (marked ? {} : null) });

test("a paragraph is put out of use so that it can still be read, whatever is pressed wholly", () => {
  assert.equal(Watching.propertyOf(control("TEXTAREA")), "readOnly");
  for (const name of ["BUTTON", "INPUT", "SELECT"]) {
    assert.equal(Watching.propertyOf(control(name)), "disabled");
  }
});

test("what is marked is withheld from who watches, and from nobody else", () => {
  globalThis.document = { getElementById: (id) => (id === "watching" ? {} : null) };
  assert.equal(Watching.withheld(control("BUTTON", true)), true);
  assert.equal(Watching.withheld(control("BUTTON", false)), false);
  globalThis.document = { getElementById: () => null };
  assert.equal(Watching.withheld(control("BUTTON", true)), false);
});
