/* The frame around the pages: the browser's tab has the title of the page that it shows. */
(function () {
  "use strict";

  function title(pathname, titles) {
    document.title = titles[pathname] || Object.values(titles)[0];
  }

  /* The run that the address names; while the rest of it changes nobody is told. */
  function runNamed(search, known) {
    const run = new URLSearchParams(search || "").get("run");
    return known && known.run === run ? window.dash_clientside.no_update : { run };
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.shell = { title, run_named: runNamed };
})();
