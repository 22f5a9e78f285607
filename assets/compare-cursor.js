/* Reading off many lines at one place, as functions of what they are given. */
(function (root) {
  "use strict";

  /* Index of the last of a rising list that is not above `value`; -1: none. */
  function upTo(list, value) {
    let [low, high] = [-1, list.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (list[middle] <= value) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /* The last value at or before `at`; null where there is none yet. */
  function valueAt({ x, y }, at) {
    for (let i = upTo(x, at); i >= 0; i -= 1) if (y[i] !== null && y[i] !== undefined) return y[i];
    return null;
  }

  /* Of all places where some line has a point, rising and each once. */
  function stops(lines) {
    const all = lines.flatMap(({ x }) => x);
    return [...new Set(all)].sort((a, b) => a - b);
  }

  /* The place nearest to `at`; null where there is none. */
  function nearest(places, at) {
    const below = upTo(places, at);
    const [low, high] = [places[below], places[below + 1]];
    if (low === undefined) return high === undefined ? null : high;
    return high !== undefined && high - at < at - low ? high : low;
  }

  /* `by` places on from `at`, or the first, where there is no `at`; never beyond the ends. */
  function moved(places, at, by) {
    if (!places.length) return null;
    if (at === null) return places[by > 0 ? 0 : places.length - 1];
    let index = upTo(places, at);
    if (by < 0 && index >= 0 && places[index] < at) index += 1;
    return places[Math.max(0, Math.min(places.length - 1, index + by))];
  }

  /* A value with its unit; app/compare/differences.py writes tables the same way. */
  function said(value, unit) {
    if (value === null || value === undefined || !isFinite(value)) return "–";
    if (unit === "share") return `${(100 * value).toFixed(1)} %`;
    if (unit === "°") return `${value.toFixed(1)}°`;
    const size = Math.abs(value);
    const plain = value === 0 || (size >= 0.001 && size < 100000);
    const text = plain ? String(Number(value.toPrecision(4))) : value.toExponential(2);
    return text.replace("-", "−");
  }

  /* An address with the cursor in it, or without. */
  function withCursor(search, at) {
    const kept = search
      .replace(/^\?/, "")
      .split("&")
      .filter((part) => part && !part.startsWith("cursor="));
    if (at !== null) kept.push(`cursor=${Number(at.toPrecision(12))}`);
    return kept.length ? `?${kept.join("&")}` : "";
  }

  root.CompareCursor = { upTo, valueAt, stops, nearest, moved, said, withCursor };
})(self);
