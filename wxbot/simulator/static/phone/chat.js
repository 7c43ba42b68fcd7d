// The list of chats, the chat with the account, its menu, and its profile.
import { get, hold, makePerson, mine, now, patch, post, state } from './api.js';
import { ask, avatar, clockText, h, icon, sheet, shopAvatar, toast } from './dom.js';
import { isNotice, noticesScreen, packetCard, showStates } from './direct.js';
import { friendRows } from './friends.js';
import { back, open } from './nav.js';
import { shakeScreen } from './shake.js';
import { openPage } from './web.js';

export const bar = (title, right = null, leave = back) =>
  h('header', { class: 'bar' }, leave ? h('button', { class: 'bar-back', 'aria-label': '返回', onclick: leave }, icon('back')) : h('span'),
    h('h1', {}, title), right || h('span'));

const SHORT = { image: '[图片]', voice: '[语音]', video: '[视频]', music: '[音乐]', news: '[图文]', location: '[位置]', link: '[链接]', msgmenu: '[菜单消息]', packet: '[微信红包]' };

export function lineText(line) {
  if (!line) return '';
  if (line.type === 'text') return String(line.content || '').replace(/<[^>]+>/g, '');
  if (line.type === 'news' && line.articles && line.articles[0]) return `[链接] ${line.articles[0].title || ''}`;
  if (line.type === 'packet') return `${SHORT.packet} ${line.wishing || ''}`;
  return SHORT[line.type] || `[${line.type}]`;
}

export async function chatsTab(body, restart) {
  const list = h('div', { class: 'rows' });
  const pins = h('div', { class: 'rows gap', 'data-testid': 'pinned' });
  body.append(bar('微信', null, null), list, pins);
  get('/_sim/pinned').then(({ pinned }) => pins.replaceChildren(...pinned.map(pinRow), strangerRow(pinned.filter((pin) => pin.url), restart)), () => {});
  let shown = null;
  async function look() {
    const [chat, passed] = await Promise.all([get(mine('/chat')), get(mine('/cards'))]).catch(() => [null]);
    if (!list.isConnected) return; // another tab, or another person's phone by now
    const mark = chat && `${chat.person.is_followed} ${chat.messages.length && chat.messages[chat.messages.length - 1].n} ${passed.cards.length}`;
    if (chat && mark !== shown) {
      shown = mark;
      Object.assign(state.person, chat.person);
      list.replaceChildren(...chatRows(chat.messages), ...friendRows(passed.cards));
    }
    setTimeout(look, 1500);
  }
  await look();
}

// A way in that somebody pinned: a page, words for the chat, or the shake.
function pinRow(pin) {
  const go = async () => {
    if (pin.url) openPage(pin.url);
    else if (pin.shake) open('shake', shakeScreen);
    else if (!state.person.is_followed) { toast(`先关注，再回复「${pin.say}」`); open('profile', profileScreen); }
    else {
      open('chat', chatScreen);
      await post(mine('/messages'), { type: 'text', content: pin.say }).catch((error) => toast(error.message));
    }
  };
  return h('button', { class: 'row chat-row', onclick: go }, h('span', { class: 'avatar team' }, icon(pin.shake ? 'shake' : pin.say ? 'chats' : 'ticket', 26)),
    h('span', { class: 'row-main' }, h('b', {}, pin.title), h('small', {}, pin.note || '')));
}

// Somebody new, who follows nothing, taps a link: this becomes their phone, and the page opens in it.
function strangerRow(pins, restart) {
  const come = async (url, isSnapshot) => {
    const person = await makePerson();
    if (isSnapshot) await patch(`/_sim/people/${person.id}`, { is_snapshot: true });
    await hold(person);
    restart();
    openPage(url);
  };
  const typed = async () => { const url = await ask('链接地址', 'https://'); if (/^https?:/.test(url || '')) come(url, false); };
  return h('button', { class: 'row chat-row', 'data-testid': 'stranger', onclick: () => sheet([...pins.flatMap((pin) => [[pin.title, () => come(pin.url, false)], [`${pin.title}（快照页）`, () => come(pin.url, true)]]), ['输入链接', typed]]) },
    h('span', { class: 'avatar team' }, icon('person', 26)), h('span', { class: 'row-main' }, h('b', {}, '陌生人点链接进来'), h('small', {}, '换一个没关注的新人，直接打开活动')));
}

