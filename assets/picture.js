/* Saves a chart as a picture: on white and in the light theme's colours whatever the page's theme is,
   with its title, the run's name and a legend. plotly draws it anew, out of sight; the server makes a
   PDF of its SVG. What the page says beside a chart its figure knows: layout.meta.picture
   (app/figures/look.py). */
(function () {
  "use strict";

  const LEAST_PX = 640; // smaller charts are enlarged, so that the words above them have room
  const SHARP = 2; // pixels of a PNG for each of the screen
  const TITLE_PX = 56;
  const TITLE_PAD_PX = 24; // to the foot of its first line: of two, plotly's own way cuts it off
  const ROW_PX = 22; // of the legend
  const KEY_PX = 44; // a line and the gaps beside it, in the legend
  const LETTER_PX = 7.5;

  /* `value` with every colour that `light` knows replaced; "r,g,b" -> "r,g,b". */
  function recoloured(value, light) {
    if (typeof value === "string") {
      return value.replace(/(rgba?\()(\d+), ?(\d+), ?(\d+)/g, (all, start, r, g, b) => {
        const found = light[`${r},${g},${b}`];
        return found ? start + found : all;
      });
    }
    if (Array.isArray(value)) {
      // Numbers have no colour, and there are many of them.
      const words = value.some((item) => typeof item === "string" || typeof item === "object");
      return words ? value.map((item) => recoloured(item, light)) : value.slice();
    }
    if (value && Object.getPrototypeOf(value) === Object.prototype) {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, recoloured(v, light)]));
    }
    return value;
  }

  /* Sets who is in the legend: traces that `legend` has a name for, or else those that are meant
     to be (`showlegend`), each name once. Returns how many rows it takes. */
  function setLegend(data, layout, legend, width) {
    const names = new Set();
    for (const trace of data) {
      const { showlegend = layout.showlegend === true } = trace;
      const name = legend ? legend[trace.name] : showlegend && trace.name;
      trace.showlegend = Boolean(name) && trace.visible !== false && !names.has(name);
      if (!trace.showlegend) continue;
      names.add(name);
      trace.name = name;
    }
    layout.showlegend = names.size > 0;
    const long = Math.max(1, ...[...names].map((name) => KEY_PX + LETTER_PX * name.length));
    return Math.ceil(names.size / Math.max(1, Math.floor((width - 40) / long)));
  }

  /* The figure of `gd` as a picture shows it: { data, layout, width, height }. */
  function pictureOf(gd, { title, subject, light, legend = null, notes = [] }) {
    const data = recoloured(gd.data, light);
    const layout = recoloured(gd.layout, light);
    const { width: w, height: h, margin, showlegend, legend: own } = gd._fullLayout;
    const above = showlegend ? own._height || 0 : 0; // a legend that moves below
    const larger = Math.max(1, LEAST_PX / w);
    const width = Math.round(larger * w);
    const rows = setLegend(data, layout, legend, width);
    const foot = rows ? ROW_PX * rows + 8 : 0;
    const top = Math.max(8, margin.t - above) + TITLE_PX;
    const height = Math.round(larger * h) - margin.t + top + foot;
    Object.assign(layout, {
      width,
      height,
      autosize: false,
      paper_bgcolor: "#ffffff",
      plot_bgcolor: "#ffffff",
      margin: { ...margin, t: top, b: margin.b + foot },
      annotations: [...(layout.annotations || []), ...notes],
      title: {
        text: `<b>${escaped(title)}</b><br><span style="font-size:13px">${escaped(subject)}</span>`,
        font: { size: 17, color: layout.font.color },
        x: 0,
        xref: "container",
        xanchor: "left",
        y: 1,
        yref: "container",
        yanchor: "top",
        pad: { l: 14, t: TITLE_PAD_PX },
      },
      legend: {
        ...layout.legend,
        orientation: "h",
        x: 0,
        xref: "container",
        y: 0,
        yref: "container",
        yanchor: "bottom",
      },
    });
    return { data, layout, width, height };
  }

  /* A name is no markup. */
  const escaped = (text) =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  /* A name that every file system takes. */
  function fileName(subject, title, kind) {
    const plain = `${subject} ${title}`
      .normalize("NFKC")
      .replace(/[^\p{L}\p{N}.]+/gu, "-")
      .replace(/^[-.]+|[-.]+$/g, "")
      .slice(0, 120);
    return `${plain || "picture"}.${kind}`;
  }

  function blobOf(url) {
    const [head, body] = [url.slice(0, url.indexOf(",")), url.slice(url.indexOf(",") + 1)];
    const type = head.slice(5).split(";")[0];
    if (!head.endsWith(";base64")) return new Blob([decodeURIComponent(body)], { type });
    return new Blob([Uint8Array.from(atob(body), (c) => c.charCodeAt(0))], { type });
  }

  /* The run whose page it is, and the step that the chart is of; on the Plane page its numbers. */
  function subjectOf(gd) {
    const panel = gd.closest(".panel");
    const found = [
      ...document.querySelectorAll(
        ".train .run-name, .lab-run h1, .lab-run h2, .plane-slider-line"
      ),
      ...(panel ? panel.querySelectorAll(".lab-step") : []),
    ];
    return found
      .map(({ childNodes }) => [...childNodes].map(({ textContent }) => textContent.trim()))
      .map((words) => words.join(" ").replace(/\s+/g, " ").trim())
      .filter((words) => words)
      .join(", ");
  }

  /* An SVG as PDF, which no browser makes by itself; null, and a note says why, where it cannot be. */
  async function asPdf(svg) {
    const asked = { method: "POST", body: svg };
    const answer = await fetch(window.Address.of("/api/chart.pdf"), asked).catch(() => null);
    if (answer && answer.ok) return answer.blob();
    const { error, errors } = answer ? await answer.json().catch(() => ({})) : {};
    const message = error || (errors && errors[0].words) || "The server does not answer.";
    const note = { action: "show", id: "no-pdf", title: "No PDF was made", message, color: "red" };
    window.dash_clientside.set_props("notes", { sendNotifications: [note] });
    return null;
  }

  async function save(gd, kind) {
    const dark = document.documentElement.dataset.mantineColorScheme === "dark";
    const light = dark ? JSON.parse(document.getElementById("page").dataset.light) : {};
    const told = recoloured((gd.layout.meta || {}).picture || {}, light);
    const { title = "Chart" } = told;
    const subject = subjectOf(gd);
    const { data, layout, width, height } = pictureOf(gd, { ...told, title, subject, light });
    const url = await window.Plotly.toImage(
      { data, layout, config: { staticPlot: true } },
      { format: kind === "png" ? kind : "svg", width, height, scale: kind === "png" ? SHARP : 1 }
    );
    const blob = kind === "pdf" ? await asPdf(blobOf(url)) : blobOf(url);
    if (!blob) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = fileName(subject, title, kind);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-save]");
    const around = button && button.closest("[data-chart]");
    const gd = around && around.querySelector(".js-plotly-plot");
    if (gd && gd._fullLayout) save(gd, button.dataset.save);
  });

  window.Picture = { recoloured, setLegend, fileName, blobOf };
})();
