/* Red-packet rain and shake race. What the screen shows is decoration around the server's numbers: seconds left by the server's
   clock, packets claimed, ranks twice a second with the bars gliding in between. */

import { nameOf } from './cards.js';
import { at, el, fill, say } from './dom.js';
import { calm, moving, pace } from './loop.js';
import { worth } from './programme.js';
import { drop, Sheet, stamp } from './sheet.js';

const MOST_PACKETS = [60, 40, 24];
const SIZES = [0.6, 0.8, 1, 1.3];
const LEANS = 8;             // so many pictures of a packet to each side
const MOST_LEAN = 0.45;
const FADING = 9;            // a ninth of the sky above the floor
const MOST_LANES = 10;

function leftOf(show, game) {
  if (!game.begin || !game.end) { return game.seconds || 0; }
  return Math.max(0, game.end - show.clock.now());
}

function before(show, game) {
  return game.begin ? game.begin - show.clock.now() : 0;
}

/** What a game is for: its prize by name, and what that is worth. */
function prizeWords(state, game) {
  const prize = state.prizes.find((each) => each.ordinal === game.prize);
  return prize ? [prize.name, worth(prize)].filter(Boolean).join(' ') : '';
}

/** 3, 2, 1 before a game, then the seconds that are left. */
function countdown(show, game, big, small) {
  const until = before(show, game);
  if (game.status === 'planned') { say(small, show.words.game_soon); say(big, ''); return; }
  if (until > 0) { say(small, show.words.game_soon); say(big, String(Math.ceil(until))); return; }
  const left = leftOf(show, game);
  const isOver = game.status !== 'running' || left === 0;
  say(small, isOver ? show.words.game_over : show.words.game_left);
  say(big, isOver ? '' : String(Math.ceil(left)));
}

export class Rain {
  constructor(show) {
    this.show = show;
    this.sky = at('rain-sky');
    this.drops = [];
    this.stamps = new Map();
    this.game = null;
    this.panels = [...this.sky.parentNode.querySelectorAll('.clock, .rain-sum')];
    this.covered = [];
    for (const kind of ['resize', 'pace']) { addEventListener(kind, () => { if (this.stop) { this.dry(); this.fall(); } }); }
  }

  take(state) {
    this.game = state.game && state.game.kind === 'rain' ? state.game : null;
    if (!this.game) { return; }
    const { words } = this.show;
    const { claimed = 0, packets = 0, claimed_fen: fen = 0 } = this.game;
    say(at('rain-claimed'), packets ? fill(words.rain_of, { claimed, packets }) : fill(words.rain_claimed, { claimed }));
    say(at('rain-money'), fen ? `¥${(fen / 100).toFixed(2)}` : '');
    say(at('rain-prize'), prizeWords(state, this.game));
    this.seconds();
    const best = (this.game.ranks || []).slice(0, 5);
    at('rain-best').replaceChildren(...best.map((one) => {
      const line = el('li');
      line.append(el('bdi', '', nameOf(one)), el('b', '', one.amount_fen ? `¥${(one.amount_fen / 100).toFixed(2)}` : `×${one.count || 1}`));
      return line;
    }));
    this.fall();
  }

  seconds() { if (this.game) { countdown(this.show, this.game, at('rain-left'), at('rain-small')); } }

  get isFalling() { return this.game && this.game.status === 'running' && leftOf(this.show, this.game) > 0 && before(this.show, this.game) <= 0; }

  begin() { this.timer ||= setInterval(() => { this.seconds(); this.fall(); }, 250); this.fall(); }

  end() {
    clearInterval(this.timer);
    this.timer = 0;
    this.dry();
  }

  /** Where panels cover the sky, in its points, without their round corners: whoever is all behind one need not be drawn. */
  cover() {
    const { sheet } = this;
    const own = sheet.node.getBoundingClientRect();
    const scale = sheet.width / own.width;
    const corner = sheet.unit;
    this.covered = this.panels.map((panel) => panel.getBoundingClientRect()).map((box) => ({
      left: (box.left - own.left) * scale + corner,
      right: (box.right - own.left) * scale - corner,
      top: (box.top - own.top) * scale + corner,
      bottom: (box.bottom - own.top) * scale - corner,
    }));
  }

