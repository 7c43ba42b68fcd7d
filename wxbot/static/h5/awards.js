/* My awards: a tap asks for one, and the page asks again how it stands until there is something to do or to know. */
(function () {
  'use strict';

  var page = document.getElementById('awards');
  var RESTING = { open: 1, paid: 1, forfeited: 1, given: 1 };

  function ask(path, method) {
    var options = { method: method || 'GET', headers: { Accept: 'application/json' }, credentials: 'same-origin', cache: 'no-store' };
    if (method) { options.headers['X-Form-Mark'] = page.dataset.mark; }
    return fetch('/h5/awards/' + path + location.search, options).then(function (reply) { return reply.json(); });
  }

  function watch(item) {
    var text = item.querySelector('[role=status]');
    var button = item.querySelector('button');
    var wait = 700;

    function told(state) {
      if (state.outcome === 'sign_in' || state.outcome === 'stale') { location.reload(); return; }
      if (state.state === 'confirm' && state.page && item.dataset.state !== 'confirm') { location.assign(state.page + location.search); return; }
      if (state.text) { text.textContent = state.text; }
      if (state.title) { item.querySelector('.one-word').textContent = state.title; }
      if (state.state) { item.dataset.state = state.state; }
      if (button) { button.hidden = state.state !== 'open'; button.disabled = false; }
      if (!RESTING[item.dataset.state]) { setTimeout(look, wait); wait = Math.min(10000, wait * 1.5); }
    }

    function failed() {
      if (button) { button.disabled = false; }
      text.textContent = page.dataset.oops;
    }

    function look() {
      if (document.hidden) { setTimeout(look, 2000); return; }
      ask(item.dataset.award + '/state').then(told).catch(function () { setTimeout(look, 5000); });
    }

    if (button) {
      button.addEventListener('click', function () {
        button.disabled = true;
        wait = 700;
        ask(item.dataset.award + '/collect', 'POST').then(told).catch(failed);
      });
    }
    if (!RESTING[item.dataset.state]) { setTimeout(look, 2000); }
  }

  if (page) { Array.prototype.forEach.call(document.querySelectorAll('[data-award]'), watch); }
})();
