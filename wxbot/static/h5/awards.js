/* All of a person's prizes: each opens its sheet, where it is collected or its code is shown. */
(function () {
  'use strict';

  var page = JSON.parse(document.getElementById('state').textContent);
  var byId = {};
  page.awards.forEach(function (award) { byId[award.id] = award; });

  function open(award) {
    window.wxbotAward.show({ title: award.title, text: award.text, prize: window.wxbotAward.worth(award), award: Object.assign({ isListed: true }, award), isWin: true });
  }

  document.querySelectorAll('[data-award]').forEach(function (row) {
    row.addEventListener('click', function () { open(byId[row.dataset.award]); });
  });
  document.querySelectorAll('[data-waits]').forEach(function (one) { one.disabled = false; one.removeAttribute('data-waits'); });

  window.wxbotAward.onChange(function (award) {
    var row = document.querySelector('[data-award="' + award.id + '"]');
    byId[award.id] = award;
    if (!row || !award.title) { return; }
    row.className = 'award is-' + award.state;
    row.querySelector('span').textContent = award.title;
    row.querySelectorAll('small')[1].textContent = award.text || '';
  });

  var meant = byId[location.hash.slice(1)]; // who tapped “collect” on another page means this prize
  if (meant && meant.state === 'open') { open(meant); }
})();
