/* What changes something is out of use for who only watches. Such parts are marked where they are made
   (drives() in app/components), and #watching is on a page that only watches (app/components/shell.py):
   the server refuses it all anyway, so nothing here keeps anybody from anything. */
(function () {
  "use strict";

  const MARK = "[data-drives]";
  const CONTROLS = "button, input, select, textarea";

  /* The property that puts a control out of use: what somebody wrote stays there to be read. */
  const propertyOf = ({ tagName }) => (tagName === "TEXTAREA" ? "readOnly" : "disabled");

  const watches = () => document.getElementById("watching") !== null;

  /* Whether a control is one that who looks at this page may not use. */
  const withheld = (control) => watches() && control.closest(MARK) !== null;

  function withhold(control) {
    const property = propertyOf(control);
    if (!control[property] && control.closest(MARK)) control[property] = true;
  }

  function look(element) {
    if (element.matches(CONTROLS)) withhold(element);
    for (const control of element.querySelectorAll(CONTROLS)) withhold(control);
  }

  /* Parts come as callbacks make them, and callbacks enable what a run allows. */
  function follow() {
    new MutationObserver((changes, observer) => {
      if (!document.querySelector(".top")) return; // nobody has said yet who looks on
      if (!watches()) {
        observer.disconnect();
        return;
      }
      for (const { type, target, addedNodes } of changes) {
        if (type === "attributes" && target.matches(CONTROLS)) withhold(target);
        for (const node of addedNodes) {
          if (node instanceof HTMLElement) look(node); // and not the shapes of charts
        }
      }
    }).observe(document, {
      subtree: true,
      childList: true,
      attributeFilter: ["disabled", "readonly"],
    });
  }

  if (window.document) follow();
  window.Watching = { propertyOf, withheld };
})();
