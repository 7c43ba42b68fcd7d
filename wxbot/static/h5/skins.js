/* How a draw looks. The server has decided before anything stops: a skin is given the result and plays towards it. What stands
   where on a wheel says nothing about odds; the odds are written below it.
   A skin: {begin(): the tap was sent, play(ordinal or null, name) → Promise, rest(): nothing came of it}. */
(function () {
  'use strict';

  var SVG = 'http://www.w3.org/2000/svg';
  var still = matchMedia('(prefers-reduced-motion: reduce)');

  function svg(name, attributes, parent) {
    var made = document.createElementNS(SVG, name);
    Object.keys(attributes).forEach(function (key) { made.setAttribute(key, attributes[key]); });
    if (parent) { parent.appendChild(made); }
    return made;
  }

  function wait(ms) {
    return new Promise(function (done) { setTimeout(done, ms); });
  }

  /* A name in at most two lines of a sector or a cell: parted at the blank nearest to its middle, where both parts have room, else in its middle. */
  function lines(text) {
    var letters = Array.from(text);
    var wide = /[\u2e80-\uffff]/.test(text) ? 6 : 10;
    if (letters.length <= wide) { return [text]; }
    var half = Math.min(wide, Math.ceil(letters.length / 2));
    var blanks = letters.map(function (letter, n) { return n; }).filter(function (n) { return letters[n] === ' ' && n > 0 && n <= wide && letters.length - n - 1 <= wide; });
    if (blanks.length) {
      var blank = blanks.sort(function (a, b) { return Math.abs(a - half) - Math.abs(b - half); })[0];
      return [letters.slice(0, blank).join(''), letters.slice(blank + 1).join('')];
    }
    var second = letters.slice(half);
    if (second.length > wide) { second = second.slice(0, wide - 1).concat('…'); }
    return [letters.slice(0, half).join('').trim(), second.join('').trim()];
  }

  function mark(parent, kind, x, y, size) {
    var group = svg('g', { class: 'mark mark-' + kind, transform: 'translate(' + (x - size / 2) + ' ' + (y - size / 2) + ') scale(' + size / 24 + ')' }, parent);
    if (kind === 'money') {
      svg('rect', { x: 4, y: 2, width: 16, height: 20, rx: 2.5 }, group);
      svg('path', { d: 'M4 8q8 6 16 0' }, group);
      svg('circle', { cx: 12, cy: 11, r: 2.6 }, group);
    } else if (kind === 'code') {
      svg('path', { d: 'M3 7h18v3.5a1.8 1.8 0 0 0 0 3.4V17H3v-3.100a1.800 1.800 0 0 0 0-3.400z' }, group);
      svg('path', { class: 'dash', d: 'M14.500 7.500v9' }, group);
    } else {
      svg('path', { d: 'M12 20C5 15.500 3 12 3 8.800A4.600 4.600 0 0 1 12 7a4.600 4.600 0 0 1 9 1.800C21 12 19 15.500 12 20z' }, group);
    }
  }

  /* Prizes and misses around the board: as even as can be, never two of one kind beside each other where it can be helped. */
  function around(prizes, words, places) {
    var spread = [];
    var misses = Math.max(1, places - prizes.length);
    var taken = 0;
    prizes.forEach(function (prize, n) {
      spread.push(prize);
      var due = Math.round((n + 1) * misses / prizes.length);
      for (; taken < due; taken += 1) { spread.push({ ordinal: null, name: words.nothing, kind: 'none' }); }
    });
    return spread;
  }

  function find(spread, ordinal, name) {
    var fitting = [];
    spread.forEach(function (each, n) { if (each.ordinal === ordinal) { fitting.push(n); } });
    if (fitting.length) { return fitting[Math.floor(Math.random() * fitting.length)]; }
    spread[0] = { ordinal: ordinal, name: name, kind: 'money' }; // a prize that was added after this page was opened
    return 0;
  }

  /* --- wheel: it turns at once, and slows down towards what the server said --- */

  function wheel(page) {
    var disc = document.getElementById('disc');
    var count = page.prizes.length;
    var places = count < 4 ? count * 2 : count + (count % 2 ? 1 : 2);
    var spread = around(page.prizes, page.words, Math.max(4, places));
    var step = 360 / spread.length;
    var SPEED = 0.62; // degrees in a millisecond
    var angle = 0;
    var frame = 0;
    var last = 0;

    function point(radius, degrees) {
      var turn = degrees * Math.PI / 180;
      return (radius * Math.sin(turn)).toFixed(2) + ' ' + (-radius * Math.cos(turn)).toFixed(2);
    }

    spread.forEach(function (each, n) {
      var from = n * step - step / 2;
      var tone = each.ordinal === null ? 'none' : n % 4 === 0 ? 'a' : 'b';
      var group = svg('g', { class: 'sector sector-' + tone }, disc);
      svg('path', { d: 'M0 0L' + point(180, from) + 'A180 180 0 0 1 ' + point(180, from + step) + 'Z' }, group);
      var label = svg('g', { transform: 'rotate(' + n * step + ')' }, group);
      mark(label, each.kind, 0, -94, spread.length > 8 ? 22 : 30);
      var said = lines(each.name);
      var longest = Math.max.apply(null, said.map(function (line) { return Array.from(line).reduce(function (sum, letter) { return sum + (letter > '\u2e80' ? 1 : 0.58); }, 0); }));
      var room = 2 * 140 * Math.tan(Math.min(step, 80) * Math.PI / 360) - 10;
      var size = Math.min(18, room / longest);
      said.forEach(function (line, row) {
        svg('text', { x: 0, y: -142 + row * (size + 2) + (said.length === 1 ? 6 : 0), 'font-size': size.toFixed(1), 'text-anchor': 'middle' }, label).textContent = line;
      });
    });
    var rim = document.getElementById('rim');
    svg('circle', { r: 188, class: 'rim-ring' }, rim);
    for (var n = 0; n < 24; n += 1) {
      var at = point(188, n * 15).split(' ');
      svg('circle', { cx: at[0], cy: at[1], r: 3.6, class: n % 2 ? 'bulb' : 'bulb bulb-late' }, rim);
    }

    function turn() { disc.style.transform = 'rotate(' + angle.toFixed(2) + 'deg)'; }

    /* While it turns the disc is a layer, which is drawn once; standing still it is drawn where it stands, sharply. */
    function layer(isTurning) { disc.classList.toggle('is-turning', isTurning); }

    function free(now) {
      angle = (angle + (last ? Math.min(now - last, 50) : 0) * SPEED) % 360;
      last = now;
      turn();
      frame = requestAnimationFrame(free);
    }

    function aim(index) { return -index * step + (Math.random() - 0.5) * step * 0.66; }

    return {
      begin: function () {
        if (still.matches) { return; }
        cancelAnimationFrame(frame);
        layer(true);
        last = 0;
        frame = requestAnimationFrame(free);
      },
      rest: function () { cancelAnimationFrame(frame); layer(false); },
      play: function (ordinal, name) {
        var target = aim(find(spread, ordinal, name));
        cancelAnimationFrame(frame);
        if (still.matches) { angle = target; turn(); return Promise.resolve(); }
        layer(true);
        var from = angle;
        var way = 1080 + ((target - from) % 360 + 360) % 360;
        var lasts = 2 * way / SPEED; // a slowing that begins with the speed it has
        return new Promise(function (done) {
          var began = 0;
          var late = setTimeout(end, lasts + 3000); // a page in the back draws no frames
          function end() {
            clearTimeout(late);
            cancelAnimationFrame(frame);
            angle = target;
            turn();
            layer(false);
            wait(350).then(done);
          }
          function slow(now) {
            began = began || now;
            var part = Math.min(1, (now - began) / lasts);
            angle = from + way * (1 - (1 - part) * (1 - part));
            turn();
            if (part < 1) { frame = requestAnimationFrame(slow); } else { end(); }
          }
          frame = requestAnimationFrame(slow);
        });
      }
    };
  }

  /* --- grid: a light runs around, and stops --- */

  function grid(page) {
    var box = document.getElementById('grid');
    var go = document.getElementById('go');
    var wide = page.prizes.length > 7 ? 4 : 3;
    var ring = wide === 3 ? [0, 1, 2, 5, 8, 7, 6, 3] : [0, 1, 2, 3, 7, 11, 15, 14, 13, 12, 8, 4];
    var spread = around(page.prizes.slice(0, ring.length - 1), page.words, ring.length).slice(0, ring.length);
    var cells = [];
    var at = -1;
    var timer = 0;
    box.classList.add('grid-' + wide);
    ring.forEach(function (place, n) {
      var each = spread[n];
      var cell = document.createElement('div');
      cell.className = 'cell cell-' + each.kind;
      cell.style.gridArea = (Math.floor(place / wide) + 1) + ' / ' + (place % wide + 1);
      var picture = svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, cell);
      mark(picture, each.kind, 12, 12, 24);
      cell.appendChild(document.createElement('span')).textContent = each.name;
      box.insertBefore(cell, go);
      cells.push(cell);
    });

    function light(n) {
      if (at >= 0) { cells[at].classList.remove('is-lit'); }
      at = n % cells.length;
      cells[at].classList.add('is-lit');
    }

    function run() { light(at + 1); timer = setTimeout(run, 70); }

    return {
      begin: function () { clearTimeout(timer); if (!still.matches) { run(); } },
      rest: function () { clearTimeout(timer); },
      play: function (ordinal, name) {
        clearTimeout(timer);
        var target = find(spread, ordinal, name);
        cells[target].querySelector('span').textContent = spread[target].name;
        if (still.matches) { light(target); return Promise.resolve(); }
        var left = 2 * cells.length + ((target - at) % cells.length + cells.length) % cells.length;
        return new Promise(function (done) {
          (function next() {
            light(at + 1);
            left -= 1;
            if (left <= 0) { wait(500).then(done); return; }
            timer = setTimeout(next, left > 8 ? 70 : 70 + (9 - left) * 38);
          })();
        });
      }
    };
  }

  /* --- scratch: the result lies under the coat before the first scratch --- */

  function scratch(page) {
    var coat = document.getElementById('coat');
    var under = document.getElementById('under');
    var skip = document.getElementById('skip');
    var pen = coat.getContext('2d');
    var isOpen = false;
    var opened = null;
    var lastPoint = null;

    function cover() {
      var box = coat.getBoundingClientRect();
      var scale = Math.min(2, window.devicePixelRatio || 1);
      coat.width = Math.max(1, Math.round(box.width * scale));
      coat.height = Math.max(1, Math.round(box.height * scale));
      pen.setTransform(scale, 0, 0, scale, 0, 0);
      pen.globalCompositeOperation = 'source-over';
      var shine = pen.createLinearGradient(0, 0, box.width, box.height);
      [[0, '#c9cdd4'], [0.3, '#e9ebef'], [0.5, '#bfc4cc'], [0.72, '#e3e6ea'], [1, '#b4bac4']].forEach(function (stop) { shine.addColorStop(stop[0], stop[1]); });
      pen.fillStyle = shine;
      pen.fillRect(0, 0, box.width, box.height);
      pen.fillStyle = 'rgba(80, 88, 100, .22)';
      pen.font = '600 13px sans-serif';
      pen.save();
      pen.rotate(-0.32);
      for (var y = -40; y < box.height + box.width; y += 34) {
        for (var x = -box.height; x < box.width + 60; x += 96) { pen.fillText(page.words.coat, x + (y / 34 % 2) * 48, y); }
      }
      pen.restore();
      coat.classList.remove('is-gone');
      isOpen = false;
    }

    function erase(event) {
      var box = coat.getBoundingClientRect();
      var here = { x: event.clientX - box.left, y: event.clientY - box.top };
      pen.globalCompositeOperation = 'destination-out';
      pen.lineWidth = 44;
      pen.lineCap = 'round';
      pen.beginPath();
      pen.moveTo((lastPoint || here).x, (lastPoint || here).y);
      pen.lineTo(here.x + 0.1, here.y);
      pen.stroke();
      lastPoint = here;
    }

    function cleared() {
      var step = 16;
      var seen = 0;
      var clear = 0;
      var pixels = pen.getImageData(0, 0, coat.width, coat.height).data;
      for (var y = 0; y < coat.height; y += step) {
        for (var x = 0; x < coat.width; x += step) { seen += 1; if (pixels[(y * coat.width + x) * 4 + 3] < 40) { clear += 1; } }
      }
      return clear / seen;
    }

    function open() {
      if (!isOpen) { return; }
      isOpen = false;
      skip.hidden = true;
      coat.classList.add('is-gone');
      coat.classList.remove('is-ready');
      if (opened) { wait(still.matches ? 0 : 450).then(opened); opened = null; }
    }

    coat.addEventListener('pointerdown', function (event) {
      if (!isOpen) { return; }
      event.preventDefault();
      coat.setPointerCapture(event.pointerId);
      lastPoint = null;
      erase(event);
    });
    coat.addEventListener('pointermove', function (event) { if (isOpen && event.buttons) { erase(event); } });
    coat.addEventListener('pointerup', function () { lastPoint = null; if (isOpen && cleared() > 0.45) { open(); } });
    skip.addEventListener('click', open);
    cover();
    addEventListener('resize', function () { if (!isOpen && !coat.classList.contains('is-gone')) { cover(); } });

    return {
      begin: function () { under.textContent = ''; cover(); },
      rest: function () {},
      play: function (ordinal, name) {
        under.textContent = name;
        under.classList.toggle('is-prize', ordinal !== null);
        isOpen = true;
        coat.classList.add('is-ready');
        skip.hidden = false;
        if (still.matches) { open(); return Promise.resolve(); }
        skip.focus({ preventScroll: true });
        return new Promise(function (done) { opened = done; });
      }
    };
  }

  /* --- shake: by moving the phone, or by the button; nothing of the movement is sent or believed --- */

  function shake() {
    var box = document.querySelector('.shaker');
    return {
      begin: function () { box.classList.add('is-shaking'); if (navigator.vibrate && !still.matches) { navigator.vibrate([40, 60, 40]); } },
      rest: function () { box.classList.remove('is-shaking'); },
      play: function (ordinal) {
        return wait(still.matches ? 0 : 900).then(function () {
          box.classList.remove('is-shaking');
          box.classList.toggle('is-won', ordinal !== null);
          return wait(still.matches ? 0 : 500);
        });
      }
    };
  }

  /* Watches for a shake: jumps of more than 15 m/s² on two axes, and a rest of a second between two. */
  function motion(onShake) {
    var last = null;
    var restUntil = 0;
    var hasEvents = false;

    function moved(event) {
      var now = event.accelerationIncludingGravity || {};
      if (typeof now.x !== 'number') { return; }
      hasEvents = true;
      if (last && Date.now() > restUntil) {
        var axes = ['x', 'y', 'z'].filter(function (axis) { return Math.abs(now[axis] - last[axis]) > 15; });
        if (axes.length >= 2) { restUntil = Date.now() + 1000; onShake(); }
      }
      last = { x: now.x, y: now.y, z: now.z };
    }

    return {
      /* In the handler of a tap: resolves to whether movements arrive; after two seconds without any they do not. */
      start: function () {
        if (!window.wxbotMotion.isThere) { return Promise.resolve(false); }
        var listens = window.wxbotMotion.listen(moved).then(function (isGranted) {
          return isGranted && wait(1900).then(function () { return hasEvents; });
        }).catch(function () { return false; });
        return Promise.race([listens, wait(2000).then(function () { return hasEvents; })]);
      }
    };
  }

  window.wxbotSkins = { wheel: wheel, grid: grid, scratch: scratch, shake: shake, motion: motion };
})();
