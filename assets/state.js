/* Pages whose controls are their address (app/components/state.py): they take what it says when one
   arrives, and it follows them, a moment after the last move. */
(function () {
  "use strict";

  const FOLLOW_MS = 250; // after the last move
  const SHOWN_MS = 150; // after which a page shows what it was given
  const pages = {}; // by their prefix
  const keep = () => window.dash_clientside.no_update;

  function arrive(search, prefix) {
    const { fieldsOf } = window.Address;
    const path = window.location.pathname;
    let page = pages[prefix];
    const element = document.getElementById(`${prefix}-here`);
    if (!page || page.element !== element) {
      page = pages[prefix] = { element, path, known: null, waits: true };
    }
    const said = fieldsOf(window.location.search);
    if (page.path !== path || said === page.known) return keep();
    Object.assign(page, { known: said, waits: true });
    return { search: window.location.search, at: Date.now() };
  }

  function given(_token, prefix) {
    const page = pages[prefix];
    setTimeout(() => {
      page.waits = false;
      follow(prefix);
    }, SHOWN_MS);
    return keep();
  }

  function changed(...values) {
    const prefix = values.pop();
    const page = pages[prefix];
    if (!page || page.element !== document.getElementById(`${prefix}-here`)) return keep();
    page.values = values;
    clearTimeout(page.timer);
    page.timer = setTimeout(() => follow(prefix), FOLLOW_MS);
    return keep();
  }

  function follow(prefix) {
    const page = pages[prefix];
    if (page.waits || !page.values || page.path !== window.location.pathname) return;
    window.dash_clientside.set_props(`${prefix}-state`, { data: page.values });
  }

  function write(answer, prefix) {
    const page = pages[prefix];
    const { joined, fieldsOf, put } = window.Address;
    const { search, pathname } = window.location;
    if (!answer || page.waits || page.path !== pathname) return keep();
    if (fieldsOf(search) !== page.known) return keep(); // another one has just arrived
    page.known = answer.query;
    put(joined(search, answer.query));
    return keep();
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.state = { arrive, given, changed, write };
})();
