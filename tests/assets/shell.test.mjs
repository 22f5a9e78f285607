import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

globalThis.document = { title: "", documentElement: { dataset: {} } };
const { shell } = load("shell.js").dash_clientside;

test("the tab has the title of its page, an unknown one that of the first", () => {
  const titles = { "/fa/": "Feedback alignment", "/fa/walk": "Walk" };
  shell.title("/fa/walk", titles);
  assert.equal(document.title, "Walk");
  shell.title("/fa/nothing", titles);
  assert.equal(document.title, "Feedback alignment");
});
