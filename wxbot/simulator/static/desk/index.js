import { $, get, h } from './desk.js';

const SECRET = ['appsecret', 'callback_token', 'aes_key', 'pay_key'];
const account = await get('/_sim/account');
const rows = Object.entries({ ...account, ...account.urls }).filter(([name, value]) => name !== 'urls' && name !== 'certificates' && String(value));
$('#account').append(h('tbody', {}, ...rows.map(([name, value]) => {
  const text = Array.isArray(value) ? value.join('，') : String(value);
  const cell = h('td', { class: 'code wrap' }, SECRET.includes(name) ? '••••••••' : text);
  const eye = SECRET.includes(name) ? h('button', { class: 'key', onclick: () => { cell.textContent = text; eye.remove(); } }, '显示') : null;
  return h('tr', {}, h('td', { class: 'soft' }, name), cell, h('td', {}, eye));
})));
