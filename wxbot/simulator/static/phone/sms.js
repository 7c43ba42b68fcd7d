// The short messages of this phone: a banner when one comes, the inbox, and the number.
import { get, mine, now, patch, state } from './api.js';
import { ask, clockText, h, icon, toast } from './dom.js';
import { back, current, open } from './nav.js';

const FRESH_S = 90; // an older one makes no banner
const seen = {}; // person id → number of the last message looked at

const codeIn = (text) => (/(?:^|\D)(\d{4,8})(?!\d)/.exec(text) || [])[1] || '';

export const phoneText = (phone) => phone.replace(/^\+86(\d{3})(\d{4})(\d{4})$/, '$1 $2 $3');

async function look() {
  const { person } = state;
  if (!person) return;
  const found = await get(mine(`/sms?after=${seen[person.id] || 0}`));
  seen[person.id] = found.last;
  const fresh = found.messages.filter((message) => now() - message.at < FRESH_S);
  if (fresh.length && state.person === person && current() !== 'sms') banner(fresh[fresh.length - 1]);
}

// Looks for new messages for as long as the page is open.
export function watchSms() {
  look().catch(() => { /* the simulator restarts */ }).finally(() => setTimeout(watchSms, document.hidden ? 5000 : 1200));
}

function banner(message) {
  const screen = document.querySelector('#screen');
  screen.querySelectorAll('.sms-banner').forEach((old) => old.remove());
  const code = codeIn(message.text);
  const shown = h('div', { class: 'sms-banner', role: 'status', 'data-testid': 'sms-banner', onclick: () => { shown.remove(); open('sms', smsScreen); } },
    h('span', { class: 'sms-mark' }, icon('chats', 22)), h('span', { class: 'row-main' }, h('b', {}, '短信'), h('small', {}, message.text)), code ? copier(code) : null);
  screen.append(shown);
  setTimeout(() => shown.remove(), 15000);
}

function copier(code) {
  return h('button', { class: 'sms-code', 'data-testid': 'sms-code', title: '复制验证码', onclick: (event) => {
    event.stopPropagation();
    const told = () => toast(`验证码 ${code} 已复制`);
    if (navigator.clipboard) navigator.clipboard.writeText(code).then(told, () => toast(`验证码 ${code}`));
    else toast(`验证码 ${code}`);
  } }, code);
}

export function smsScreen(body) {
  const list = h('div', { class: 'lines', 'data-testid': 'sms-inbox' });
  const number = h('button', { class: 'sms-number', title: '换一个号码', onclick: change }, `本机号码 ${phoneText(state.person.phone)}`);
  body.append(h('header', { class: 'bar' }, h('button', { class: 'bar-back', 'aria-label': '返回', onclick: back }, icon('back')), h('h1', {}, '短信'), h('span')), number, list);
  let last = 0;
  let timer = 0;

  async function load() {
    const found = await get(mine(`/sms?after=${last}`)).catch(() => ({ messages: [], last }));
    for (const message of found.messages) {
      const code = codeIn(message.text);
      list.append(h('div', { class: 'when' }, clockText(message.at, true)), h('div', { class: 'line account' }, h('div', { class: 'bubble' }, message.text, code ? h('div', {}, copier(code)) : null)));
    }
    if (found.messages.length) list.scrollTop = list.scrollHeight;
    if (!list.children.length) list.append(h('p', { class: 'empty' }, '还没有短信'));
    else if (list.children.length > 1) list.querySelectorAll('.empty').forEach((empty) => empty.remove());
    last = found.last;
    timer = setTimeout(load, 1500);
  }

  async function change() {
    const phone = await ask('这台手机的号码', '+8619900000001', state.person.phone);
    if (!phone) return;
    await patch(mine(''), { phone }).then((person) => {
      state.person.phone = person.phone;
      number.textContent = `本机号码 ${phoneText(person.phone)}`;
      list.replaceChildren();
      last = 0;
    }, (error) => toast(error.message));
  }
  load();
  return () => clearTimeout(timer);
}
