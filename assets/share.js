/* Copies the address of what is seen, takes in files that were exported, and closes the menu of those
   that can be. */
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

  /* -- a file that was exported ---------------------------------------------------------------- */

  function say(message, title, color) {
    const note = { action: "show", id: `share-${Date.now()}`, title, message, color };
    window.dash_clientside.set_props("notes", { sendNotifications: [note] });
  }

  async function takeIn(file) {
    const answer = await fetch(window.Address.of("/api/import"), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: file,
    }).catch(() => null);
    const found = answer && (await answer.json().catch(() => null));
    if (answer && answer.ok) {
      const [run] = found.runs;
      const more = found.runs.length - 1;
      say(more ? `${run.name} and ${more} more` : run.name, "Imported", "green");
      const search = `?run=${run.id}`;
      window.dash_clientside.set_props("url", { pathname: window.Address.base, search });
      return;
    }
    const words = found && found.errors && found.errors.map(({ words }) => words).join(" ");
    const rest = (found && found.error) || "The server does not answer.";
    say(`${file.name}: ${words || rest} Nothing was changed.`, "That could not be imported", "red");
  }

  document.addEventListener("click", ({ target }) => {
    if (!target.closest || !target.closest("[data-import]")) return;
    const input = document.createElement("input");
    Object.assign(input, { type: "file", accept: ".json,application/json" });
    input.addEventListener("change", () => input.files.length && takeIn(input.files[0]));
    input.click();
  });

  /* -- the menu of exports: closed by a choice, a click elsewhere and Escape -------------------- */

  document.addEventListener("click", ({ target }) => {
    for (const menu of document.querySelectorAll("details.export[open]")) {
      if (!menu.contains(target) || target.closest("a, button")) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    const menu = document.querySelector("details.export[open]");
    if (event.key !== "Escape" || !menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
    event.preventDefault();
  });

  /* -- a link ----------------------------------------------------------------------------------- */

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