  fall() {
    const mayFall = this.timer && this.isFalling && !calm.matches && document.body.dataset.saving !== 'on';
    if (!mayFall && this.stop) { this.dry(); }
    if (this.stop) { this.cover(); }
    if (!mayFall || this.stop) { return; }
    this.open();
    this.cover();
    this.drops = Array.from({ length: MOST_PACKETS[pace()] }, () => ({ ...this.fresh(), y: -Math.random() * 1.3 }));
    this.stop = moving((seconds, now) => this.step(seconds, now / 1000), true);
  }

  open() {
    this.sheet ||= new Sheet(this.sky, { isTall: true });
    if (!this.sheet.measure()) { return; }
    for (const each of this.stamps.values()) { drop(each); }
    this.stamps.clear();
  }

  step(seconds, now) {
    const { sheet } = this;
    const edge = sheet.part < 1 ? sheet.unit * 7 : 0; // nobody sees where a narrow sheet ends
    sheet.clear();
    for (const drop of this.drops) {
      drop.y += seconds * drop.speed;
      if (drop.y > 1) { Object.assign(drop, this.fresh()); }
      const picture = this.packet(drop.size, Math.round(Math.sin(now * drop.swing + drop.phase) * LEANS));
      const [x, y] = [edge + drop.x * (sheet.width - 2 * edge), drop.y * sheet.height];
      if (this.isSeen(x, y, picture.width / 2, picture.height / 2)) { sheet.put(picture, x, y, Math.min(1, Math.max(0, (1 - drop.y) * FADING))); }
    }
  }

  /** Whether a picture with its middle here is seen: not above the sky, and not all behind one panel. */
  isSeen(x, y, wide, high) {
    return y + high > 0 && !this.covered.some((box) => x - wide > box.left && x + wide < box.right && y - high > box.top && y + high < box.bottom);
  }

  /** A packet of this size (of SIZES) that leans to one side; all that look alike share one picture. */
  packet(size, lean) {
    const key = size * 100 + lean;
    if (!this.stamps.has(key)) {
      const unit = this.sheet.unit * SIZES[size];
      const turn = (lean / LEANS) * MOST_LEAN;
      const [cos, sin] = [Math.cos(turn), Math.abs(Math.sin(turn))];
      this.stamps.set(key, stamp(unit * (8.4 * cos + 10.4 * sin), unit * (10.4 * cos + 8.4 * sin), (pen, width, height) => {
        pen.translate(width / 2, height / 2);
        pen.rotate(turn);
        paintPacket(pen, unit);
      }));
    }
    return this.stamps.get(key);
  }

  dry() {
    this.stop?.();
    this.stop = null;
    this.drops = [];
    this.sheet?.clear();
  }

  fresh() {
    const size = Math.floor(Math.random() * SIZES.length);
    return { x: Math.random(), y: -0.15, speed: 0.18 + SIZES[size] * (0.24 + Math.random() * 0.08), size, swing: 0.6 + Math.random(), phase: Math.random() * 7 };
  }
}

/** A red packet of 8 by 10 units around the pen's zero. */
function paintPacket(pen, unit) {
  const [width, height] = [8 * unit, 10 * unit];
  const outline = new Path2D();
  if (outline.roundRect) { outline.roundRect(-width / 2, -height / 2, width, height, unit); } else { outline.rect(-width / 2, -height / 2, width, height); }
  pen.fillStyle = '#b8132b';
  pen.fill(outline);
  pen.save();
  pen.clip(outline);
  pen.beginPath();
  pen.ellipse(0, -height / 2, width * 0.87, height * 0.37, 0, 0, 2 * Math.PI);
  pen.fillStyle = '#f0384d';
  pen.fill();
  pen.restore();
  pen.lineWidth = Math.max(1, unit * 0.15);
  pen.strokeStyle = '#ff9c8a';
  pen.stroke(outline);
  pen.beginPath();
  pen.arc(0, -height * 0.08, unit * 1.6, 0, 2 * Math.PI);
  pen.fillStyle = '#ffe08a';
  pen.fill();
  pen.strokeStyle = '#c98a22';
  pen.lineWidth = unit * 0.25;
  pen.stroke();
}

