/* The draw page of an instant campaign. One tap is one nonce, given by the server; it is kept until its answer is here, so that a
   double tap, a reload, the way back or a dead network end in the same stored result. What is shown is what the server said. */
(function () {
  'use strict';

  var page = JSON.parse(document.getElementById('state').textContent);
  var words = page.words;
  var scene = document.getElementById('scene');
  var go = document.getElementById('go');
  var goWord = document.getElementById('go-word');
  var hint = document.getElementById('hint');
  var chip = document.getElementById('chip');
  var tries = document.getElementById('tries');
  var password = document.getElementById('password');
  var base = location.pathname.replace(/\/$/, '');
  var KEPT = 'wxbot:' + base;
  var AGAIN_AFTER_MS = [800, 1600, 3200, 6400];
  var MOST_WAITS = 20;
  var skin = window.wxbotSkins[page.skin](page);
  var lag = page.now - Date.now() / 1000;
  var token = page.page_token;
  var nonce = page.nonce;
  var left = page.tries_left;
  var noMore = page.no_more || '';
  var nextAt = page.next_at || 0; // the gap after this person's last draw ends then; 0: it has ended, or there is none
  var wasResting = false;
  var mine = Array.isArray(page.mine) ? page.mine : [];
  var restWord = words['go_' + page.skin];
  var isBusy = false;
  var isRemembered = false;
  var timer = 0;
  var place = ''; // in the line of a crowd, as the server gave it
  var waits = 0;
  var labels = {};
  var texts = {};

  document.querySelectorAll('template[data-state]').forEach(function (one) {
    labels[one.dataset.state] = one.content.textContent;
    texts[one.dataset.state] = one.dataset.text;
  });

  /* --- what outlives this page: a tap whose answer is not here, and an answer that nobody has seen --- */

  function kept() {
    try { return JSON.parse(sessionStorage.getItem(KEPT)) || {}; } catch (error) { return {}; }
  }

  function keep(what) {
    try { if (what) { sessionStorage.setItem(KEPT, JSON.stringify(what)); } else { sessionStorage.removeItem(KEPT); } } catch (error) { /* private mode: the server knows all the same */ }
  }

  /* --- what the person sees --- */

  function say(text) { if (text && hint.textContent !== text) { hint.textContent = text; } }

  function restOf(at) { return Math.max(0, Math.ceil(at - (Date.now() / 1000 + lag))); }

  function isResting() { return restOf(nextAt) > 0; }

  function standing() {
    var isOn = scene.dataset.state === 'on';
    var isWaiting = isOn && left > 0 && isResting();
    go.disabled = isBusy || !isOn || left === 0 || isWaiting;
    if (scene.dataset.state !== 'not_yet') { tries.textContent = isOn && left > 0 ? words.tries_left.replace('{n}', left) : ''; }
    if (isWaiting) { tries.textContent += ' · ' + words.next_in + ' ' + clock(restOf(nextAt)); }
    if (isOn && left === 0 && !isBusy) { say(noMore || words.nothing); }
    if (isWaiting && !isBusy) { say(page.resting); }
    if (wasResting && !isWaiting && isOn && left > 0 && !isBusy) { say(words.ready); }
    wasResting = isWaiting;
  }

  function busy(isIt) {
    isBusy = isIt;
    go.classList.toggle('is-busy', isIt);
    go.setAttribute('aria-busy', isIt ? 'true' : 'false');
    standing();
  }

  function show(state) {
    lag = state.now - Date.now() / 1000;
    token = state.page_token || token;
    if (!kept().nonce) { nonce = state.nonce || nonce; }
    if (typeof state.next_at === 'number') { nextAt = state.next_at; }
    if (typeof state.tries_left === 'number') {
      if (left === 0 && state.tries_left > 0) { say(words.ready); } // another day has begun
      left = state.tries_left;
      noMore = state.no_more || '';
    }
    if (document.getElementById('sheet').hidden) { take(state.mine); }
    if (state.state !== scene.dataset.state) {
      scene.dataset.state = chip.dataset.state = state.state;
      chip.querySelector('span').textContent = labels[state.state] || '';
      say(state.state === 'on' ? words.ready : texts[state.state]);
    }
    standing();
  }

  function clock(rest) {
    var days = Math.floor(rest / 86400);
    var time = [Math.floor(rest % 86400 / 3600), Math.floor(rest % 3600 / 60), rest % 60].map(function (n) { return (n < 10 ? '0' : '') + n; }).join(':');
    return (days ? days + (page.language === 'en' ? 'd ' : ' 天 ') : '') + time;
  }

  function countDown() {
    if (wasResting || isResting()) { standing(); }
    if (scene.dataset.state !== 'not_yet' || restOf(page.begin) <= 0) { return; }
    tries.textContent = words.starts_in + ' ' + clock(restOf(page.begin));
  }

  /* --- my prizes of this campaign --- */

  function list() {
    var box = document.getElementById('mine-list');
    document.getElementById('mine').hidden = mine.length === 0;
    box.textContent = '';
    mine.forEach(function (award) {
      var row = document.createElement('li');
      var press = row.appendChild(document.createElement('button'));
      press.type = 'button';
      press.className = 'award is-' + award.state;
      press.appendChild(document.createElement('b')).textContent = window.wxbotAward.worth(award);
      press.appendChild(document.createElement('span')).textContent = award.title || words['state_' + award.state] || '';
      var more = award.text; // why it waits and until when
      if (award.state === 'open') { more = award.deadline ? words.until.replace('{deadline}', award.deadline) : ''; }
      if (award.state === 'paid' || award.state === 'given') { more = ''; }
      if (more) { press.appendChild(document.createElement('small')).textContent = more; }
      press.addEventListener('click', function () {
        window.wxbotAward.show({ title: words.yours, prize: window.wxbotAward.worth(award), award: Object.assign({ isListed: true }, award), isWin: true });
      });
      box.appendChild(row);
    });
  }

  function take(awards) {
    if (!Array.isArray(awards)) { return; }
    mine = awards;
    list();
  }

  window.wxbotAward.onChange(function (award, id) {
    mine.forEach(function (each) {
      if (each.id === id && each.state !== award.state) { Object.assign(each, award); list(); }
    });
  });

  /* --- talking to the server --- */

  function ask(path, body) {
    var options = { headers: { Accept: 'application/json' }, credentials: 'same-origin', cache: 'no-store' };
    if (body) {
      options.method = 'POST';
      options.headers['Content-Type'] = 'application/json';
      options.body = JSON.stringify(body);
    }
    return fetch(base + path + '?lang=' + (page.language === 'en' ? 'en' : 'zh'), options).then(function (reply) { return reply.json(); });
  }

  function channel() { return new URLSearchParams(location.search).get('c') || ''; }

  function poll() {
    clearTimeout(timer);
    if (!document.hidden && !isBusy) {
      ask('/state').then(function (state) {
        if (state.outcome === 'sign_in') { location.reload(); return; }
        if (state.state && !isBusy) { show(state); }
      }).catch(function () { /* the next look may find the network again */ });
    }
    timer = setTimeout(poll, 6000);
  }

  function request(attempt, isSecond) {
    var body = { page_token: token, nonce: nonce, channel: channel() };
    if (password) { body.password = document.getElementById('password-word').value.trim(); }
    if (place) { body.place = place; }
    if (page.is_test) { body.wish = document.getElementById('wish').value; }
    ask('/draw', body).then(function (answer) {
      if (answer.outcome === 'sign_in') { location.reload(); return; }
      if (answer.outcome === 'stale_page' && !isSecond) { token = answer.page_token; request(attempt, true); return; }
      if (answer.outcome === 'stale_nonce' && !isSecond) { renew(attempt); return; }
      if (answer.outcome === 'won' || answer.outcome === 'lost') { result(answer); return; }
      if (answer.outcome === 'try_again' && answer.place && waits < MOST_WAITS) { inLine(attempt, answer); return; }
      if (answer.outcome === 'try_again' && attempt < AGAIN_AFTER_MS.length) { again(attempt); return; }
      refused(answer);
    }).catch(function () {
      if (attempt < AGAIN_AFTER_MS.length) { again(attempt); return; }
      skin.rest();
      busy(false);
      say(words.offline_kept);
      goWord.textContent = words.again;
    });
  }

  /* The nonce is not this person's (another one holds the phone now): a tap of theirs gets a new one, a remembered tap is dropped. */
  function renew(attempt) {
    keep(null);
    ask('/state').then(function (state) {
      if (state.state) { show(state); }
      if (isRemembered) { skin.rest(); busy(false); return; }
      keep({ nonce: nonce });
      request(attempt, true);
    }).catch(function () { skin.rest(); busy(false); say(words.oops); });
  }

  function again(attempt) {
    say(words.retrying);
    setTimeout(function () { request(attempt + 1, false); }, AGAIN_AFTER_MS[attempt] * (0.75 + Math.random() / 2));
  }

  /* A crowd: the server says when to come again, and lets in whoever brings the place it gave. */
  function inLine(attempt, answer) {
    place = answer.place;
    waits += 1;
    say(answer.text);
    setTimeout(function () { request(attempt, false); }, answer.wait_s * 1000 + Math.random() * 100);
  }

  function refused(answer) {
    // Nothing was drawn. Only a busy server keeps the nonce waiting: its answer may still come to be.
    if (answer.outcome !== 'try_again' && answer.outcome !== 'too_often') { keep(null); }
    if (answer.nonce) { nonce = answer.nonce; }
    skin.rest();
    busy(false);
    say(answer.text || words.oops);
    var bind = answer.outcome === 'unbound' && page.bind ? [words.bind, function () { location.href = page.bind; }] : null;
    window.wxbotAward.show({ title: answer.title || words.oops, text: answer.text, main: bind });
    poll();
  }

  function draw() {
    if (isBusy || go.disabled) { return; }
    if (password && !password.reportValidity()) { return; }
    window.wxbotAward.hide();
    keep({ nonce: nonce, password: password ? document.getElementById('password-word').value.trim() : '' });
    busy(true);
    say(words.drawing);
    waits = 0;
    isRemembered = false;
    skin.begin();
    request(0, false);
  }

  function result(answer) {
    place = '';
    keep({ nonce: nonce, answer: answer });
    var prize = answer.outcome === 'won' ? answer.prize : null;
    say(page.skin === 'scratch' ? words.scratch_now : words.drawing);
    skin.play(prize ? prize.ordinal : null, prize ? prize.name : words.nothing).then(function () { reveal(answer, true); });
  }

  function reveal(answer, isNew) {
    keep(null);
    nonce = answer.nonce || nonce;
    if (typeof answer.tries_left === 'number') { left = answer.tries_left; }
    if (isNew && page.gap_s) { nextAt = Date.now() / 1000 + lag + page.gap_s; } // what the server says of it comes with the next look
    goWord.textContent = restWord;
    busy(false);
    if (left !== 0 && !isResting()) { say(words.ready); }
    if (answer.outcome === 'won') {
      var award = Object.assign({ name: answer.prize.name, yuan: answer.prize.yuan }, answer.award);
      if (!mine.some(function (each) { return each.id === award.id; })) { mine.unshift(award); }
      list();
      if (navigator.vibrate && isNew && !matchMedia('(prefers-reduced-motion: reduce)').matches) { navigator.vibrate([30, 60, 30]); }
      window.wxbotAward.show({ title: answer.title, text: answer.text, prize: window.wxbotAward.worth(award), award: award, isWin: true, isNew: isNew });
    } else {
      window.wxbotAward.show({ title: answer.title, text: answer.text, main: left === 0 || isResting() ? null : [words.once_more, draw] });
    }
    poll();
  }

  /* --- the gestures --- */

  if (page.skin === 'shake') {
    var isListening = false;
    var motion = window.wxbotSkins.motion(function () { if (document.getElementById('sheet').hidden) { draw(); } });
    if (!window.DeviceMotionEvent) { isListening = true; goWord.textContent = restWord = words.tap; }
    go.addEventListener('click', function () {
      if (isListening) { draw(); return; }
      isListening = true;
      goWord.textContent = restWord = words.shaking_tap;
      say(words.shake_now);
      motion.start().then(function (hasMotion) {
        if (!hasMotion) { restWord = words.tap; if (!isBusy) { goWord.textContent = restWord; } if (!isBusy) { say(words.no_motion); } }
      });
    });
  } else {
    go.addEventListener('click', draw);
  }
  if (password) { password.addEventListener('submit', function (event) { event.preventDefault(); draw(); }); }

  document.querySelectorAll('[data-waits]').forEach(function (one) { one.disabled = false; one.removeAttribute('data-waits'); });
  list();
  standing();
  setInterval(countDown, 1000);
  countDown();
  document.addEventListener('visibilitychange', poll);
  addEventListener('pageshow', function (event) { if (event.persisted) { location.reload(); } });
  timer = setTimeout(poll, 6000);

  var before = kept();
  if (before.answer) {
    reveal(before.answer, false);
  } else if (before.nonce) {
    if (password) { document.getElementById('password-word').value = before.password || ''; }
    nonce = before.nonce; // the tap was sent, and this page never heard the end
    isRemembered = true;
    busy(true);
    say(words.retrying);
    skin.begin();
    request(0, false);
  }
})();
