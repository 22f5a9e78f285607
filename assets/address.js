/* Where the dashboard is: a proxy may have put it below a path. The server says it to the page. */
(function (root) {
  "use strict";

  /* The path before every address of ours, "/" or "/lab/fa/", from the page's own configuration. */
  function baseOf(config) {
    const { requests_pathname_prefix: prefix } = JSON.parse(config);
    return prefix.endsWith("/") ? prefix : `${prefix}/`;
  }

  const element = root.document && root.document.getElementById("_dash-config");
  const base = element ? baseOf(element.textContent) : "/";

  /* An address of ours, "/api/runs", as the browser has to ask for it. */
  const address = (path) => base + path.replace(/^\//, "");

  root.Address = { base, baseOf, of: address };
})(self);
