/* One EventSource a run, shared by all who listen. Runs in the shared worker and, where browsers
   have none, in the page. */
(function (root) {
  "use strict";

  class Feed {
    constructor(run, after, forget) {
      this.listeners = new Set();
      this.head = after;
      this.ended = false;
      this.source = new EventSource(`/api/runs/${encodeURIComponent(run)}/stream?after=${after}`);
      this.source.onopen = () => this.tell({ op: "open", run });
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
        if (this.source.readyState === EventSource.CLOSED) {
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

  root.LiveHub = class LiveHub {
    constructor() {
      this.feeds = new Map();
    }

    subscribe(run, after, listener) {
      let feed = this.feeds.get(run);
      if (!feed) {
        feed = new Feed(run, after, () => {
          if (this.feeds.get(run) === feed) this.feeds.delete(run);
        });
        this.feeds.set(run, feed);
      }
      feed.listeners.add(listener);
      // Somebody else's stream may be further on: the newcomer fetches what lies between.
      listener({ op: "head", run, head: feed.head });
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
