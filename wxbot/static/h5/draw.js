/* The draw page: asks the server, then lets WeChat show its own packet page. It never promises a win. */
(function () {
  'use strict';

  var page = JSON.parse(document.getElementById('state').textContent);
  var packet = document.getElementById('packet');
  var button = document.getElementById('draw');
  var hint = document.getElementById('hint');
  var chip = document.getElementById('chip');
  var dialog = document.getElementById('dialog');
  var base = location.pathname.replace(/\/$/, '');
  var lag = page.now - Date.now() / 1000;
  var token = page.page_token;
  var mine = page.mine;
  var waitUntil = 0;
  var timer = 0;
  var labels = {};
  var texts = {};

  document.querySelectorAll('template[data-state]').forEach(function (one) {
    labels[one.dataset.state] = one.content.textContent;
    texts[one.dataset.state] = one.dataset.text;
  });

  function ticket() {
    return new URLSearchParams(location.search).get('ticket') || '';
  }

  function feel(pattern) {
    if (navigator.vibrate && !matchMedia('(prefers-reduced-motion: reduce)').matches) { navigator.vibrate(pattern); }
  }

  /* --- what the person sees --- */

  function say(words) {
    document.getElementById('dialog-title').textContent = words.title;
    document.getElementById('dialog-text').textContent = words.text;
    dialog.hidden = false;
    document.getElementById('dialog-ok').focus();
  }

  function hush() {
    dialog.hidden = true;
    if (!button.disabled) { button.focus({ preventScroll: true }); }
  }

  function setOpening(isOpening) {
    button.classList.toggle('is-opening', isOpening);
    button.setAttribute('aria-busy', isOpening ? 'true' : 'false');
    if (isOpening) { hint.textContent = page.words.opening; }
  }

  function rejoice() {
    mine = 'bound';
    packet.dataset.mine = 'bound';
    button.disabled = true;
    hint.textContent = page.words.bound_text;
    packet.classList.add('is-joyful');
    feel([30, 60, 30]);
    say({ title: page.words.bound_title, text: page.words.bound_text });
  }

  function twoDigits(number) {
    return (number < 10 ? '0' : '') + number;
  }

  function countDown() {
    var left = Math.max(0, Math.ceil(page.begin - (Date.now() / 1000 + lag)));
    if (packet.dataset.state !== 'not_yet' || left <= 0) { return; }
    var days = Math.floor(left / 86400);
    var clock = [Math.floor(left % 86400 / 3600), Math.floor(left % 3600 / 60), left % 60].map(twoDigits).join(':');
    hint.textContent = page.words.starts_in + ' ' + (days ? days + (page.language === 'en' ? 'd ' : ' 天 ') : '') + clock;
  }

  function show(state) {
    lag = state.now - Date.now() / 1000;
    token = state.page_token;
    document.getElementById('packets').textContent = state.packets;
    document.getElementById('taken').textContent = state.taken;
    document.getElementById('progress').value = state.taken;
    if (state.state !== packet.dataset.state) {
      packet.dataset.state = chip.dataset.state = state.state;
      chip.querySelector('span').textContent = labels[state.state] || '';
      if (mine !== 'bound') { hint.textContent = state.state === 'on' ? (page.hint ? page.hint.text : page.words.ready) : texts[state.state] || ''; }
    }
    button.disabled = state.state !== 'on' || mine === 'bound';
    if (state.mine === 'bound' && mine !== 'bound') { rejoice(); }
  }

  /* --- talking to the server --- */

  function ask(path, body) {
    var options = { headers: { Accept: 'application/json' }, credentials: 'same-origin', cache: 'no-store' };
    if (body) {
      options.method = 'POST';
      options.headers['Content-Type'] = 'application/json';
      options.body = JSON.stringify(body);
    }
    return fetch(base + path + (path.indexOf('?') < 0 ? '?' : '&') + 'lang=' + (page.language === 'en' ? 'en' : 'zh'), options)
      .then(function (reply) { return reply.json(); });
  }

  function later(wait) {
    clearTimeout(timer);
    timer = setTimeout(poll, wait);
  }

  function poll() {
    clearTimeout(timer);
    if (document.hidden) { return; }
    var isWaiting = Date.now() < waitUntil && mine !== 'bound';
    ask('/state' + (isWaiting ? '?mine=1' : '')).then(function (state) {
      if (state.outcome === 'sign_in') { location.reload(); return; }
      if (state.state) { show(state); }
    }).catch(function () { /* the next look may find the network again */ }).then(function () {
      later(isWaiting ? 1500 : 5000);
    });
  }

  function jump(parameters) {
    setTimeout(function () { setOpening(false); hint.textContent = page.words.waiting; }, 2500);
    waitUntil = Date.now() + 120000;
    mine = 'admitted';
    later(1500);
    if (!window.BeaconShakehbJsBridge) { setOpening(false); say(page.oops); return; }
    window.BeaconShakehbJsBridge.ready(function () {
      window.BeaconShakehbJsBridge.invoke('jumpHongbao', {
        lottery_id: parameters.lottery_id, noncestr: parameters.noncestr, openid: parameters.openid, sign: parameters.sign
      });
    });
  }

  function draw(isSecond, place, waits) {
    var body = { page_token: token, ticket: ticket() };
    if (place) { body.place = place; }
    setOpening(true);
    ask('/draw', body).then(function (answer) {
      if (answer.outcome === 'sign_in') { location.reload(); return; }
      if (answer.outcome === 'stale_page' && isSecond !== true) { token = answer.page_token; draw(true, place, waits); return; }
      if (answer.outcome === 'try_again' && answer.place && waits < 20) { // a crowd: the server says when to come again
        hint.textContent = answer.text;
        setTimeout(function () { draw(false, answer.place, waits + 1); }, answer.wait_s * 1000 + Math.random() * 100);
        return;
      }
      if (answer.jump) { feel(30); jump(answer.jump); return; }
      setOpening(false);
      hint.textContent = answer.text || '';
      say(answer.title ? answer : page.oops);
      poll();
    }).catch(function () {
      setOpening(false);
      hint.textContent = page.oops.text;
      say(page.oops);
    });
  }

  button.addEventListener('click', function () {
    if (!button.classList.contains('is-opening')) { draw(false, '', 0); }
  });
  document.getElementById('dialog-ok').addEventListener('click', hush);
  document.addEventListener('keydown', function (event) { if (event.key === 'Escape') { hush(); } });
  document.addEventListener('visibilitychange', poll);
  document.querySelectorAll('[data-waits]').forEach(function (one) { one.disabled = false; one.removeAttribute('data-waits'); });
  setInterval(countDown, 1000);
  countDown();
  later(5000);
  if (mine === 'admitted') { waitUntil = Date.now() + 120000; later(300); }

  /* --- WeChat's own menu: a page that is one person's is not for sharing --- */

  function hideMenu() {
    if (window.WeixinJSBridge) { window.WeixinJSBridge.call('hideOptionMenu'); }
  }
  if (window.WeixinJSBridge) { hideMenu(); } else { document.addEventListener('WeixinJSBridgeReady', hideMenu); }
  if (window.wx && page.share) {
    window.wx.config(page.share);
    window.wx.ready(function () { window.wx.hideOptionMenu(); });
  }
})();
