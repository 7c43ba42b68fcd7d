// Receiving a merchant transfer: WeChat's confirm page, or a red packet to open; what cannot be received is said (§4.7).
import { loadPeople, mine, post, state } from './api.js';
import { clockText, h, icon, shopAvatar, yuan } from './dom.js';

const CALL = 'requestMerchantTransfer';

// Shows the page that a requestMerchantTransfer asks for; gives {err_msg} when the person leaves it.
export async function receiveForPage(args, pageUrl) {
  const shown = await post(mine('/request_merchant_transfer'), { ...args, page_url: pageUrl })
    .catch((error) => ({ err_msg: `${CALL}:fail`, message: error.message }));
  const { sheet, message, err_msg: result, closed_err_msg: closed } = shown;
  if (!sheet && !message) return { err_msg: result };
  return new Promise((resolve) => {
    const veil = h('div', { class: 'packet-veil', role: 'dialog', 'aria-label': '商家转账' });
    (document.querySelector('#screen') || document.body).append(veil);
    const close = () => leave(closed.slice(CALL.length + 1));
    const leave = (ending) => { veil.remove(); loadPeople().catch(() => {}); resolve({ err_msg: `${CALL}:${ending}` }); };
    if (!sheet) refused(veil, message, () => leave(result.slice(CALL.length + 1)));
    else if (!sheet.is_open) refused(veil, message, () => leave('ok'), sheet);
    else if (sheet.style === 'RED_PACKET') cover(veil, sheet, leave, close);
    else page(veil, sheet, leave, close);
  });
}

const closer = (action) => h('button', { class: 'packet-close', 'aria-label': '关闭', 'data-testid': 'transfer-close', onclick: action }, icon('close', 22));

// One line under the other: what it is for, as the merchant told WeChat.
const words = (sheet) => h('dl', { class: 'transfer-words' }, ...[['收款理由', sheet.perception], ['转账备注', sheet.remark], ...sheet.reports]
  .filter(([, text]) => text).map(([name, text]) => h('div', {}, h('dt', {}, name), h('dd', {}, text))));

function page(veil, sheet, leave, close) {
  const button = h('button', { class: 'button green', 'data-testid': 'receive-transfer' }, '收款');
  veil.replaceChildren(h('div', { class: 'transfer-page' }, closer(close), shopAvatar(56),
    h('p', { class: 'transfer-from' }, `${sheet.merchant} 向你转账`), h('p', { class: 'transfer-sum' }, '¥', h('strong', {}, yuan(sheet.amount_fen))), words(sheet),
    h('footer', {}, button, h('small', {}, sheet.expires_at ? `请在 ${clockText(sheet.expires_at, true)} 前收款，过期将退回商家` : ''))));
  button.addEventListener('click', () => { button.disabled = true; button.textContent = '收款中…'; confirm(veil, sheet, leave); });
}

function cover(veil, sheet, leave, close) {
  const coin = h('button', { class: 'coin', 'aria-label': '开', 'data-testid': 'receive-transfer' }, h('span', {}, '開'));
  const card = h('div', { class: 'cover' }, h('div', { class: 'cover-top' }, h('div', { class: 'cover-from' }, shopAvatar(26), `${sheet.merchant}的红包`),
    h('p', { class: 'cover-wish' }, sheet.remark)), h('div', { class: 'cover-bottom' }), coin);
  veil.replaceChildren(card, closer(close));
  coin.addEventListener('click', async () => {
    coin.disabled = true;
    coin.classList.add('spin');
    await new Promise((resolve) => setTimeout(resolve, 700));
    confirm(veil, sheet, leave);
  });
}

async function confirm(veil, sheet, leave) {
  try {
    const bill = await post(mine(`/transfers/${sheet.transfer_bill_no}/confirm`));
    const show = bill.style === 'RED_PACKET' && bill.state === 'SUCCESS' ? opened : ended;
    show(veil, bill, () => leave('ok'));
  } catch (error) {
    refused(veil, error.message, () => leave('ok'));
  }
}

const ENDINGS = { SUCCESS: ['✓', '收款成功', '已存入零钱，可直接使用'], TRANSFERING: ['…', '正在处理', '稍后可在零钱中查看'], FAIL: ['!', '收款失败', '资金将退回商家'] };

function opened(veil, bill, leave) {
  veil.replaceChildren(h('div', { class: 'result', 'data-testid': 'transfer-ended', 'data-state': bill.state },
    h('div', { class: 'result-head' }, h('div', { class: 'result-from' }, shopAvatar(24), `${bill.merchant}的红包`), h('p', {}, bill.remark)),
    h('p', { class: 'result-sum' }, h('strong', { 'data-testid': 'amount' }, yuan(bill.amount_fen)), ' 元'), h('p', { class: 'result-kept' }, '已存入零钱，可直接使用'),
    h('button', { class: 'result-jump', 'data-testid': 'transfer-done', onclick: leave }, '完成'), h('footer', {}, `${state.person.nickname} · ${sheetTime(bill)}`)));
}

function ended(veil, bill, leave) {
  const [mark, title, note] = ENDINGS[bill.state] || ENDINGS.TRANSFERING;
  const hint = bill.fail_reason ? `模拟器：${bill.fail_reason}` : '';
  veil.replaceChildren(h('div', { class: 'transfer-page', 'data-testid': 'transfer-ended', 'data-state': bill.state }, h('i', { class: `transfer-mark ${bill.state}` }, mark), h('p', { class: 'transfer-from' }, title),
    h('p', { class: 'transfer-sum' }, '¥', h('strong', { 'data-testid': 'amount' }, yuan(bill.amount_fen))), h('p', { class: 'transfer-note' }, note, hint ? h('br') : null, hint),
    h('footer', {}, h('button', { class: 'button green', 'data-testid': 'transfer-done', onclick: leave }, '完成'), h('small', {}, `${state.person.nickname} · ${sheetTime(bill)}`))));
}

const sheetTime = (bill) => (bill.paid_at ? clockText(bill.paid_at, true) : '');

function refused(veil, message, done, sheet = null) {
  veil.replaceChildren(h('div', { class: 'transfer-page', 'data-testid': 'transfer-refused' }, shopAvatar(56), h('p', { class: 'transfer-from' }, message),
    sheet ? h('p', { class: 'transfer-sum' }, '¥', h('strong', {}, yuan(sheet.amount_fen))) : null,
    h('footer', {}, h('button', { class: 'button green', 'data-testid': 'transfer-done', onclick: done }, '我知道了'))));
}
