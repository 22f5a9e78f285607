/* How pages look beyond what they say: ?show=charts leaves the controls out, for a projector or for a
   page around this one, and ?type=large makes the type larger. Both stay while one goes from page to
   page; a step back, and Escape where only charts are shown, take them away again. */
(function () {
  "use strict";

  const NAMES = { show: ["charts"], type: ["large"] };
  const root = document.documentElement;

  /* What an address says of it: { values, wrong }. */
  function viewOf(search) {
    const query = new URLSearchParams(search);
    const values = {};
    const wrong = [];
    for (const [name, allowed] of Object.entries(NAMES)) {
      const value = query.get(name);
      values[name] = allowed.includes(value) ? value : null;
      if (value !== null && values[name] === null) {
        wrong.push(`${name} = '${value}': allowed is ${allowed.join(" or ")}`);
      }
    }
    return { values, wrong };
  }

  /* The address of a page that was gone to from one that looks like `now`, which it does not say. */
  function keptBy(search, now) {
    const query = new URLSearchParams(search);
    const lost = Object.entries(now).filter(([name, value]) => value && !query.has(name));
    if (!lost.length) return search;
    const { joined, fieldsOf } = window.Address;
    return joined(search, fieldsOf(search), Object.fromEntries(lost));
  }

  const now = () => ({ show: root.dataset.show || null, type: root.dataset.type || null });

  function look({ values }) {
    for (const [name, value] of Object.entries(values)) {
      if (value) root.dataset[name] = value;
      else delete root.dataset[name];
    }
    // Charts have another room now.
    requestAnimationFrame(() => window.dispatchEvent(new Event("resize")));
  }

  let stepped = false;
  window.addEventListener("popstate", () => {
    stepped = true;
  });

  let said = null;
  function arrive() {
    const { search } = window.location;
    const kept = stepped ? search : keptBy(search, now());
    stepped = false;
    const found = viewOf(kept);
    look(found);
    const words = found.wrong.join(" ");
    if (words && words !== said) {
      const title = "Not all of this address could be taken";
      const note = { action: "show", id: `view-${Date.now()}`, title, message: words, color: "yellow" };
      window.dash_clientside.set_props("notes", { sendNotifications: [note] });
    }
    said = words;
    // Not within the callback that hears of the address.
    if (kept !== search) setTimeout(() => window.Address.put(kept));
    return window.dash_clientside.no_update;
  }

  function change(name, value) {
    const { search } = window.location;
    const { joined, fieldsOf, put } = window.Address;
    look({ values: { ...now(), [name]: value } });
    put(joined(search, fieldsOf(search), { [name]: value }), true);
  }

  document.addEventListener("click", ({ target }) => {
    const button = target.closest && target.closest("[data-view]");
    if (!button) return;
    const [name, value] = button.dataset.view.split("=");
    change(name, now()[name] === value ? null : value);
  });

  document.addEventListener("keydown", ({ key, defaultPrevented }) => {
    if (key === "Escape" && !defaultPrevented && now().show) change("show", null);
  });

  look(viewOf(window.location.search));
  window.View = { viewOf, keptBy };
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.view = { arrive };
})();
