// The web view: a page in a frame under a title bar, and the client's side of the JS bridge for it (§9.3).
import { patch, post, state } from './api.js';
import { h, icon, sheet, toast } from './dom.js';
import { chooseFriend, pass } from './friends.js';
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
  const mine = { frame, shakeTicket, title, url, hidden: new Set(), listening: new Set(), sharing: null };
  view = mine;
  body.append(h('header', { class: 'bar web-bar' }, h('button', { class: 'bar-back', 'aria-label': '关闭', onclick: back }, icon('close', 22)), title,
    h('button', { class: 'bar-right', 'aria-label': '更多', onclick: () => pageMenu(mine) }, icon('more'))), progress,
  h('div', { class: 'page-box' }, h('p', { class: 'page-host' }, `网页由 ${hostOf(url)} 提供`), frame));
  if (state.person.is_snapshot) body.append(snapshotBar(frame, url));
  frame.addEventListener('load', () => {
    progress.classList.add('done');
    if (title.textContent === '正在加载…') title.textContent = hostOf(url);
  });
  return () => { if (view === mine) view = null; };
}

// A snapshot page says so; a tap loads it anew for the real person (§7.4).
function snapshotBar(frame, url) {
  const bar = h('div', { class: 'snapshot-bar' }, h('span', {}, '快照页'), h('button', { 'data-testid': 'full-service', onclick: async () => {
    await patch(`/_sim/people/${state.person.id}`, { is_snapshot: false });
    state.person.is_snapshot = false;
    bar.remove();
    frame.src = url;
  } }, '使用完整服务'));
  return bar;
}

function hostOf(url) {
  try { return new URL(url, location.href).host; } catch (error) { return url; }
}

const tell = (open, on, argument) => open.frame.contentWindow.postMessage({ wxsim: 1, on, argument }, new URL(open.url).origin);

// The two share items of the menu: what the page hides them by, the older event, and the call that an older page answers with.
const WAYS = {
  friend: { item: 'menuItem:share:appMessage', event: 'menu:share:appmessage', call: 'sendAppMessage' },
  timeline: { item: 'menuItem:share:timeline', event: 'menu:share:timeline', call: 'shareTimeline' },
};

function share(open, way, to) {
  if (!open.listening.has(WAYS[way].event)) { pass(to, open.url, open.title.textContent); return; }
  open.sharing = { call: WAYS[way].call, to };
  tell(open, WAYS[way].event, { scene: way, shareTo: way });
}

// What an older page sends after the tap; without a tap nothing is sent.
async function sent(open, name, args) {
  const { sharing } = open;
  if (!sharing || sharing.call !== name) return { err_msg: `${name}:fail` };
  open.sharing = null;
  return { err_msg: await pass(sharing.to, open.url, open.title.textContent, args) ? `${name}:ok` : `${name}:fail` };
}

function pageMenu(open) {
  const rows = [['摇手机', () => tell(open, 'motion')], ['刷新', () => { open.frame.src = open.url; }], ['在浏览器中打开', () => window.open(open.url, '_blank')],
    ['复制链接', () => navigator.clipboard.writeText(open.url).then(() => toast('已复制'), () => toast(open.url))]];
  if (!open.hidden.has(WAYS.timeline.item)) rows.unshift(['分享到朋友圈', () => share(open, 'timeline', 'timeline')]);
  if (!open.hidden.has(WAYS.friend.item)) rows.unshift(['发送给朋友', () => chooseFriend((id) => share(open, 'friend', id))]);
  sheet(rows);
}

// What a page asks of WeChat. The frame is known by its window, its host by the browser: nothing it says is believed.
const SHARED = Object.values(WAYS);
const HIDING = { hideOptionMenu: SHARED.map((way) => way.item), hideAllNonBaseMenuItem: SHARED.map((way) => way.item) };
const SHOWING = { showOptionMenu: HIDING.hideOptionMenu, showAllNonBaseMenuItem: HIDING.hideOptionMenu };
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
  if (id === 0) { // the page is loaded anew
    view.hidden.clear();
    view.listening.clear();
    answer(null);
    return;
  }
  if (name === 'listen') { view.listening.add(args.event); return; }
  if (name === 'title') return;
  if (name === 'jumpHongbao') { drawForPage({ ...args }, pageUrl, view.shakeTicket); return; }
  if (name === 'requestMerchantTransfer') { answer(await receiveForPage({ ...args }, pageUrl)); return; }
  if (name === 'closeWindow') { back(); return; }
  if (SHARED.some((way) => way.call === name)) { answer(await sent(view, name, { ...args })); return; }
  const items = Array.isArray(args.menuList) ? args.menuList : [];
  (name === 'hideMenuItems' ? items : HIDING[name] || []).forEach((item) => view.hidden.add(item));
  (name === 'showMenuItems' ? items : SHOWING[name] || []).forEach((item) => view.hidden.delete(item));
  if (name === 'jumpAddContact') { toast(state.person.is_followed ? '你已关注' : '请在公众号资料页关注'); return; }
  if (!await pickFor(name, { ...args })) { answer({ err_msg: `${name}:cancel` }); return; }
  if (QUIET.includes(name)) answer(await post(`/_sim/bridge/${encodeURIComponent(name)}`, { args, url: pageUrl }).catch(() => ({ err_msg: `${name}:fail` })));
  else answer({ err_msg: `${name}:ok` });
}

window.addEventListener('message', onMessage);
