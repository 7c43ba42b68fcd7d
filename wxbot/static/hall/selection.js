/* One selection on the stage: what is fixed (prize, pool, hash), the numbers held up, the roll, and the winners. The winners come
   with the answer to the stop, or with a snapshot in which they are revealed; before that no browser has them. */

import { at, el, fill, say, spell } from './dom.js';
import { Ball, NameRoll, NumberRoll } from './ball.js';
import { celebrate } from './confetti.js';
import { calm } from './loop.js';
import { isSaving } from './power.js';
import { layWinners, mark, winnerCard, worth } from './programme.js';
import { drum, fanfare } from './sound.js';

const SKINS = ['ball', 'list', 'number'];
const LATE_MS = 8000;
const AGAIN_MS = 2000;

export class Stage {
  constructor(show) {
    this.show = show;
    this.selection = null;
    this.phase = 'none';
    this.pool = null;
    this.poolOf = '';
    this.asking = false;
    this.rolls = {
      ball: new Ball(at('roll-ball'), show.faces),
      list: new NameRoll(at('roll-list'), show.faces),
      number: new NumberRoll(at('roll-number')),
    };
    const kept = localStorage.getItem('wxbot:hall:skin');
    this.skin = SKINS.includes(kept) ? kept : 'ball';
    addEventListener('resize', () => this.layout());
  }

  /** Saving mode rolls without the ball. */
  get look() { return this.skin === 'ball' && isSaving() ? 'list' : this.skin; }

  get roll() { return this.rolls[this.look]; }

  /** The next of the three ways to roll; not while it rolls. */
  nextSkin() {
    if (this.phase === 'rolling') { return; }
    this.roll.end();
    this.skin = SKINS[(SKINS.indexOf(this.skin) + 1) % SKINS.length];
    localStorage.setItem('wxbot:hall:skin', this.skin);
    this.again();
  }

  /** Saving mode was switched: the roll goes on in the look that is right now. */
  again() {
    for (const roll of Object.values(this.rolls)) { roll.end(); }
    this.fill();
    this.enter(this.phase);
  }

  /** What a snapshot says of the running selection. */
  take(state) {
    this.state = state;
    const selection = state.selection;
    if (!selection) {
      if (this.selection) { this.forget(); }
      this.selection = null;
      this.enter('none');
      return;
    }
    const isAnother = !this.selection || this.selection.d !== selection.d;
    if (isAnother) { this.forget(); }
    const hadWinners = this.selection?.winners;
    this.selection = selection;
    if (!selection.winners?.length && hadWinners?.length && this.phase === 'result') { this.selection.winners = hadWinners; }
    this.head();
    this.ask();
    this.enter(this.phaseOf(selection));
  }

  phaseOf(selection) {
    switch (selection.status) {
      case 'armed':
        if (this.asking) { return 'rolling'; }
        return this.isReady(selection) ? 'ready' : 'waiting';
      case 'drawn':
        return this.phase === 'result' ? 'result' : 'rolling';
      case 'voided':
        return 'voided';
      default:
        return selection.winners?.length ? 'result' : 'rolling';
    }
  }

  /** Whether everything is fixed: a mode with numbers needs them first. */
  isReady(selection) {
    return selection.entropy_kind === 'seed' || !!selection.entropy_text;
  }

  forget() {
    this.phase = 'none';
    this.asking = false;
    clearTimeout(this.lateTimer);
    clearTimeout(this.againTimer);
    at('winners').replaceChildren();
    at('pick-late').hidden = true;
  }

  head() {
    const { words } = this.show;
    const selection = this.selection;
    const prize = this.state.prizes.find((each) => each.ordinal === selection.prize);
    say(at('pick-prize'), prize ? prize.name : '');
    say(at('pick-worth'), prize ? worth(prize) : '');
    const here = (selection.winners || []).filter((winner) => winner.status === 'won' || winner.status === 'confirmed').length;
    say(at('pick-count'), fill(here ? words.congratulations : words.selects, { k: here || selection.k, pool: selection.pool }));
    say(at('pick-d'), this.refillWords(selection) || fill(words.selection_no, { d: selection.d }));
    const { roster } = this.state;
    say(at('pick-roster'), roster ? fill(words.roster, roster) : '');
    spell(at('pick-roster-hash'), roster ? roster.sha256 : '');
    spell(at('pick-hash'), selection.pool_hash || '');
    const given = selection.entropy_text || '';
    at('pick-numbers').replaceChildren(...given.split(/\s+/).filter(Boolean).slice(0, 6).map((part) => el('b', 'held', part)));
    say(at('pick-entropy'), words[`entropy_${selection.entropy_kind}${given ? '' : '_waiting'}`] || '');
  }

  /** "redraw 2 of slot 3", for slots that somebody else was selected for before. */
  refillWords(selection) {
    const again = (selection.winners || []).filter((winner) => winner.redraw > 0);
    if (!again.length) { return ''; }
    const { words } = this.show;
    return again.length === 1 ? fill(words.redraw, { slot: again[0].slot, nth: again[0].redraw }) : fill(words.redraws, { count: again.length });
  }

