import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { LiveLink } = load("hub.js", "link.js");

/* A browser with a clock of its own. */
function browser({ shared = true, source = true } = {}) {
  let now = 0;
  let number = 0;
  const timers = new Map();
  const events = {};
  const parts = {
    workers: [],
    sources: [],
    document: { hidden: false, addEventListener: (name, call) => (events[name] = call) },
    addEventListener: (name, call) => (events[name] = call),
    setTimeout: (call, ms) => (timers.set((number += 1), { at: now + ms, call }), number),
    setInterval(call, ms) {
      const again = () => (call(), parts.setTimeout(again, ms));
      return parts.setTimeout(again, ms);
    },
    clearTimeout: (id) => timers.delete(id),
    Date: { now: () => now },
    LiveHub: globalThis.LiveHub,
    async pass(ms) {
      const end = now + ms;
      for (;;) {
        const due = [...timers].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at)[0];
        if (!due) break;
        timers.delete(due[0]);
        now = due[1].at;
        due[1].call();
        await Promise.resolve();
        await Promise.resolve();
      }
      now = end;
    },
    show(is) {
      parts.document.hidden = !is;
      events.visibilitychange();
    },
  };
  if (shared) {
    parts.SharedWorker = class {
      constructor(address) {
        this.address = address;
        this.said = [];
        this.port = { start() {}, postMessage: (message) => this.said.push(message) };
        parts.workers.push(this);
      }

      answers(op = "here") {
        this.port.onmessage({ data: { op } });
      }
    };
  }
  if (source) {
    parts.EventSource = class {
      constructor(address) {
        Object.assign(this, { address, readyState: 0 });
        parts.sources.push(this);
      }

      addEventListener() {}

      close() {
        this.readyState = 2;
      }
    };
  }
  return parts;
}

function linked(parts) {
  const page = { base: "/fa/", taken: 5, heard: [], asked: 0, lost: false, followed: true };
  const link = LiveLink(
    {
      base: page.base,
      cursor: () => page.taken,
      follows: () => page.followed,
      hear: ({ op }) => page.heard.push(op),
      ask: async () => (page.asked += 1),
      silent: (is) => (page.lost = is),
    },
    parts
  );
  return { page, link };
}

const open = ({ sources }) => sources.filter(({ readyState }) => readyState !== 2).length;

test("a worker that answers is asked for the run, and the tab has no stream", async () => {
  const parts = browser();
  const { link } = linked(parts);
  link.follow("a");
  const [worker] = parts.workers;
  assert.equal(worker.address, "/fa/assets/live-worker.js");
  worker.answers();
  await parts.pass(10000);
  assert.equal(link.kind(), "shared");
  assert.equal(parts.sources.length, 0);
  assert.deepEqual(worker.said.at(-1), { op: "subscribe", run: "a", after: 5 });
});

test("one that says nothing is replaced after two seconds", async () => {
  const parts = browser();
  const { link } = linked(parts);
  link.follow("a");
  await parts.pass(1900);
  assert.equal(parts.sources.length, 0);
  await parts.pass(200);
  assert.equal(link.kind(), "own");
  assert.equal(parts.sources[0].address, "/fa/api/runs/a/stream?after=5");
});

test("one whose script is not there is replaced at once", () => {
  const parts = browser();
  const { link } = linked(parts);
  link.follow("a");
  parts.workers[0].onerror();
  assert.equal(link.kind(), "own");
});

test("one that answers late takes over, and the tab's own stream is closed", async () => {
  const parts = browser();
  const { page, link } = linked(parts);
  link.follow("a");
  await parts.pass(3000);
  page.taken = 8;
  parts.workers[0].answers();
  assert.equal(link.kind(), "shared");
  assert.equal(open(parts), 0);
  assert.deepEqual(parts.workers[0].said.at(-1), { op: "subscribe", run: "a", after: 8 });
});

test("one that dies is replaced at the next look", async () => {
  const parts = browser();
  const { link } = linked(parts);
  link.follow("a");
  parts.workers[0].answers();
  await parts.pass(19000);
  assert.equal(link.kind(), "shared");
  await parts.pass(4000);
  assert.equal(link.kind(), "own");
  assert.equal(open(parts), 1);
});

test("one that has forgotten the tab is told again", () => {
  const parts = browser();
  const { page, link } = linked(parts);
  link.follow("a");
  page.taken = 9;
  parts.workers[0].answers("forgotten");
  assert.deepEqual(parts.workers[0].said.at(-1), { op: "subscribe", run: "a", after: 9 });
});

test("without a worker a hidden tab holds no stream, and takes it up again when it is shown", () => {
  const parts = browser({ shared: false });
  const { page, link } = linked(parts);
  link.follow("a");
  assert.equal(open(parts), 1);
  parts.show(false);
  assert.equal(open(parts), 0);
  link.leave();
  link.follow("b"); // chosen while nobody sees it
  assert.equal(open(parts), 0);
  page.taken = 7;
  parts.show(true);
  assert.equal(parts.sources.at(-1).address, "/fa/api/runs/b/stream?after=7");
});

test("silence is said when it lasts, and taken back when somebody answers", async () => {
  const parts = browser({ shared: false });
  const { page, link } = linked(parts);
  link.follow("a");
  await parts.pass(2900);
  assert.equal(page.lost, false);
  await parts.pass(200);
  assert.equal(page.lost, true);
  parts.sources[0].onopen();
  assert.equal(page.lost, false);
  parts.sources[0].onerror(); // a moment's loss is none
  await parts.pass(1000);
  parts.sources[0].onopen();
  await parts.pass(10000);
  assert.equal(page.lost, false);
});

test("a refused stream is asked for again, and until then for its events", async () => {
  const parts = browser({ shared: false });
  const { page, link } = linked(parts);
  link.follow("a");
  parts.sources[0].readyState = 2;
  parts.sources[0].onerror();
  await parts.pass(5500);
  assert.equal(page.asked, 5);
  await parts.pass(30000);
  assert.equal(open(parts), 1);
  const asked = page.asked;
  await parts.pass(30000);
  assert.equal(page.asked, asked); // the stream has it now
});

test("without any stream a run is asked for until it ends or is left", async () => {
  const parts = browser({ shared: false, source: false });
  const { page, link } = linked(parts);
  link.follow("a");
  await parts.pass(3500);
  assert.equal(page.asked, 3);
  page.followed = false;
  await parts.pass(5000);
  assert.equal(page.asked, 3);
  page.followed = true;
  link.follow("b");
  await parts.pass(1500);
  assert.equal(page.asked, 4);
  link.leave();
  await parts.pass(5000);
  assert.equal(page.asked, 4);
});

test("a connection that went away without a word is said, and taken up from the cursor", async () => {
  const parts = browser({ shared: false });
  const { page, link } = linked(parts);
  link.follow("a");
  const [first] = parts.sources;
  first.onopen();
  first.onmessage({ data: "{}", lastEventId: "9" });
  await parts.pass(29000);
  assert.equal(page.lost, false);
  await parts.pass(15000);
  assert.equal(page.lost, true);
  assert.equal(first.readyState, 2);
  assert.equal(parts.sources.at(-1).address, "/fa/api/runs/a/stream?after=9");
  parts.sources.at(-1).onopen();
  assert.equal(page.lost, false);
  assert.equal(open(parts), 1);
});
