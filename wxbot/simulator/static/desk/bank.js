import { $, advance, dayOf, every, get, h, note, now, post, readClock, when, yuan } from './desk.js';

const STATUS = { sending: '发送中', waiting: '待领取', bound: '已绑定', received: '已领取', refunding: '退款中', returned: '已退回', failed: '失败' };
const COLOURS = { waiting: '#5b9bd5', bound: '#e8b64c', received: '#2fae6e', refunding: '#b9a3dc', returned: '#8d72c0', failed: '#d9604f', sending: '#9aa5a0' };
const KINDS = { topup: '充值', order: '下单冻结', return: '过期退回', fail: '失败退回', transfer: '转账冻结', transfer_return: '转账退回' };
const CHANNELS = { hbpreorder: '摇一摇', sendredpack: '直接发放', transfer_bills: '商家转账' };
const PAGE = 20;

let before = null; // number that the shown page begins under; null is the newest
let trail = [];
let checked = 0;
let order = null;
let many = false;

async function drawSums() {
  const wantCheck = Date.now() - checked > (many ? 60000 : 5000); // the full check of many orders takes a moment
  const bank = await get(`/_sim/bank${wantCheck ? '?check=1' : ''}`);
  many = bank.orders > 20000;
  $('#mch').textContent = bank.mch_id;
  for (const name of ['balance', 'frozen', 'paid', 'returned']) $(`#${name}`).textContent = yuan(bank[`${name}_fen`]);
  $('#orders').textContent = bank.orders.toLocaleString();
  if (wantCheck) {
    checked = Date.now();
    $('#books').textContent = bank.broken.length ? `账不平：${bank.broken[0]}` : '账目相符';
    $('#books').className = `mark ${bank.broken.length ? 'bad' : 'ok'}`;
  }
  const parts = Object.entries(bank.by_status);
  $('#bar').replaceChildren(...parts.map(([name, count]) => h('i', { style: `width:${count / bank.orders * 100}%;background:${COLOURS[name]}`, title: `${STATUS[name]} ${count}` })));
  $('#legend').replaceChildren(...(parts.length ? parts.map(([name, count]) => h('span', {}, h('i', { style: `background:${COLOURS[name]}` }), `${STATUS[name]} ${count.toLocaleString()}`)) : ['还没有红包']));
}

async function drawRows() {
  const query = new URLSearchParams({ before: before === null ? 1e9 : before, limit: PAGE });
  if ($('#status').value) query.set('status', $('#status').value);
  if ($('#search').value.trim()) query.set('q', $('#search').value.trim());
  const found = await get(`/_sim/bank/orders?${query}`);
  order = found.orders;
  $('#rows').replaceChildren(...found.orders.map((one) => h('tr', {}, h('td', { class: 'num soft' }, one.n), h('td', { class: 'code' }, one.mch_billno),
    h('td', {}, h('span', { class: `mark ${one.status}`, title: one.reason }, one.status === 'bound' && one.channel === 'sendredpack' ? '已送达' : STATUS[one.status])), h('td', {}, CHANNELS[one.channel] || one.channel), h('td', { class: 'num' }, yuan(one.amount_fen)), h('td', {}, one.wishing),
    h('td', {}, when(one.created_at)), h('td', {}, one.receipts.length ? when(one.receipts[0].at) : when(one.bound_at)), h('td', {}, one.refunded_at ? `退 ${when(one.refunded_at)}` : when(one.expires_at)),
    h('td', { class: 'code', title: one.openid }, one.openid ? `${one.openid.slice(0, 10)}…` : '—'),
    h('td', {}, ...passwordKeys(one), one.status === 'waiting' || one.status === 'sending' ? h('button', { class: 'key', title: '让这一单失败，资金退回', onclick: () => fail(one) }, '置为失败') : null))));
  if (!found.orders.length) $('#rows').replaceChildren(h('tr', {}, h('td', { colspan: 11 }, h('p', { class: 'empty' }, '没有符合的红包'))));
  $('#older').disabled = !found.has_more;
  $('#newer').disabled = before === null;
  const [first, last] = [found.orders[0], found.orders[found.orders.length - 1]];
  $('#place').textContent = first ? `${last.n}–${first.n}，共 ${found.count.toLocaleString()} 单` : '';
}

