/* One EventSource a run, shared by all who listen. Runs in the shared worker and, where browsers
   have none, in the page. */
(function (root) {
  "use strict";

  class Feed {
    constructor(source, run, after, forget) {
      this.listeners = new Set();
      this.head = after;
      this.open = false;
      this.ended = false;
      this.source = source;
      this.source.onopen = () => {
        this.open = true;
        this.tell({ op: "open", run });
      };
      this.source.onmessage = (message) => {
        const frame = JSON.parse(message.data);
        this.head = Number(message.lastEventId);
        this.tell({ op: "frame", run, frame });
      };
      this.source.addEventListener("end", () => {
        this.ended = true;
        this.source.close();
        this.tell({ op: "end", run, head: this.head });
        forget();
      });
      this.source.onerror = () => {
        // A lost connection comes back by itself and says how far it came; a refusal does not.
        if (this.ended) return;
        this.open = false;
        if (this.source.readyState === 2) {
          this.tell({ op: "closed", run });
          forget();
        } else {
          this.tell({ op: "lost", run });
        }
      };
    }

    tell(message) {
      for (const listener of [...this.listeners]) listener(message);
    }
  }

  /* `base` is the path before every address, `EventSource` the browser's. */
  root.LiveHub = class LiveHub {
    constructor(base, EventSource) {
      this.base = base;
      this.EventSource = EventSource;
      this.feeds = new Map();
    }

    subscribe(run, after, listener) {
      let feed = this.feeds.get(run);
      if (!feed) {
        const address = `${this.base}api/runs/${encodeURIComponent(run)}/stream?after=${after}`;
        feed = new Feed(new this.EventSource(address), run, after, () => {
          if (this.feeds.get(run) === feed) this.feeds.delete(run);
        });
        this.feeds.set(run, feed);
      }
      feed.listeners.add(listener);
      // Somebody else's stream may be further on: the newcomer fetches what lies between.
      listener({ op: "head", run, head: feed.head });
      if (feed.open) listener({ op: "open", run });
    }

    unsubscribe(run, listener) {
      const feed = this.feeds.get(run);
      if (!feed) return;
      feed.listeners.delete(listener);
      if (feed.listeners.size === 0) {
        feed.source.close();
        this.feeds.delete(run);
      }
    }

    leave(listener) {
      for (const run of [...this.feeds.keys()]) this.unsubscribe(run, listener);
    }
  };
})(self);
