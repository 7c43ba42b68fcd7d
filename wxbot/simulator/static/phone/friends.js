// What people pass on to each other: a card in a friend's chat, 朋友圈, and choosing whom to send a page to (§9.4).
import { get, mine, post, state } from './api.js';
import { bar } from './chat.js';
import { avatar, clockText, h, icon, toast } from './dom.js';
import { back, open } from './nav.js';
import { openPage } from './web.js';

const LOOK_MS = 1500;

const picture = (card) => (card.image ? h('img', { src: card.image, alt: '', onerror: (event) => event.target.replaceWith(blank()) }) : blank());
const blank = () => h('span', { class: 'link-blank' }, icon('link', 26));

function linkCard(card) {
  return h('button', { class: 'link-card', 'data-testid': 'shared-card', onclick: () => openPage(card.url) },
    h('b', {}, card.title), h('span', { class: 'link-card-body' }, h('small', {}, card.desc), picture(card)));
}

const friendOf = (card) => (card.from.id === state.person.id ? card.to : card.from);

// A row of the chat list for everybody with whom cards were exchanged, the latest first.
export function friendRows(cards) {
  const latest = new Map();
  cards.filter((card) => card.to && card.from).forEach((card) => { latest.delete(friendOf(card).id); latest.set(friendOf(card).id, card); });
  return [...latest.values()].reverse().map((card) => h('button', { class: 'row chat-row', 'data-testid': `friend-${friendOf(card).id}`, onclick: () => open('friend', friendScreen, friendOf(card)) },
    avatar(friendOf(card), 48), h('span', { class: 'row-main' }, h('b', {}, friendOf(card).nickname), h('small', {}, `[链接] ${card.title}`)), h('time', {}, clockText(card.at))));
}

// Adds the cards that `isMine` lets through to `list`, now and as they come, until the screen is left.
function watch(list, isMine, drawn) {
  let last = 0;
  async function look() {
    const found = await get(mine(`/cards?after=${last}`)).catch(() => ({ cards: [], last }));
    if (!list.isConnected) return; // or another person's phone by now
    found.cards.filter(isMine).forEach((card) => drawn(card));
    last = found.last;
    setTimeout(look, LOOK_MS);
  }
  look();
}

export function friendScreen(body, friend) {
  const lines = h('div', { class: 'lines', 'data-testid': 'friend-lines' });
  body.append(bar(friend.nickname), lines);
  watch(lines, (card) => card.to && [card.from.id, card.to.id].includes(friend.id), (card) => {
    const isOwn = card.from.id === state.person.id;
    lines.append(h('div', { class: 'when' }, clockText(card.at)), h('div', { class: `line ${isOwn ? 'person' : 'account'}` }, avatar(card.from, 40), linkCard(card)));
    lines.scrollTop = lines.scrollHeight;
  });
}

export function momentsScreen(body) {
  const list = h('div', { class: 'moments', 'data-testid': 'moments' }, h('p', { class: 'empty' }, '还没有人分享'));
  body.append(bar('朋友圈'), list);
  watch(list, (card) => !card.to, (card) => {
    list.querySelectorAll('.empty').forEach((empty) => empty.remove());
    list.prepend(h('div', { class: 'moment' }, avatar(card.from, 44), h('div', {}, h('b', {}, card.from.nickname),
      h('button', { class: 'moment-link', 'data-testid': 'shared-card', onclick: () => openPage(card.url) }, picture(card), h('span', {}, card.title)), h('time', {}, clockText(card.at, true)))));
  });
}

// Whom to send it to.
export function chooseFriend(given) {
  const others = state.people.filter((person) => person.id !== state.person.id).slice(0, 200);
  open('choose', (body) => {
    const list = h('div', { class: 'rows', 'data-testid': 'choose' }, ...others.map((person) => h('button', { class: 'row', onclick: () => { back(); given(person.id); } },
      avatar(person, 40), h('span', { class: 'row-main' }, person.nickname))));
    body.append(bar('发送给朋友'), others.length ? list : h('p', { class: 'empty' }, '通讯录里还没有别人'));
  });
}

// Passes a page on: `to` is a friend's number or timeline; `card` is what an old page sends by itself.
export async function pass(to, url, title, card = null) {
  return post(mine('/share'), { to, url, title, ...(card ? { card } : {}) }).then(() => { toast(to === 'timeline' ? '已分享到朋友圈' : '已发送'); return true; }, (error) => { toast(error.message); return false; });
}