async function fail(one) {
  const path = one.channel === 'transfer_bills' ? `transfers/${one.detail_id}` : `orders/${one.mch_billno}`;
  await post(`/_sim/bank/${path}/fail`, {}).catch((error) => note(error.message));
  refresh();
}

// 验密: what the merchant's staff do with a transfer that waits for their password.
function passwordKeys(one) {
  if (one.state !== 'PROCESSING' || one.password !== 'waiting') return [];
  const key = (label, isGiven) => h('button', { class: 'key', onclick: async () => {
    await post(`/_sim/bank/transfers/${one.detail_id}/password`, { is_given: isGiven }).catch((error) => note(error.message));
    refresh();
  } }, label);
  return [key('验密通过', true), key('验密拒绝', false)];
}

async function drawBill() {
  const day = $('#day').value.replaceAll('-', '');
  if (!day) return;
  $('#download').href = `/_sim/bank/bill?date=${day}&format=text`;
  $('#download').setAttribute('download', `fundflow-${day}.csv`);
  const bill = await get(`/_sim/bank/bill?date=${day}`);
  $('#bill-sum').replaceChildren(`${bill.count} 笔 · 收入 `, h('b', { class: 'plus' }, yuan(bill.income_fen)), ' · 支出 ', h('b', { class: 'minus' }, yuan(bill.outgo_fen)));
  const rows = bill.rows.slice(-12).reverse();
  $('#bill').replaceChildren(...rows.map((flow) => h('tr', {}, h('td', {}, when(flow.at)), h('td', {}, `${CHANNELS[flow.channel] || ''}${KINDS[flow.kind] || flow.kind}`),
    h('td', { class: `num ${flow.amount_fen < 0 ? 'minus' : 'plus'}` }, yuan(flow.amount_fen)), h('td', { class: 'num' }, yuan(flow.balance_fen)), h('td', { class: 'code' }, flow.mch_billno || '—'))));
  if (bill.count > rows.length) $('#bill').append(h('tr', {}, h('td', { colspan: 5, class: 'soft' }, `只显示最近 ${rows.length} 笔，其余请下载`)));
}

const refresh = () => Promise.all([drawSums(), drawRows(), drawBill()]);

$('#older').onclick = () => { trail.push(before); before = order[order.length - 1].n; drawRows(); };
$('#newer').onclick = () => { before = trail.length ? trail.pop() : null; drawRows(); };
const again = () => { before = null; trail = []; drawRows(); };
$('#status').onchange = again;
$('#search').oninput = again;
$('#day').onchange = drawBill;
document.querySelectorAll('[data-hours]').forEach((button) => { button.onclick = async () => { await advance(Number(button.dataset.hours)); setDay(); refresh(); }; });
$('#topup').onsubmit = async (event) => {
  event.preventDefault();
  const text = event.target.yuan.value.trim();
  const [, whole, part = ''] = /^(-?\d{1,8})(?:\.(\d{1,2}))?$/.exec(text) || [];
  if (whole === undefined) { note('请输入金额，例如 1000 或 88.80'); return; }
  const fen = Math.abs(Number(whole)) * 100 + Number(part.padEnd(2, '0'));
  await post('/_sim/bank/topup', { amount_fen: text.startsWith('-') ? -fen : fen }).then(() => { note(`已充值 ${yuan(fen)}`); event.target.reset(); }, (error) => note(error.message));
  refresh();
};

function setDay() {
  const day = dayOf(now());
  $('#day').value = `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`;
}
await readClock();
setDay();
every(1.5, refresh);
