// Starts the phone: who holds it, the four tabs, and what stands beside the frame on a wide screen.
import { get, hold, loadClock, loadPeople, makePerson, now, post, state } from './api.js';
import { chatsTab } from './chat.js';
import { avatar, clockText, h, icon, toast, yuan } from './dom.js';
import { discoverTab, friendsTab, makerScreen, meTab } from './me.js';
import { current, home, open } from './nav.js';
import { drawForTemplate } from './packet.js';
import { shakeScreen } from './shake.js';
import { watchSms } from './sms.js';

const TABS = [['chats', '微信', 'chats', chatsTab], ['friends', '通讯录', 'people', friendsTab], ['discover', '发现', 'compass', discoverTab], ['me', '我', 'me', meTab]];

function restart(tab = 'chats') { home('home', homeScreen, tab); drawSide(); }

function homeScreen(body, first) {
  const content = h('div', { class: 'tab' });
  const tabs = h('nav', { class: 'tabs' });
  let chosen = first || 'chats';
  const draw = () => {
    content.replaceChildren();
    const [, , , fill] = TABS.find(([name]) => name === chosen);
    fill(content, restart);
    tabs.replaceChildren(...TABS.map(([name, label, mark]) => h('button', { class: name === chosen ? 'on' : '', 'data-testid': `tab-${name}`, onclick: () => { chosen = name; draw(); } }, icon(mark, 26), label)));
  };
  body.append(content, tabs);
  body.refresh = () => loadPeople().then(draw, () => {});
  draw();
}

// -- beside the phone ---------------------------------------------------------------------------------------------

function drawSide() {
  const list = document.querySelector('#who');
  if (!list || !state.person) return;
  list.replaceChildren(...state.people.slice(0, 60).map((person) => h('button', { class: person.id === state.person.id ? 'on' : '', title: person.openid, onclick: async () => { await hold(person); restart(); } },
    avatar(person, 36), h('span', {}, person.nickname, h('small', {}, `${person.is_followed ? '已关注' : '未关注'}${person.wallet_fen ? ` · ¥${yuan(person.wallet_fen)}` : ''}`)))),
  h('button', { class: 'add', onclick: () => open('maker', makerScreen, restart) }, icon('plus', 22), h('span', {}, '新的朋友')));
}

const STATUS_WORDS = { queued: '等待', answered: '已答', failed: '失败', lost: '放弃', nowhere: '无回调地址' };
const EVENT_WORDS = { text: '发了文字', image: '发了图片', location: '发了位置', link: '发了链接', voice: '发了语音', subscribe: '关注', unsubscribe: '取消关注', CLICK: '点菜单', VIEW: '打开菜单链接', SCAN: '扫码', ShakearoundUserShake: '摇了一摇', ShakearoundLotteryBind: '抽中红包' };

async function drawNews() {
  try {
    const [pushes, bank, clock] = await Promise.all([get('/_sim/pushes?after=-8'), get('/_sim/bank'), get('/_sim/clock')]);
    state.clockOffset = clock.now - Date.now() / 1000;
    document.querySelector('#balance').textContent = yuan(bank.balance_fen);
    document.querySelector('#frozen').textContent = yuan(bank.frozen_fen);
    document.querySelector('#paid').textContent = yuan(bank.paid_fen);
    document.querySelector('#clock').textContent = clockText(clock.now, true);
    document.querySelectorAll('.status-time').forEach((shown) => { shown.textContent = clockText(clock.now); });
    const rows = pushes.pushes.slice(-8).reverse();
    document.querySelector('#news').replaceChildren(...rows.map((push) => {
      const who = state.people.find((one) => one.openid === push.openid);
      const kind = push.name;
      return h('li', {}, who ? avatar(who, 26) : null, h('span', {}, `${who ? who.nickname : ''} ${EVENT_WORDS[kind] || kind}`), h('small', { class: `verdict ${push.status}`, title: push.reason }, STATUS_WORDS[push.status] || push.status));
    }));
    if (!rows.length) document.querySelector('#news').replaceChildren(h('li', { class: 'soft' }, '还没有推送'));
  } catch (error) { /* restarting */ }
}

async function moveClock(hours) {
  await post('/_sim/clock', { advance_s: hours * 3600 });
  toast(`时间过去了 ${hours} 小时`);
  drawNews();
}

function tick() {
  document.querySelectorAll('.status-time').forEach((shown) => { shown.textContent = clockText(now()); });
}

async function start() {
  await Promise.all([loadPeople(), loadClock(), get('/_sim/account').then((account) => { state.account = account; })]);
  const wanted = Number(new URLSearchParams(location.search).get('person') || localStorage.getItem('person'));
  let person = state.people.find((one) => one.id === wanted) || state.people[0];
  if (!person) person = await makePerson();
  await hold(person);
  state.listeners.add(drawSide);
  restart();
  document.querySelector('#shake-button').onclick = () => {
    if (current() === 'shake') document.dispatchEvent(new Event('wxsim-shake'));
    else open('shake', shakeScreen);
  };
  document.querySelectorAll('[data-hours]').forEach((button) => { button.onclick = () => moveClock(Number(button.dataset.hours)); });
  tick();
  setInterval(tick, 5000);
  watchSms();
  drawNews();
  setInterval(() => { if (!document.hidden) drawNews(); }, 2000);
}

// The template page of the platform inside the web view asks its phone to draw.
window.addEventListener('message', (event) => {
  if (event.origin === location.origin && event.data && event.data.wxsimTemplate) drawForTemplate(event.data.wxsimTemplate, event.data.lotteryId || '');
});

start().catch((error) => {
  document.querySelector('#screen').replaceChildren(h('p', { class: 'empty' }, `手机开不了机：${error.message}`));
});
