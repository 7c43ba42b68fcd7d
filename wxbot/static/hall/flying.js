/* Words of guests [弹幕] that somebody has looked at: they fly over the upper part of the screen, each once. */

import { at } from './dom.js';
import { calm } from './loop.js';

const MOST_AT_ONCE = 12;
const EACH_MS = 450;
const HELD_MS = 1500;

export class Flying {
  constructor() {
    this.layer = at('flying');
    this.seen = null;
    this.waiting = [];
    this.engine = null;
    this.timer = 0;
    addEventListener('resize', () => this.engine?.resize());
  }

  take(state) {
    const words = state.danmaku || [];
    if (this.seen === null) {
      this.seen = new Set(words.map((one) => one.id));
      return;
    }
    const fresh = words.filter((one) => !this.seen.has(one.id));
    for (const one of fresh) { this.seen.add(one.id); this.waiting.push(one); }
    if (this.waiting.length > MOST_AT_ONCE * 4) { this.waiting.splice(0, this.waiting.length - MOST_AT_ONCE * 4); }
    if (this.waiting.length && !this.timer) { this.next(); }
  }

  next() {
    this.timer = 0;
    if (document.hidden || document.body.dataset.phase === 'rolling') {  // nothing distracts from a roll; the words come after it
      this.timer = setTimeout(() => this.next(), HELD_MS);
      return;
    }
    const one = this.waiting.shift();
    if (!one || !window.Danmaku) { this.rest(); return; }
    if (document.body.dataset.saving !== 'on') {
      this.engine ||= new window.Danmaku({ container: this.layer, engine: 'dom', speed: innerWidth / 9 });
      this.engine.emit({ render: () => this.bubble(one), mode: calm.matches ? 'top' : 'rtl' });
      clearTimeout(this.restTimer);
      this.restTimer = setTimeout(() => this.rest(), 14_000);
    }
    if (this.waiting.length) { this.timer = setTimeout(() => this.next(), EACH_MS); }
  }

  bubble(one) {
    const made = document.createElement('bdi');
    made.className = 'word';
    made.textContent = one.words;
    made.dataset.tone = one.no % 5;
    return made;
  }

  /** The engine has a loop of its own and keeps every word it was ever given: it is let go when nothing flies. */
  rest() {
    if (this.waiting.length) { return; }
    this.engine?.destroy();
    this.engine = null;
  }
}
