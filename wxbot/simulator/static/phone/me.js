// The tabs 通讯录, 发现 and 我; the wallet; choosing and making a person.
import { get, hold, makePerson, mine, patch, state } from './api.js';
import { ask, avatar, clockText, h, icon, toast, yuan } from './dom.js';
import { FACES } from './faces.js';
import { momentsScreen } from './friends.js';
import { bar, profileScreen } from './chat.js';
import { open } from './nav.js';
import { openCover } from './packet.js';
import { shakeScreen } from './shake.js';
import { phoneText, smsScreen } from './sms.js';
import { openPage } from './web.js';

const row = (mark, colour, label, action, more = null, test = null) =>
  h('button', { class: 'row', onclick: action, 'data-testid': test }, h('span', { class: 'row-icon', style: `color:${colour}` }, icon(mark)),
    h('span', { class: 'row-main' }, label), more, h('span', { class: 'chevron' }, '›'));

export function discoverTab(body) {
  body.append(bar('发现', null, null), h('div', { class: 'rows' }, row('compass', '#fa9d3b', '朋友圈', () => open('moments', momentsScreen), null, 'go-moments')), h('div', { class: 'rows gap' },
    row('shake', '#10aeff', '摇一摇', () => open('shake', shakeScreen), h('small', { class: 'red-hint' }, '周边有红包'), 'go-shake')),
  h('div', { class: 'rows gap' }, row('scan', '#10aeff', '扫一扫', async () => {
    const scene = await ask('扫到的内容', '网址，或二维码的场景值');
    if (!scene) return;
    if (/^https?:/.test(scene)) openPage(scene);
    else open('profile', profileScreen);
  })));
}

export function friendsTab(body, restart) {
  const list = h('div', { class: 'rows' });
  body.append(bar('通讯录', null, null), h('div', { class: 'rows' },
    row('me', '#07c160', '公众号', () => open('profile', profileScreen)), row('plus', '#fa9d3b', '新的朋友', () => open('maker', makerScreen, restart), null, 'new-person')),
  h('div', { class: 'label' }, '换成 TA 的手机'), list);
  list.append(...state.people.slice(0, 200).map((person) => h('button', { class: 'row', onclick: async () => { await hold(person); toast(`现在是${person.nickname}的手机`); restart(); } },
    avatar(person, 40), h('span', { class: 'row-main' }, person.nickname), person.id === state.person.id ? h('small', { class: 'now' }, '现在') : h('small', { class: 'money' }, person.wallet_fen ? `¥${yuan(person.wallet_fen)}` : ''))));
}

export function meTab(body, restart) {
  const { person } = state;
  const flip = (name, label, note) => h('label', { class: 'row' }, h('span', { class: 'row-main' }, label, h('small', {}, note)),
    h('input', { type: 'checkbox', class: 'switch', checked: person[name], onchange: async (event) => {
      await patch(`/_sim/people/${person.id}`, { [name]: event.target.checked }).then(() => { state.person[name] = event.target.checked; }, (error) => toast(error.message));
    } }));
  body.append(h('div', { class: 'me-head' }, avatar(person, 64), h('div', {}, h('h2', {}, person.nickname), h('p', {}, `openid ${person.openid.slice(0, 12)}…`), h('p', {}, `手机 ${phoneText(person.phone)}`))),
    h('div', { class: 'rows gap' }, row('wallet', '#07c160', '零钱', () => open('wallet', walletScreen), h('small', { class: 'money', 'data-testid': 'wallet-sum' }, `¥${yuan(person.wallet_fen || 0)}`), 'go-wallet'),
      row('chats', '#10aeff', '短信', () => open('sms', smsScreen), h('small', {}, '验证码在这里'), 'go-sms')),
    h('div', { class: 'rows gap' }, row('swap', '#10aeff', '换一个人', () => restart('friends')), row('plus', '#fa9d3b', '新的朋友', () => open('maker', makerScreen, restart))),
    h('div', { class: 'label' }, '这个人的脾气'), h('div', { class: 'rows' },
      flip('is_snapshot', '快照页模式', '网页拿到的是虚拟账号'), flip('is_frozen', '账号异常', '红包会因风险被拒'), flip('is_blocking', '屏蔽公众号消息', '收不到客服消息'), flip('is_real_named', '零钱已实名', '关掉后，商家转账收款会失败')));
}

const NICKNAMES = ['爱喝奶茶的小熊', '不加班的程序员', '隔壁老王', '红包收割机', '今天吃什么', '佛系阿花', '锦鲤本鲤', '熬夜冠军', '摇摇乐', '手气王', '三分糖', '周末去爬山'];
const ACCOUNT_FACES = 10;

export function makerScreen(body, restart) {
  let chosen = FACES[Math.floor(Math.random() * FACES.length)];
  const input = h('input', { class: 'maker-name', 'aria-label': '昵称', maxlength: 20, value: NICKNAMES[Math.floor(Math.random() * NICKNAMES.length)] });
  const faces = h('div', { class: 'faces' });
  const draw = () => faces.replaceChildren(...FACES.map((emoji, index) => h('button', { class: emoji === chosen ? 'chosen' : '', 'aria-label': `头像 ${index + 1}`, onclick: () => { chosen = emoji; draw(); } }, avatar({ avatar: emoji, id: index % ACCOUNT_FACES }, 56))));
  draw();
  body.append(bar('新的朋友'), h('div', { class: 'maker-box' }, h('p', {}, '挑一张脸，起个名字'), faces, input,
    h('button', { class: 'button green', 'data-testid': 'make', onclick: async () => {
      const person = await makePerson(input.value.trim(), chosen).catch((error) => { toast(error.message); return null; });
      if (person) { await hold(person); restart(); }
    } }, '就是我了')));
}

export async function walletScreen(body) {
  const pending = h('div', { class: 'rows' });
  const list = h('div', { class: 'rows' });
  const sum = h('strong', {}, '…');
  body.append(bar('零钱'), h('div', { class: 'wallet-head' }, h('span', { class: 'wallet-coin' }, '¥'), h('p', {}, '我的零钱'), h('p', { class: 'wallet-sum' }, '¥', sum)), pending, h('div', { class: 'label' }, '零钱明细'), list);
  async function load() {
    const [wallet, packets] = await Promise.all([get(mine('/wallet')), get(mine('/packets'))]);
    sum.textContent = yuan(wallet.wallet_fen);
    const waiting = packets.packets.filter((one) => one.status === 'pending');
    pending.replaceChildren(...waiting.map((packet) => h('button', { class: 'row pending', onclick: () => openCover(packet, load) },
      h('span', { class: 'row-main' }, `${packet.send_name}的红包`, h('small', {}, `${packet.wishing} · ${clockText(packet.expires_at, true)} 前打开`)), h('small', { class: 'red-hint' }, '待打开'))));
    const gone = packets.packets.filter((one) => one.status === 'returned');
    list.replaceChildren(...wallet.rows.map((packet) => moneyRow(packet, `+${yuan(packet.amount_fen)}`, packet.opened_at)),
      ...gone.map((packet) => moneyRow(packet, '已过期退回', packet.expires_at, 'soft')));
    if (!wallet.rows.length && !gone.length) list.replaceChildren(h('p', { class: 'empty' }, '还没有明细。摇一摇，或等商家发来红包'));
  }
  await load();
}

const moneyRow = (packet, text, at, style = '') => h('div', { class: `row ${style}` }, h('span', { class: 'row-main' }, `${packet.title || '微信红包'} · 来自${packet.send_name}`, h('small', {}, clockText(at, true))), h('b', { class: 'plus' }, text));

