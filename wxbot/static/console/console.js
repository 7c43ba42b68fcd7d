// The console's small moving parts. Everything works without this file except charts, dialogs and live refresh. It is there before
// the page is, so that a press is heard while the page's own scripts are still on their way; what needs the page is in begin().
(function () {
  "use strict";

  // A hidden tab asks nothing; a refresh that would swallow an open menu or a selection waits for the next turn.
  document.addEventListener("htmx:beforeRequest", function (event) {
    var isPolling = (event.target.getAttribute("hx-trigger") || "").indexOf("every") >= 0;
    if (isPolling && (document.hidden || event.target.contains(document.activeElement) && document.activeElement.matches("input, select"))) {
      event.preventDefault();
    }
  });

  document.addEventListener("click", function (event) {
    var target = event.target.closest("[data-dialog], [data-close], [data-dismiss], [data-copy], [data-add-row], [data-remove-row], [data-print]");
    if (!target) { return; }
    var data = target.dataset;
    if (data.dialog !== undefined) {
      var dialog = document.getElementById(data.dialog);
      if (dialog && !dialog.open) { dialog.showModal(); }
    } else if (data.close !== undefined) {
      target.closest("dialog").close();
    } else if (data.dismiss !== undefined) {
      target.closest(".notice").remove();
    } else if (data.copy !== undefined) {
      copy(target, data.copy);
    } else if (data.addRow !== undefined) {
      addRow(document.getElementById(data.addRow));
    } else if (data.removeRow !== undefined) {
      removeRow(target.closest(".tier-row"));
    } else if (data.print !== undefined) {
      window.print();
    }
  });

  document.addEventListener("click", function (event) {
    document.querySelectorAll("details.me[open]").forEach(function (menu) {
      if (!menu.contains(event.target)) { menu.open = false; }
    });
    if (event.target.matches("dialog.confirm")) { event.target.close(); }
  });

  // One press is enough: the server would refuse a second one anyway.
  document.addEventListener("submit", function (event) {
    if (event.target.method !== "post" || /\.(csv|xlsx)$/.test(event.target.action || "")) { return; }
    var button = event.submitter;
    setTimeout(function () { if (button) { button.disabled = true; } }, 0);
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("button[type=submit]:disabled, form button:disabled").forEach(function (button) { button.disabled = false; });
  });

  function copy(button, text) {
    var label = button.querySelector("span");
    var before = label.textContent;
    var tell = function () {
      label.textContent = button.dataset.done;
      setTimeout(function () { label.textContent = before; }, 1500);
    };
    if (navigator.clipboard) { navigator.clipboard.writeText(text).then(tell, function () {}); return; }
    var input = button.parentElement.querySelector("input");
    input.select();
    document.execCommand("copy");
    tell();
  }

  function addRow(list) {
    var row = list.lastElementChild.cloneNode(true);
    row.querySelectorAll("input").forEach(function (input) { input.value = ""; });
    list.appendChild(row);
    row.querySelector("input").focus();
  }

  function removeRow(row) {
    var list = row.parentElement;
    if (list.children.length > 1) { row.remove(); } else { row.querySelectorAll("input").forEach(function (input) { input.value = ""; }); }
    list.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // Length as WeChat counts it, beside the field, while typing.
  function measure(input) {
    var text = input.value.trim();
    if (input.dataset.width) { return [Array.from(text).reduce(function (sum, c) { return sum + (c.codePointAt(0) < 128 ? 1 : 2); }, 0), +input.dataset.width]; }
    if (input.dataset.bytes) { return [new TextEncoder().encode(text).length, +input.dataset.bytes]; }
    return [Array.from(text).length, +input.dataset.chars];
  }

  document.addEventListener("input", function (event) {
    var input = event.target;
    if (!input.matches || !input.matches("[data-width], [data-bytes], [data-chars]")) { return; }
    var size = measure(input);
    var hint = input.parentElement.querySelector(".hint");
    if (hint) {
      hint.dataset.words = hint.dataset.words || hint.textContent;
      hint.textContent = hint.dataset.words + " · " + size[0] + "/" + size[1];
    }
    input.classList.toggle("is-invalid", size[0] > size[1]);
    if (input.dataset.mirror) {
      document.querySelectorAll('[data-shows="' + input.dataset.mirror + '"]').forEach(function (shown) { shown.textContent = input.value; });
    }
  });

  // A file that was chosen or dropped is named where it was dropped.
  document.addEventListener("change", function (event) {
    var shown = event.target.type === "file" && event.target.closest(".drop") && event.target.closest(".drop").querySelector("[data-file-name]");
    if (shown && event.target.files.length) { shown.textContent = event.target.files[0].name; }
  });

  // Charts: numbers come as JSON, every ten seconds.
  var LOOKS = {
    draws: { kind: "bar", stacked: true, colors: { page: null, admitted: "#12a05c", missed: "#9aa8a0", refused: "#e0b45a" } },
    money: { kind: "line", isMoney: true, colors: { ordered: "#6d4bb8", bound: "#e58b6d", received: "#12a05c", returned: "#9aa8a0" } }
  };

  function yuan(fen) { return "¥" + (fen / 100).toLocaleString("zh-CN", { minimumFractionDigits: 2, maximumFractionDigits: 2 }); }

  // Of one or two moments a line would be a dot or a stroke: they are bars.
  function kindOf(look, answer) { return look.kind === "line" && answer.labels.length < 3 ? "bar" : look.kind; }

  function datasets(look, words, answer) {
    var series = answer.series, isLine = kindOf(look, answer) === "line";
    return Object.keys(look.colors).filter(function (name) { return look.colors[name] && series[name]; }).map(function (name) {
      var color = look.colors[name];
      return { label: words[name], data: series[name], borderColor: color, backgroundColor: isLine ? color + "22" : color, borderWidth: isLine ? 2 : 0, borderRadius: 3, maxBarThickness: 22, pointRadius: 0, pointHoverRadius: 4, cubicInterpolationMode: "monotone", fill: isLine && name === "received" };
    });
  }

  function draw(canvas, chart, answer) {
    var look = LOOKS[canvas.dataset.chart], words = JSON.parse(canvas.dataset.words), note = canvas.parentElement.querySelector(".chart-empty");
    var isEmpty = answer.labels.length === 0;
    note.hidden = !isEmpty;
    note.textContent = words.empty;
    canvas.hidden = isEmpty;
    if (isEmpty) { return chart; }
    canvas.dataset.points = answer.labels.length;
    var sets = datasets(look, words, answer), kind = kindOf(look, answer);
    if (chart && chart.config.type !== kind) { chart.destroy(); chart = null; }
    if (chart) {
      chart.data.labels = answer.labels;
      sets.forEach(function (set, at) { chart.data.datasets[at].data = set.data; });
      chart.update("none");
      return chart;
    }
    return new Chart(canvas, {
      type: kind,
      data: { labels: answer.labels, datasets: sets },
      options: {
        responsive: true, maintainAspectRatio: false, animation: { duration: 400 }, interaction: { mode: "index", intersect: false },
        plugins: {
          legend: { position: "top", align: "end", labels: { boxWidth: 10, boxHeight: 10, usePointStyle: true, pointStyle: "rectRounded" } },
          tooltip: { callbacks: look.isMoney ? { label: function (at) { return at.dataset.label + " " + yuan(at.parsed.y); } } : {} }
        },
        scales: {
          x: { stacked: !!look.stacked, grid: { display: false }, ticks: { maxRotation: 0, autoSkipPadding: 14 } },
          y: { stacked: !!look.stacked, beginAtZero: true, border: { display: false }, grid: { color: "#eef1ef" }, ticks: { maxTicksLimit: 6, precision: 0, callback: look.isMoney ? function (fen) { return "¥" + (fen / 100).toLocaleString("zh-CN"); } : undefined } }
        }
      }
    });
  }

  function watch(canvas) {
    var chart = null;
    var ask = function () {
      if (document.hidden) { return; }
      fetch(canvas.dataset.url, { headers: { "HX-Request": "true" }, credentials: "same-origin" })
        .then(function (answer) { return answer.ok ? answer.json() : null; })
        .then(function (answer) { if (answer) { chart = draw(canvas, chart, answer); } })
        .catch(function () { /* the next turn asks again */ });
    };
    ask();
    setInterval(ask, 10000);
  }

  /* A table wider than its room is scrolled by the keyboard too. */
  function reach() {
    document.querySelectorAll(".table-wrap").forEach(function (wrap) {
      if (wrap.scrollWidth > wrap.clientWidth) { wrap.tabIndex = 0; } else { wrap.removeAttribute("tabindex"); }
    });
  }

  function begin() {
    // On a phone the bar of pages is longer than the screen: show where we are.
    var here = document.querySelector(".side-nav .is-here");
    if (here) { here.scrollIntoView({ block: "nearest", inline: "center" }); }
    reach();
    window.addEventListener("resize", reach);
    document.addEventListener("htmx:afterSettle", reach);
    if (window.Chart) {
      Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
      Chart.defaults.color = "#5f6b64";
      document.querySelectorAll("canvas[data-chart]").forEach(watch);
    }
  }
  document.addEventListener("DOMContentLoaded", begin); // the scripts of the page have run
})();
