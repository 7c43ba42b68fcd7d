// WeChat's own red-packet screens: the cover with the gold coin, the opening, the amount; and the refusal.
import { loadPeople, mine, post, state } from './api.js';
import { clockText, h, icon, shopAvatar, yuan } from './dom.js';
import { openPage } from './web.js';

// A page called jumpHongbao: WeChat decides, and shows its own screen whatever comes out (§1.7).
export async function drawForPage(args, pageUrl, shakeTicket) {
  const veil = veilOf(h('div', { class: 'packet-wait' }, h('i', { class: 'spinner' }), '红包加载中…'));
  try {
    const sent = { ...args, page_url: pageUrl, shake_ticket: shakeTicket };
    showOutcome(await post(mine('/jump_hongbao'), sent), veil);
  } catch (error) {
    showOutcome({ code: 11009, message: '出错了，请稍后再试', meaning: error.message }, veil);
  }
}

// The template's loading page draws by itself (§1.3).
export async function drawForTemplate(shakeTicket, lotteryId) {
  const veil = veilOf(h('div', { class: 'packet-wait' }, h('i', { class: 'spinner' }), '红包加载中…'));
  const outcome = await post(mine('/jump_hongbao'), { is_template: true, shake_ticket: shakeTicket, lottery_id: lotteryId });
  showOutcome(outcome, veil);
}

export function showOutcome(outcome, veil = veilOf()) {
  if (outcome.code === 0) cover(veil, outcome.packet);
  else refusal(veil, outcome);
}

function veilOf(...children) {
  const veil = h('div', { class: 'packet-veil', role: 'dialog', 'aria-label': '微信红包' }, ...children);
  (document.querySelector('#screen') || document.body).append(veil);
  return veil;
}

const closer = (veil, then = null) => h('button', { class: 'packet-close', 'aria-label': '关闭', onclick: () => { veil.remove(); if (then) then(); } }, icon('close', 22));

export function cover(veil, packet) {
  if (packet.status === 'opened') { result(veil, packet, false); return; }
  if (packet.status === 'returned') { refusal(veil, { code: 0, message: '红包已超过有效期，未领取的金额已退回' }); return; }
  const coin = h('button', { class: 'coin', 'aria-label': '开', 'data-testid': 'open-packet' }, h('span', {}, '開'));
  const card = h('div', { class: 'cover' }, h('div', { class: 'cover-top' },
    h('div', { class: 'cover-from' }, shopAvatar(26), `${packet.send_name}的红包`), h('p', { class: 'cover-wish' }, packet.wishing)),
  h('div', { class: 'cover-bottom' }), coin);
  veil.replaceChildren(card, closer(veil));
  coin.addEventListener('click', async () => {
    coin.disabled = true;
    coin.classList.add('spin');
    try {
      const [opened] = await Promise.all([post(mine(`/packets/${packet.detail_id}/open`)), new Promise((resolve) => setTimeout(resolve, 900))]);
      card.classList.add('torn');
      setTimeout(() => { result(veil, opened.packet, true); coinRain(veil); }, 420);
      loadPeople();
    } catch (error) {
      refusal(veil, { code: 0, message: error.message });
    }
  });
}

// The packet's cover over the whole screen; `then` is called when it is closed.
export function openCover(packet, then) {
  const veil = veilOf();
  cover(veil, packet);
  const watch = setInterval(() => { if (!veil.isConnected) { clearInterval(watch); then(); } }, 300);
}

function coinRain(veil) {
  const isStill = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
  for (let i = 0; i < (isStill ? 0 : 26); i += 1) {
    const style = `left:${Math.random() * 96}%;animation-delay:${Math.random() * 0.7}s;animation-duration:${1.3 + Math.random() * 1.2}s;--turn:${Math.random() * 720 - 360}deg`;
    const coin = h('i', { class: `drop ${['a', 'b', 'c'][i % 3]}`, style });
    veil.append(coin);
    setTimeout(() => coin.remove(), 3600);
  }
}

function result(veil, packet, isNew) {
  const isCounted = isNew && !matchMedia('(prefers-reduced-motion: reduce)').matches;
  const amount = h('strong', { 'data-testid': 'amount' }, isCounted ? '0.00' : yuan(packet.amount_fen));
  veil.replaceChildren(h('div', { class: 'result' }, closer(veil),
    h('div', { class: 'result-head' }, h('div', { class: 'result-from' }, shopAvatar(24), `${packet.send_name}的红包`), h('p', {}, packet.wishing)),
    h('p', { class: 'result-sum' }, amount, ' 元'),
    h('p', { class: 'result-kept' }, '已存入零钱，可直接使用'),
    packet.jump_url ? h('button', { class: 'result-jump', onclick: () => { veil.remove(); openPage(packet.jump_url); } }, '去商家看看') : null,
    h('footer', {}, `${state.person.nickname} · ${packet.opened_at ? clockText(packet.opened_at, true) : ''}`)));
  if (isCounted) countUp(amount, packet.amount_fen);
}

function countUp(target, fen) {
  const began = performance.now();
  const step = (at) => {
    const part = Math.min(1, (at - began) / 700);
    target.textContent = yuan(Math.round(fen * (1 - (1 - part) ** 3)));
    if (part < 1) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
  setTimeout(() => { target.textContent = yuan(fen); }, 1000); // a hidden window draws no frames
}

function refusal(veil, outcome) {
  const again = outcome.packet ? h('button', { class: 'refusal-see', onclick: () => cover(veil, outcome.packet) }, outcome.packet.status === 'opened' ? '查看红包' : '打开我的红包') : null;
  const hint = outcome.code ? `模拟器：${outcome.code}${outcome.reason ? ` · ${outcome.reason}` : ''}${outcome.meaning ? ` · ${outcome.meaning}` : ''}` : '';
  veil.replaceChildren(h('div', { class: 'cover sad', 'data-testid': 'refusal' }, h('div', { class: 'cover-top' }, h('div', { class: 'sad-face', html: sadFace }),
    h('p', { class: 'cover-wish' }, outcome.message || '出错了'), again), h('div', { class: 'cover-bottom' }),
  hint ? h('p', { class: 'hint' }, hint) : null), closer(veil));
}

const sadFace = `<svg viewBox="0 0 100 100" width="84" height="84"><rect x="18" y="22" width="64" height="60" rx="9" fill="#f5d9a8"/><path d="M18 36 q32 26 64 0" fill="none" stroke="#e0a24f" stroke-width="3"/>
<circle cx="40" cy="52" r="4" fill="#7a2e1d"/><circle cx="60" cy="52" r="4" fill="#7a2e1d"/><path d="M41 69 q9 -9 18 0" fill="none" stroke="#7a2e1d" stroke-width="3.500" stroke-linecap="round"/><path d="M67 56 q6 9 0 11 q-6 -2 0 -11" fill="#7cc4f5"/></svg>`;