function chatRows(messages) {
  const last = messages.filter((line) => !isNotice(line)).pop();
  const notice = messages.filter(isNotice).pop();
  const row = (face, name, text, line, action, test) => h('button', { class: 'row chat-row', 'data-testid': test, onclick: action },
    face, h('span', { class: 'row-main' }, h('b', {}, name), h('small', {}, text)), h('time', {}, line ? clockText(line.at) : ''));
  return [
    row(shopAvatar(48), state.account.name, last ? lineText(last) : state.person.is_followed ? '已关注，打个招呼吧' : '公众号 · 还没有关注', last,
      () => (state.person.is_followed || last ? open('chat', chatScreen) : open('profile', profileScreen)), 'open-chat'),
    notice ? row(h('span', { class: 'avatar team notices' }, icon('ticket', 26)), '服务通知', lineText(notice), notice, () => open('notices', noticesScreen), 'open-notices') : null,
    h('div', { class: 'row chat-row quiet' }, h('span', { class: 'avatar team' }, icon('shake', 26)),
      h('span', { class: 'row-main' }, h('b', {}, '摇一摇'), h('small', {}, '去「发现」里走近信标，摇一摇手机'))),
  ].filter(Boolean);
}

// Links in a text: <a href> of the account and bare addresses; everything else stays text.
function withLinks(text) {
  const parts = [];
  const pattern = /<a\s[^>]*?href=["']?([^"'\s>]+)["']?[^>]*>(.*?)<\/a>|(https?:\/\/[^\s<>"'，。！？）]+)/gis;
  let place = 0;
  for (const found of text.matchAll(pattern)) {
    parts.push(text.slice(place, found.index));
    const url = (found[1] || found[3]).replace(/&amp;/g, '&');
    parts.push(h('a', { href: '#', onclick: (event) => { event.preventDefault(); openPage(url); } }, found[2] || found[3]));
    place = found.index + found[0].length;
  }
  parts.push(text.slice(place));
  return parts;
}

const mediaUrl = (id) => `/_sim/media/${encodeURIComponent(id)}`;

function newsCard(articles) {
  const [first, ...rest] = articles;
  const go = (article) => () => article.url && openPage(article.url);
  return h('div', { class: 'news' },
    h('button', { class: 'news-first', onclick: go(first) },
      first.picurl ? h('img', { src: first.picurl, alt: '', onerror: (event) => event.target.remove() }) : null,
      h('b', {}, first.title || ''), first.description ? h('p', {}, first.description) : null,
      first.picurl ? null : h('span', { class: 'news-go' }, '查看详情', h('i', {}, '›'))),
    ...rest.map((article) => h('button', { class: 'news-more', onclick: go(article) }, h('span', {}, article.title || ''),
      article.picurl ? h('img', { src: article.picurl, alt: '', onerror: (event) => event.target.remove() }) : null)));
}

function menuMessage(line, say) {
  return h('div', { class: 'bubble' }, line.head_content ? h('div', {}, line.head_content) : null,
    ...(line.list || []).map((entry) => h('div', {}, h('a', { href: '#', onclick: (event) => { event.preventDefault(); say({ type: 'text', content: entry.content, bizmsgmenuid: entry.id }); } }, entry.content))),
    line.tail_content ? h('div', {}, line.tail_content) : null);
}

function content(line, say) {
  if (line.type === 'text') return h('div', { class: 'bubble' }, ...withLinks(String(line.content || '')));
  if (line.type === 'image') return h('img', { class: 'photo', src: line.media_id ? mediaUrl(line.media_id) : line.picurl || line.pic_url || '', alt: '图片' });
  if (line.type === 'news') return newsCard(line.articles || []);
  if (line.type === 'msgmenu') return menuMessage(line, say);
  if (line.type === 'location') return h('div', { class: 'bubble place' }, icon('place', 20), line.label || `${line.latitude ?? ''}, ${line.longitude ?? ''}`);
  if (line.type === 'packet') return packetCard(line);
  if (line.type === 'link') return h('div', { class: 'bubble' }, ...withLinks(`${line.title || '链接'} ${line.url || ''}`));
  return h('div', { class: 'bubble' }, SHORT[line.type] || `[${line.type}]`);
}

export function chatScreen(body) {
  const title = h('h1', {}, state.account.name);
  const lines = h('div', { class: 'lines', 'data-testid': 'lines' });
  const dots = h('div', { class: 'line account typing', hidden: true }, shopAvatar(40), h('div', { class: 'bubble dots' }, h('i'), h('i'), h('i')));
  const foot = h('footer', { class: 'chat-foot' });
  body.append(h('header', { class: 'bar' }, h('button', { class: 'bar-back', 'aria-label': '返回', onclick: back }, icon('back')), title,
    h('button', { class: 'bar-right', 'aria-label': '公众号资料', onclick: () => open('profile', profileScreen) }, icon('person'))), lines, foot);
  lines.append(dots);
  let last = 0;
  let lastAt = 0;
  let waitUntil = 0;
  let isLeft = false;
  let menu = null;
  let footKind = '';
  let timer = 0;
  let statesAt = 0;

  function add(line) {
    if (line.at - lastAt > 300) lines.insertBefore(h('div', { class: 'when' }, clockText(line.at, now() - line.at > 80000)), dots);
    lastAt = line.at;
    if (line.from === 'system') {
      lines.insertBefore(h('div', { class: 'system' }, line.content || lineText(line)), dots);
    } else {
      if (line.from === 'account') waitUntil = 0;
      const face = line.from === 'person' ? avatar(state.person, 40) : shopAvatar(40);
      lines.insertBefore(h('div', { class: `line ${line.from}` }, face, content(line, say)), dots);
    }
  }

  async function poll() {
    if (isLeft) return;
    try {
      const chat = await get(mine(`/chat?after=${last}`));
      const fresh = chat.messages.filter((line) => line.n > last);
      fresh.filter((line) => !isNotice(line)).forEach(add);
      if (fresh.length || Date.now() - statesAt > 3000) { statesAt = Date.now(); showStates(lines); }
      if (fresh.length) last = fresh[fresh.length - 1].n;
      menu = chat.menu && chat.menu.button.length ? chat.menu.button : null; // only a follower has one
      if (chat.person) Object.assign(state.person, chat.person);
      drawFoot();
      const isTyping = chat.is_typing || Date.now() < waitUntil;
      title.textContent = chat.is_typing ? '对方正在输入…' : state.account.name;
      dots.hidden = !isTyping;
      if (fresh.length || isTyping) lines.scrollTop = lines.scrollHeight;
    } catch (error) { /* the simulator restarts: try again */ }
    clearTimeout(timer);
    timer = setTimeout(poll, Date.now() < waitUntil ? 250 : 900);
  }

  async function say(message) {
    waitUntil = Date.now() + 2500;
    try { await post(mine('/messages'), message); clearTimeout(timer); poll(); } catch (error) { waitUntil = 0; toast(error.message); }
  }

  function drawFoot() {
    const kind = state.person.is_followed ? (menu && footKind !== 'type' ? 'menu' : 'type') : 'none';
    const mark = kind + JSON.stringify(kind === 'menu' ? menu : Boolean(menu));
    if (foot.dataset.mark === mark) return;
    foot.dataset.mark = mark;
    if (kind === 'none') foot.replaceChildren(h('button', { class: 'wide', onclick: () => open('profile', profileScreen) }, '关注公众号后才能发消息'));
    else if (kind === 'menu') foot.replaceChildren(flip('keyboard', 'type'), ...menu.map(menuButton));
    else foot.replaceChildren(...(menu ? [flip('menu', 'menu')] : []), typeForm());
  }

  const flip = (name, to) => h('button', { class: 'flip', 'aria-label': to === 'type' ? '打字' : '菜单', onclick: () => { footKind = to; drawFoot(); } }, icon(name));

  async function tapMenu(path) {
    waitUntil = Date.now() + 2500;
    const done = await post(mine('/menu'), { path }).catch((error) => { toast(error.message); return {}; });
    if (done.url) { waitUntil = 0; openPage(done.url); }
  }

  function menuButton(entry, index) {
    const subs = entry.sub_button || [];
    return h('button', { class: 'menu-button', onclick: () => {
      foot.querySelectorAll('.menu-list').forEach((old) => old.remove());
      if (!subs.length) { tapMenu([index]); return; }
      const list = h('div', { class: 'menu-list', style: `left:calc(52px + (100% - 52px) * ${index} / ${menu.length})` },
        ...subs.map((sub, at) => h('button', { onclick: (event) => { event.stopPropagation(); list.remove(); tapMenu([index, at]); } }, sub.name)));
      foot.append(list);
    } }, subs.length ? icon('menu', 12) : null, entry.name);
  }

  function typeForm() {
    const input = h('input', { class: 'say', 'aria-label': '消息', 'data-testid': 'say', autocomplete: 'off', enterkeyhint: 'send', maxlength: 600 });
    return h('form', { class: 'type', onsubmit: (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (text) { input.value = ''; say({ type: 'text', content: text }); }
    } }, input, h('button', { class: 'send' }, '发送'), h('button', { type: 'button', class: 'flip', 'aria-label': '更多', onclick: more }, icon('plus')));
  }

  function more() {
    sheet([
      ['发一张照片', pickPicture],
      ['拍一张小票（示例图）', () => say(photo(drawnReceipt()))],
      ['发送位置', () => say({ type: 'location', latitude: 31.2304, longitude: 121.4737, label: '上海市黄浦区人民大道' })],
      ['发送链接', async () => { const url = await ask('链接地址', 'https://'); if (url) say({ type: 'link', title: url, description: '', url }); }],
    ]);
  }

  function pickPicture() {
    const input = h('input', { type: 'file', accept: 'image/*' });
    input.onchange = () => { if (input.files[0]) photoOf(input.files[0]).then(say, () => toast('这不是一张能发送的图片')); };
    input.click();
  }

  drawFoot();
  poll();
  return () => { isLeft = true; };
}

const photo = (dataUrl, filename = 'photo.jpg') => ({ type: 'image', image: dataUrl, filename });

const LARGEST_PHOTO = 8 * 1024 * 1024; // what fits into one message of the simulator
const LONGEST_EDGE = 2560;

// A chosen file as it is; what is too large or of another kind becomes a JPEG, as WeChat does it.
async function photoOf(file) {
  if (/^image\/(jpeg|png|gif)$/.test(file.type) && file.size <= LARGEST_PHOTO) {
    const url = await new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.onerror = reject;
      reader.readAsDataURL(file);
    });
    return photo(url, file.name);
  }
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST_EDGE / Math.max(picture.width, picture.height));
  const canvas = h('canvas', { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
  canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
  return photo(canvas.toDataURL('image/jpeg', 0.85));
}

// A shop receipt as a photo, so that there is something to send without a camera.
function drawnReceipt() {
  const canvas = h('canvas', { width: 480, height: 640 });
  const pen = canvas.getContext('2d');
  pen.fillStyle = '#8d6e55'; pen.fillRect(0, 0, 480, 640);
  pen.translate(240, 320); pen.rotate(-0.04); pen.translate(-240, -320);
  pen.fillStyle = '#fffdf5'; pen.fillRect(90, 50, 300, 540);
  pen.fillStyle = '#333'; pen.font = 'bold 30px sans-serif'; pen.textAlign = 'center';
  pen.fillText(state.account.name, 240, 110);
  pen.font = '20px monospace'; pen.textAlign = 'left';
  const total = (10 + Math.random() * 90).toFixed(2);
  [`单号 ${Math.floor(Math.random() * 1e8)}`, '------------------------', '珍珠奶茶 ×1', '蛋挞 ×2', '------------------------', `合计 ¥${total}`, '谢谢惠顾'].forEach((text, row) => pen.fillText(text, 116, 170 + row * 48));
  return canvas.toDataURL('image/jpeg', 0.8);
}

export function profileScreen(body) {
  function draw() {
    const isFollowed = state.person.is_followed;
    body.replaceChildren(bar(''), h('div', { class: 'profile-box' }, shopAvatar(76), h('h2', {}, state.account.name),
      h('p', {}, `服务号 · ${state.account.original_id || ''}`), h('p', { class: 'soft' }, '摇一摇，红包就在身边'),
      isFollowed ? h('button', { class: 'button green', onclick: () => { back(); if (!document.querySelector('.screen.chat')) open('chat', chatScreen); } }, '发消息')
        : h('button', { class: 'button green', 'data-testid': 'follow', onclick: follow }, '关注公众号'),
      isFollowed ? h('button', { class: 'button plain', onclick: () => sheet([['不再关注', unfollow, 'danger']]) }, '不再关注') : null,
      h('button', { class: 'button plain', onclick: scan }, '扫带参数的二维码')));
  }
  async function follow() {
    await post(mine('/follow'));
    state.person.is_followed = true;
    toast('已关注');
    draw();
    setTimeout(() => { back(); if (!document.querySelector('.screen.chat')) open('chat', chatScreen); }, 500);
  }
  async function unfollow() {
    await post(mine('/unfollow'));
    state.person.is_followed = false;
    toast('已不再关注');
    draw();
  }
  async function scan() {
    const scene = await ask('二维码的场景值', '例如 store42');
    if (!scene) return;
    await post(mine('/scan'), { scene });
    state.person.is_followed = true;
    back();
    if (!document.querySelector('.screen.chat')) open('chat', chatScreen);
  }
  draw();
}
