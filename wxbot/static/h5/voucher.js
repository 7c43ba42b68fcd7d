/* Handing in a voucher. Photos go up one by one with a bar each; on a bad network each is sent again until it is there.
   Every photo carries a token of its own, so the server knows a repeat from a second photo. */
(function () {
  'use strict';

  var page = JSON.parse(document.getElementById('voucher-page').textContent);
  var words = page.words;
  var form = document.getElementById('voucher');
  var SIDES = [2560, 1600, 1024];
  var THUMB_SIDE = 192;
  var KEEP_BYTES = 1500000;
  var KEEP_SIDE = 4096;
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
  var shrinking = Promise.resolve();

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

  /* chosen, going, waiting, done; failed: may be tried again; refused: this photo will never do. */
  function set(photo, state, part) {
    photo.state = state;
    photo.tile.querySelector('.v-why').textContent = state === 'failed' || state === 'refused' ? photo.text : '';
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

  /* How big a picture is, upright, without its points: a browser reads the head of the file for this. */
  function measure(file) {
    return new Promise(function (resolve, reject) {
      var image = new Image();
      var address = URL.createObjectURL(file);
      image.onload = function () { URL.revokeObjectURL(address); resolve({ width: image.naturalWidth, height: image.naturalHeight }); };
      image.onerror = function () { URL.revokeObjectURL(address); reject(new Error('not a picture')); };
      image.src = address;
    });
  }

  /* In the worker: the page stays alive meanwhile. Rejects where a browser has no such worker, or not enough memory. */
  function inWorker(job) {
    return new Promise(function (resolve, reject) {
      if (!window.Worker || !window.OffscreenCanvas) { reject(new Error('no worker')); return; }
      var worker = new Worker(page.shrink);
      worker.onmessage = function (event) {
        worker.terminate();
        if (event.data.error) { reject(new Error(event.data.error)); } else { resolve(event.data); }
      };
      worker.onerror = function () { worker.terminate(); reject(new Error('worker')); };
      worker.postMessage(job);
    });
  }

  /* On the page, for older browsers: the decoder makes it small, so no more than the small one is ever drawn. */
  function onPage(job) {
    var options = { resizeWidth: job.width, resizeHeight: job.height, resizeQuality: 'medium' };
    return createImageBitmap(job.file, options).then(function (bitmap) {
      var canvas = document.createElement('canvas');
      canvas.width = job.width;
      canvas.height = job.height;
      var pen = canvas.getContext('2d');
      pen.fillStyle = '#fff';
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      if (bitmap.close) { bitmap.close(); }
      return new Promise(function (resolve, reject) {
        canvas.toBlob(function (blob) {
          if (blob) { resolve({ blob: blob, thumb: canvas }); } else { reject(new Error('no blob')); }
        }, 'image/jpeg', 0.86);
      });
    });
  }

  /* Smaller and smaller, until this phone manages it. */
  function step(file, size, sides) {
    if (!sides.length) { return Promise.reject(new Error('too big for this phone')); }
    var scale = Math.min(1, sides[0] / Math.max(size.width, size.height));
    var job = {
      file: file, thumb: THUMB_SIDE,
      width: Math.max(1, Math.round(size.width * scale)), height: Math.max(1, Math.round(size.height * scale))
    };
    return inWorker(job).catch(function () { return onPage(job); }).catch(function () { return step(file, size, sides.slice(1)); });
  }

  /* A picture too big for a mobile network, or for the server, is made smaller here; what cannot be opened goes as it is, and
     the server judges. One after the other: nine big photos at once are more than a phone has. */
  function shrink(photo) {
    var file = photo.file;
    return measure(file).then(function (size) {
      var longest = Math.max(size.width, size.height);
      if (file.size <= KEEP_BYTES && longest <= KEEP_SIDE && /^image\/(jpeg|png|webp)$/.test(file.type)) {
        var part = Math.min(1, THUMB_SIDE / Math.min(size.width, size.height));
        var options = { resizeWidth: Math.round(size.width * part), resizeHeight: Math.round(size.height * part) };
        return createImageBitmap(file, options).then(function (thumb) { paint(photo, thumb); return file; });
      }
      return step(file, size, SIDES).then(function (made) {
        paint(photo, made.thumb);
        if (made.thumb.close) { made.thumb.close(); }
        return made.blob;
      });
    }).catch(function () { return file; });
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
      if (page.address) { upload(photo).then(progress).then(tellFailed); }
    });
    photo.ready = shrinking = shrinking.then(function () { return shrink(photo); });
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
    return photo.ready.then(function (body) {
      if (body.size > page.most_bytes) { return end(photo, 'refused', words.too_big); }
      return attempt(photo, body, 0);
    });
  }

  function end(photo, state, text) {
    photo.text = text;
    set(photo, state);
    return false;
  }

  /* How many did not get through; each says its own reason beside it. */
  function tellFailed() {
    var failed = photos.filter(function (one) { return one.state === 'failed' || one.state === 'refused'; }).length;
    complain(failed ? words.failed_some.replace('{n}', failed) : '');
    return failed;
  }

  function attempt(photo, body, n) {
    set(photo, 'going', 0);
    var address = lang(page.address + '/photos?token=' + photo.token);
    return ask('POST', address, body, { 'Content-Type': 'application/octet-stream' }, function (event) {
      if (event.lengthComputable) { set(photo, 'going', event.loaded / event.total * 0.95); }
    }).then(function (reply) {
      if (reply.status === 200) { set(photo, 'done', 1); return true; }
      if (reply.status === 401) { location.reload(); return false; }
      var mayPass = reply.status === 0 || reply.status === 408 || reply.status === 429 || reply.status >= 500;
      if (mayPass && n < PAUSES.length) {
        set(photo, 'waiting');
        send.textContent = words.waiting_net;
        return pause(PAUSES[n]).then(function () { return attempt(photo, body, n + 1); });
      }
      if (mayPass) { return end(photo, 'failed', reply.answer.text || words.oops); }
      return end(photo, 'refused', reply.answer.text || (reply.status === 413 ? words.too_big : words.oops));
    });
  }

  function progress() {
    var done = photos.filter(function (one) { return one.state === 'done'; }).length;
    if (isSending) { send.textContent = words.uploading.replace('{done}', done).replace('{all}', photos.length); }
    return done;
  }

  function uploadAll() {
    var waiting = photos.filter(function (one) { return one.state !== 'done' && one.state !== 'refused'; });
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
    if (tellFailed() || photos.some(function (one) { return one.state !== 'done'; })) { return Promise.resolve(); }
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
  document.querySelectorAll('[data-waits]').forEach(function (one) { one.disabled = false; one.removeAttribute('data-waits'); });
  show();
})();
