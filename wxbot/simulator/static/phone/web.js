// The web view: a page in a frame under a title bar, and the client's side of the JS bridge for it (§9.3).
import { post, state } from './api.js';
import { h, icon, sheet, toast } from './dom.js';
import { back, open } from './nav.js';
import { pickFor } from './hand.js';
import { drawForPage } from './packet.js';
import { receiveForPage } from './transfer.js';

let view = null; // the page that is open now

// `shakeTicket` is there only when a shake's card was tapped: then jumpHongbao may work in this view.
export function openPage(url, shakeTicket = '') {
  open('web', webScreen, { url, shakeTicket });
}

function webScreen(body, { url, shakeTicket }) {
  const title = h('h1', { class: 'web-title' }, '正在加载…');
  const progress = h('i', { class: 'progress' });
  const frame = h('iframe', { class: 'page', src: url, title: '网页', allow: 'clipboard-write', 'data-testid': 'page' });
  const mine = { frame, shakeTicket, title, url, canShare: true };
  view = mine;
  body.append(h('header', { class: 'bar web-bar' }, h('button', { class: 'bar-back', 'aria-label': '关闭', onclick: back }, icon('close', 22)), title,
    h('button', { class: 'bar-right', 'aria-label': '更多', onclick: () => pageMenu(mine) }, icon('more'))), progress,
  h('div', { class: 'page-box' }, h('p', { class: 'page-host' }, `网页由 ${hostOf(url)} 提供`), frame));
  frame.addEventListener('load', () => {
    progress.classList.add('done');
    if (title.textContent === '正在加载…') title.textContent = hostOf(url);
  });
  return () => { if (view === mine) view = null; };
}

function hostOf(url) {
  try { return new URL(url, location.href).host; } catch (error) { return url; }
}

function pageMenu(open) {
  const rows = [['摇手机', () => open.frame.contentWindow.postMessage({ wxsim: 1, on: 'motion' }, new URL(open.url).origin)], ['刷新', () => { open.frame.src = open.url; }], ['在浏览器中打开', () => window.open(open.url, '_blank')],
    ['复制链接', () => navigator.clipboard.writeText(open.url).then(() => toast('已复制'), () => toast(open.url))]];
  if (open.canShare) rows.unshift(['发送给朋友', () => toast('已发送（朋友打开后不能抽红包：只有摇一摇才行）')]);
  sheet(rows);
}

// What a page asks of WeChat. The frame is known by its window, its host by the browser: nothing it says is believed.
const QUIET = ['updateAppMessageShareData', 'updateTimelineShareData', 'onMenuShareAppMessage', 'onMenuShareTimeline', 'preVerifyJSAPI', 'getNetworkType', 'checkAddContactStatus',
  'scanQRCode', 'geoLocation', 'getLocation', 'openLocation', 'chooseImage', 'uploadImage'];

async function onMessage(event) {
  if (!view || event.source !== view.frame.contentWindow || !event.data || event.data.wxsim !== 1) return;
  const { id, name, args, url, title } = event.data;
  let pageUrl = '';
  try { pageUrl = new URL(url).origin === event.origin ? url : ''; } catch (error) { return; }
  if (!pageUrl) return;
  const answer = (result) => view && view.frame.contentWindow.postMessage({ wxsim: 1, id, result }, event.origin);
  if (title) view.title.textContent = title;
  view.url = pageUrl;
  if (id === 0) { answer(null); return; }
  if (name === 'title') return;
  if (name === 'jumpHongbao') { drawForPage({ ...args }, pageUrl, view.shakeTicket); return; }
  if (name === 'requestMerchantTransfer') { answer(await receiveForPage({ ...args }, pageUrl)); return; }
  if (name === 'closeWindow') { back(); return; }
  if (name === 'hideOptionMenu' || name === 'hideAllNonBaseMenuItem') view.canShare = false;
  if (name === 'showOptionMenu' || name === 'showAllNonBaseMenuItem') view.canShare = true;
  if (name === 'hideMenuItems') view.canShare = false;
  if (name === 'jumpAddContact') { toast(state.person.is_followed ? '你已关注' : '请在公众号资料页关注'); return; }
  if (!await pickFor(name, { ...args })) { answer({ err_msg: `${name}:cancel` }); return; }
  if (QUIET.includes(name)) answer(await post(`/_sim/bridge/${encodeURIComponent(name)}`, { args, url: pageUrl }).catch(() => ({ err_msg: `${name}:fail` })));
  else answer({ err_msg: `${name}:ok` });
}

window.addEventListener('message', onMessage);
