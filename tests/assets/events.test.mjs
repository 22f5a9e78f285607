import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { sift, after, points, added } = load("events.js").Events;
const seqs = (...numbers) => numbers.map((seq) => ({ seq }));

test("what follows at once is taken", () => {
  assert.deepEqual(sift(seqs(4, 5), 3), { fresh: seqs(4, 5), gap: false, known: 0 });
});

test("what was taken already is known, whole or in part", () => {
  assert.deepEqual(sift(seqs(2, 3), 3), { fresh: [], gap: false, known: 2 });
  assert.deepEqual(sift(seqs(2, 3, 4), 3), { fresh: seqs(4), gap: false, known: 2 });
});

test("what does not follow leaves a gap", () => {
  assert.deepEqual(sift(seqs(6), 3), { fresh: seqs(6), gap: true, known: 0 });
  assert.equal(sift(seqs(5, 6), 3).gap, true);
});

test("however a history is cut up and sent again, every event is taken once and in order", () => {
  let state = 1;
  const random = (n) => (state = (state * 48271) % 2147483647) % n;
  for (let trial = 0; trial < 200; trial += 1) {
    const history = seqs(...Array.from({ length: 30 }, (_, i) => i + 1));
    const taken = [];
    while (taken.length < history.length) {
      const from = random(history.length);
      const part = history.slice(from, from + 1 + random(10));
      const { fresh, gap, known } = sift(part, taken.length);
      assert.equal(known + fresh.length, part.length);
      if (gap) assert.ok(from > taken.length);
      else taken.push(...fresh);
    }
    assert.deepEqual(taken, history);
  }
});

const run = { id: "a", state: "running", ended: false, revision: 7, step: 10, learning_rate: 0.1 };

test("an event says what has become of the run, and the run before stays as it was", () => {
  const before = structuredClone(run);
  const progress = { step: 20, epoch: 0.5 };
  const moved = after(run, { seq: 8, kind: "measurements", progress });
  assert.deepEqual(moved, { ...run, ...progress, revision: 8 });
  assert.equal(after(run, { seq: 8, kind: "control", name: "learning_rate", to: 0.2 }).learning_rate, 0.2);
  const longer = after(run, { seq: 8, kind: "control", name: "epochs", to: 9, total_steps: 90 });
  assert.deepEqual([longer.epochs, longer.total_steps, longer.name], [9, 90, run.name]);
  const end = { seq: 8, kind: "state", state: "failed", reason: "why", ended: true, step: 12 };
  const { state, reason, ended, step, revision } = after(run, end);
  assert.deepEqual([state, reason, ended, step, revision], ["failed", "why", true, 12, 8]);
  assert.equal(after(run, { seq: 3, kind: "notice" }).revision, 7);
  assert.deepEqual(run, before);
});

const band = (step, median, more = {}) => ({ step, median, ...more });

test("measurements are counted by their steps", () => {
  const events = [{ bands: { loss: band([1, 2, 3], [1, 1, 1]) } }, { kind: "state" }];
  assert.equal(points(events), 3);
});

test("events add to the lines of their measures, in order", () => {
  const places = { loss: { median: 4 }, accuracy: { median: 5 } };
  const events = [
    { bands: { loss: band([1, 2], [0.9, 0.8]), accuracy: band([2], [0.5]) } },
    { kind: "control" },
    { bands: { loss: band([3], [0.7]), unknown: band([3], [1]) } },
  ];
  const more = added(events, places, () => []);
  assert.deepEqual(more.get(4), { x: [1, 2, 3], y: [0.9, 0.8, 0.7] });
  assert.deepEqual(more.get(5), { x: [2], y: [0.5] });
  assert.equal(more.size, 2);
});

test("where a band is not defined its edges meet on the last median", () => {
  const places = { angle: { low: 0, high: 1, median: 2 } };
  const nothing = () => [null, null];
  const edges = { low: nothing(), high: nothing() };
  const event = { bands: { angle: band([5, 6], nothing(), edges) } };
  const drawn = (index) => (index === 2 ? [80, null] : []);
  const more = added([event], places, drawn, (index) => (index === 2 ? [3, 4] : []));
  assert.deepEqual(more.get(0).y, [80, 80]);
  assert.deepEqual(more.get(1).y, [80, 80]);
  assert.deepEqual(more.get(2).y, nothing()); // the median itself has a gap
  const next = band([7, 8], [70, null], { low: [60, null], high: [75, null] });
  const edge = added([{ bands: { angle: next } }], places, () => [], () => []).get(0);
  assert.deepEqual(edge, { x: [7, 7, 8], y: [60, 70, 70] }); // closed where the gap begins
});

test("a band closes where a gap begins and opens where it ends, in however many parts it comes", () => {
  const places = { angle: { low: 0, high: 1, median: 2 } };
  const steps = [0, 10, 20, 30, 40, 50];
  const median = [null, 2, 3, null, null, 5];
  const edges = { low: [null, 1, 2, null, null, 4], high: [null, 3, 4, null, null, 6] };
  const low = { x: [0, 10, 20, 20, 30, 40, 50, 50], y: [null, 1, 2, 3, 3, 3, 3, 4] };
  const whole = [{ bands: { angle: band(steps, median, edges) } }];
  assert.deepEqual(added(whole, places, () => [], () => []).get(0), low);
  const lines = [0, 1, 2].map(() => ({ x: [], y: [] }));
  for (const [i, step] of steps.entries()) {
    const part = { low: [edges.low[i]], high: [edges.high[i]] };
    const event = { bands: { angle: band([step], [median[i]], part) } };
    for (const [index, { x, y }] of added([event], places, (k) => lines[k].y, (k) => lines[k].x)) {
      lines[index].x.push(...x);
      lines[index].y.push(...y);
    }
  }
  assert.deepEqual(lines[0], low);
  assert.deepEqual(lines[1].x, low.x);
  assert.deepEqual(lines[2], { x: steps, y: median });
});

test("what has become of the networks, and a new name, are the run's from then on", () => {
  const run = { revision: 3, name: "FA on digits", divergence: null, scheme: "fa" };
  const divergence = { left: 2, of: 3 };
  const lost = after(run, { seq: 4, kind: "diverged", diverged_at: [null, null, 15], divergence });
  assert.deepEqual(lost.diverged_at, [null, null, 15]);
  assert.deepEqual(lost.divergence, divergence);
  const title = "FA → BP at step 20 on digits";
  const control = { seq: 5, kind: "control", name: "scheme", to: "bp" };
  assert.deepEqual([after(lost, { ...control, title })].map(({ name, scheme }) => [name, scheme]), [
    [title, "bp"],
  ]);
  assert.equal(after(lost, control).name, "FA on digits");
  const end = { seq: 6, kind: "state", state: "finished", reason: "", ended: true, step: 44, at: 12 };
  assert.equal(after(lost, end).ended_at, 12);
});