  /** People of the pool for the roll: asked for once, before it begins. */
  async ask() {
    const key = `${this.selection.d}:${this.selection.pool_hash}`;
    if (this.poolOf === key || this.phase === 'result') { return; }
    this.poolOf = key;
    try {
      const answer = await fetch(`${this.show.base}/pool?d=${this.selection.d}`, { cache: 'no-store' });
      if (!answer.ok) { throw new Error(String(answer.status)); }
      const { people } = await answer.json();
      if (this.poolOf === key && people.length) { this.pool = people; }
    } catch {
      this.poolOf = '';
    }
    this.fill();
    if (this.phase === 'ready' || this.phase === 'waiting' || this.phase === 'rolling') { this.roll.begin(this.phase === 'rolling'); }
  }

  fill() {
    if (!this.selection) { return; }
    const people = this.pool?.length ? this.pool : this.state.newest.length ? this.state.newest : [{ no: 0, name: '…', face: '' }];
    this.roll.fill(people, this.selection.k);
  }

  enter(phase) {
    const before = this.phase;
    this.phase = phase;
    document.body.dataset.phase = phase;
    document.body.dataset.skin = this.look;
    if (phase === 'rolling') {
      if (before !== 'rolling') { drum(); if (!this.pool) { this.fill(); } }
      this.roll.begin(true);
    } else if (phase === 'ready' || phase === 'waiting') {
      this.roll.begin(false);
    } else {
      this.roll.end();
    }
    if (phase === 'result') { this.reveal(before); }
    if (phase === 'voided') { say(at('pick-reason'), this.selection.reason || ''); }
    say(at('pick-hint'), this.show.words[`hint_${phase}`] && this.show.isLead ? this.show.words[`hint_${phase}`] : '');
  }

  /** What a press means now: 'start', 'stop' or nothing. */
  get asked() {
    if (!this.selection || this.asking) { return ''; }
    return { ready: 'start', rolling: 'stop' }[this.phase] || '';
  }

  /** Start or stop, and nothing if neither is due. The roll goes on until the server has answered. */
  async press() {
    const verb = this.asked;
    if (!verb) { return; }
    const { d } = this.selection;
    this.asking = true;
    if (verb === 'start') { this.enter('rolling'); }
    this.lateTimer = setTimeout(() => { at('pick-late').hidden = false; }, LATE_MS);
    await this.send(verb, d);
  }

  async send(verb, d) {
    let answer = null;
    try {
      answer = await this.show.post(verb, { d });
    } catch {
      if (this.selection?.d === d && this.asking) { this.againTimer = setTimeout(() => this.send(verb, d), AGAIN_MS); }
      return;
    }
    clearTimeout(this.lateTimer);
    at('pick-late').hidden = true;
    this.asking = false;
    if (this.selection?.d !== d) { return; }
    if (answer.error) {
      this.show.tell(answer.error);
      this.enter(this.phaseOf(this.selection));
      return;
    }
    const winners = answer.winners || answer.selection?.winners;
    if (verb === 'stop' && winners?.length) {
      this.selection = { ...this.selection, status: 'revealed', winners };
      this.head();
      this.enter('result');
    } else if (verb === 'start' && this.selection.status === 'armed') {
      this.selection = { ...this.selection, status: 'drawn' };
    }
  }

  reveal(before) {
    const grid = at('winners');
    const winners = this.selection.winners;
    const shown = [...grid.children];
    const isSame = shown.length === winners.length && shown.every((node, place) => Number(node.dataset.no) === winners[place].no);
    if (isSame) {
      winners.forEach((winner, place) => mark(this.show, shown[place], winner.status));
      return;
    }
    clearTimeout(this.lateTimer);
    clearTimeout(this.againTimer);
    this.asking = false;
    at('pick-late').hidden = true;
    grid.replaceChildren(...winners.map((winner) => winnerCard(this.show, winner).node));
    this.layout();
    if (before === 'rolling') {
      fanfare();
      celebrate(winners.length);
      if (!calm.matches) { this.fly([...grid.children]); }
    }
  }

  /** Winners come out of the middle, one after another, all within a second. */
  fly(nodes) {
    const [middleX, middleY] = [innerWidth / 2, innerHeight / 2];
    const places = nodes.map((node) => node.getBoundingClientRect());
    nodes.forEach((node, place) => {
      const box = places[place];
      const [x, y] = [middleX - box.left - box.width / 2, middleY - box.top - box.height / 2];
      node.animate(
        [
          { transform: `translate(${x}px, ${y}px) scale(0.1)`, opacity: 0 },
          { transform: `translate(${x * 0.1}px, ${y * 0.1}px) scale(1.12)`, opacity: 1, offset: 0.75 },
          { transform: 'none', opacity: 1 },
        ],
        { duration: 720, delay: (place * 500) / nodes.length, easing: 'cubic-bezier(.2,.8,.2,1)', fill: 'backwards' },
      );
    });
  }

  layout() {
    const grid = at('winners');
    if (grid.children.length) { layWinners(grid, grid.children.length); }
  }
}
