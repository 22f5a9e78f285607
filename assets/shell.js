/* The frame around the pages: the browser's tab has the title of the page that it shows. */
(function () {
  "use strict";

  function title(pathname, titles) {
    document.title = titles[pathname] || Object.values(titles)[0];
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.shell = { title };
})();
