/* Copies the address of what is seen. */
(function () {
  "use strict";

  const SAID_MS = 1500;

  async function copied(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Browsers have no clipboard for a server without TLS elsewhere; a selection still goes there.
      const area = Object.assign(document.createElement("textarea"), { value: text });
      area.style.position = "fixed";
      area.style.opacity = "0";
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  }

  document.addEventListener("click", async ({ target }) => {
    const button = target.closest && target.closest("[data-copy]");
    if (!button || button.dataset.said) return;
    const words = button.textContent;
    const { width } = button.getBoundingClientRect();
    button.dataset.said = "yes";
    button.textContent = (await copied(window.location.href)) ? "Copied" : "Not copied";
    button.style.minWidth = `${width}px`; // what stands beside it stays where it is
    button.setAttribute("aria-live", "polite");
    setTimeout(() => {
      button.textContent = words;
      delete button.dataset.said;
    }, SAID_MS);
  });
})();
