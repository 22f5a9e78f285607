/* The table of runs: how its values are written, and what the grid does by itself. */
(function () {
  "use strict";

  const GRID = "runs-grid";
  const KEPT = "fa-runs-columns"; // where the browser remembers them
  const NARROW = ["name", "state", "best_accuracy"];
  const NARROW_PX = 600;
  const UNDO_MS = 30_000;
  const LONGEST_TIP = 400; // characters of a tooltip
  const $ = (id) => document.getElementById(id);
  const said = () => window.dash_clientside.no_update;

  // -- values -----------------------------------------------------------------------------------

  const empty = (value) => value === null || value === undefined;

  function number(value) {
    return empty(value) ? "" : String(Number(value.toPrecision(6)));
  }

  function whole(value) {
    return empty(value) ? "" : Math.round(value).toLocaleString("en-US");
  }

  function percent(value) {
    return empty(value) ? "" : `${value.toFixed(1)} %`;
  }

  function degrees(value) {
    return empty(value) ? "" : `${value.toFixed(1)}°`;
  }

  /* Seconds as a person says them. */
  function duration(value) {
    if (empty(value)) return "";
    if (value < 60) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
    const minutes = Math.floor(value / 60);
    const two = (count) => String(count).padStart(2, "0");
    if (minutes < 60) return `${minutes}:${two(Math.floor(value % 60))} min`;
    return `${Math.floor(minutes / 60)}:${two(minutes % 60)} h`;
  }

  /* Milliseconds since 1970 as a day and a time here. */
  function when(value) {
    if (empty(value)) return "";
    const at = new Date(value);
    const two = (count) => String(count).padStart(2, "0");
    const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    return `${day} ${two(at.getHours())}:${two(at.getMinutes())}`;
  }

  /* A text as it fits a tooltip: a long one is cut, with its length told. */
  function cut(value) {
    const letters = [...(value || "")];
    if (letters.length <= LONGEST_TIP) return value || "";
    return `${letters.slice(0, LONGEST_TIP).join("")}… (${whole(letters.length)} characters)`;
  }

  /* Of how many networks a value is the median. */
  function median(data) {
    if (!data || data.replicates === 1) return "";
    const { replicates_left: those, replicates: all } = data;
    if (!those) return `none of ${all} networks is left`;
    return those < all ? `median of the ${those} of ${all} networks left` : `median of ${all} networks`;
  }

  /* How many networks are left of how many. */
  function left(value, params) {
    return empty(value) || !params.data ? "" : `${value} of ${params.data.replicates}`;
  }

  /* The columns of a table that is opened: those remembered, and where it is new or narrow the
     first ones. Columns that have come since are where they are at first. */
  function opening(kept, first, narrow) {
    if (kept && kept.length) {
      const known = new Set(first.map((column) => column.colId));
      const there = new Set(kept.map((column) => column.colId));
      return [
        ...kept.filter((column) => known.has(column.colId)),
        ...first.filter((column) => !there.has(column.colId)),
      ];
    }
    if (!narrow) return first;
    return first.map((column) => ({
      ...column,
      hide: !(NARROW.includes(column.colId) || column.colId.startsWith("ag-")),
      width: column.colId === "name" ? 190 : column.width,
    }));
  }

  function theme(quartz) {
    return quartz.withParams({
      backgroundColor: "var(--panel)",
      foregroundColor: "var(--ink)",
      accentColor: "var(--accent)",
      borderColor: "var(--edge)",
      headerBackgroundColor: "var(--ground)",
      headerTextColor: "var(--ink)",
      textColor: "var(--ink)",
      subtleTextColor: "var(--soft)",
      fontFamily: "inherit",
      fontSize: 14,
      rowHeight: 38,
      headerHeight: 40,
      wrapperBorderRadius: 8,
    });
  }

  const words = { number, whole, percent, degrees, duration, when, left, median, cut };
  const functions = { ...words, theme, opening };
  window.FaRuns = functions;
  window.dashAgGridFunctions = { ...window.dashAgGridFunctions, FaRuns: functions };

  // -- cells ------------------------------------------------------------------------------------

  /* A link of ours that opens without loading everything anew, unless a person wants a new tab. */
  function link(address, words) {
    const href = window.Address.of(address);
    const go = (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
      event.preventDefault();
      const [pathname, search] = href.split("?");
      window.dash_clientside.set_props("url", { pathname, search: search ? `?${search}` : "" });
    };
    return window.React.createElement("a", { href, onClick: go, key: "link", dir: "auto" }, words);
  }

  const element = (...parts) => window.React.createElement(...parts);

  function FaRunsName({ data, value, api, node, column }) {
    if (!data) return element("span", { className: "runs-coming" }, "…");
    const edit = (event) => {
      event.stopPropagation();
      api.startEditingCell({ rowIndex: node.rowIndex, colKey: column.getColId() });
    };
    const pin = element("span", { className: "runs-pin", title: "pinned", key: "pin" }, "★");
    const pen = { className: "runs-pen", onClick: edit, key: "pen", title: "Rename", tabIndex: -1 };
    const written = column.isCellEditable(node);
    return element("span", { className: "runs-name" }, [
      data.pinned ? pin : null,
      data.deleted ? element("bdi", { key: "name" }, value) : link(`/?run=${data.id}`, value),
      written && element("button", { ...pen, type: "button", "aria-label": `Rename ${value}` }, "✎"),
    ]);
  }

  function FaRunsState({ data, value }) {
    if (!data) return null;
    const live = data.going && data.state_class === "running" ? " runs-live" : "";
    const dot = { className: `dot dot-${data.state_class}${live}`, key: "dot" };
    return element("span", { className: "runs-state", title: value }, [
      element("span", dot),
      element("span", { key: "words" }, value),
    ]);
  }

  function FaRunsParent({ data }) {
    if (!data || !data.parent_id) return null;
    if (!data.parent_name) return "a run that is gone";
    return link(`/?run=${data.parent_id}`, data.parent_name);
  }

  window.dashAgGridComponentFunctions = {
    ...window.dashAgGridComponentFunctions,
    FaRunsName,
    FaRunsState,
    FaRunsParent,
  };

  // -- the grid ---------------------------------------------------------------------------------

  let first = []; // its columns before anything was moved
  let undoTimer = null;

  const grid = () => {
    try {
      const api = window.dash_ag_grid && $(GRID) ? window.dash_ag_grid.getApi(GRID) : null;
      return api && !api.isDestroyed() ? api : null;
    } catch {
      return null; // it is not there yet
    }
  };

  const remembered = () => {
    try {
      return JSON.parse(localStorage.getItem(KEPT) || "null");
    } catch {
      return null;
    }
  };

  function remember(api) {
    try {
      localStorage.setItem(KEPT, JSON.stringify(api.getColumnState()));
    } catch {
      // A browser that remembers nothing shows the first columns again.
    }
    tellShown(api);
  }

  function tellShown(api) {
    const value = api
      .getColumnState()
      .filter((column) => !column.hide && !column.colId.startsWith("ag-"))
      .map((column) => column.colId);
    window.dash_clientside.set_props("runs-columns", { value });
  }

  /* The page is shown: its grid is there a moment later. */
  function open() {
    window.dash_ag_grid?.getApiAsync(GRID).then((api) => {
      document.body.dataset.agThemeMode = document.documentElement.dataset.mantineColorScheme;
      first = api.getColumnState();
      const state = opening(remembered(), first, window.innerWidth < NARROW_PX);
      api.applyColumnState({ state, applyOrder: true });
      tellShown(api);
      // The grid leaves a cell whose editing it was told to begin open when Enter is pressed.
      api.addEventListener("cellKeyDown", ({ event }) => {
        if (event.key === "Enter" && event.target.matches("input")) {
          setTimeout(() => api.stopEditing());
        }
      });
      for (const event of ["columnMoved", "columnVisible", "columnResized", "sortChanged"]) {
        api.addEventListener(event, (told) => {
          if (told.finished !== false) remember(api);
        });
      }
    });
    return said();
  }

  /* Rows have changed; those that are seen are asked for anew, in their places. */
  function refresh(told) {
    const api = grid();
    if (told && api && !api.getEditingCells().length) api.refreshInfiniteCache();
    return said();
  }

  /* Another list: from its top. */
  function again() {
    const api = grid();
    if (api) {
      api.deselectAll();
      api.purgeInfiniteCache();
      api.ensureIndexVisible(0);
    }
    return said();
  }

  function columns(shown) {
    const api = grid();
    if (!api || !shown || !shown.length) return said();
    for (const column of api.getColumnState()) {
      const fixed = column.colId === "name" || column.colId.startsWith("ag-");
      if (!fixed && column.hide === shown.includes(column.colId)) {
        api.setColumnsVisible([column.colId], column.hide);
      }
    }
    return said();
  }

  function reset(clicks) {
    const api = grid();
    if (!api || !clicks) return said();
    const state = opening(null, first, window.innerWidth < NARROW_PX);
    api.applyColumnState({ state, applyOrder: true });
    api.setFilterModel(null);
    remember(api);
    return said();
  }

  /* Which buttons mean something for the runs that are ticked. */
  function ticked(rows, deleted) {
    const found = rows || [];
    const set = (name, able) =>
      window.dash_clientside.set_props(`runs-${name}`, { disabled: !able });
    const some = found.length > 0;
    set("stop", !deleted && found.some((row) => row.going));
    set("pin", !deleted && found.some((row) => !row.pinned));
    set("unpin", !deleted && found.some((row) => row.pinned));
    set("add-tag", !deleted && some);
    set("delete", !deleted && some);
    set("restore", Boolean(deleted) && some);
    const lead = (id, address) => {
      const link_ = $(id);
      if (!link_) return;
      if (address) link_.setAttribute("href", window.Address.of(address));
      else link_.removeAttribute("href");
      link_.setAttribute("aria-disabled", address ? "false" : "true");
    };
    const ids = found.map((row) => row.id);
    lead("runs-compare", !deleted && some ? `/compare?runs=${ids.join(",")}` : null);
    lead("runs-again", !deleted && ids.length === 1 ? `/?run=${ids[0]}` : null);
    const [bar, words] = [$("runs-bar"), $("runs-ticked")];
    if (bar) {
      bar.dataset.some = some ? "yes" : "no";
      bar.dataset.deleted = deleted ? "yes" : "no";
      const todo = deleted ? "restore them." : "compare, stop, pin, tag or delete them.";
      words.textContent = some ? `${found.length} ticked:` : `Tick runs to ${todo}`;
    }
    return said();
  }

  function undo(ids, closed) {
    const shown = $("runs-undo-note");
    if (!shown) return said();
    const trigger = window.dash_clientside.callback_context.triggered_id;
    const away = trigger === "runs-undo-close" && closed;
    shown.hidden = !ids || away;
    clearTimeout(undoTimer);
    if (!shown.hidden) {
      grid()?.deselectAll();
      undoTimer = setTimeout(() => (shown.hidden = true), UNDO_MS);
    }
    return said();
  }

  new MutationObserver(() => {
    document.body.dataset.agThemeMode = document.documentElement.dataset.mantineColorScheme;
  }).observe(document.documentElement, { attributeFilter: ["data-mantine-color-scheme"] });

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.runs = { open, refresh, again, columns, reset, ticked, undo };
})();
