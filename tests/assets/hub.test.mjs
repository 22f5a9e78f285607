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

const fresh = () => {
  Source.made = [];
  return new LiveHub("/fa/", Source);
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
