/* The form of the Train page. What is shown is what is checked and what is trained: values are read
   from the page itself, and whatever was not checked as it stands is sent again. */
(function () {
  "use strict";

  const LOOK_MS = 250; // between two looks at what is shown
  const SOON_MS = 40; // after a key
  const AGAIN_MS = 8000; // without an answer, before it is asked for again; then twice as long,
  // for asking again makes Dash drop an answer that is only late
  const FILLED_MS = 150; // after which the page shows what a form was filled with
  const GOING = ["queued", "running", "paused"];
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);
  const keep = () => window.dash_clientside.no_update;

  const form = {
    element: null, // the form on the page
    base: {}, // values when its run was chosen: what differs was typed since
    run: null, // values of the run that is shown
    sent: null, // what was sent to be checked: { key, at, patience }
    checked: null, // key of what has been checked
    arrived: false, // whether it knows its address
    waits: true, // for the values that its address means: until then it writes none
    query: "", // what the address is to say of what has been checked
    known: null, // what the address said when it was filled, or has been made to say since
    step: false, // whether the next one can be taken back
    ordered: null, // values of the run that was ordered a moment ago
    count: 0,
  };
  window.faForm = form; // for whoever looks with the console, and for tests

  const elementOf = (name) => $(JSON.stringify({ name, type: "field" }));

  /* The names of all fields, in the order of the page. */
  function names() {
    const found = document.querySelectorAll(".form input[id$='\"type\":\"field\"}']");
    return [...found].map(({ id }) => JSON.parse(id).name);
  }

  /* What a field shows. The text of a select is the title of its option, its value lies beside. */
  function valueOf(name) {
    const element = elementOf(name);
    const select = element.getAttribute("aria-haspopup") === "listbox";
    return (select ? element.closest(".field").querySelector("input[type=hidden]") : element).value;
  }

  const shown = () => Object.fromEntries(names().map((name) => [name, valueOf(name)]));

  /* Without an answer yet to what is shown it is sent, and again when the answer was lost. */
  function look() {
    const element = document.querySelector(".form");
    if (!element) return;
    if (element !== form.element) {
      Object.assign(form, { element, run: null, sent: null, checked: null, ordered: null });
      Object.assign(form, { arrived: false, waits: true, known: null });
      form.base = JSON.parse(element.dataset.defaults);
      // Dash leaves out the first call of what hears of an address that a callback may set.
      const asked = ask(window.location.search);
      if (asked) window.dash_clientside.set_props("form-asked", { data: asked });
    }
    const values = shown();
    const run = new URLSearchParams(window.location.search).get("run");
    const key = JSON.stringify([values, run, root.dataset.run]); // the queue is told of as well
    mark(values);
    if (key === form.checked) {
      follow();
      return;
    }
    const again = form.sent && form.sent.key === key;
    if (again && Date.now() - form.sent.at < form.sent.patience) return;
    form.sent = { key, at: Date.now(), patience: again ? 2 * form.sent.patience : AGAIN_MS };
    form.count += 1;
    window.dash_clientside.set_props("form-shown", {
      data: { values, run, key, count: form.count },
    });
  }

  /* Whether the address is the form's: it changes before another page is there. */
  const here = () => `${window.location.pathname}/`.replace("//", "/") === window.Address.base;

  /* What an address says of the form: how the page looks is no part of it. */
  function saidBy(search) {
    const run = new URLSearchParams(search).get("run");
    return JSON.stringify([run, window.Address.fieldsOf(search)]);
  }

  /* The address says what the form holds. */
  function follow() {
    const now = window.location.search;
    if (form.waits || !here() || saidBy(now) !== form.known) return;
    const search = window.Address.joined(now, form.query);
    if (search === now) return;
    form.known = saidBy(search);
    window.Address.put(search, form.step);
    form.step = false;
  }

  /* What the next run has and the one that goes on has not. */
  function mark(values) {
    const going = GOING.includes(root.dataset.run) && form.run;
    const titles = [];
    for (const [name, value] of Object.entries(values)) {
      const field = elementOf(name).closest(".field");
      const changed = Boolean(going) && String(value) !== String(form.run[name]);
      if (field.hasAttribute("data-changed") !== changed) {
        field.toggleAttribute("data-changed", changed);
      }
      if (changed) titles.push(field.dataset.title);
    }
    const same = going ? "the same as the one that goes on" : "";
    const words = titles.length ? `changed: ${titles.join(", ")}` : same;
    if ($("next-note").textContent !== words) $("next-note").textContent = words;
  }

  let soon = null;
  function lookSoon() {
    clearTimeout(soon);
    soon = setTimeout(look, SOON_MS);
  }

  document.addEventListener("input", ({ target }) => target.closest(".form") && lookSoon());
  setInterval(look, LOOK_MS);

  /* -- callbacks ------------------------------------------------------------------------------- */

  function changed() {
    lookSoon();
    return keep();
  }

  /* An answer. What is wrong cannot hide in a fold, and folds are the browser's own. */
  function checked(answer) {
    if (!answer) return keep();
    Object.assign(form, { checked: answer.key, query: answer.query });
    requestAnimationFrame(() => {
      for (const wrong of document.querySelectorAll(".fold [data-error]")) {
        wrong.closest(".fold").open = true;
      }
    });
    lookSoon();
    return keep();
  }

  /* Another address, but for those that the form has written: its values are asked for. What is
     typed before they arrive stays. */
  function arrive(search) {
    look();
    return ask(search) || keep();
  }

  function ask(search) {
    if (saidBy(search) === form.known || !here()) return null;
    if (form.arrived) form.base = form.ordered || shown();
    Object.assign(form, { arrived: true, ordered: null, waits: true, known: saidBy(search) });
    form.count += 1;
    return { search, count: form.count };
  }

  /* Values that the server gives, but for those fields that were typed in since they were asked
     for. */
  function fill(given) {
    const ids = window.dash_clientside.callback_context.outputs_list.map(({ id }) => id.name);
    if (!given) return ids.map(keep);
    if (given.address) {
      form.run = given.own;
      setTimeout(() => {
        form.waits = false;
      }, FILLED_MS);
    } else {
      form.step = true; // back to what it held before
    }
    const kept = (name) => given.address && String(valueOf(name)) !== String(form.base[name]);
    lookSoon();
    return ids.map((name) => {
      if (!(name in given.values) || kept(name)) return keep();
      const value = given.values[name];
      return value === valueOf(name) ? keep() : value;
    });
  }

  /* A run of what is shown at this very moment. */
  function order(clicks) {
    if (!clicks) return keep();
    form.count += 1;
    form.ordered = shown();
    return { values: form.ordered, count: form.count };
  }

  /* A race of it. */
  function race(clicks) {
    if (!clicks) return keep();
    form.count += 1;
    return { values: shown(), count: form.count };
  }

  /* The same as a press on Train, without a button. */
  form.train = () => window.dash_clientside.set_props("form-order", { data: order(1) });

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.form = { changed, checked, arrive, fill, order, race };
})();
