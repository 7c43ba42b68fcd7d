import { $, every, get, h, note, put, remove } from './desk.js';

const ENDPOINTS = ['*', '/mmpaymkttransfers/hbpreorder', '/mmpaymkttransfers/sendredpack', '/mmpaymkttransfers/gethbinfo', '/pay/downloadfundflow', '/cgi-bin/token', '/cgi-bin/stable_token', '/cgi-bin/ticket/getticket', '/cgi-bin/message/custom/send',
  '/sns/oauth2/access_token', '/shakearound/lottery/addlotteryinfo', '/shakearound/lottery/setprizebucket', '/shakearound/lottery/setlotteryswitch', '/shakearound/lottery/querylottery', '/shakearound/user/getshakeinfo', '/cgi-bin/media/get', '/v3/fund-app/mch-transfer/transfer-bills', '/v3/fund-app/mch-transfer/transfer-bills/out-bill-no/*', '/v3/fund-app/mch-transfer/transfer-bills/out-bill-no/*/cancel', 'sms', 'push', 'push/ShakearoundLotteryBind', 'push/MCHTRANSFER.BILL.FINISHED'];
$('#endpoints').append(...ENDPOINTS.map((path) => h('option', { value: path })));

async function drawFaults() {
  const { faults } = await get('/_sim/faults');
  const rows = Object.entries(faults);
  $('#faults').replaceChildren(...rows.map(([endpoint, fault]) => h('tr', {}, h('td', { class: 'code' }, endpoint), h('td', {}, h('span', { class: 'mark bad' }, fault.kind)), h('td', { class: 'code' }, fault.kind === 'refuse' ? fault.err_code : '—'),
    h('td', { class: 'num' }, fault.seconds), h('td', { class: 'num' }, fault.times ?? '不限'), h('td', { class: 'num' }, fault.rate), h('td', { class: 'num' }, fault.hits),
    h('td', {}, h('button', { class: 'key', onclick: async () => { await remove(`/_sim/faults${endpoint.startsWith('/') ? '' : '/'}${endpoint}`); drawFaults(); } }, '清除')))));
  if (!rows.length) $('#faults').replaceChildren(h('tr', {}, h('td', { colspan: 8 }, h('p', { class: 'empty' }, '一切正常，没有故障'))));
}

$('#put').onsubmit = async (event) => {
  event.preventDefault();
  const form = event.target;
  const values = { kind: form.kind.value };
  if (form.err_code.value) values.err_code = form.err_code.value;
  for (const name of ['seconds', 'times', 'rate']) if (form[name].value) values[name] = Number(form[name].value);
  const endpoint = form.endpoint.value.trim();
  await put(`/_sim/faults${endpoint.startsWith('/') ? '' : '/'}${endpoint}`, values).then(() => note('已设置'), (error) => note(error.message));
  drawFaults();
};
$('#clear').onclick = async () => { await remove('/_sim/faults'); note('已全部清除'); drawFaults(); };

async function drawSwitches() {
  const { switches } = await get('/_sim/switches');
  drawScenes(switches);
  const change = (one, value) => put('/_sim/switches', { [one.name]: value }).then(() => note(`${one.name} = ${value}`), (error) => note(error.message)).then(drawSwitches);
  $('#switches').replaceChildren(...switches.map((one) => {
    const isFlag = typeof one.value === 'boolean';
    const field = isFlag ? h('input', { type: 'checkbox', checked: one.value, 'aria-label': one.name, onchange: (event) => change(one, event.target.checked) })
      : h('input', { value: one.value, size: 8, 'aria-label': one.name, onchange: (event) => change(one, typeof one.value === 'number' ? Number(event.target.value) : event.target.value) });
    return h('tr', {}, h('td', { class: 'code' }, one.name, one.value === one.default ? null : h('span', { class: 'mark bound', style: 'margin-left:8px' }, '已改')), h('td', { class: 'wrap' }, one.meaning), h('td', { class: 'soft' }, one.section), h('td', {}, field));
  }));
}

// What a campaign meets with 商家转账, and with a phone that asks about motion: one button for each, pressed again it is as before.
const SCENES = [['场景没有开通', { transfer_scenes: '' }], ['等商户验密', { transfer_password_asked: true }], ['处理中 3 小时', { transfer_processing_s: 10800 }], ['收款页关掉答 :close', { transfer_close_says: 'close' }],
  ['过期后晚 1 小时关闭', { transfer_overdue_lag_s: 3600 }], ['点了收款才失败：未实名', { transfer_fails_with: 'REAL_NAME_CHECK_FAIL', transfer_fails_late: true }], ['余额不足时等待', { transfer_short_waits: true }],
  ['动作权限：允许', { motion_permission: 'granted' }], ['动作权限：拒绝', { motion_permission: 'denied' }], ['动作权限：没有回答', { motion_permission: 'unanswered' }]];

function drawScenes(switches) {
  const known = Object.fromEntries(switches.map((one) => [one.name, one]));
  $('#scenes').replaceChildren(...SCENES.map(([label, changes]) => {
    const names = Object.keys(changes);
    const isOn = names.every((name) => known[name].value === changes[name]);
    const wanted = isOn ? Object.fromEntries(names.map((name) => [name, known[name].default])) : changes;
    return h('button', { class: `key ${isOn ? 'bad' : ''}`, 'aria-pressed': String(isOn), onclick: () => put('/_sim/switches', wanted).then(() => note(`${label}：${isOn ? '关' : '开'}`), (error) => note(error.message)).then(drawSwitches) }, label);
  }));
}

async function drawLimits() {
  const { limits } = await get('/_sim/bank');
  $('#limits').replaceChildren(...Object.entries(limits).map(([name, value]) => h('label', { class: 'soft' }, name, h('br'), h('input', { value, inputmode: 'numeric', size: 12, onchange: (event) =>
    put('/_sim/bank/limits', { [name]: Number(event.target.value) }).then(() => note(`${name} = ${event.target.value}`), (error) => note(error.message)) }))));
}

drawSwitches();
drawLimits();
every(2, drawFaults);
