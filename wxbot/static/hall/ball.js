/* The roll while the winners are already fixed on the server and known to no browser: cards of the pool on a sphere, a list of
   names, or a number. All three show the pool and know nothing else. At most 200 cards; those of the sphere lie on one canvas: two
   hundred composited elements cost a weak machine four frames of five. */

import { Card, initial, letters, nameOf, picture } from './cards.js';
import { el, say } from './dom.js';
import { calm, moving, pace } from './loop.js';
import { drop, Sheet, stamp } from './sheet.js';
import { tick } from './sound.js';

const MOST_CARDS = [200, 140, 90];
const SHAPE = 0.33;          // of a card: height by width
const DEPTHS = 8;
const UNSEEN = 0.3;          // what is farther away is too dim to be seen
const LEAST_PART = 0.7;      // a ball may be small, its names must be read
const CHANGES_A_SECOND = 6;
const TONES = ['#b52b4d', '#b97625', '#2a6a66', '#6440a0', '#a84a22', '#375a9e', '#983463', '#5a7029'];
const DARK = '#17060c';
const STYLE = getComputedStyle(document.documentElement);
const TITLE = STYLE.getPropertyValue('--title');
const TEXT = STYLE.getPropertyValue('--text');
const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5));
const RESTING_SPEED = 0.22;
const ROLLING_SPEED = 3.1;
const NAMES_A_SECOND = 14;

/** People of the pool in an order of their own, again and again. */
class Parade {
  constructor(people) {
    this.people = people.slice();
    for (let i = this.people.length - 1; i > 0; i -= 1) {
      const j = Math.floor(Math.random() * (i + 1));
      [this.people[i], this.people[j]] = [this.people[j], this.people[i]];
    }
    this.next = 0;
  }

  take() {
    const person = this.people[this.next % this.people.length];
    this.next += 1;
    return person;
  }
}

/** A person's card for every depth: smaller and dimmer the farther it is away. Each is painted when it is first seen there. */
class Sprite {
  constructor() { this.stamps = []; }

  /** Another person from now on; `size` is the width of the nearest card in points. */
  show(person, size, address) {
    this.person = person;
    this.size = size;
    this.image = null;
    this.forget();
    if (!address) { return; }
    const image = new Image();
    image.onload = () => { if (this.person === person) { this.image = image; this.forget(); } };
    image.src = address;
  }

  forget() {
    for (const each of [this.nearest, ...this.stamps]) { drop(each); }
    this.nearest = null;
    this.stamps.length = 0;
  }

  at(depth) {
    this.nearest ||= stamp(this.size, this.size * SHAPE, (pen, width, height) => this.paint(pen, width, height));
    this.stamps[depth] ||= this.faint((depth + 0.5) / DEPTHS);
    return this.stamps[depth];
  }

  /** Whether it is painted at this depth as it is now. */
  has(depth) { return Boolean(this.stamps[depth]); }

  faint(near) {
    const scale = 0.42 + 0.58 * near;
    return stamp(this.size * scale, this.size * SHAPE * scale, (pen, width, height) => {
      pen.imageSmoothingQuality = 'medium';
      pen.drawImage(this.nearest, 0, 0, width, height);
      pen.globalCompositeOperation = 'source-atop';
      pen.globalAlpha = 0.9 * (1 - near * near);
      pen.fillStyle = DARK;
      pen.fillRect(0, 0, width, height);
    });
  }

