/* The roll while the winners are already fixed on the server and known to no browser: cards of the pool on a sphere, a list of
   names, or a number. All three show the pool and know nothing else. At most 200 cards, moved by transform and opacity alone. */

import { Card, el, say } from './dom.js';
import { calm, moving } from './loop.js';
import { tick } from './sound.js';

const MOST_CARDS = 200;
const DEPTHS = 6;
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

export class Ball {
  constructor(room, base) {
    this.room = room;
    this.base = base;
    this.cards = [];
    this.angle = 0;
    this.speed = RESTING_SPEED;
    this.target = RESTING_SPEED;
    this.stop = null;
  }

  fill(people) {
    this.parade = new Parade(people);
    const count = Math.min(MOST_CARDS, people.length);
    while (this.cards.length > count) { this.cards.pop().card.node.remove(); }
    while (this.cards.length < count) {
      const card = new Card(this.base, 'on-ball');
      this.room.append(card.node);
      this.cards.push({ card, depth: -1, wasBehind: false });
    }
    const scale = count < 40 ? 1.25 : 1;
    this.room.style.setProperty('--ball-card', `${(17 * scale).toFixed(2)}vmin`);
    this.cards.forEach((each, place) => {
      each.card.show(this.parade.take());
      each.y = count === 1 ? 0 : 1 - (2 * (place + 0.5)) / count;
      each.ring = Math.sqrt(1 - each.y * each.y);
      each.turn = place * GOLDEN_ANGLE;
    });
    this.place();
  }

  begin(isRolling) {
    this.target = isRolling ? ROLLING_SPEED : RESTING_SPEED;
    if (calm.matches) { this.target = isRolling ? 0.4 : 0; }
    this.stop?.();
    this.stop = moving((seconds) => this.step(seconds), isRolling);
  }

  end() {
    this.stop?.();
    this.stop = null;
  }

  step(seconds) {
    this.speed += (this.target - this.speed) * Math.min(1, seconds * 2.4);
    this.angle += this.speed * seconds;
    this.place();
    if (this.target === ROLLING_SPEED) {
      this.ticked = (this.ticked || 0) + seconds;
      if (this.ticked > 0.09) { this.ticked = 0; tick(); }
    }
  }

  place() {
    const size = Math.min(innerWidth, innerHeight) / 100;
    const wide = Math.min(innerWidth * 0.42, size * 76);
    const high = size * 31;
    const tilt = 0.34 + 0.1 * Math.sin(this.angle * 0.37);
    const [cos, sin] = [Math.cos(tilt), Math.sin(tilt)];
    for (const each of this.cards) {
      const turn = each.turn + this.angle;
      const x = each.ring * Math.sin(turn);
      const depth = each.ring * Math.cos(turn);
      const y = each.y * cos - depth * sin;
      const z = each.y * sin + depth * cos;
      const near = (z + 1) / 2;
      const style = each.card.node.style;
      style.transform = `translate3d(${(x * wide).toFixed(1)}px, ${(y * high).toFixed(1)}px, 0) scale(${(0.42 + 0.63 * near).toFixed(3)})`;
      style.opacity = (0.12 + 0.88 * near * near).toFixed(2);
      const level = Math.min(DEPTHS - 1, Math.floor(near * DEPTHS));
      if (level !== each.depth) {
        each.depth = level;
        style.zIndex = level;
        if (level === 0 && !each.wasBehind && this.parade.people.length > this.cards.length) { each.card.show(this.parade.take()); }
        each.wasBehind = level === 0;
      }
    }
  }
}

/** Names that change in as many boxes as people are selected. */
export class NameRoll {
  constructor(room, base) {
    this.room = room;
    this.base = base;
    this.boxes = [];
    this.stop = null;
  }

  fill(people, k) {
    this.parade = new Parade(people);
    this.room.replaceChildren();
    this.boxes = Array.from({ length: Math.min(k, 20) }, () => new Card(this.base, 'in-list').show(this.parade.take()));
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
