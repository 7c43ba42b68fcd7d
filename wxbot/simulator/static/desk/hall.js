// Guests of a hall: what they are asked to do, how many are in each state, and twelve of their phones side by side.
import { $, every, get, h, note, post, yuan } from './desk.js';

const STATES = [['coming', '在路上'], ['here', '在场'], ['offline', '断网'], ['left', '离开'], ['turned_away', '被拒']];
const phones = new Map(); // person's number → what stands on the wall

function draw(hall) {
  const tile = (label, value, more = '', kind = '') => h('div', { class: `tile ${kind}` }, h('dt', {}, label), h('dd', {}, value), h('dd', { class: 'more' }, more));
  $('#counts').replaceChildren(
    ...STATES.map(([name, label]) => tile(label, hall.states[name].toLocaleString(), name, name === 'here' ? 'main' : name === 'turned_away' && hall.states[name] ? 'bad' : '')),
    tile('接到红包', hall.caught.toLocaleString(), `${yuan(hall.caught_fen)} · 错过 ${hall.missed}`),
    tile('正在竞速', hall.racing.toLocaleString(), `共摇 ${hall.shaken.toLocaleString()} 次`),
    tile('中奖', hall.prizes.toLocaleString(), hall.taps || hall.shakes_per_s ? `接 ${Math.round(hall.taps * 100)}% · 摇 ${hall.shakes_per_s}/秒` : '还没让他们玩'),
  );
  const why = Object.entries(hall.turned_away).map(([text, count]) => `${count} 位：${text}`);
  $('#why').hidden = !why.length;
  $('#why').textContent = why.join('；');
  $('#screen').hidden = !hall.screen;
  if (hall.screen) $('#screen').href = hall.screen;
}

const ask = (path, body) => post(`/_sim/hall/${path}`, body).then((hall) => { if (hall.states) draw(hall); return hall; }, (error) => { note(error.message); return null; });

function onSend(name, path, read, said) {
  $(`#${name}`).onsubmit = async (event) => {
    event.preventDefault();
    if (await ask(path, read(event.target))) note(said);
    refresh();
  };
}
const number = (form, name) => Number(form.elements[name].value);

/** Lines of a list as it is copied from a sheet or typed: number, name; whatever stands behind them is left out. */
const rowsOf = (text) => text.split('\n').map((line) => line.split(/[\t,，;；]/).map((each) => each.trim())).filter(([key, name]) => key && name).map((row) => row.slice(0, 2));
onSend('come', 'guests', (form) => {
  const rows = rowsOf(form.elements.rows.value);
  return { url: form.elements.url.value.trim(), word: form.elements.word.value.trim(), count: rows.length || number(form, 'count'), rows };
}, '他们来了');
onSend('tap', 'tap', (form) => ({ share: number(form, 'share') / 100 }), '下红包雨时就接');
onSend('shake', 'shake', (form) => ({ per_s: number(form, 'per_s') }), '竞速时就摇');
onSend('leave', 'leave', (form) => ({ count: number(form, 'count') }), '他们走了');
onSend('lose', 'lose_network', (form) => ({ count: number(form, 'count'), seconds: number(form, 'seconds') }), '他们没有网络了');
onSend('back', 'come_back', (form) => ({ count: number(form, 'count') }), '他们回来了');

// A frame is as wide inside as a phone or a screen is, whatever its place on the wall.
const sized = new ResizeObserver((entries) => entries.forEach((entry) => entry.target.style.setProperty('--scale', entry.contentRect.width / entry.target.dataset.width)));

function showScreen(url) {
  $('#big').hidden = false;
  if ($('#big iframe')?.src === url) return;
  $('#big').dataset.width = 1280;
  $('#big').replaceChildren(h('iframe', { src: url, title: '大屏 the screen' }));
  sized.observe($('#big'));
}

function makePhone(one) {
  const frame = h('iframe', { src: one.url, title: `${one.nickname} 的手机`, loading: 'lazy' });
  const glass = h('div', { class: 'hall-glass', 'data-width': 390 }, frame);
  const lose = h('button', { class: 'key', onclick: () => ask('lose_network', { ids: [one.id], seconds: 10 }) }, '断网');
  const box = h('div', { class: 'hall-phone', 'data-person': one.id }, h('div', { class: 'hall-name' }, h('span', { class: 'mark' }, one.no), h('b', {}, one.nickname)), glass,
    h('div', { class: 'hall-keys' }, lose, h('a', { class: 'key', href: one.url, target: '_blank' }, '放大')));
  sized.observe(glass);
  return { box, glass, frame, url: one.url };
}

async function hang() {
  const found = await ask('wall', {});
  if (!found) return;
  $('#no-wall').hidden = found.phones.length > 0;
  showScreen(found.screen);
  phones.clear();
  found.phones.forEach((one) => phones.set(one.id, makePhone(one)));
  $('#wall').replaceChildren(...[...phones.values()].map((phone) => phone.box));
}
$('#hang').onclick = hang;

async function refresh() {
  draw(await get('/_sim/hall'));
  if (!phones.size) return;
  const { guests } = await get('/_sim/hall/guests');
  guests.filter((one) => phones.has(one.id)).forEach((one) => {
    const { glass, frame, url } = phones.get(one.id);
    const wasAway = glass.classList.contains('is-away');
    const isAway = one.state !== 'here';
    glass.classList.toggle('is-away', isAway);
    glass.classList.toggle('is-left', one.state === 'left');
    if (wasAway && !isAway) frame.src = url;
  });
}
every(1.5, refresh);

// Where a start page leads into a hall, that is the door.
const door = (await get('/_sim/pinned')).pinned.find((one) => /\/hall\/[^/]+$/.test((one.url || '').split('?')[0]));
if (door && !$('#come').elements.url.value) {
  $('#come').elements.url.value = door.url;
  $('#note').textContent = `${door.title}：${door.note || ''}`;
}
