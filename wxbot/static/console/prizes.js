// What the forecast says of each prize stands in its row, too: odds, cost, and when it will be gone.
(function () {
  "use strict";

  var NEEDED = ["prize_name", "prize_amount", "prize_stock"];

  // An empty row is no prize: the forecast does not count it.
  function isPrize(row) {
    return NEEDED.some(function (name) { return row.querySelector("[name=" + name + "]").value.trim() !== ""; });
  }

  function tell() {
    var told = document.querySelectorAll("#forecast [data-told]"), number = 0;
    document.querySelectorAll("#prizes .prize-row").forEach(function (row) {
      var from = isPrize(row) ? told[number++] : null;
      row.querySelector(".prize-told").textContent = from ? from.textContent : "";
    });
  }

  document.addEventListener("htmx:afterSettle", tell);
  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-add-row]")) { setTimeout(tell, 0); }
  });
  tell();
})();
