/* What the parts of other libraries leave out for keyboard and screen reader, put in from outside. */
(function () {
  "use strict";

  /* Dash wraps the button of a menu, and Mantine says of the wrapper what holds for the button. */
  const SAID = ["aria-haspopup", "aria-expanded", "aria-controls"];

  function handDown(wrapper) {
    const button = wrapper.matches("div") && wrapper.querySelector(":scope > button");
    if (!button) return;
    if (wrapper.getAttribute("aria-expanded") === "false") button.removeAttribute("aria-controls");
    for (const name of SAID) {
      const value = wrapper.getAttribute(name);
      if (value === null) continue;
      button.setAttribute(name, value);
      wrapper.removeAttribute(name);
    }
  }

  /* What to do with an element that appears. */
  const MENDS = [
    ["[aria-haspopup]", handDown],
    // Mantine's place for the first focus: a menu has items and groups alone.
    ["[role=menu] > [data-autofocus]", (place) => place.setAttribute("role", "group")],
    // Lists and messages open at the end of the body, outside every landmark.
    [
      "[data-portal]",
      (portal) => {
        portal.setAttribute("role", "region");
        portal.setAttribute("aria-label", "Lists and messages");
      },
    ],
  ];

  function mend(element) {
    for (const [which, how] of MENDS) {
      if (element.matches(which)) how(element);
      for (const inner of element.querySelectorAll(which)) how(inner);
    }
  }

  new MutationObserver((changes) => {
    for (const { type, target, addedNodes } of changes) {
      if (type === "attributes") handDown(target);
      for (const node of addedNodes) {
        if (node instanceof HTMLElement) mend(node); // and not the shapes of charts
      }
    }
  }).observe(document, {
    subtree: true,
    childList: true,
    attributeFilter: ["aria-expanded", "aria-controls"],
  });

  /* To the content without another address. */
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#skip")) return;
    event.preventDefault();
    document.getElementById("page").focus();
  });
})();
