/* Where names stand that must not overlap: arithmetic alone (app/figures/marks.py does the same). */
(function () {
  "use strict";

  /* Places as near as can be to those wanted (in rising order), `gap` apart, from `low` to `high`:
     where several want one place, they stand around it. */
  function spread(wanted, gap, low, high) {
    // Without the gaps it is a rising sequence that is looked for: neighbours that would fall are
    // pooled into their mean.
    const pools = [];
    wanted.forEach((place, index) => {
      pools.push([place - gap * index, 1]);
      while (pools.length > 1 && pools[pools.length - 2][0] > pools[pools.length - 1][0]) {
        const [other, more] = pools.pop();
        const [one, few] = pools.pop();
        pools.push([(one * few + other * more) / (few + more), few + more]);
      }
    });
    const levels = pools.flatMap(([level, count]) => Array(count).fill(level));
    const top = Math.max(low, high - gap * (levels.length - 1));
    return levels.map((level, index) => Math.min(Math.max(level, low), top) + gap * index);
  }

  /* The gap between `count` names in `room` pixels, and which of them there is room for: all, or the
     first, the last, and every so many of those between. */
  function gapAndKept(count, room, { gap, least }) {
    const fits = Math.max(2, Math.floor(room / least) + 1);
    const kept =
      count > fits
        ? Array.from({ length: fits }, (_, i) => Math.round((i * (count - 1)) / (fits - 1)))
        : Array.from({ length: count }, (_, i) => i);
    return { gap: Math.min(gap, room / Math.max(1, kept.length - 1)), kept };
  }

  /* Labels in rows, [{ at, long, ... }] of which the first come first: each gets the side and the
     row that has room, or joins the nearest that has. Returns for each { side, row, more }, or null
     for those that joined: `more` are their indices. */
  function rowsOf(labels, width, count) {
    const rows = Array.from({ length: count }, () => []);
    const placed = labels.map(({ at, long }) => {
      const sides = at < width / 2 ? ["left", "right"] : ["right", "left"];
      for (const side of sides) {
        const [from, to] = side === "left" ? [at, at + long] : [at - long, at];
        if (from < 0 || to > width) continue; // cut off there
        const row = rows.findIndex((taken) => taken.every(([a, b]) => to < a || from > b));
        if (row < 0) continue;
        rows[row].push([from, to]);
        return { side, row, more: [] };
      }
      return null;
    });
    labels.forEach(({ at }, index) => {
      if (placed[index]) return;
      let nearest = -1;
      placed.forEach((place, other) => {
        if (!place) return;
        const nearer = nearest < 0 || Math.abs(labels[other].at - at) < Math.abs(labels[nearest].at - at);
        if (nearer) nearest = other;
      });
      if (nearest >= 0) placed[nearest].more.push(index);
    });
    return placed;
  }

  const found = { spread, gapAndKept, rowsOf };
  if (typeof window !== "undefined") window.Spread = found;
  if (typeof module !== "undefined") module.exports = found;
})();
