import { $, every, get, h, note, post, when } from './desk.js';

const STATUS = { queued: '等待', answered: '已答', failed: '失败', lost: '放弃', nowhere: '无回调地址' };
let opened = new Set();
let lastLog = -1;

async function drawPushes() {
  const { pushes } = await get('/_sim/pushes?after=-15');
  $('#pushes').replaceChildren(...pushes.reverse().map((one) => h('tr', {}, h('td', { class: 'num soft' }, one.n), h('td', {}, when(one.created_at)), h('td', {}, one.name || one.kind),
    h('td', {}, h('span', { class: `mark ${one.status}` }, STATUS[one.status] || one.status)), h('td', { class: 'wrap soft' }, one.reason || one.judgement), h('td', { class: 'num' }, one.attempts.length),
    h('td', {}, h('button', { class: 'key', onclick: () => post(`/_sim/pushes/${one.n}/repeat`).then(() => note('又推送了一次'), (error) => note(error.message)) }, '再推一次')))));
  if (!pushes.length) $('#pushes').replaceChildren(h('tr', {}, h('td', { colspan: 7 }, h('p', { class: 'empty' }, '还没有推送'))));
}

async function drawLog() {
  const { log, last } = await get('/_sim/log?after=-200');
  const wanted = $('#filter').value.trim();
  const mark = `${last} ${wanted}`;
  if (mark === lastLog) return;
  lastLog = mark;
  const rows = log.reverse().filter((one) => !wanted || one.path.includes(wanted)).slice(0, 60);
  $('#log').replaceChildren(...rows.map((one) => {
    const more = h('details', { open: opened.has(one.n), ontoggle: (event) => (event.target.open ? opened.add(one.n) : opened.delete(one.n)) },
      h('summary', {}, `${one.method} ${one.path}`), h('pre', {}, [one.query && `? ${one.query}`, one.body, '→', one.reply].filter(Boolean).join('\n')));
    return h('tr', {}, h('td', { class: 'num soft' }, one.n), h('td', {}, when(one.at)), h('td', { class: 'code wrap' }, more), h('td', { class: 'num' }, one.status || '断开'), h('td', { class: 'num' }, one.took_ms.toFixed(1)), h('td', {}, one.fault ? h('span', { class: 'mark bad' }, one.fault) : ''));
  }));
  if (!rows.length) $('#log').replaceChildren(h('tr', {}, h('td', { colspan: 6 }, h('p', { class: 'empty' }, '还没有请求'))));
}

$('#filter').oninput = drawLog;
every(2, () => Promise.all([drawPushes(), drawLog()]));
