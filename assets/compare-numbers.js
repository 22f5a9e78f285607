/* What the Compare page says beside its charts: tables and figures, as the server tells them. They
   are put here by hand: a component a cell would keep the browser busy for seconds. */
(function (root) {
  "use strict";

  const WAIT_MS = 50; // for a chart whose place is not there yet
  const SIGHT = "200px"; // so near to the screen a chart is drawn

  const element = (name, text, scope) => {
    const made = root.document.createElement(name);
    if (scope) made.scope = scope;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  /* A row of two cells in a wider table is a heading: words and their unit. */
  function rowOf(cells, width) {
    const row = element("tr");
    if (cells.length === 2 && width > 2) {
      const head = element("th", `${cells[0]} `);
      const unit = element("span", cells[1]);
      unit.className = "unit";
      head.colSpan = width;
      head.append(unit);
      row.className = "table-part";
      row.append(head);
      return row;
    }
    row.append(element("th", cells[0], "row"), ...cells.slice(1).map((text) => element("td", text)));
    return row;
  }

  function tableOf({ head, rows }) {
    const table = element("table");
    table.className = "compare-table";
    const top = element("tr");
    top.append(...head.map((text) => element("th", text, "col")));
    const [thead, tbody] = [element("thead"), element("tbody")];
    thead.append(top);
    tbody.append(...rows.map((cells) => rowOf(cells, head.length)));
    table.append(thead, tbody);
    return table;
  }

  /* In the box that is there: it stays scrolled where it was, and keeps the focus. */
  function put(place, told) {
    if (told.said) {
      const words = element("p", told.said);
      words.className = "soft";
      place.replaceChildren(words);
      return;
    }
    let box = place.querySelector(".compare-scroll");
    if (!box) {
      box = element("div");
      box.className = "compare-scroll";
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      place.replaceChildren(box);
    }
    box.setAttribute("aria-label", told.name);
    box.replaceChildren(tableOf(told));
  }

  /* -- figures: at once where they are new, and while runs go on only in sight ------------------- */

  const waiting = new Map(); // id of a chart -> its newest figure
  const watched = new WeakSet();
  let sight = null;

  function draw(id) {
    const figure = waiting.get(id);
    const place = root.document.getElementById(id);
    if (!figure || !place) return;
    const gd = place.querySelector(".js-plotly-plot");
    if (!gd || !gd._fullLayout) {
      root.setTimeout(() => draw(id), WAIT_MS);
      return;
    }
    waiting.delete(id);
    root.Plotly.react(gd, figure.data, figure.layout, gd._context);
  }

  function inSight(entries) {
    for (const { isIntersecting, target } of entries) if (isIntersecting) draw(target.id);
  }

  function show(told) {
    if (!told) return root.dash_clientside.no_update;
    for (const [id, table] of Object.entries(told.tables)) {
      const place = root.document.getElementById(id);
      if (place) put(place, table);
    }
    sight = sight || new root.IntersectionObserver(inSight, { rootMargin: SIGHT });
    for (const [id, figure] of Object.entries(told.figures)) {
      waiting.set(id, figure);
      const place = root.document.getElementById(id);
      if (!place) continue;
      if (told.live && watched.has(place)) {
        sight.unobserve(place); // looked at anew, it is told whether it is seen
        sight.observe(place);
      } else {
        watched.add(place);
        draw(id);
      }
    }
    return root.dash_clientside.no_update;
  }

  root.dash_clientside = root.dash_clientside || {};
  root.dash_clientside.compare_numbers = { show };
})(self);
