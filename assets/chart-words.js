/* What a chart shows last, in words, for who does not see it, and what it will show: made from the figure as it stands, so
   that a live chart and one that the server drew say it alike. */
(function () {
  "use strict";

  const EVERY_MS = 2000; // no faster: a screen reader is reading them
  const COVER_MS = 200;
  const NOTHING = "Nothing is drawn yet.";

  /* A number as the trace's own label writes it, "%{y:.1f}°" or "%{y:.0%}", if less exactly. */
  function written(value, template) {
    const [, form = "", unit = ""] = /%\{y(?::([^}]*))?\}([^<%]*)/.exec(template || "") || [];
    if (form.endsWith("%")) return `${number(100 * value, 1)} %`;
    return unit.startsWith("°") ? `${number(value, 1)}°` : number(value);
  }

  function number(value, digits) {
    const size = Math.abs(value);
    if (digits === undefined && value !== 0 && (size < 0.001 || size >= 1e6)) {
      return value.toExponential(1).replace("-", "\u2212").replace("e-", "e\u2212");
    }
    const many =
      digits === undefined ? { maximumSignificantDigits: 4 } : { maximumFractionDigits: digits };
    return value.toLocaleString("en", many).replace("-", "\u2212");
  }

  /* What plotly writes, without its markup: names that people have given come as entities. */
  const SIGNS = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
  const plain = (text) =>
    String(text || "")
      .replace(/<[^>]*>/g, "")
      .replace(/&(lt|gt|amp);/g, (sign) => SIGNS[sign]);
  const axisOf = (layout, id) => layout[id.replace(/^([xy])/, "$1axis")] || {};
  const titleOf = ({ title }) => plain(title && title.text !== undefined ? title.text : title);

  /* The last point of a trace that is a number, [x, y]; null where there is none. */
  function last({ x, y }) {
    if (!x || !y || x.length === undefined) return null;
    for (let i = Math.min(x.length, y.length) - 1; i >= 0; i -= 1) {
      if (x[i] !== null && y[i] !== null && isFinite(y[i])) return [x[i], y[i]];
    }
    return null;
  }

  const told = ({ visible, name, hoverinfo, mode }) =>
    visible !== false && visible !== "legendonly" && name && hoverinfo !== "skip" && mode !== "none";

  /* Of a plotly figure. Its layout.meta may have `words`, that say it all; `panels`, names by the
     y axis; `across`, where the last points are; `weights`, that its lines are paths of which both
     coordinates count. */
  function words({ data, layout }) {
    const meta = layout.meta || {};
    if (typeof meta.words === "string") return meta.words;
    const named = Object.entries(meta.panels || {});
    const panels = new Map(named.map(([axis, name]) => [axis, [plain(name)]]));
    const wanted = ({ mode }) => !meta.weights || (mode || "").includes("lines");
    const points = data
      .filter((trace) => told(trace) && wanted(trace))
      .map((trace) => [trace, last(trace)])
      .filter(([, point]) => point);
    const newest = points.reduce((most, [, [x]]) => (most === null || x > most ? x : most), null);
    const title = titleOf(axisOf(layout, "x"));
    // A line that ends before the others says where: a test value of long ago is none of now.
    const early = (x) => (title && typeof x === "number" && x < newest ? ` (at ${number(x, 0)})` : "");
    for (const [trace, point] of points) {
      const axis = trace.yaxis || "y";
      if (!panels.has(axis)) panels.set(axis, [meta.weights ? "" : titleOf(axisOf(layout, axis))]);
      const value = meta.weights
        ? `ends at ${number(point[0])}, ${number(point[1])}`
        : written(point[1], trace.hovertemplate) + early(point[0]);
      panels.get(axis).push(`${plain(trace.name)} ${value}`);
    }
    const said = [...panels.values()]
      .filter(([, ...values]) => values.length)
      .map(([name, ...values]) => `${name ? `${name}: ` : ""}${values.join("; ")}.`);
    if (said.length === 0) return NOTHING;
    const there = title && typeof newest === "number" ? `${title} ${number(newest, 0)}` : "";
    const across = meta.weights ? "" : meta.across || there;
    if (across) said.unshift(`At ${across}.`);
    return said.join(" ");
  }

  function renew() {
    for (const place of document.querySelectorAll(".chart > figcaption")) {
      const gd = place.parentElement.querySelector(".js-plotly-plot");
      const said = gd && gd.data && gd.layout ? words(gd) : NOTHING;
      if (place.textContent !== said) place.textContent = said;
    }
  }

  /* What stands in place of a chart goes when something is drawn, and offers a run where there is
     none. (In CSS, :has() would ask at every shape that plotly draws, and misses some changes.) */
  function cover() {
    for (const coming of document.querySelectorAll(".chart > .coming")) {
      const chart = coming.parentElement;
      const gd = chart.querySelector(".js-plotly-plot");
      const drawn = Boolean(gd && gd.data && gd.data.some((trace) => last(trace) !== null));
      chart.classList.toggle("blank", !drawn);
      coming.classList.toggle("offers", document.querySelector(".lab .no-run") !== null);
    }
  }

  setInterval(renew, EVERY_MS);
  setInterval(cover, COVER_MS);
  window.ChartWords = { words };
})();
