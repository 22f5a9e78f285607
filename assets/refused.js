/* Says what the server refuses to a page: to who only watches, and to who is not let in any more.
   Dash itself is silent about a callback that was refused. */
(function () {
  "use strict";

  const CALLBACK = "_dash-update-component";
  const ask = window.fetch;

  /* Who only watches is told so as JSON (app/access.py); the door speaks in plain words. */
  function titleAndWords(text, status) {
    try {
      return ["That did not work", JSON.parse(text).error];
    } catch {
      return [status === 401 ? "You are not let in any more" : "That was refused", text];
    }
  }

  function say(title, message) {
    const note = { action: "show", id: `refused-${title}`, title, message, color: "yellow" };
    window.dash_clientside.set_props("notes", { sendNotifications: [note] });
  }

  window.fetch = async function (...asked) {
    const answer = await ask.apply(window, asked);
    if ([401, 403].includes(answer.status) && new URL(answer.url).pathname.endsWith(CALLBACK)) {
      const text = await answer.clone().text();
      say(...titleAndWords(text, answer.status));
    }
    return answer;
  };
})();
