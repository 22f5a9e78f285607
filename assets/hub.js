/* One EventSource a run, shared by all who listen. Runs in the shared worker and, where browsers
   have none, in the page. */
(function (root) {
  "use strict";

  // The server pings after 15 s of silence. A connection whose network went away without a word is
  // silent for good: after so many looks in vain it is given up, 30 to 40 s after it was last heard.
  // Looks are counted, and not time: what came while the page was busy is heard before the next one.
  const LOOK_MS = 10000;
  const LOOKS = 4;

  class Feed {
    /* `connect(after)` opens a stream of what comes after an event. */
    constructor(connect, run, after, clock, forget) {
      Object.assign(this, { connect, run, clock, forget, head: after });
      this.listeners = new Set();
      this.open = false;
      this.ended = false;
      this.quiet = 0; // looks since something was heard
      this.begin();
      this.watch();
    }

    begin() {
      const { run } = this;
      const source = this.connect(this.head);
      this.source = source;
      source.onopen = () => {
        this.quiet = 0;
        this.open = true;
        this.tell({ op: "open", run });
      };
      source.onmessage = (message) => {
        this.quiet = 0;
        const frame = JSON.parse(message.data);
        this.head = Number(message.lastEventId);
        this.tell({ op: "frame", run, frame });
      };
      source.addEventListener("ping", () => (this.quiet = 0));
      source.addEventListener("end", () => {
        this.ended = true;
        this.close();
        this.tell({ op: "end", run, head: this.head });
        this.forget();
      });
      source.onerror = () => {
        // A lost connection comes back by itself and says how far it came; a refusal does not.
        if (this.ended) return;
        this.open = false;
        if (source.readyState === 2) {
          this.close();
          this.tell({ op: "closed", run });
          this.forget();
        } else {
          this.tell({ op: "lost", run });
        }
      };
    }

    watch() {
      this.timer = this.clock.setTimeout(() => {
        this.quiet += 1;
        if (this.quiet >= LOOKS) this.again();
        this.watch();
      }, LOOK_MS);
    }

    /* From where it stands, whatever became of the connection before. */
    again() {
      this.source.close();
      this.quiet = 0;
      this.open = false;
      this.tell({ op: "lost", run: this.run });
      this.begin();
    }

    close() {
      this.clock.clearTimeout(this.timer);
      this.source.close();
    }

    tell(message) {
      for (const listener of [...this.listeners]) listener(message);
    }
  }

  /* `base` is the path before every address, `EventSource` and the timers of `clock` the browser's. */
  root.LiveHub = class LiveHub {
    constructor(base, EventSource, clock = root) {
      this.base = base;
      this.EventSource = EventSource;
      this.clock = clock;
      this.feeds = new Map();
    }

    subscribe(run, after, listener) {
      let feed = this.feeds.get(run);
      if (!feed) {
        const address = `${this.base}api/runs/${encodeURIComponent(run)}/stream?after=`;
        const connect = (from) => new this.EventSource(address + from);
        feed = new Feed(connect, run, after, this.clock, () => {
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
        feed.close();
        this.feeds.delete(run);
      }
    }

    leave(listener) {
      for (const run of [...this.feeds.keys()]) this.unsubscribe(run, listener);
    }
  };
})(self);
