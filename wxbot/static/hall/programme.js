/* The prizes of the evening with what is still open, and who has won what so far. */

import { columns, unit, Card } from './cards.js';
import { at, el, fill, say } from './dom.js';

const PAGE_S = 8;
const MOST_ON_A_PAGE = 40;
const FOUND = '＊';          // marks who was found after a restore; a line below says what it means
const LONG_NAME = 7;         // letters that one line holds

/** What a prize is worth, in words: an amount or nothing. */
export function worth(prize) {
  if (!prize.amount_fen) { return ''; }
  const yuan = prize.amount_fen / 100;
  return `¥${Number.isInteger(yuan) ? yuan : yuan.toFixed(2)}`;
}

export class Prizes {
  constructor(show) {
    this.show = show;
    this.grid = at('prizes-grid');
    addEventListener('resize', () => this.lay());
  }

  take(state) {
    const drawing = state.selection && state.selection.status !== 'voided' ? state.selection.prize : 0;
    const added = new Set((state.added || []).map((prize) => prize.ordinal));
    this.grid.replaceChildren(...state.prizes.map((prize) => this.box(prize, prize.ordinal === drawing, added.has(prize.ordinal))));
    this.lay();
  }

  box(prize, isNow, isAdded) {
    const box = el('article', 'prize');
    const isGone = prize.open === 0;
    box.classList.toggle('is-gone', isGone);
    box.classList.toggle('is-now', isNow);
    const value = worth(prize);
    box.classList.toggle('is-added', isAdded);
    if (isAdded) { box.append(el('span', 'prize-added', this.show.words.added_tag)); }
    box.append(el('bdi', prize.name.length > LONG_NAME ? 'prize-name is-long' : 'prize-name', prize.name));
    if (value) { box.append(el('b', 'prize-worth', value)); }
    const given = prize.stock - prize.open;
    const words = isGone ? this.show.words.all_given : fill(this.show.words.given, { given, stock: prize.stock });
    const bar = el('span', 'prize-bar');
    const done = el('i');
    done.style.transform = `scaleX(${prize.stock ? given / prize.stock : 1})`;
    bar.append(done);
    box.append(bar, el('span', 'prize-left', words));
    return box;
  }

  lay() {
    const count = this.grid.children.length;
    const { clientWidth: width, clientHeight: height } = this.grid;
    if (!count || !width) { return; }
    const best = columns(count, width, height, 1.75);
    this.grid.style.setProperty('--columns', best.columns);
    this.grid.style.setProperty('--rows', best.rows);
    this.grid.dataset.look = best.size / unit() < 34 ? 'small' : 'big';
    this.grid.style.setProperty('--box', `${Math.min(best.size / unit(), 80).toFixed(2)}vmin`);
  }
}

/** Results, page by page; a page is one prize, or a part of it. */
export class Results {
  constructor(show) {
    this.show = show;
    this.pages = [];
    this.page = 0;
    this.timer = 0;
    addEventListener('resize', () => this.draw());
  }

  take(state) {
    const names = new Map(state.prizes.map((prize) => [prize.ordinal, prize]));
    this.pages = [];
    for (const result of state.results) {
      const prize = names.get(result.prize);
      const winners = result.winners;
      for (let from = 0; from < winners.length; from += MOST_ON_A_PAGE) {
        this.pages.push({ prize, winners: winners.slice(from, from + MOST_ON_A_PAGE), total: result.total || winners.length });
      }
    }
    this.voided = state.void || [];
    this.draw();
  }

  begin() {
    this.page = 0;
    this.draw();
    clearInterval(this.timer);
    this.timer = setInterval(() => { if (this.pages.length > 1) { this.page += 1; this.draw(); } }, PAGE_S * 1000);
  }

  end() { clearInterval(this.timer); }

  draw() {
    const words = this.show.words;
    at('results-empty').hidden = this.pages.length > 0;
    const lines = this.voided.map((one) => fill(words.voided_line, { d: one.d, reason: one.reason || '' })).slice(-2);
    if (this.pages.some((one) => one.winners.some((winner) => winner.status === 'found'))) { lines.unshift(`${FOUND} ${words.found_later}`); }
    say(at('results-void'), lines.join('　'));
    const grid = at('results-grid');
    if (!this.pages.length) { grid.replaceChildren(); say(at('results-prize'), words.results); say(at('results-page'), ''); return; }
    const page = this.pages[this.page % this.pages.length];
    const isPlayed = page.winners.some((winner) => 'amount_fen' in winner); // of a rain each has a sum of their own
    const value = page.prize && !isPlayed ? worth(page.prize) : '';
    say(at('results-prize'), `${page.prize ? page.prize.name : ''} ${value}`.trim());
    say(at('results-page'), fill(words.page, { page: (this.page % this.pages.length) + 1, pages: this.pages.length, total: page.total }));
    grid.replaceChildren(...page.winners.map((winner) => winnerCard(this.show, winner).node));
    layWinners(grid, page.winners.length);
  }
}

/** A winner's card with its mark: absent, forfeited, void. Who was found after a restore is said to be, with no number until they come again. */
export function winnerCard(show, winner) {
  const card = new Card(show.faces, 'winner').show(winner);
  mark(show, card.node, winner.status);
  if (winner.status === 'found') {
    if (!winner.no) { say(card.name, '—'); card.no.classList.add('is-sum'); }
    say(card.no, `${winner.amount_fen ? worth(winner) : winner.no || ''}${FOUND}`);
  }
  if (winner.amount_fen) { say(card.no, worth(winner)); card.no.classList.add('is-sum'); }
  return card;
}

export function mark(show, node, status) {
  const word = show.words[`winner_${status}`] || '';
  const old = node.querySelector('.stamp');
  if (node.dataset.status === (status || 'won') && (old?.textContent || '') === word) { return; }
  node.dataset.status = status || 'won';
  old?.remove();
  if (word) { node.append(el('span', 'stamp', word)); }
}

/** Let all of them fit, as big as possible. */
export function layWinners(grid, count) {
  const { clientWidth: width, clientHeight: height } = grid;
  if (!count || !width) { return; }
  const shape = count === 1 ? 1.6 : count <= 3 ? 0.8 : count <= 12 ? 0.95 : count <= 20 ? 1.15 : count <= 50 ? 2.5 : 5.4;
  const best = columns(count, width, height, shape);
  const [wide, high] = [width / best.columns / unit(), height / best.rows / unit()];
  grid.dataset.look = count === 1 ? 'one' : count <= 20 ? 'upright' : count <= 50 ? 'flat' : 'crowd';
  grid.style.setProperty('--columns', best.columns);
  grid.style.setProperty('--rows', best.rows);
  const cap = count === 1 ? 70 : 46;
  grid.style.setProperty('--card', `${Math.min(wide, high * shape, cap).toFixed(2)}vmin`);
  grid.style.setProperty('--tall', `${Math.min(high, cap / shape).toFixed(2)}vmin`);
}
