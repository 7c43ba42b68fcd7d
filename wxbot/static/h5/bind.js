/* Binding a phone: asks for the code without leaving the page, and counts down until the next one to the same number.
   A number that is changed meanwhile may be asked for at once. */
(function () {
  'use strict';

  var form = document.getElementById('bind');
  if (!form) { return; }
  var send = document.getElementById('send');
  var told = document.getElementById('told');
  var phone = document.getElementById('phone');
  var code = document.getElementById('code');
  var label = send.textContent;
  var until = 0;
  var looks = 0;
  var asked = '';
  var timer = 0;

  function say(text, isGood) {
    told.textContent = text;
    told.classList.toggle('is-good', !!isGood);
  }

  function tick() {
    clearTimeout(timer);
    var left = phone.value === asked ? Math.ceil((until - Date.now()) / 1000) : 0;
    send.disabled = left > 0;
    send.textContent = left > 0 ? form.dataset.again.replace('#', left) : label;
    if (left > 0) { timer = setTimeout(tick, 500); }
  }

  function wait(seconds) {
    asked = phone.value;
    until = Date.now() + seconds * 1000;
    tick();
  }

  phone.addEventListener('input', tick);

  function ask(method, body) {
    return fetch(form.dataset.ask, {
      method: method, body: body, credentials: 'same-origin', cache: 'no-store', headers: { Accept: 'application/json' }
    }).then(function (reply) { return reply.json(); });
  }

  /* A provider that is down is known a few seconds later. */
  function look() {
    looks -= 1;
    ask('GET').then(function (state) {
      if (state.outcome === 'dead') { say(state.text, false); wait(0); return; }
      if (state.outcome === 'live' && looks > 0) { setTimeout(look, 3000); }
    }).catch(function () { /* the next press tells */ });
  }

  send.addEventListener('click', function (event) {
    event.preventDefault();
    if (send.disabled) { return; }
    send.disabled = true;
    ask('POST', new FormData(form)).then(function (answer) {
      if (answer.outcome === 'sign_in') { location.reload(); return; }
      var isGood = answer.outcome === 'sent' || answer.outcome === 'already';
      say(answer.text, isGood);
      wait(answer.wait_s > 0 && answer.wait_s <= 600 ? answer.wait_s : 0);
      if (answer.outcome === 'sent') { code.focus(); looks = 4; setTimeout(look, 2500); } else { phone.focus(); }
    }).catch(function () { form.action = form.dataset.ask; form.submit(); });
  });

  phone.addEventListener('keydown', function (event) {
    if (event.key === 'Enter' && !code.value) { event.preventDefault(); send.click(); }
  });

  if (Number(form.dataset.wait) > 0 && phone.value) { wait(Number(form.dataset.wait)); }
})();
