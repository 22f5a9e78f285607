/* What is wrong with the fields of a form, said beside each. */
(function () {
  "use strict";

  /* wrong: words by the names of the fields, of those alone that are wrong. */
  function sayWrong(wrong) {
    const fields = window.dash_clientside.callback_context.outputs_list;
    return fields.map(({ id }) => (wrong && wrong[id.name]) || null);
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.fields = { say_wrong: sayWrong };
})();
