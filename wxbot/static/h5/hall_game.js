/* The games of the whole hall on one phone. Rain: this phone knows its own packets and no others; a tap on one asks the server, which
   says what is in it. Race: the phone counts and says how often in all, once a second; the server believes what a hand can do. */

import { el, fill, say } from '../hall/dom.js';
import './motion.js';

const FALL_MS = 3200;          // a packet is on the screen for so long, in its middle at its moment
const SAY_MS = 1000;
const SHAKE = 14;              // m/s² beside gravity
const STILL_MS = 90;
const calm = matchMedia('(prefers-reduced-motion: reduce)');

const yuan = (fen) => (fen / 100).toFixed(2);

class Game {
  constructor(room, shared, kind) {
    Object.assign(this, { room, shared, words: shared.words, kind, own: null, off: 0, timer: 0 });
    this.card = el('section', `hall-card hall-game hall-${kind}`);
    this.card.setAttribute('aria-label', this.words[kind]);
    this.title = el('h2', '', this.words[kind]);
    this.told = el('p', 'hall-left');
    this.told.setAttribute('role', 'status');
    this.card.append(this.title, this.told);
    room.replaceChildren(this.card);
    this.timer = setInterval(() => this.tick(), 200);
  }

  now() { return Date.now() / 1000 + this.off; }

  take(game, me) {
    if (me.now && me.now !== this.heardAt) { this.heardAt = me.now; this.off = me.now - Date.now() / 1000; }
    if (me.game && me.game.kind === this.kind) { this.own = me.game; }
    this.game = game;
  }

  tick() {
    if (!this.game || !this.game.begin) { return; }
    const now = this.now();
    const until = this.game.begin - now;
    const left = this.game.end - now;
    const text = until > 0 ? `${this.words.game_soon} ${Math.ceil(until)}` : left > 0 ? fill(this.words.game_left, { n: Math.ceil(left) }) : this.words.game_over;
    say(this.told, text);
    this.step(now - this.game.begin, left);
  }

  close() { clearInterval(this.timer); this.room.replaceChildren(); }
}

class Rain extends Game {
  constructor(room, shared) {
    super(room, shared, 'rain');
    this.sky = el('div', 'hall-sky');
    this.sum = el('p', 'hall-told', this.words.rain_text);
    this.sum.setAttribute('role', 'status');
    this.card.append(this.sky, this.sum);
    this.falling = new Map();
    this.done = new Set();
    this.caught = new Map(); // slot → fen, of the server's answers and of what it says of this guest
  }

  get fen() { return [...this.caught.values()].reduce((sum, fen) => sum + fen, 0); }

  get ending() {
    if (this.own.leftover === 'person' && this.own.moments.some((each) => !this.caught.has(each.slot))) { return this.words.rain_missed_too; }
    return this.fen ? fill(this.words.rain_sum, { yuan: yuan(this.fen) }) : this.words.rain_none;
  }

  take(game, me) {
    super.take(game, me);
    if (!this.own) { return; }
    for (const each of this.own.moments) { if (each.fen) { this.done.add(each.slot); this.caught.set(each.slot, each.fen); } }
    if (!this.isSaid) { this.say(); }
  }

  say(text) { this.sum.textContent = text || (this.fen ? fill(this.words.rain_got, { yuan: yuan(this.fen) }) : this.words.rain_text); }

  step(since, left) {
    if (!this.own) { return; }
    const ms = since * 1000;
    for (const each of this.own.moments) {
      if (!this.done.has(each.slot) && !this.falling.has(each.slot) && ms >= each.at_ms && ms < each.at_ms + FALL_MS) { this.drop(each); }
    }
    if (left < -1 && !this.isSaid) {
      this.isSaid = true;
      this.sky.hidden = true;
      this.say(this.ending);
    }
  }

  drop(each) {
    const packet = el('button', 'hall-packet');
    packet.type = 'button';
    packet.setAttribute('aria-label', this.words.rain_catch);
    packet.style.left = `${8 + ((each.slot * 37) % 70)}%`;
    packet.style.animationDuration = `${FALL_MS}ms`;
    const gone = setTimeout(() => { packet.remove(); this.falling.delete(each.slot); this.done.add(each.slot); }, FALL_MS);
    packet.addEventListener('pointerdown', () => this.grab(each, packet, gone));
    packet.addEventListener('click', () => this.grab(each, packet, gone));
    this.falling.set(each.slot, packet);
    this.sky.append(packet);
  }

  grab(each, packet, gone) {
    if (this.done.has(each.slot)) { return; }
    this.done.add(each.slot);
    clearTimeout(gone);
    packet.disabled = true;
    packet.classList.add('is-caught');
    this.ask(each, packet, 3);
  }

