/* One packet's page: opens WeChat's own confirm page for a transfer, and asks how it ended until it is known. */
(function () {
  'use strict';

  var page = JSON.parse(document.getElementById('state').textContent);
  var button = document.getElementById('take');
  var text = document.getElementById('text');
  var dialog = document.getElementById('dialog');
  var base = location.pathname.replace(/\/$/, '');
  var CALL = 'requestMerchantTransfer';
  var askUntil = 0;
  var turn = 0;
  var timer = 0;

  function say(words) {
    document.getElementById('dialog-text').textContent = words;
    dialog.hidden = false;
    document.getElementById('dialog-ok').focus();
  }

  function hush() {
    dialog.hidden = true;
    if (button && !button.disabled) { button.focus({ preventScroll: true }); }
  }

  function ready(isReady, words) {
    if (!button) { return; }
    button.disabled = !isReady;
    if (isReady) { button.removeAttribute('data-waits'); }
    button.textContent = words || page.words.take;
  }

  /* --- how it stands --- */

  function ask(path, method) {
    var options = { method: method || 'GET', headers: { Accept: 'application/json' }, credentials: 'same-origin', cache: 'no-store' };
    if (method) { options.headers['X-Form-Mark'] = page.mark; }
    return fetch(base + path + location.search, options).then(function (reply) { return reply.json(); });
  }

  function later(wait) {
    clearTimeout(timer);
    timer = setTimeout(poll, wait);
  }

  function poll() {
    clearTimeout(timer);
    if (document.hidden) { return; }
    var isAsking = Date.now() < askUntil;
    turn += 1;
    (isAsking && turn % 3 === 1 ? ask('/look', 'POST') : ask('/state')).then(function (state) {
      if (state.outcome === 'sign_in' || state.outcome === 'stale' || (state.state && state.state !== page.state)) { location.reload(); return; }
      if (!isAsking && button && button.disabled) { ready(true); text.textContent = page.text; }
    }).catch(function () { /* the next look may find the network again */ }).then(function () {
      if (!page.is_done) { later(isAsking ? 2000 : 10000); }
    });
  }

  /* --- WeChat's page --- */

  function left(result) {
    var outcome = String(result && (result.err_msg || result.errMsg) || '').split(':').pop().split(' ')[0];
    if (outcome === 'ok') {
      ready(false, page.words.checking);
      askUntil = Date.now() + 60000;
      turn = 0;
      poll();
      return;
    }
    ready(true);
    say(outcome === 'cancel' ? page.words.not_yet : page.words.oops);
  }

  function open() {
    window.wxbotBridge.here(function (isHere) {
      if (isHere) { window.WeixinJSBridge.invoke(CALL, page.transfer, left); return; }
      ready(true);
      say(page.words.outside);
    });
  }

  function known(result) {
    var checked = result && result.checkResult;
    if (typeof checked === 'string') { try { checked = JSON.parse(checked); } catch (error) { checked = {}; } }
    if (checked && checked[CALL]) { open(); return; }
    ready(true);
    say(page.words.too_old);
  }

  function take() {
    ready(false, page.words.taking);
    window.wxbotBridge.verified(function (isVerified) {
      if (isVerified) { window.wx.checkJsApi({ jsApiList: [CALL], success: known, fail: open }); } else { open(); }
    });
  }

  if (button) { button.addEventListener('click', take); }
  ready(true);
  document.getElementById('dialog-ok').addEventListener('click', hush);
  document.addEventListener('keydown', function (event) { if (event.key === 'Escape') { hush(); } });
  document.addEventListener('visibilitychange', function () { if (!page.is_done) { poll(); } });
  if (!page.is_done) { later(5000); }

  function hideMenu() {
    if (window.WeixinJSBridge) { window.WeixinJSBridge.call('hideOptionMenu'); }
  }
  if (window.WeixinJSBridge) { hideMenu(); } else { document.addEventListener('WeixinJSBridgeReady', hideMenu); }
  if (window.wx && page.config) { window.wxbotBridge.config(page.config); }
})();
