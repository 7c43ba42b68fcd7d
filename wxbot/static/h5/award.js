/* One prize in its sheet: 领取, then how its money stands, by short questions until it is there. The server alone says what is
   true; this page shows it and opens WeChat's confirm page. Used by the draw page and by the list of all prizes. */
(function () {
  'use strict';

  var page = JSON.parse(document.getElementById('state').textContent);
  var words = page.words;
  var sheet = document.getElementById('sheet');
  var card = sheet.querySelector('.sheet-card');
  var main = document.getElementById('sheet-main');
  var CALL = 'requestMerchantTransfer';
  var QUICK_MS = 3000;
  var QUICK_EVERY_MS = 400;
  var LIVING = ['collecting', 'preparing', 'confirm', 'held', 'checking'];
  var shown = null;      // {award, prize, onMain}
  var began = 0;         // when 领取 was tapped
  var isOpening = false; // WeChat's page is over ours, or about to be
  var hasLeft = false;   // it was left with ok: the end is asked for
  var timer = 0;
  var back = null;
  var after = function () {};

  function byId(name) { return document.getElementById(name); }

  function put(name, text) {
    var one = byId(name);
    if (one.textContent !== (text || '')) { one.textContent = text || ''; }
    one.hidden = !text;
  }

  /* --- the server --- */

  function ask(path, method) {
    var options = { method: method || 'GET', headers: { Accept: 'application/json' }, credentials: 'same-origin', cache: 'no-store' };
    if (method) { options.headers['X-Form-Mark'] = page.mark; }
    return fetch((page.awards_at || '/h5/awards/') + encodeURIComponent(shown.award.id) + path + '?lang=' + (page.language === 'en' ? 'en' : 'zh'), options)
      .then(function (reply) { return reply.json(); })
      .then(function (answer) {
        if (answer.outcome === 'sign_in' || answer.outcome === 'stale') { location.reload(); }
        return answer;
      });
  }

  function later(wait) {
    clearTimeout(timer);
    timer = setTimeout(look, wait);
  }

  function isQuick() { return began && Date.now() - began < QUICK_MS; }

  function look() {
    clearTimeout(timer);
    if (!shown || !shown.award || document.hidden) { return; }
    var mine = shown;
    (hasLeft ? ask('/look', 'POST') : ask('/state')).then(function (award) {
      if (mine === shown) { take(award); }
    }).catch(function () {
      if (mine === shown) { put('sheet-text', words.offline); later(2000); }
    });
  }

  /* --- what is shown --- */

  function button(text, call) {
    main.hidden = !text;
    main.textContent = text || '';
    main.disabled = !call;
    main.onclick = call || null;
    main.setAttribute('aria-busy', text && !call ? 'true' : 'false');
  }

  function take(answer) {
    var award = Object.assign({}, shown.award, answer);
    after(award, shown.award.id);
    shown.award = award;
    card.dataset.state = award.state;
    put('sheet-code', award.code);
    var isSaid = (answer.text || '').indexOf(award.deadline) >= 0; // a sentence that names the deadline is enough
    put('sheet-deadline', award.state === 'open' && award.deadline && !isSaid ? words.until.replace('{deadline}', award.deadline) : '');
    if (answer.title) { byId('sheet-title').textContent = answer.title; }
    if (award.state === 'open') {
      began = 0;
      put('sheet-text', answer.text);
      if (answer.outcome === 'bind' && page.bind) { button(words.bind, function () { location.href = page.bind; }); } else { button(words.collect, collect); }
    } else if (award.state === 'preparing') {
      put('sheet-text', isQuick() ? words.collecting : answer.text || words.preparing);
      button(words.preparing_button, null);
      later(isQuick() ? QUICK_EVERY_MS : 1500);
    } else if (award.state === 'confirm') {
      put('sheet-text', hasLeft ? words.checking : answer.text);
      if (hasLeft) { button(words.checking_button, null); later(1500); return; }
      button(words.confirm, confirm);
      if (began && !isOpening) { began = 0; confirm(); } else { later(5000); }
    } else {
      put('sheet-text', answer.text);
      button('', null);
      if (award.state === 'paid') { began = 0; card.classList.add('is-joyful'); }
      if (LIVING.indexOf(award.state) >= 0) { later(5000); }
    }
  }

  function collect() {
    began = Date.now();
    hasLeft = false;
    button(words.preparing_button, null);
    put('sheet-text', words.collecting);
    var mine = shown;
    ask('/collect', 'POST').then(function (answer) {
      if (mine !== shown) { return; }
      if (answer.state) { take(answer); } else { began = 0; put('sheet-text', answer.text || words.oops); button(words.again, collect); }
    }).catch(function () {
      // Asking twice is harmless: an award is one payout however often it is tapped.
      if (mine === shown) { began = 0; put('sheet-text', words.offline); button(words.again, collect); }
    });
  }

  /* --- WeChat's page --- */

  function left(result) {
    var outcome = String(result && (result.err_msg || result.errMsg) || '').split(':').pop().split(' ')[0];
    isOpening = false;
    if (!shown) { return; }
    if (outcome === 'ok') {
      hasLeft = true;
      put('sheet-text', words.checking);
      button(words.checking_button, null);
      setTimeout(function () { hasLeft = false; }, 20000);
      later(300);
      return;
    }
    put('sheet-text', outcome === 'cancel' || outcome === 'close' ? words.not_yet : words.oops);
    button(words.confirm, confirm);
    later(5000);
  }

  function open() {
    if (page.is_test) { // nothing of WeChat's is here
      isOpening = false;
      put('sheet-text', words.test_confirm);
      button(words.test_paid, function () { left({ err_msg: CALL + ':ok' }); });
      return;
    }
    window.wxbotBridge.here(function (isHere) {
      if (!shown) { isOpening = false; return; } // closed meanwhile
      if (isHere) { window.WeixinJSBridge.invoke(CALL, shown.award.confirm, left); return; }
      isOpening = false;
      put('sheet-text', words.outside);
      button(words.confirm, confirm);
    });
  }

  function known(result) {
    var checked = result && result.checkResult;
    if (typeof checked === 'string') { try { checked = JSON.parse(checked); } catch (error) { checked = {}; } }
    if (checked && checked[CALL]) { open(); return; }
    isOpening = false;
    put('sheet-text', words.too_old);
    button(words.confirm, confirm);
  }

  function confirm() {
    if (isOpening) { return; }
    clearTimeout(timer);
    isOpening = true;
    button(words.opening, null);
    window.wxbotBridge.verified(function (isVerified) {
      if (isVerified) { window.wx.checkJsApi({ jsApiList: [CALL], success: known, fail: open }); } else { open(); }
    });
  }

  /* --- the sheet --- */

  function show(what) {
    // what: {title, text, prize, award, isWin, main: [word, call]}
    back = back || document.activeElement;
    shown = what;
    began = 0;
    hasLeft = false;
    clearTimeout(timer);
    card.dataset.state = what.award ? what.award.state : 'none';
    card.classList.toggle('is-win', Boolean(what.isWin));
    card.classList.toggle('is-joyful', Boolean(what.isWin && what.isNew));
    byId('sheet-title').textContent = what.title || '';
    put('sheet-prize', what.prize);
    put('sheet-text', what.text);
    put('sheet-code', what.award && what.award.code);
    put('sheet-deadline', '');
    button('', null);
    sheet.hidden = false;
    document.body.classList.add('has-sheet');
    if (what.award) { take(Object.assign({ text: what.text }, what.award)); }
    if (what.award && (what.award.state !== 'open' || what.award.isListed)) { look(); }
    if (!what.award && what.main) { button(what.main[0], what.main[1]); }
    (main.hidden || main.disabled ? card : main).focus({ preventScroll: true });
  }

  function hide() {
    clearTimeout(timer);
    shown = null;
    sheet.hidden = true;
    document.body.classList.remove('has-sheet');
    back = back && back !== document.body && document.contains(back) ? back : byId('go');
    if (back) { back.focus({ preventScroll: true }); }
    back = null;
  }

  byId('sheet-close').addEventListener('click', hide);
  byId('sheet-mask').addEventListener('click', hide);
  document.addEventListener('keydown', function (event) {
    if (sheet.hidden) { return; }
    if (event.key === 'Escape') { hide(); }
    if (event.key === 'Tab') { // the sheet is modal: focus stays in it
      var stops = Array.prototype.filter.call(card.querySelectorAll('button'), function (one) { return !one.hidden && !one.disabled; });
      var last = stops[stops.length - 1];
      if (event.shiftKey && (document.activeElement === stops[0] || document.activeElement === card)) { event.preventDefault(); last.focus(); }
      if (!event.shiftKey && document.activeElement === last) { event.preventDefault(); stops[0].focus(); }
    }
  });
  document.addEventListener('visibilitychange', function () {
    if (shown && shown.award && LIVING.indexOf(shown.award.state) >= 0 && !isOpening) { look(); }
  });

  if (window.wx && page.config) {
    window.wxbotBridge.config(page.config);
    window.wx.ready(function () {
      if (!page.share) { return; }
      window.wx.updateAppMessageShareData(page.share);
      window.wx.updateTimelineShareData(page.share);
    });
  }

  function worth(award) {
    return award.yuan ? '¥' + award.yuan + ' · ' + award.name : award.name;
  }

  window.wxbotAward = { show: show, hide: hide, worth: worth, onChange: function (call) { after = call; } };
})();
