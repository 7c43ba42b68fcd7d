// Packets that the merchant sends to one person: the card in the chat, the one under 服务通知, and whether it is open yet.
import { get, mine } from './api.js';
import { clockText, h, icon, toast } from './dom.js';
import { back } from './nav.js';
import { openCover } from './packet.js';

const STATES = { pending: '领取红包', opened: '已领取', returned: '已过期退回' };

export const isNotice = (line) => line.way === 'notice';

// The red card. What is in it shows only after the opening, as in WeChat.
export function packetCard(line) {
  const card = h('button', { class: 'packet-card', 'data-testid': 'packet-card', 'data-packet': line.detail_id, onclick: () => openDirect(line.detail_id, card.getRootNode()) },
    h('span', { class: 'packet-card-top' }, h('span', { class: 'packet-card-mark', html: envelope }), h('span', { class: 'packet-card-words' }, h('b', {}, line.wishing), h('small', {}, STATES.pending))),
    h('span', { class: 'packet-card-foot' }, '微信红包'));
  return card;
}

async function openDirect(detailId, root) {
  const packets = (await get(mine('/packets')).catch((error) => { toast(error.message); return { packets: [] }; })).packets;
  const packet = packets.find((one) => one.detail_id === detailId);
  if (packet) openCover(packet, () => showStates(root));
}

// Marks the cards on the screen as open or gone back.
export async function showStates(root) {
  const cards = [...root.querySelectorAll('[data-packet]')];
  if (!cards.length) return;
  const { packets } = await get(mine('/packets')).catch(() => ({ packets: [] }));
  const states = Object.fromEntries(packets.map((one) => [one.detail_id, one.status]));
  for (const card of cards) {
    const status = states[card.dataset.packet] || 'pending';
    card.classList.toggle('used', status !== 'pending');
    card.querySelector('small').textContent = STATES[status];
  }
}

// 服务通知: where packets for people who do not follow arrive.
export function noticesScreen(body) {
  const lines = h('div', { class: 'lines', 'data-testid': 'notices' });
  body.append(h('header', { class: 'bar' }, h('button', { class: 'bar-back', 'aria-label': '返回', onclick: back }, icon('back')), h('h1', {}, '服务通知'), h('span')), lines);
  let last = 0;
  async function load() {
    const chat = await get(mine(`/chat?after=${last}`)).catch(() => ({ messages: [] }));
    if (!lines.isConnected) return; // or another person's phone by now
    for (const line of chat.messages.filter(isNotice)) {
      lines.append(h('div', { class: 'when' }, clockText(line.at, true)), h('div', { class: 'notice' }, h('p', {}, h('b', {}, '红包到账提醒'), h('small', {}, `${line.send_name}给你发了一个红包，过期未领取将退回`)), packetCard(line)));
    }
    if (chat.messages.length) last = chat.messages[chat.messages.length - 1].n;
    await showStates(lines);
    lines.scrollTop = lines.scrollHeight;
    setTimeout(load, 1500);
  }
  load();
}

const envelope = '<svg viewBox="0 0 40 48" width="34" height="41" aria-hidden="true"><rect width="40" height="48" rx="5" fill="#d9432f"/><path d="M0 14q20 20 40 0V5a5 5 0 00-5-5H5a5 5 0 00-5 5z" fill="#e8604a"/><circle cx="20" cy="23" r="7.500" fill="#fbd586"/><path d="M17 20l3 3.500 3-3.500M20 23.500v5M17 25h6" fill="none" stroke="#c9432f" stroke-width="1.600" stroke-linecap="round"/></svg>';
