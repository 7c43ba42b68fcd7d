/* Handing in a voucher. Photos go up one by one with a bar each; on a bad network each is sent again until it is there.
   Every photo carries a token of its own, so the server knows a repeat from a second photo. */
(function () {
  'use strict';

  var page = JSON.parse(document.getElementById('voucher-page').textContent);
  var words = page.words;
  var form = document.getElementById('voucher');
  var LONGEST_SIDE = 2560;
  var KEEP_BYTES = 1500000;
  var TOGETHER = 2;
  var PAUSES = [1000, 2000, 4000, 8000, 15000, 15000];

  function token() {
    var bytes = new Uint8Array(12);
    crypto.getRandomValues(bytes);
    return Array.prototype.map.call(bytes, function (one) { return ('0' + one.toString(16)).slice(-2); }).join('');
  }

  function ask(method, url, body, headers, onProgress) {
    return new Promise(function (resolve) {
      var request = new XMLHttpRequest();
      request.open(method, url);
      request.timeout = 90000;
      request.setRequestHeader('Accept', 'application/json');
      request.setRequestHeader('X-Page-Mark', page.mark);
      Object.keys(headers || {}).forEach(function (name) { request.setRequestHeader(name, headers[name]); });
      if (onProgress) { request.upload.onprogress = onProgress; }
      request.onloadend = function () {
        var answer = {};
        try { answer = JSON.parse(request.responseText); } catch (error) { /* a proxy's page, or nothing at all */ }
        resolve({ status: request.status, answer: answer });
      };
      request.send(body);
    });
  }

  function lang(url) {
    return page.language === 'en' ? url + (url.indexOf('?') < 0 ? '?' : '&') + 'lang=en' : url;
  }

  /* --- the page of a voucher that waits: look now and then, show what changed --- */

  if (page.state) {
    var watch = function () {
      if (document.hidden || (form && photos.length)) { return; }
      ask('GET', page.address + '/state').then(function (reply) {
        if (reply.status === 401 || (reply.answer.state && reply.answer.state !== page.state)) { location.reload(); }
      });
    };
    setInterval(watch, 8000);
    document.addEventListener('visibilitychange', watch);
  }
  if (!form) { return; }

  var tiles = document.getElementById('tiles');
  var chooser = document.getElementById('choose');
  var send = document.getElementById('send');
  var fault = document.getElementById('fault');
  var dialog = document.getElementById('dialog');
  var photos = [];
  var isSending = false;
  var openToken = token();

  function say(text) {
    document.getElementById('dialog-text').textContent = text;
    dialog.hidden = false;
    document.getElementById('dialog-ok').focus();
  }
  document.getElementById('dialog-ok').addEventListener('click', function () { dialog.hidden = true; });
  document.addEventListener('keydown', function (event) { if (event.key === 'Escape') { dialog.hidden = true; } });

  function complain(text) {
    fault.textContent = text || '';
    fault.hidden = !text;
    if (text) { fault.scrollIntoView({ block: 'center', behavior: 'smooth' }); }
  }

  /* --- kind and amount --- */

  function kind() {
    var chosen = form.querySelector('input[name=kind]:checked');
    return chosen && page.kinds.filter(function (one) { return one.id === +chosen.value; })[0];
  }

  function fen() {
    var chosen = kind();
    if (!chosen) { return 0; }
    if (chosen.rule === 'fixed') { return chosen.fixed; }
    if (chosen.rule === 'per_unit') { return chosen.unit * (parseInt(document.getElementById('units').value, 10) || 0); }
    var typed = /^(\d{1,7})(?:\.(\d{1,2}))?$/.exec(document.getElementById('amount').value.trim());
    return typed ? +typed[1] * 100 + +((typed[2] || '') + '00').slice(0, 2) : 0;
  }

  function label() {
    if (page.state) { return words.finish; }
    var sum = fen();
    return sum ? words.hand_in_sum.replace('{yuan}', (sum / 100).toFixed(2)) : words.hand_in;
  }

  function show() {
    var chosen = page.kinds && kind();
    if (page.kinds) {
      document.getElementById('units-row').hidden = !chosen || chosen.rule !== 'per_unit';
      document.getElementById('amount-row').hidden = !chosen || chosen.rule !== 'free';
      var askText = document.getElementById('ask');
      askText.textContent = chosen ? chosen.ask : '';
      askText.hidden = !chosen || !chosen.ask;
      if (chosen) {
        var name = form.querySelector('#units-row label');
        name.textContent = name.dataset.words.replace('{unit}', chosen.unit_name);
      }
    }
    tiles.querySelector('.v-add').hidden = page.count + photos.length >= page.most;
    if (!isSending) { send.textContent = label(); }
  }

  form.addEventListener('input', function () { complain(''); show(); });

  /* --- photos --- */

  function set(photo, state, part) {
    photo.state = state;
    photo.tile.className = 'v-tile is-' + state + (state === 'done' ? ' is-sent' : '');
    if (part !== undefined) {
      photo.tile.querySelector('.v-bar i').style.transform = 'scaleX(' + part + ')';
      photo.tile.querySelector('.v-bar').setAttribute('aria-valuenow', Math.round(part * 100));
    }
  }

  function paint(photo, bitmap) {
    var canvas = photo.tile.querySelector('canvas');
    var side = Math.min(bitmap.width, bitmap.height);
    canvas.getContext('2d').drawImage(
      bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, canvas.width, canvas.height
    );
  }

  /* A picture too big for a mobile network is made smaller here; one we cannot open goes as it is, and the server judges. */
  function shrink(photo) {
    if (!window.createImageBitmap) { return Promise.resolve(photo.file); }
    return createImageBitmap(photo.file).then(function (bitmap) {
      paint(photo, bitmap);
      if (photo.file.size <= KEEP_BYTES && /^image\/(jpeg|png|webp)$/.test(photo.file.type)) { return photo.file; }
      var scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
      var canvas = document.createElement('canvas');
      canvas.width = Math.round(bitmap.width * scale);
      canvas.height = Math.round(bitmap.height * scale);
      var pen = canvas.getContext('2d');
      pen.fillStyle = '#fff';
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      if (bitmap.close) { bitmap.close(); }
      return new Promise(function (resolve) {
        canvas.toBlob(function (blob) { resolve(blob || photo.file); }, 'image/jpeg', 0.86);
      });
    }).catch(function () { return photo.file; });
  }

  function add(file) {
    var tile = document.getElementById('tile').content.firstElementChild.cloneNode(true);
    var photo = { file: file, tile: tile, token: token(), state: 'chosen', text: '' };
    tiles.insertBefore(tile, tiles.querySelector('.v-add'));
    tile.querySelector('.v-drop').addEventListener('click', function () {
      photos.splice(photos.indexOf(photo), 1);
      tile.remove();
      complain('');
      show();
    });
    tile.querySelector('.v-again').addEventListener('click', function () {
      photo.token = token();
      set(photo, 'chosen', 0);
      complain('');
      if (page.address) { upload(photo).then(progress); }
    });
    photo.ready = shrink(photo);
    photos.push(photo);
    set(photo, 'chosen', 0);
  }

  chooser.addEventListener('change', function () {
    var room = page.most - page.count - photos.length;
    Array.prototype.slice.call(chooser.files, 0, Math.max(0, room)).forEach(add);
    chooser.value = '';
    complain('');
    show();
  });

  function pause(wait) {
    return new Promise(function (resolve) {
      var timer = setTimeout(go, wait);
      function go() {
        clearTimeout(timer);
        window.removeEventListener('online', go);
        resolve();
      }
      window.addEventListener('online', go);
    });
  }

  function upload(photo) {
    return photo.ready.then(function (body) { return attempt(photo, body, 0); });
  }

  function attempt(photo, body, n) {
    set(photo, 'going', 0);
    var address = lang(page.address + '/photos?token=' + photo.token);
    return ask('POST', address, body, { 'Content-Type': 'application/octet-stream' }, function (event) {
      if (event.lengthComputable) { set(photo, 'going', event.loaded / event.total * 0.95); }
    }).then(function (reply) {
      if (reply.status === 200) { set(photo, 'done', 1); return true; }
      if (reply.status === 401) { location.reload(); return false; }
      var mayPass = reply.status === 0 || reply.status === 429 || reply.status >= 500;
      if (mayPass && n < PAUSES.length) {
        set(photo, 'waiting');
        send.textContent = words.waiting_net;
        return pause(PAUSES[n]).then(function () { return attempt(photo, body, n + 1); });
      }
      photo.text = reply.answer.text || words.oops;
      set(photo, 'failed');
      return false;
    });
  }

  function progress() {
    var done = photos.filter(function (one) { return one.state === 'done'; }).length;
    if (isSending) { send.textContent = words.uploading.replace('{done}', done).replace('{all}', photos.length); }
    return done;
  }

  function uploadAll() {
    var waiting = photos.filter(function (one) { return one.state !== 'done'; });
    function lane() {
      var next = waiting.shift();
      progress();
      return next ? upload(next).then(lane) : Promise.resolve();
    }
    var lanes = [];
    for (var n = 0; n < TOGETHER; n += 1) { lanes.push(lane()); }
    return Promise.all(lanes);
  }

  /* --- hand in --- */

  function open() {
    if (page.address) { return Promise.resolve(true); }
    var body = {
      token: openToken, kind_id: kind().id, units: document.getElementById('units').value,
      amount: document.getElementById('amount').value, note: document.getElementById('note').value
    };
    return ask('POST', lang(page.open), JSON.stringify(body), { 'Content-Type': 'application/json' }).then(function (reply) {
      if (reply.status === 401) { location.reload(); return false; }
      if (reply.status !== 200) { complain(reply.answer.text || words.oops); return false; }
      page.address = reply.answer.address;
      history.replaceState(null, '', lang(page.address));
      Array.prototype.forEach.call(form.querySelectorAll('fieldset, #units, #amount, #note'), function (one) { one.disabled = true; });
      return true;
    });
  }

  function finish() {
    var failed = photos.filter(function (one) { return one.state !== 'done'; });
    if (failed.length) {
      complain(failed[0].text && failed.length === 1 ? failed[0].text : words.failed_some);
      return Promise.resolve();
    }
    return ask('POST', lang(page.address + '/done')).then(function (reply) {
      if (reply.status === 200) { isSending = false; location.replace(lang(page.address)); return; }
      complain(reply.answer.text || words.oops);
    });
  }

  form.addEventListener('submit', function (event) {
    event.preventDefault();
    if (isSending) { return; }
    if (page.kinds && !page.address && !kind()) { say(words.choose_kind); return; }
    if (!photos.length && !page.count) { say(words.choose_photo); return; }
    complain('');
    isSending = true;
    send.disabled = true;
    open().then(function (isOpen) {
      return isOpen ? uploadAll().then(finish) : undefined;
    }).then(function () {
      isSending = false;
      send.disabled = false;
      show();
    });
  });

  window.addEventListener('beforeunload', function (event) {
    if (isSending) { event.preventDefault(); }
  });

  show();
})();
