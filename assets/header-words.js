/* What is said of a run beside its charts, as functions of the run alone. Numbers are written as the
   pages' Python writes them: 26,153. */
(function (root) {
  "use strict";

  const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const FEW_EPOCHS = 20; // of which tenths are told
  const SLOW = 10; // steps a second, likewise
  const BRIEF_S = 10; // that a run took, likewise
  const ILL = ["diverged", "failed", "interrupted"]; // states that say it themselves

  const number = (value) => whole.format(value);

  /* The state, and what has become of the networks: "finished, 1 of 3 networks diverged". */
  function stateWords({ state, divergence }) {
    return divergence && state !== "diverged" ? `${state}, ${divergence.lost}` : state;
  }

  /* Whether a run that goes or went well has lost networks: its colour then says so. */
  const partly = ({ state, divergence }) => Boolean(divergence) && !ILL.includes(state);

  function epochs({ epoch, epochs: all }) {
    const format = all < FEW_EPOCHS ? tenths : whole;
    return `${format.format(epoch || 0)} / ${whole.format(all)}`;
  }

  /* A time in words, never less than it is. */
  function spoken(seconds) {
    const s = Math.ceil(seconds);
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
    return `${whole.format(Math.floor(s / 3600))} h ${Math.floor((s % 3600) / 60)} min`;
  }

  /* How long it has trained, in seconds; null where it has not begun. Older runs were not timed. */
  function trained({ trained_s: s, started_at: began, ended_at: ended }) {
    if (typeof s === "number") return s;
    return began && ended ? ended - began : null;
  }

  /* Speed and time, with their titles: of now while it trains, else of all it has trained so far. */
  function pace(run) {
    const titles = { speed: "steps/s", time: "time left" };
    const left = (rate) => (run.total_steps - run.step) / rate;
    const said = (rate) => (rate < SLOW ? tenths : whole).format(rate);
    const now = run.steps_per_second;
    if (run.state === "running") {
      const moving = now > 0;
      const words = moving ? [said(now), spoken(left(now))] : ["–", "–"];
      return { titles, speed: words[0], time: words[1] };
    }
    const s = trained(run);
    if (!s || !run.step) return { titles, speed: "–", time: "–" };
    const mean = run.step / s;
    const taken = s < BRIEF_S ? `${tenths.format(s)} s` : spoken(s);
    const time = run.ended ? taken : spoken(left(mean));
    return {
      titles: { speed: "steps/s, mean", time: run.ended ? "trained for" : "time left" },
      speed: said(mean),
      time,
    };
  }

  /* What the lines of the charts are. */
  function caption({ config, divergence }) {
    const count = config.replicates;
    const words = [];
    if (divergence && divergence.lines) words.push(divergence.lines);
    else if (count > 1) {
      words.push(`Lines are the median of ${whole.format(count)} networks, bands their central 80 %.`);
    }
    words.push("Train is one batch, before its step; test is the whole test set.");
    if (config.dtype === "float32") words.push("Angles below 0.02° are rounding.");
    return words;
  }

  root.RunWords = { number, stateWords, partly, epochs, spoken, pace, caption };
})(self);
