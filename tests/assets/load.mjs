/* Loads files of assets/ as a page does: plain scripts, one after another, in one global scope. */
import { readFileSync } from "node:fs";
import vm from "node:vm";

export function load(...names) {
  globalThis.self = globalThis.window = globalThis;
  globalThis.dash_clientside ||= { no_update: Symbol("no update") };
  for (const name of names) {
    const url = new URL(`../../assets/${name}`, import.meta.url);
    vm.runInThisContext(readFileSync(url, "utf8"), { filename: url.pathname });
  }
  return globalThis;
}
