import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { LiveHub } = load("hub.js");

class Source {
  static made = [];

  constructor(address) {
    Object.assign(this, { address, readyState: 0, heard: {} });
    Source.made.push(this);
  }

  addEventListener(name, listener) {
    this.heard[name] = listener;
  }

  close() {
    this.readyState = 2;
  }

  say(seq) {
    this.onmessage({ data: JSON.stringify({ events: [{ seq }] }), lastEventId: String(seq) });
  }
}

function listening(hub, run, after) {
  const heard = [];
  const listener = (message) => heard.push(message);
  hub.subscribe(run, after, listener);
  return { heard, listener, ops: () => heard.map(({ op }) => op) };
}

/* A clock that goes when it is told to. */
class Clock {
  timers = new Map();
  now = 0;
  number = 0;

  setTimeout(call, ms) {
    this.timers.set((this.number += 1), { at: this.now + ms, call });
    return this.number;
  }

  clearTimeout(id) {
    this.timers.delete(id);
  }

  pass(seconds) {
    const end = this.now + 1000 * seconds;
    for (;;) {
      const [id, due] = [...this.timers].sort((a, b) => a[1].at - b[1].at)[0] || [];
      if (!due || due.at > end) break;
      this.timers.delete(id);
      this.now = due.at;
      due.call();
    }
    this.now = end;
  }
}

let clock;
const fresh = () => {
  Source.made = [];
  clock = new Clock();
  return new LiveHub("/fa/", Source, clock);
};

test("a run has one stream, below the path, from where its first listener stands", () => {
  const hub = fresh();
  const one = listening(hub, "a b", 3);
  const two = listening(hub, "a b", 1);
  listening(hub, "c", 0);
  const addresses = ["/fa/api/runs/a%20b/stream?after=3", "/fa/api/runs/c/stream?after=0"];
  assert.deepEqual(Source.made.map(({ address }) => address), addresses);
  Source.made[0].onopen();
  Source.made[0].say(4);
  assert.deepEqual(one.ops(), ["head", "open", "frame"]);
  assert.deepEqual(two.heard[0], { op: "head", run: "a b", head: 3 }); // it fetches what lies between
  assert.deepEqual(two.heard[2].frame, { events: [{ seq: 4 }] });
});

test("whoever comes later hears where the stream is, and that it is open", () => {
  const hub = fresh();
  listening(hub, "a", 0);
  Source.made[0].onopen();
  Source.made[0].say(9);
  const late = listening(hub, "a", 2);
  assert.deepEqual(late.heard, [{ op: "head", run: "a", head: 9 }, { op: "open", run: "a" }]);
});

test("the last one who leaves closes the stream", () => {
  const hub = fresh();
  const one = listening(hub, "a", 0);
  const two = listening(hub, "a", 0);
  hub.unsubscribe("a", one.listener);
  assert.equal(Source.made[0].readyState, 0);
  hub.leave(two.listener);
  assert.equal(Source.made[0].readyState, 2);
  listening(hub, "a", 0);
  assert.equal(Source.made.length, 2);
});

test("a connection that is lost comes back by itself, one that is refused does not", () => {
  const hub = fresh();
  const one = listening(hub, "a", 0);
  const [source] = Source.made;
  source.onopen();
  source.onerror();
  assert.deepEqual(one.ops(), ["head", "open", "lost"]);
  assert.deepEqual(listening(hub, "a", 0).ops(), ["head"]); // not open now
  source.readyState = 2;
  source.onerror();
  assert.equal(one.ops().pop(), "closed");
  listening(hub, "a", 0);
  assert.equal(Source.made.length, 2);
});

test("the end is told once, and what the browser says of it afterwards is no loss", () => {
  const hub = fresh();
  const one = listening(hub, "a", 0);
  const [source] = Source.made;
  source.say(5);
  source.heard.end();
  source.onerror();
  assert.deepEqual(one.heard.pop(), { op: "end", run: "a", head: 5 });
  assert.equal(source.readyState, 2);
});

test("a stream that is silent for long is opened anew from where it stands", () => {
  const hub = fresh();
  const one = listening(hub, "a", 3);
  const [first] = Source.made;
  first.onopen();
  first.say(7);
  clock.pass(29);
  assert.equal(Source.made.length, 1);
  clock.pass(12);
  assert.equal(first.readyState, 2);
  assert.deepEqual(one.ops(), ["head", "open", "frame", "lost"]);
  assert.equal(Source.made[1].address, "/fa/api/runs/a/stream?after=7");
  assert.deepEqual(listening(hub, "a", 0).ops(), ["head"]); // not open now
  clock.pass(41); // nobody answers: once more
  assert.deepEqual(Source.made.map(({ readyState }) => readyState), [2, 2, 0]);
  Source.made[2].onopen();
  Source.made[2].say(8);
  assert.deepEqual(one.ops().slice(-3), ["lost", "open", "frame"]);
});

test("pings keep a stream of which nothing else is heard", () => {
  const hub = fresh();
  const one = listening(hub, "a", 0);
  const [source] = Source.made;
  source.onopen();
  for (let pings = 0; pings < 20; pings += 1) {
    clock.pass(15);
    source.heard.ping();
  }
  assert.equal(Source.made.length, 1);
  assert.deepEqual(one.ops(), ["head", "open"]);
});

test("nobody watches a stream that has ended, was refused or was left", () => {
  const hub = fresh();
  const one = listening(hub, "a", 0);
  listening(hub, "b", 0);
  listening(hub, "c", 0);
  hub.unsubscribe("a", one.listener);
  Source.made[1].heard.end();
  Source.made[2].readyState = 2;
  Source.made[2].onerror();
  assert.equal(clock.timers.size, 0);
  clock.pass(200);
  assert.equal(Source.made.length, 3);
});
