/* How a person looks on the screen: a card with a face and a name, and how many of them fit into a room. */

import { el, say } from './dom.js';

const TONES = 8;
const segmenter = 'Segmenter' in Intl ? new Intl.Segmenter('zh', { granularity: 'grapheme' }) : null;

/** The letters of a name as people see them: an emoji of several parts is one. */
export function letters(name) {
  return segmenter ? [...segmenter.segment(name)].map((each) => each.segment) : [...name];
}

/** The first of them. */
export function initial(name) { return letters(name.trim())[0] || '·'; }

/** What a person is called on the screen: by their number when there is no name to show. */
export function nameOf(person) { return person.name || `No.${person.no}`; }

/** Where the picture of a person is; '' when they show none. */
export function picture(faces, face) {
  return /^[0-9a-f]{64}$/.test(face || '') ? `${faces}/${face}` : '';
}

/** A card for people: `show(person)` puts one on it. The same element is used for one person after another. */
export class Card {
  constructor(faces, className = '') {
    this.faces = faces;
    this.node = el('div', `card ${className}`.trim());
    this.face = el('span', 'face');
    this.letter = el('b', 'letter');
    this.image = null;
    this.name = el('bdi', 'name');
    this.no = el('span', 'no');
    this.face.append(this.letter);
    const who = el('span', 'who');
    who.append(this.name, this.no);
    this.node.append(this.face, who);
    this.person = null;
  }

  show(person) {
    if (this.person && this.person.no === person.no && this.person.name === person.name && this.person.face === person.face) { return this; }
    this.person = person;
    say(this.name, nameOf(person));
    say(this.no, String(person.no));
    say(this.letter, initial(person.name || ''));
    this.node.dataset.tone = person.no % TONES;
    this.node.dataset.no = person.no;
    this.portray(picture(this.faces, person.face));
    return this;
  }

  portray(address) {
    if (!address) {
      if (this.image) { this.image.remove(); this.image = null; }
      return;
    }
    if (!this.image) {
      this.image = el('img');
      this.image.alt = '';
      this.image.decoding = 'async';
      this.image.addEventListener('error', () => { if (this.image) { this.image.remove(); this.image = null; } });
      this.face.append(this.image);
    }
    if (this.image.getAttribute('src') !== address) { this.image.src = address; }
  }
}

/** How many columns let `count` boxes of a shape (width / height) be as big as possible in a room. */
export function columns(count, width, height, shape) {
  let best = { columns: 1, rows: count, size: 0 };
  for (let across = 1; across <= count; across += 1) {
    const down = Math.ceil(count / across);
    const size = Math.min(width / across, (height / down) * shape);
    if (size > best.size + 0.01) { best = { columns: across, rows: down, size }; }
  }
  return best;
}

/** How big 1 % of the smaller side is, in pixels. */
export function unit() { return Math.min(innerWidth, innerHeight) / 100; }
