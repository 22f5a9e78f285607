/* Finds a run from wherever one is: "/" or the button in the header opens it, what is typed is looked
   for by the server, the arrows choose, Enter opens. */
(function () {
  "use strict";

  const SHOWN = 8;
  const TYPED_MS = 120; // after the last letter
  const $ = (id) => document.getElementById(id);
  let timer = null;
  let asked = 0; // questions so far: only the answer to the last one is shown
  let chosen = 0;
  let answered = null; // what stood in the field when the list was that of it

  const options = () => [...$("find-list").children];

  function open() {
    const field = $("find-field");
    $("find").showModal();
    field.setAttribute("role", "combobox");
    field.setAttribute("aria-controls", "find-list");
    field.setAttribute("aria-expanded", "true");
    field.select();
    answered = null;
    look();
  }

  /* Opens the one that is chosen, of what is found for what stands in the field by now. */
  async function enter() {
    const wanted = $("find-field").value;
    if (answered !== wanted) {
      clearTimeout(timer);
      await look();
    }
    if ($("find").open && answered === wanted && options()[chosen]) go(options()[chosen]);
  }

  async function look() {
    const number = ++asked;
    const search = $("find-field").value;
    const query = new URLSearchParams({ search, limit: SHOWN });
    const answer = await fetch(window.Address.of(`/api/runs?${query}`)).catch(() => null);
    const found = answer && (await answer.json().catch(() => null));
    if (number !== asked) return;
    answered = search;
    if (answer && answer.ok) show(found);
    else show({ runs: [], total: 0 }, found ? wrong(found) : "The server does not answer.");
  }

  const wrong = ({ error, errors }) => error || errors[0].words;

  function show({ runs, total }, words) {
    $("find-list").replaceChildren(...runs.map(option));
    const more = total > runs.length ? `, the newest ${runs.length} are shown` : "";
    const count = total === 1 ? "1 run" : `${total.toLocaleString("en-US")} runs`;
    $("find-said").textContent = words || (total ? `${count}${more}` : "No run is like that.");
    choose(0);
  }

  function option(run, place) {
    const link = document.createElement("a");
    const [name, note] = [document.createElement("span"), document.createElement("span")];
    Object.assign(link, { id: `find-${place}`, tabIndex: -1, href: addressOf(run) });
    link.setAttribute("role", "option");
    Object.assign(name, { className: "find-name", textContent: run.name, dir: "auto" });
    note.className = "find-note";
    const told = [window.RunWords.stateWords(run), run.scheme, run.config.dataset, ...run.tags];
    note.textContent = [...told, run.note].filter(Boolean).join(" · ");
    link.append(name, note);
    return link;
  }

  /* On the page that is shown, where that is one of a run. */
  function addressOf(run) {
    const pages = $("find").dataset.pages.split(" ");
    const path = pages.includes(location.pathname) ? location.pathname : pages[0];
    return `${path}?run=${encodeURIComponent(run.id)}`;
  }

  function choose(place) {
    const all = options();
    chosen = all.length ? (place + all.length) % all.length : 0;
    all.forEach((one, at) => one.setAttribute("aria-selected", String(at === chosen)));
    const field = $("find-field");
    if (all.length) field.setAttribute("aria-activedescendant", all[chosen].id);
    else field.removeAttribute("aria-activedescendant");
    all[chosen]?.scrollIntoView({ block: "nearest" });
  }

  function go(link) {
    const { pathname, search } = new URL(link.href);
    $("find").close();
    window.dash_clientside.set_props("url", { pathname, search });
  }

  function keys(event) {
    const { key, target } = event;
    if (event.defaultPrevented || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if ($("find")?.open) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[key];
      if (key === "Escape") $("find").close(); // a field would be emptied first
      else if (step) choose(chosen + step);
      else if (key === "Enter") enter();
      if (step || key === "Enter" || key === "Escape") event.preventDefault();
    } else if (key === "/" && !target.closest(window.Keys.WRITES)) {
      if (document.querySelector("dialog[open], [role=dialog]") || !$("find")) return;
      event.preventDefault(); // the stroke is not written
      open();
    }
  }

  document.addEventListener("keydown", keys);
  document.addEventListener("input", ({ target }) => {
    if (target.id !== "find-field") return;
    clearTimeout(timer);
    timer = setTimeout(look, TYPED_MS);
  });
  document.addEventListener("click", (event) => {
    const { target } = event;
    if (target.closest("#find-button")) return open();
    if (target === $("find")) return $("find").close(); // beside it
    const link = target.closest("#find-list a");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go(link);
  });
})();
