// A form that was changed and not saved is not lost without a question; nor is one that was refused and is shown again.
(function () {
  "use strict";

  document.querySelectorAll("form[data-unsaved]").forEach(function (form) {
    var isSaving = false;
    var written = function () { return new URLSearchParams(new FormData(form)).toString(); };
    // As the server sent it: who types while this script is on its way has changed it, too.
    var given = function () {
      var sent = form.cloneNode(true);
      sent.querySelectorAll("[form]").forEach(function (one) { one.remove(); }); // stands here, and is another form's
      sent.reset();
      return new URLSearchParams(new FormData(sent)).toString();
    };
    var before = form.dataset.unsaved ? null : given();
    form.addEventListener("submit", function () { isSaving = true; });
    window.addEventListener("pageshow", function () { isSaving = false; });
    window.addEventListener("beforeunload", function (event) {
      if (isSaving || written() === before) { return; }
      event.preventDefault();
      event.returnValue = "";
    });
  });
})();
