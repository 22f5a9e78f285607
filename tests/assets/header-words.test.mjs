import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { number, stateWords, partly, epochs, spoken, pace, caption } = load("header-words.js").RunWords;

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

const lost = { lost: "1 of 3 networks diverged", lines: "Lines are the median of what is left." };

test("a state says what has become of the networks, in its words and its colour", () => {
  assert.equal(stateWords({ state: "finished", divergence: null }), "finished");
  assert.equal(partly({ state: "finished", divergence: null }), false);
  assert.equal(stateWords({ state: "finished", divergence: lost }), "finished, 1 of 3 networks diverged");
  assert.equal(stateWords({ state: "diverged", divergence: lost }), "diverged");
  for (const [state, is] of [["running", true], ["stopped", true], ["diverged", false], ["failed", false]]) {
    assert.equal(partly({ state, divergence: lost }), is);
  }
});

test("numbers have their separators everywhere", () => {
  assert.equal(number(26153), "26,153");
  assert.equal(epochs({ epoch: 1234.5, epochs: 9000 }), "1,235 / 9,000");
  assert.equal(epochs({ epoch: 1.26, epochs: 2 }), "1.3 / 2");
  assert.equal(spoken(3600 * 26153), "26,153 h 0 min");
});

test("speed and time are of now while it trains, and of the whole run when it has ended", () => {
  const run = { state: "running", step: 500, total_steps: 1500, steps_per_second: 20, trained_s: 50 };
  const going = pace(run);
  assert.deepEqual([going.speed, going.time, going.titles.time], ["20", "50 s", "time left"]);
  const begun = pace({ ...run, steps_per_second: 0 });
  assert.deepEqual([begun.speed, begun.time], ["–", "–"]);
  const rests = pace({ ...run, state: "paused" }); // at the mean of what it has trained, 10 a second
  assert.deepEqual([rests.speed, rests.time], ["10", "1 min 40 s"]);
  assert.equal(rests.titles.speed, "steps/s, mean");
  const ended = pace({ ...run, state: "stopped", ended: true });
  assert.deepEqual([ended.speed, ended.time, ended.titles.time], ["10", "50 s", "trained for"]);
  const brief = pace({ ...run, ended: true, state: "finished", trained_s: 0.4 });
  assert.deepEqual([brief.speed, brief.time], ["1,250", "0.4 s"]);
  const old = { ...run, ended: true, trained_s: null, started_at: 100, ended_at: 350 };
  assert.deepEqual([pace({ ...old, state: "finished" }).speed, pace({ ...old, state: "finished" }).time], [
    "2.0",
    "4 min 10 s",
  ]);
  const never = pace({ ...old, state: "stopped", started_at: null, step: 0 });
  assert.deepEqual([never.speed, never.time], ["–", "–"]);
});

test("the caption says what lines are of, and where angles end", () => {
  const run = { config: { replicates: 3, dtype: "float32" }, divergence: null };
  assert.match(caption(run).join(" "), /the median of 3 networks.*one batch, before.*0\.02/);
  const words = caption({ ...run, divergence: lost }).join(" ");
  assert.ok(words.startsWith(lost.lines));
  assert.doesNotMatch(words, /of 3 networks/);
  const single = caption({ config: { replicates: 1, dtype: "float64" }, divergence: null }).join(" ");
  assert.doesNotMatch(single, /median|0\.02/);
});
