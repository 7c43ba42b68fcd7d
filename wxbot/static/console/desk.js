// The reviewer's desk: zoom, turn and drag the photo, compare it with look-alikes, and everything by keyboard.
(function () {
  "use strict";

  var ZOOM = 1.3, MOST = 8;
  var view = { scale: 1, turn: 0, x: 0, y: 0 };
  var shownAt = 0;

  function one(selector) { return document.querySelector(selector); }
  function all(selector) { return Array.prototype.slice.call(document.querySelectorAll(selector)); }
  function stage() { return document.getElementById("stage"); }
  function photo() { return one(".stage-photo:not([hidden])"); }

  // --- the photo ---

  function paint() {
    var image = photo();
    if (!image) { return; }
    // Turned by a quarter, the picture must fit the other side of the window.
    var box = image.getBoundingClientRect && stage().getBoundingClientRect();
    var width = stage().classList.contains("is-split") ? box.width / 2 : box.width;
    var fit = view.turn % 180 ? Math.min(1, fitTurned(image, width, box.height)) : 1;
    image.style.transform = "translate(" + view.x + "px," + view.y + "px) scale(" + view.scale * fit + ") rotate(" + view.turn + "deg)";
  }

  function fitTurned(image, width, height) {
    var w = image.naturalWidth || 1, h = image.naturalHeight || 1;
    var plain = Math.min(width / w, height / h), turned = Math.min(width / h, height / w);
    return turned / plain;
  }

  function zoom(factor, event) {
    var before = view.scale;
    view.scale = Math.min(MOST, Math.max(1, view.scale * factor));
    if (view.scale === 1) { view.x = view.y = 0; } else if (event) {
      var box = stage().getBoundingClientRect(), grown = view.scale / before;
      var x = event.clientX - box.left - box.width / 2, y = event.clientY - box.top - box.height / 2;
      view.x = x - (x - view.x) * grown;
      view.y = y - (y - view.y) * grown;
    }
    paint();
  }

  function fit() { view.scale = 1; view.x = view.y = 0; paint(); }
  function turn() { view.turn = (view.turn + 90) % 360; view.x = view.y = 0; paint(); }
  function reset() { view = { scale: 1, turn: 0, x: 0, y: 0 }; }

  function show(id) {
    all(".stage-photo").forEach(function (image) { image.hidden = image.dataset.photo !== String(id); });
    all("[data-show]").forEach(function (button) { button.classList.toggle("is-here", button.dataset.show === String(id)); });
    reset();
    paint();
  }

  function nextPhoto() {
    var images = all(".stage-photo");
    var at = images.indexOf(photo());
    if (images.length > 1) { show(images[(at + 1) % images.length].dataset.photo); }
  }

  // --- look-alikes ---

  function compare(button) {
    var other = document.getElementById("other"), isSame = button && button.classList.contains("is-here");
    all("[data-compare]").forEach(function (each) { each.classList.remove("is-here"); });
    if (!button || isSame) { other.hidden = true; stage().classList.remove("is-split"); fit(); return; }
    show(button.dataset.of);
    button.classList.add("is-here");
    other.querySelector("img").src = button.dataset.compare;
    other.querySelector("figcaption").textContent = button.dataset.words;
    other.hidden = false;
    stage().classList.add("is-split");
    fit();
  }

  function nextCompare() {
    var buttons = all("[data-compare]"), here = one("[data-compare].is-here");
    if (buttons.length) { compare(buttons[here ? buttons.indexOf(here) + 1 : 0] || null); }
  }

  // --- mouse and fingers ---

  var fingers = {}, spread = 0;

  document.addEventListener("pointerdown", function (event) {
    if (!event.target.closest || !event.target.closest("#stage")) { return; }
    fingers[event.pointerId] = { x: event.clientX, y: event.clientY };
    stage().setPointerCapture(event.pointerId);
    stage().classList.add("is-moving");
    spread = 0;
  });
  document.addEventListener("pointermove", function (event) {
    var before = fingers[event.pointerId];
    if (!before || !stage()) { return; }
    var ids = Object.keys(fingers);
    if (ids.length === 1 && view.scale > 1) {
      view.x += event.clientX - before.x;
      view.y += event.clientY - before.y;
      paint();
    }
    fingers[event.pointerId] = { x: event.clientX, y: event.clientY };
    if (ids.length === 2) {
      var a = fingers[ids[0]], b = fingers[ids[1]], now = Math.hypot(a.x - b.x, a.y - b.y);
      if (spread) { zoom(now / spread, { clientX: (a.x + b.x) / 2, clientY: (a.y + b.y) / 2 }); }
      spread = now;
    }
  });
  ["pointerup", "pointercancel"].forEach(function (name) {
    document.addEventListener(name, function (event) {
      delete fingers[event.pointerId];
      spread = 0;
      if (stage()) { stage().classList.remove("is-moving"); }
    });
  });
  document.addEventListener("wheel", function (event) {
    if (event.target.closest && event.target.closest("#stage")) { event.preventDefault(); zoom(event.deltaY < 0 ? ZOOM : 1 / ZOOM, event); }
  }, { passive: false });
  document.addEventListener("dblclick", function (event) {
    if (event.target.closest && event.target.closest("#stage")) { if (view.scale > 1) { fit(); } else { zoom(2.5, event); } }
  });

  document.addEventListener("click", function (event) {
    var target = event.target.closest && event.target.closest("[data-stage], [data-show], [data-compare], [data-reason]");
    if (!target) { return; }
    var data = target.dataset;
    if (data.stage) { ({ in: function () { zoom(ZOOM); }, out: function () { zoom(1 / ZOOM); }, fit: fit, turn: turn })[data.stage](); }
    if (data.show) { show(data.show); }
    if (data.compare) { compare(target); }
    if (data.reason !== undefined) { choose(target); }
  });

  function choose(button) {
    var text = button.closest("form").querySelector("textarea");
    text.value = button.textContent;
    text.focus();
  }

  // --- keyboard ---

  function open(id) {
    var dialog = document.getElementById(id);
    if (dialog && !dialog.open) { dialog.showModal(); var text = dialog.querySelector("textarea"); if (text) { text.value = ""; text.focus(); } }
  }

  function press(form) {
    // A key held down, or pressed twice, must not decide on the voucher that has only just come up.
    if (form && Date.now() - shownAt > 350 && !one("#desk .htmx-request, #desk.htmx-request")) { form.requestSubmit(); }
  }

  var KEYS = {
    j: function () { press(one("#step-j") || one("#start") && one("#start").form); },
    k: function () { press(one("#step-k")); },
    a: function () { press(one("#approve .btn-primary") && one("#approve")); },
    r: function () { open("reject"); },
    b: function () { open("better"); },
    z: function () { var form = one("#undo"); if (form && getComputedStyle(form).visibility === "visible") { form.requestSubmit(); } },
    e: function () { var field = one("#approve #amount"); if (field) { field.focus(); field.select(); } },
    o: turn, n: nextPhoto, c: nextCompare, 0: fit, "-": function () { zoom(1 / ZOOM); }, "_": function () { zoom(1 / ZOOM); },
    "+": function () { zoom(ZOOM); }, "=": function () { zoom(ZOOM); }, "?": function () { open("keys"); }
  };

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) { return; }
    var dialog = one("dialog[open]"), field = event.target;
    if (dialog) {
      if (field.matches("textarea") && event.key === "Enter" && !event.shiftKey) { event.preventDefault(); field.form.requestSubmit(); }
      var at = dialog.querySelectorAll("[data-reason]")[+event.key - 1];
      if (at && /^[1-9]$/.test(event.key) && !(field.matches("textarea") && field.value)) { event.preventDefault(); choose(at); }
      return;
    }
    if (event.key === "Escape") {
      if (field.matches("input")) { field.blur(); } else if (one("[data-compare].is-here")) { compare(null); }
      return;
    }
    if (field.matches("input:not([type=checkbox]), textarea, select") || event.repeat || !(one("#desk") || one("#undo"))) { return; }
    var act = KEYS[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  // --- pieces that come and go ---

  function settle() { shownAt = Date.now(); reset(); fingers = {}; }
  document.addEventListener("htmx:beforeSwap", function (event) {
    // A refusal is a page to look at, too: it shows the voucher again with the sentence.
    if ([409, 422].indexOf(event.detail.xhr.status) >= 0 && event.detail.xhr.responseText) { event.detail.shouldSwap = true; event.detail.isError = false; }
  });
  document.addEventListener("htmx:afterSwap", function (event) {
    if (event.target.id !== "desk") { return; }
    settle();
    window.scrollTo({ top: 0 });
    var focus = document.getElementById("start") || stage();
    if (focus) { focus.focus({ preventScroll: true }); }
  });
  window.addEventListener("resize", function () { if (stage()) { paint(); } });

  // --- many at once ---

  var bulk = document.getElementById("bulk");
  if (bulk) {
    var boxes = all("#bulk input[name=pick]"), everybody = document.getElementById("pick-all"), sum = document.getElementById("bulk-sum");
    var tell = function () {
      var picked = boxes.filter(function (box) { return box.checked; });
      var fen = picked.reduce(function (all, box) { return all + +box.dataset.fen; }, 0);
      sum.textContent = sum.dataset.words.replace("{count}", picked.length).replace("{sum}", (fen / 100).toFixed(2));
      var send = document.getElementById("bulk-send"); // not there for who may not approve yet
      if (send) { send.disabled = !picked.length; }
      everybody.checked = picked.length === boxes.length;
    };
    everybody.addEventListener("change", function () { boxes.forEach(function (box) { box.checked = everybody.checked; }); tell(); });
    bulk.addEventListener("change", tell);
    window.addEventListener("pageshow", tell);
    tell();
  }
})();
