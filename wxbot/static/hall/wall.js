/* The wall of who has signed in, the newest popping in, beside the code by which people sign in. */

import { Card, columns, unit } from './cards.js';
import { at, el, fill, say } from './dom.js';
import { calm } from './loop.js';
import { chime } from './sound.js';

const MOST_CARDS = 48;
const CARD_SHAPE = 0.86;
const WELCOMES_EACH_MS = 900;

export class Wall {
  constructor(show) {
    this.show = show;
    this.grid = at('wall-grid');
    this.hero = at('wall-hero');
    this.byNo = new Map();
    this.seen = null;
    this.hiddenNos = new Set();
    this.waiting = [];
    addEventListener('resize', () => this.lay());
  }

  /** Show the newest people of a snapshot; who was not there in the last one pops in. */
  take(state) {
    const newest = state.newest.filter((person) => !this.hiddenNos.has(person.no)).sort((a, b) => b.no - a.no);
    const shown = newest.slice(0, MOST_CARDS);
    const isFirst = this.seen === null;
    const fresh = isFirst ? [] : shown.filter((person) => !this.seen.has(person.no));
    this.seen = new Set([...(this.seen || []), ...newest.map((person) => person.no)]);
    const keep = new Set(shown.map((person) => person.no));
    for (const [no, card] of this.byNo) {
      if (!keep.has(no)) { card.node.remove(); this.byNo.delete(no); }
    }
    shown.forEach((person, place) => {
      let card = this.byNo.get(person.no);
      if (!card) { card = new Card(this.show.faces); this.byNo.set(person.no, card); }
      card.show(person);
      if (this.grid.children[place] !== card.node) { this.grid.insertBefore(card.node, this.grid.children[place] || null); }
    });
    at('wall-empty').hidden = shown.length > 0;
    this.lay();
    for (const person of fresh.reverse()) { this.greet(person); }
    if (!fresh.length && shown.length && isFirst) { this.name(shown[0]); }
  }

  lay() {
    const count = this.grid.children.length;
    const { clientWidth: width, clientHeight: height } = this.grid;
    if (!count || !width) { return; }
    const room = Math.max(count, 12);
    const best = columns(room, width, height, CARD_SHAPE);
    this.grid.style.setProperty('--columns', best.columns);
    this.grid.style.setProperty('--rows', Math.ceil(room / best.columns));
    this.grid.style.setProperty('--card', `${(best.size / unit()).toFixed(2)}vmin`);
  }

  greet(person) {
    const card = this.byNo.get(person.no);
    if (card && !calm.matches) {
      card.node.animate(
        [
          { transform: 'scale(0.2)', opacity: 0 },
          { transform: 'scale(1.18)', opacity: 1, offset: 0.6 },
          { transform: 'scale(1)', opacity: 1 },
        ],
        { duration: 650, easing: 'cubic-bezier(.2,.9,.3,1.2)' },
      );
    }
    if (card) {
      card.node.classList.add('is-new');
      setTimeout(() => card.node.classList.remove('is-new'), 4000);
    }
    this.waiting.push(person);
    if (this.waiting.length > 5) { this.waiting.splice(0, this.waiting.length - 5); }
    if (!this.greeting) { this.welcome(); }
  }

  /** One welcome after another, so that each can be read. */
  welcome() {
    const person = this.waiting.shift();
    if (!person) { this.greeting = 0; return; }
    this.name(person);
    chime();
    if (!calm.matches) {
      this.hero.animate(
        [{ transform: 'translateY(40%)', opacity: 0 }, { transform: 'none', opacity: 1 }],
        { duration: 320, easing: 'ease-out' },
      );
    }
    this.greeting = setTimeout(() => this.welcome(), WELCOMES_EACH_MS);
  }

  name(person) {
    this.named = person;
    const [before, after = ''] = this.show.words.welcome.split('{name}');
    this.hero.replaceChildren(
      el('span', '', before),
      el('bdi', 'hero-name', person.name || `No.${person.no}`),
      el('span', '', fill(after, { no: person.no })),
    );
  }

  /** The words are others now. */
  again() { if (this.named) { this.name(this.named); } }

  /** The host pressed H: the newest entry leaves this screen at once. Returns its number. */
  hideNewest() {
    const first = this.grid.firstElementChild;
    if (!first) { return 0; }
    const no = Number(first.dataset.no);
    this.hiddenNos.add(no);
    this.byNo.get(no)?.node.remove();
    this.byNo.delete(no);
    this.hero.replaceChildren();
    return no;
  }
}

/* The sign-in code is good for a minute; a new one comes every thirty seconds, with the server's clock. */
export class SignInCode {
  constructor(show) {
    this.show = show;
    this.until = 0;
    this.timer = 0;
  }

  start() {
    if (this.timer) { return; }
    this.fetch();
    this.timer = setInterval(() => {
      const left = this.until - this.show.clock.now();
      const frame = at('code');
      frame.classList.toggle('is-stale', this.until > 0 && left < -25);
      at('code-left').style.transform = `scaleX(${Math.max(0, Math.min(1, left / 30))})`;
      if (left <= 0) { this.fetch(); }
    }, 1000);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
  }

  async fetch() {
    if (this.isAsking) { return; }
    this.isAsking = true;
    const sentAt = Date.now();
    try {
      const answer = await fetch(`${this.show.base}/code`, { cache: 'no-store' });
      if (!answer.ok) { throw new Error(String(answer.status)); }
      const code = await answer.json();
      this.show.clock.hear(code.now, sentAt, Date.now());
      this.until = code.until;
      at('code-picture').src = code.picture;
      at('code').hidden = false;
      say(at('code-address'), code.address);
    } catch {
      /* asked again in a second; the code on the screen says itself when it is too old */
    } finally {
      this.isAsking = false;
    }
  }
}