  ask(each, packet, tries) {
    const { json, base, page } = this.shared;
    const body = new URLSearchParams({ slot: String(each.slot) });
    json(`${base}/rain`, { method: 'POST', body, headers: { Accept: 'application/json', 'X-Form-Mark': page.mark } }).then((reply) => {
      if (reply.ok) {
        this.caught.set(each.slot, reply.answer.fen);
        packet.textContent = `¥${yuan(reply.answer.fen)}`;
        if (navigator.vibrate && !calm.matches) { navigator.vibrate(60); }
      }
      this.say(reply.ok ? '' : this.words.rain_missed);
      setTimeout(() => { packet.remove(); this.falling.delete(each.slot); }, 900);
    }).catch(() => { // the network: the server takes it for some seconds after its moment, and once
      if (tries > 1) { setTimeout(() => this.ask(each, packet, tries - 1), 700); } else { this.say(this.words.rain_missed); packet.remove(); }
    });
  }
}

class Race extends Game {
  constructor(room, shared) {
    super(room, shared, 'race');
    this.number = el('p', 'hall-count', fill(this.words.race_count, { n: 0 }));
    this.place = el('p', 'hall-told', this.words.race_text);
    this.place.setAttribute('role', 'status');
    this.tap = el('button', 'weui-btn weui-btn_primary hall-tap', this.words.race_tap);
    this.tap.type = 'button';
    this.tap.addEventListener('pointerdown', () => this.add());
    this.tap.addEventListener('keydown', (event) => { if (!event.repeat && (event.key === 'Enter' || event.key === ' ')) { this.add(); } });
    this.card.append(this.number, this.place, this.tap);
    Object.assign(this, { count: 0, seq: 0, said: 0, last: 0, socket: null });
    this.onMotion = (event) => this.moved(event);
    this.askMotion();
    this.open();
  }

  askMotion() {
    const { isThere, mustAsk, listen } = window.wxbotMotion;
    if (!isThere) { return; }
    if (!mustAsk) { listen(this.onMotion); return; }
    const ask = el('button', 'weui-btn weui-btn_default', this.words.race_motion);
    ask.type = 'button';
    ask.addEventListener('click', () => listen(this.onMotion).catch(() => {}).then(() => ask.remove()));
    this.card.append(ask);
  }

  moved(event) {
    const pull = event.acceleration && event.acceleration.x !== null ? event.acceleration : null;
    const with_ = event.accelerationIncludingGravity;
    const force = pull ? Math.hypot(pull.x, pull.y, pull.z) : with_ ? Math.abs(Math.hypot(with_.x, with_.y, with_.z) - 9.8) : 0;
    const now = performance.now();
    if (force > SHAKE && now - this.last > STILL_MS) { this.last = now; this.add(); }
  }

  get isOn() { const now = this.now(); return this.game && this.game.begin && now >= this.game.begin && now < this.game.end; }

  add() {
    if (!this.isOn) { return; }
    this.count += 1;
    this.number.textContent = fill(this.words.race_count, { n: this.count });
  }

  open() {
    if (this.isClosed) { return; }
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const at = this.shared.page.live || `${scheme}://${location.host}`;
    try { this.socket = new WebSocket(`${at.replace(/^http/, 'ws')}/live/${this.shared.page.slug}/race`); } catch (error) { return; }
    this.socket.onmessage = (event) => this.hear(event.data);
    this.socket.onclose = () => {
      if (this.isClosed || this.isFinal) { return; }
      this.place.textContent = this.words.race_offline;
      setTimeout(() => this.open(), 500 + Math.random() * 2500);
    };
  }

  hear(text) {
    let told = null;
    try { told = JSON.parse(text).ack; } catch (error) { return; }
    if (!told) { return; }
    this.isFinal = Boolean(told.final);
    this.seq = Math.max(this.seq, told.seq || 0);
    if (told.count > this.count) { // after a reload the count goes on from the server's
      this.count = told.count;
      this.number.textContent = fill(this.words.race_count, { n: this.count });
    }
    if (told.place) { this.place.textContent = fill(this.words.race_place, { place: told.place, of: told.of }); }
  }

  step(since, left) {
    this.tap.disabled = !this.isOn;
    if (since < 0 || left < -1.8 || performance.now() - this.said < SAY_MS + this.jitter) { return; }
    this.said = performance.now();
    this.jitter = Math.random() * 200;
    if (this.socket && this.socket.readyState === 1) {
      this.seq += 1;
      this.socket.send(JSON.stringify({ seq: this.seq, count: this.count }));
    }
  }

  close() {
    this.isClosed = true;
    removeEventListener('devicemotion', this.onMotion);
    if (this.socket) { this.socket.close(); }
    super.close();
  }
}
Race.prototype.jitter = 0;

/** The game that the hall plays now, in `room`; another one replaces it. */
export function open(room, shared) {
  let shown = null;
  return {
    take(game, me) {
      if (!shown || shown.id !== game.id) {
        if (shown) { shown.close(); }
        shown = game.kind === 'rain' ? new Rain(room, shared) : new Race(room, shared);
        shown.id = game.id;
        room.scrollIntoView({ block: 'center', behavior: calm.matches ? 'auto' : 'smooth' }); // once it is as high as it will be
      }
      shown.take(game, me);
    },
    close() { if (shown) { shown.close(); shown = null; } },
  };
}