  paint(pen, width, height) {
    const [edge, round] = [Math.max(1, height * 0.03), height / 2];
    const ground = pen.createLinearGradient(0, 0, 0, height);
    ground.addColorStop(0, '#9a1d36');
    ground.addColorStop(1, '#5a0d1f');
    pen.fillStyle = ground;
    pen.strokeStyle = 'rgba(247, 211, 131, .55)';
    pen.lineWidth = edge;
    pen.beginPath();
    pen.arc(round, round, round - edge, Math.PI / 2, Math.PI * 1.5);
    pen.arc(width - round, round, round - edge, Math.PI * 1.5, Math.PI / 2);
    pen.closePath();
    pen.fill();
    pen.stroke();
    pen.save();
    pen.beginPath();
    pen.arc(round, round, round * 0.8, 0, 2 * Math.PI);
    pen.clip();
    pen.fillStyle = TONES[this.person.no % TONES.length];
    pen.fillRect(0, 0, height, height);
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    pen.fillStyle = '#fff';
    if (this.image) {
      pen.drawImage(this.image, round * 0.2, round * 0.2, round * 1.6, round * 1.6);
    } else {
      pen.font = `700 ${(height * 0.46).toFixed(1)}px ${TITLE}`;
      pen.fillText(initial(this.person.name), round, round * 1.06, height);
    }
    pen.restore();
    const left = height * 1.02;
    const room = width - left - round * 0.45;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    pen.fillStyle = '#fff5df';
    const { lines, size } = fitting(pen, nameOf(this.person), room, height);
    lines.forEach((line, n) => pen.fillText(line, left + room / 2, round * 1.06 + (n - (lines.length - 1) / 2) * size * 1.15));
  }
}

const NAME_SIZES = [[1, 0.54], [1, 0.43], [2, 0.36], [2, 0.29]];

/** A name in the largest letters (of a card's height) in which all of it has room, on one line or on two; only a very long one is cut.
    Leaves the pen with these letters. */
function fitting(pen, name, room, height) {
  for (const [count, part] of NAME_SIZES) {
    const size = height * part;
    pen.font = `600 ${size.toFixed(1)}px ${TEXT}`;
    const lines = count === 1 ? [name] : halves(name);
    if (lines.every((line) => pen.measureText(line).width <= room)) { return { lines, size }; }
  }
  const [first, second] = halves(name).map((line) => letters(line));
  const size = height * NAME_SIZES.at(-1)[1];
  const rest = [...first, ...second];
  const top = [];
  while (rest.length && pen.measureText(top.join('') + rest[0]).width <= room) { top.push(rest.shift()); }
  while (rest.length && pen.measureText(`${rest.join('')}…`).width > room) { rest.pop(); }
  return { lines: [top.join(''), `${rest.join('')}…`], size };
}

/** A name in two lines: behind the blank or the dot nearest to its middle, else in its middle. */
function halves(name) {
  const parts = letters(name);
  const middle = Math.ceil(parts.length / 2);
  const blanks = parts.flatMap((letter, at) => (/[\s·・•]/.test(letter) && at > 0 && at < parts.length - 1 ? [at + 1] : []));
  const nearest = blanks.sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle))[0];
  const at = nearest === undefined ? middle : nearest;
  return [parts.slice(0, at).join('').trim(), parts.slice(at).join('').trim()];
}

function depthOf(card) { return Math.min(DEPTHS - 1, Math.floor(card.near * DEPTHS)); }

export class Ball {
  constructor(room, faces) {
    this.sheet = new Sheet(room);
    this.faces = faces;
    this.cards = [];
    this.angle = 0;
    this.speed = RESTING_SPEED;
    this.target = RESTING_SPEED;
    this.stop = null;
    for (const kind of ['resize', 'pace']) { addEventListener(kind, () => { if (this.stop && this.parade) { this.fill(this.parade.people); } }); }
  }

  fill(people) {
    const { sheet } = this;
    sheet.measure();
    this.parade = new Parade(people);
    const count = Math.min(MOST_CARDS[pace()], people.length);
    for (const gone of this.cards.splice(count)) { gone.sprite.forget(); }
    while (this.cards.length < count) { this.cards.push({ sprite: new Sprite(), wasBehind: false }); }
    this.size = sheet.unit * (count < 40 ? 23 : 18) * Math.max(sheet.part, LEAST_PART);
    this.cards.forEach((each, place) => {
      this.change(each);
      each.y = count === 1 ? 0 : 1 - (2 * (place + 0.5)) / count;
      each.ring = Math.sqrt(1 - each.y * each.y);
      each.turn = place * GOLDEN_ANGLE;
    });
    this.place();
  }

  change(card) {
    const person = this.parade.take();
    card.sprite.show(person, this.size, picture(this.faces, person.face));
  }

  begin(isRolling) {
    this.target = isRolling ? ROLLING_SPEED : RESTING_SPEED;
    this.stop?.();
    this.stop = moving((seconds) => this.step(seconds), isRolling);
    if (this.parade && this.sheet.measure()) { this.fill(this.parade.people); }
  }

