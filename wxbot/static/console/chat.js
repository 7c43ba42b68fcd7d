// The pages about the chat: a rule shows the fields of its kind, the menu is drawn while it is typed. Works without this file.
(function () {
  "use strict";

  function showFields(group) {
    var kind = group.querySelector("[data-kind-choice]").value;
    group.querySelectorAll("[data-for]").forEach(function (part) { part.hidden = part.dataset.for.split(" ").indexOf(kind) < 0; });
  }

  function prepare(root) { root.querySelectorAll("[data-kinds]").forEach(showFields); }

  document.addEventListener("change", function (event) {
    var group = event.target.matches("[data-kind-choice]") && event.target.closest("[data-kinds]");
    if (group) { showFields(group); }
  });
  document.addEventListener("htmx:afterSwap", function () { prepare(document); });

  // --- the menu ---

  function field(form, name) { var found = form.elements[name]; return found ? found.value.trim() : ""; }

  function entryKind(row) {
    var kind = row.querySelector("select").value;
    row.querySelectorAll("[data-only]").forEach(function (part) { part.hidden = part.dataset.only !== kind; });
    var value = row.querySelector("[data-value]");
    value.placeholder = kind === "view" || kind === "miniprogram" ? "https://" : value.dataset.words;
    if (kind === "view" || kind === "miniprogram") { value.removeAttribute("list"); } else { value.setAttribute("list", "menu-keys"); }
  }

  function drawMenu(form, phone) {
    var bar = phone.querySelector(".phone-bar");
    bar.textContent = "";
    for (var n = 0; n < 3; n += 1) {
      var under = [];
      for (var m = 0; m < 5; m += 1) {
        var sub = field(form, "name-" + n + "-" + m);
        if (sub || field(form, "value-" + n + "-" + m)) { under.push(sub || "…"); }
      }
      var name = field(form, "name-" + n);
      if (!name && !under.length && !field(form, "value-" + n)) { continue; }
      var button = document.createElement("div");
      button.className = "phone-button";
      if (under.length) {
        var list = document.createElement("ul");
        under.forEach(function (words) { var line = document.createElement("li"); line.textContent = words; list.appendChild(line); });
        button.appendChild(list);
      }
      var label = document.createElement("span");
      label.textContent = (under.length ? "≡ " : "") + (name || "…");
      button.appendChild(label);
      bar.appendChild(button);
      var own = form.querySelector('[data-own="' + n + '"]');
      if (own) { own.classList.toggle("is-off", under.length > 0); }
    }
    phone.classList.toggle("is-empty", !bar.children.length);
  }

  document.addEventListener("DOMContentLoaded", function () {
    prepare(document);
    var form = document.getElementById("menu-form"), phone = document.getElementById("menu-phone");
    if (!form || !phone) { return; }
    var draw = function () {
      form.querySelectorAll("[data-entry]").forEach(entryKind);
      drawMenu(form, phone);
    };
    form.addEventListener("input", draw);
    form.addEventListener("change", draw);
    draw();
  });
})();
