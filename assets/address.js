/* Where the dashboard is: a proxy may have put it below a path, and the server says it to the page.
   And what the address says: pages put their state there without a step back for every key. */
(function (root) {
  "use strict";

  const BESIDE = ["run", "show", "type"]; // names that are no field of a page
  const PLAIN = /%(2C|3A|2F)/g; // as the server writes them (app/address.py)

  /* The path before every address of ours, "/" or "/lab/fa/", from the page's own configuration. */
  function baseOf(config) {
    const { requests_pathname_prefix: prefix } = JSON.parse(config);
    return prefix.endsWith("/") ? prefix : `${prefix}/`;
  }

  const element = root.document && root.document.getElementById("_dash-config");
  const base = element ? baseOf(element.textContent) : "/";

  /* An address of ours, "/api/runs", as the browser has to ask for it. */
  const address = (path) => base + path.replace(/^\//, "");

  /* `search` with `query`, fields of a page as the server writes them, for those it had; what stands
     beside them stays, and `changes` says what else it becomes, null: nothing. */
  function joined(search, query = "", changes = {}) {
    const old = new URLSearchParams(search);
    const parts = [];
    for (const name of BESIDE) {
      const value = name in changes ? changes[name] : old.get(name);
      if (value === null) continue;
      parts.push(`${name}=${encodeURIComponent(value).replace(PLAIN, decodeURIComponent)}`);
    }
    if (query) parts.push(query);
    return parts.length ? `?${parts.join("&")}` : "";
  }

  /* The fields of a page in `search`: what `joined` puts for others. */
  function fieldsOf(search) {
    const own = (part) => part && !BESIDE.includes(part.split("=")[0]);
    return search.replace(/^\?/, "").split("&").filter(own).join("&");
  }

  /* Gives the page another address; a `step` is one that can be taken back. Dash is told as its own
     links tell it: else it would put back the address that it knows. */
  function put(search, step = false) {
    const { location, history } = root;
    if (search === location.search) return;
    const whole = `${location.pathname}${search}${location.hash}`;
    if (step) history.pushState({}, "", whole);
    else history.replaceState(history.state, "", whole);
    root.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  }

  root.Address = { base, baseOf, of: address, joined, fieldsOf, put };
})(self);
