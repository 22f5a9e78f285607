/* Keys of the Train page: Enter in a field starts a run, space pauses and resumes, the right arrow
   makes a step, ? lists them. A key that the element in focus uses itself is left to it. */
(function () {
  "use strict";

  const $ = (id) => document.getElementById(id);
  const WRITES = "input, textarea, select, [contenteditable=true], [role=combobox], [role=textbox]";
  const PRESSED = "button, summary, [role=button], [role=option], [role=menuitem], [role=radio]";
  const MOVES = "[role=slider], [role=radio], [role=tab], [role=menuitem], [role=option], [role=menu]";

  /* What a key does to the run: the id of the button it stands for, "" for none.
     `uses` says whether the element in focus answers to a selector. */
  function buttonOf(key, uses) {
    if (uses(WRITES)) return "";
    if (key === " " && !uses(PRESSED)) return "pause-or-resume";
    if (key === "ArrowRight" && !uses(MOVES)) return "step";
    return key === "?" ? "keys-button" : "";
  }

  const shown = (element) => element && element.getClientRects().length > 0 && !element.disabled;

  function press(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!$("train") || event.isComposing || document.querySelector("dialog[open]")) return;
    const { target, key } = event;
    if (key === "Enter") {
      const field = target.matches(".form .field input:not([aria-haspopup=listbox])");
      if (!field || event.repeat) return;
      event.preventDefault();
      if (window.Watching.withheld($("train"))) return;
      window.faForm.train();
      return;
    }
    const name = buttonOf(key, (selector) => Boolean(target.closest(selector)));
    const button = name === "pause-or-resume" ? [$("pause"), $("resume")].find(shown) : $(name);
    if (!name || !shown(button)) return;
    event.preventDefault(); // the page does not scroll
    if (!event.repeat || name === "step") button.click();
  }

  if (window.document) {
    document.addEventListener("keydown", press);
    // Space is the run's again after a click on a preset; who pressed it by a key stays there.
    document.addEventListener("click", ({ target, detail }) => {
      if (detail && target.closest(".preset")) document.activeElement.blur();
    });
    document.addEventListener("click", ({ target }) => {
      if (target.closest("#keys-button")) $("keys").showModal();
      else if (target.closest("#keys-close") || target === $("keys")) $("keys").close();
    });
  }
  window.Keys = { buttonOf, WRITES, PRESSED, MOVES };
})();
