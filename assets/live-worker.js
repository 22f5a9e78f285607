/* The shared worker: one stream a run for all tabs, because browsers allow six connections a host. */
"use strict";
importScripts("hub.js");

const SILENT_MS = 150000; // a background tab may speak only once a minute
const hub = new LiveHub(new URL("../", self.location).pathname, EventSource);
const tabs = new Map(); // port -> { listener, heard }

self.onconnect = (event) => {
  const port = event.ports[0];
  const tab = { listener: (message) => port.postMessage(message), heard: Date.now() };
  tabs.set(port, tab);
  port.onmessage = ({ data }) => {
    tab.heard = Date.now();
    const known = tabs.has(port);
    tabs.set(port, tab);
    if (data.op === "alive") port.postMessage({ op: known ? "here" : "forgotten" });
    else if (data.op === "subscribe") hub.subscribe(data.run, data.after, tab.listener);
    else if (data.op === "unsubscribe") hub.unsubscribe(data.run, tab.listener);
    else if (data.op === "bye") {
      hub.leave(tab.listener);
      tabs.delete(port);
    }
  };
};

setInterval(() => {
  for (const [port, tab] of tabs) {
    if (Date.now() - tab.heard > SILENT_MS) {
      hub.leave(tab.listener);
      tabs.delete(port);
    }
  }
}, 30000);