  end() {
    this.stop?.();
    this.stop = null;
  }

  step(seconds) {
    if (calm.matches) { // it stands still, and is drawn anew only for a picture that has come
      if (this.cards.some((each) => each.near >= UNSEEN && !each.sprite.has(depthOf(each)))) { this.place(); }
      return;
    }
    this.speed += (this.target - this.speed) * Math.min(1, seconds * 2.4);
    this.angle += this.speed * seconds;
    this.due = Math.min(2, (this.due || 0) + seconds * CHANGES_A_SECOND);
    this.place();
    if (this.target === ROLLING_SPEED) {
      this.ticked = (this.ticked || 0) + seconds;
      if (this.ticked > 0.09) { this.ticked = 0; tick(); }
    }
  }

  place() {
    const { sheet, size } = this;
    const [middleX, middleY] = [sheet.width / 2, sheet.height / 2];
    const wide = Math.min(middleX - size * 0.52, sheet.unit * 76);
    const high = middleY - size * 0.2;
    const tilt = 0.34 + 0.1 * Math.sin(this.angle * 0.37);
    const [cos, sin] = [Math.cos(tilt), Math.sin(tilt)];
    for (const each of this.cards) {
      const turn = each.turn + this.angle;
      const depth = each.ring * Math.cos(turn);
      each.x = each.ring * Math.sin(turn);
      each.h = each.y * cos - depth * sin;
      each.near = (each.y * sin + depth * cos + 1) / 2;
      const isBehind = each.near < UNSEEN;
      if (isBehind && !each.wasBehind && this.due >= 1 && this.parade.people.length > this.cards.length) {
        this.due -= 1;
        this.change(each);
      }
      each.wasBehind = isBehind;
    }
    this.cards.sort((a, b) => a.near - b.near);
    sheet.clear();
    for (const each of this.cards) {
      if (each.near < UNSEEN) { continue; }
      sheet.put(each.sprite.at(depthOf(each)), middleX + each.x * wide, middleY + each.h * high);
    }
  }
}

/** Names that change in as many boxes as people are selected. */
export class NameRoll {
  constructor(room, faces) {
    this.room = room;
    this.faces = faces;
    this.boxes = [];
    this.stop = null;
  }

  fill(people, k) {
    this.parade = new Parade(people);
    this.room.replaceChildren();
    this.boxes = Array.from({ length: Math.min(k, 20) }, () => new Card(this.faces, 'in-list').show(this.parade.take()));
    this.room.append(...this.boxes.map((box) => box.node));
    this.room.dataset.count = this.boxes.length > 10 ? 'many' : this.boxes.length > 3 ? 'some' : 'few';
  }

  begin(isRolling) {
    this.end();
    if (!isRolling) { return; }
    let waited = 0;
    const pause = calm.matches ? 0.8 : 1 / NAMES_A_SECOND;
    this.stop = moving((seconds) => {
      waited += seconds;
      if (waited < pause) { return; }
      waited = 0;
      for (const box of this.boxes) { box.show(this.parade.take()); }
      tick();
    }, true);
  }

  end() {
    this.stop?.();
    this.stop = null;
  }
}

/** A number of the pool, digit by digit. */
export class NumberRoll {
  constructor(room) {
    this.room = room;
    this.stop = null;
  }

  fill(people) {
    this.parade = new Parade(people);
    this.width = String(Math.max(...people.map((person) => person.no))).length;
    this.room.replaceChildren(...Array.from({ length: this.width }, () => el('span', 'digit', '0')));
    this.show(this.parade.take().no);
  }

  show(no) {
    [...String(no).padStart(this.width, '0')].forEach((digit, place) => say(this.room.children[place], digit));
  }

  begin(isRolling) {
    this.end();
    if (!isRolling) { return; }
    let waited = 0;
    const pause = calm.matches ? 0.8 : 1 / 20;
    this.stop = moving((seconds) => {
      waited += seconds;
      if (waited < pause) { return; }
      waited = 0;
      this.show(this.parade.take().no);
      tick();
    }, true);
  }

  end() {
    this.stop?.();
    this.stop = null;
  }
}