export class Race {
  constructor(show) {
    this.show = show;
    this.track = at('race-track');
    this.lanes = new Map();
    this.top = 1;
  }

  take(state) {
    this.game = state.game && state.game.kind === 'race' ? state.game : null;
    if (!this.game) { return; }
    say(at('race-prize'), prizeWords(state, this.game));
    const ranks = this.game.ranks || [];
    const isSettled = this.game.status === 'settled'; // then the rows say who has won, of teams as well
    this.won = isSettled ? ranks.filter((one) => one.won).length : 0;
    if (this.heard?.game === this.game.id && !isSettled) { this.seconds(); return; }
    this.order(ranks);
  }

  /** The newest ranks, twice a second: of teams by what each of their people has on average, else of people. */
  hear(ranks) {
    if (!this.game || this.game.status === 'settled' || ranks.game !== this.game.id || this.heard?.at > ranks.at) { return; }
    this.heard = ranks;
    const teams = (ranks.teams || []).map((one) => ({ team: one.team, counted: one.mean }));
    this.order(teams.length > 1 ? teams : ranks.top || []);
  }

  order(lines) {
    const ranks = lines.slice(0, MOST_LANES);
    this.top = Math.max(1, ...ranks.map((one) => one.counted));
    const isTeams = ranks.length > 0 && ranks[0].no === undefined;
    const present = new Set();
    ranks.forEach((one, place) => {
      const key = isTeams ? `t:${one.team}` : `p:${one.no}`;
      present.add(key);
      const lane = this.lanes.get(key) || this.lane(key);
      lane.count = one.counted;
      lane.place = place;
      say(lane.name, isTeams ? one.team : nameOf(one));
      lane.node.dataset.place = place + 1;
      lane.node.dataset.won = one.won ? 'on' : 'off';
      say(lane.rank, String(place + 1));
    });
    for (const [key, lane] of this.lanes) { if (!present.has(key)) { lane.node.remove(); this.lanes.delete(key); } }
    this.track.style.setProperty('--lanes', Math.max(ranks.length, 4));
    this.seconds();
    if (!this.stop) { for (const lane of this.lanes.values()) { lane.shown = lane.count; lane.at = lane.place; this.put(lane); } }
  }

  lane(key) {
    const node = el('div', 'lane');
    const made = { node, rank: el('b', 'lane-rank'), name: el('bdi', 'lane-name'), run: el('span', 'lane-run'), count: 0, number: el('span', 'lane-count'), shown: 0, at: Math.min(this.lanes.size, MOST_LANES), place: this.lanes.size };
    made.bar = el('i', 'lane-bar');
    made.run.append(made.bar);
    node.append(made.rank, made.name, made.run, made.number);
    node.dataset.tone = this.lanes.size % 8;
    this.track.append(node);
    this.lanes.set(key, made);
    return made;
  }

  seconds() {
    if (!this.game) { return; }
    countdown(this.show, this.game, at('race-left'), at('race-small'));
    if (this.won) { say(at('race-small'), fill(this.show.words.congratulations, { k: this.won })); }
  }

  begin() {
    this.timer ||= setInterval(() => this.seconds(), 250);
    this.stop ||= moving((seconds) => {
      for (const lane of this.lanes.values()) {
        const pull = calm.matches ? 1 : Math.min(1, seconds * 3.2);
        lane.shown += (lane.count - lane.shown) * pull;
        lane.at += (lane.place - lane.at) * pull;
        this.put(lane);
      }
    }, true);
  }

  put(lane) {
    lane.bar.style.transform = `scaleX(${Math.max(0.01, lane.shown / this.top).toFixed(4)})`;
    lane.node.style.transform = `translateY(${(lane.at * 100).toFixed(2)}%)`;
    say(lane.number, String(Math.round(lane.shown)));
  }

  end() {
    clearInterval(this.timer);
    this.timer = 0;
    this.stop?.();
    this.stop = null;
  }
}
