/* The page's link to the server's events: through the worker that all tabs share, else by a stream
   of the tab's own, else by asking again and again. It knows which run is followed and whether the
   server answers; what events mean is the page's to say (assets/live.js). */
(function (root) {
  "use strict";

  const ANSWER_MS = 2000; // a worker whose script did not load says nothing, for good
  const ALIVE_MS = 20000;
  const SILENT_MS = 3000; // without an answer, before it is said
  const POLL_MS = 1000;
  const STREAM_AGAIN_MS = 30000;

  /* For a page, which has
       base: the path before every address,
       cursor(): seq of the last event that it took in,
       follows(run): whether it shows that run, and the run goes on,
       hear(message): frames and what else is told of the run,
       ask(): fetches what is missing, as a promise,
       silent(is): is told when nobody answers for long, and when somebody does again.
     `parts` are the browser's. */
  function linkOf(page, parts = root) {
    const { document } = parts;
    let run = null; // that is followed
    let line = null; // to the server, of one of the kinds below
    let polling = null;
    let pollsSince = 0;
    let silence = null;

    /* -- kinds of lines ------------------------------------------------------------------------ */

    function ownLine() {
      if (!parts.EventSource) return { kind: "polling", follow: poll, leave() {} };
      const hub = new parts.LiveHub(page.base, parts.EventSource, parts);
      return {
        kind: "own",
        follow: (id, after) => hub.subscribe(id, after, told),
        leave: (id) => hub.unsubscribe(id, told),
      };
    }

    /* The worker's: it takes over whenever it answers, and is left whenever it does not. */
    function sharedLine() {
      const worker = new parts.SharedWorker(`${page.base}assets/live-worker.js`, { name: "live" });
      const { port } = worker;
      const shared = {
        kind: "shared",
        follow: (id, after) => port.postMessage({ op: "subscribe", run: id, after }),
        leave: (id) => port.postMessage({ op: "unsubscribe", run: id }),
        bye: () => port.postMessage({ op: "bye" }),
      };
      let answered = false;
      const silent = () => {
        if (!answered && line === shared) use(ownLine());
      };
      const ask = () => {
        answered = false;
        port.postMessage({ op: "alive" });
        // Twice half: the answer may be here already, and wait for a page that was busy.
        const half = ANSWER_MS / 2;
        parts.setTimeout(() => answered || parts.setTimeout(silent, half), half);
      };
      worker.onerror = silent;
      port.onmessage = ({ data }) => {
        answered = true;
        if (line !== shared) use(shared); // late, but there: better than a connection of our own
        if (data.op === "forgotten") go(); // after a long sleep of this tab
        else if (data.op !== "here") told(data);
      };
      port.start();
      ask();
      parts.setInterval(ask, ALIVE_MS);
      return shared;
    }

    function firstLine() {
      if (!parts.SharedWorker) return ownLine();
      try {
        return sharedLine();
      } catch {
        return ownLine(); // a browser may forbid it
      }
    }

    /* -- which one is used --------------------------------------------------------------------- */

    function use(next) {
      rest();
      line = next;
      go();
    }

    /* Browsers open six connections a host for all tabs, so that a hidden one must not hold one. */
    function go() {
      if (!run || (line.kind !== "shared" && document.hidden)) return;
      heard(false);
      line.follow(run, page.cursor());
    }

    function rest() {
      heard(true); // there is nothing to hear any more
      parts.clearTimeout(polling);
      polling = null;
      if (line && run) line.leave(run);
    }

    function follow(id) {
      line = line || firstLine();
      rest();
      run = id;
      go();
    }

    function leave() {
      rest();
      run = null;
    }

    document.addEventListener("visibilitychange", () => {
      if (!line || line.kind === "shared") return;
      rest();
      go();
    });
    parts.addEventListener("pagehide", () => {
      rest();
      if (line && line.bye) line.bye();
    });
    parts.addEventListener("pageshow", ({ persisted }) => persisted && line && go());

    /* -- what comes ---------------------------------------------------------------------------- */

    function told(message) {
      if (message.run !== run) return;
      const { op } = message;
      if (op === "lost" || op === "closed") heard(false);
      else if (op !== "head") heard(true); // that is known before anybody answers
      page.hear(message);
      if (op === "closed") poll(run);
    }

    /* Whether the server answers. A restart takes a moment: silence is said when it lasts. */
    function heard(answered) {
      if (answered) {
        parts.clearTimeout(silence);
        silence = null;
        page.silent(false);
      } else if (!silence) {
        silence = parts.setTimeout(() => run && page.follows(run) && page.silent(true), SILENT_MS);
      }
    }

    /* Asks again and again, and now and then for a stream. */
    function poll(id) {
      parts.clearTimeout(polling);
      pollsSince = polling ? pollsSince : parts.Date.now();
      polling = parts.setTimeout(async () => {
        if (id !== run || !page.follows(id)) {
          polling = null;
          return;
        }
        await page.ask();
        if (id !== run || !polling) return;
        const again = parts.EventSource && parts.Date.now() - pollsSince > STREAM_AGAIN_MS;
        if (again) {
          polling = null;
          go();
        } else {
          poll(id);
        }
      }, POLL_MS);
    }

    return { follow, leave, heard, poll, kind: () => line && line.kind };
  }

  root.LiveLink = linkOf;
})(self);
