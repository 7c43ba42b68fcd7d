// What every page of the desk has: the bar on top, the clock, calls, notes.

const PAGES = [['/', '首页'], ['/phone', '手机'], ['/bank', '银行'], ['/clock', '时钟'], ['/faults', '故障'], ['/log', '日志'], ['/hall', '会场'], ['/redirect', '接入']];

export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'class') element.className = value;
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export async function call(method, path, body) {
  const reply = await fetch(path, { method, headers: body === undefined ? {} : { 'Content-Type': 'application/json' }, body: body === undefined ? undefined : JSON.stringify(body) });
  const content = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Error(content.error || `模拟器回答 ${reply.status}`);
  return content;
}
export const get = (path) => call('GET', path);
export const post = (path, body = {}) => call('POST', path, body);
export const put = (path, body = {}) => call('PUT', path, body);
export const remove = (path) => call('DELETE', path);

export const $ = (selector) => document.querySelector(selector);
export const yuan = (fen) => `${fen < 0 ? '-' : ''}¥${(Math.abs(fen) / 100).toLocaleString('zh-CN', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;

const two = (number) => String(number).padStart(2, '0');
// Beijing time, whatever the zone of this machine.
export function when(at, withYear = false) {
  if (!at) return '—';
  const date = new Date((at + 8 * 3600) * 1000);
  const day = `${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  return `${withYear ? `${date.getUTCFullYear()}-` : ''}${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
}
export const dayOf = (at) => new Date((at + 8 * 3600) * 1000).toISOString().slice(0, 10).replaceAll('-', '');

export function note(text) {
  document.querySelectorAll('.note').forEach((old) => old.remove());
  const shown = h('div', { class: 'note', role: 'status' }, text);
  document.body.append(shown);
  setTimeout(() => shown.remove(), 2600);
}

let offset = 0;
export const now = () => Date.now() / 1000 + offset;
export async function readClock() {
  const clock = await get('/_sim/clock');
  offset = clock.now - Date.now() / 1000;
  return clock;
}
export async function advance(hours) {
  await post('/_sim/clock', { advance_s: hours * 3600 });
  await readClock();
  note(`时间过去了 ${hours} 小时`);
}

// Calls again and again while the page is seen; a fault shows once and goes when it works again.
export function every(seconds, act) {
  const turn = async () => {
    if (!document.hidden) {
      try { await act(); document.body.classList.remove('away'); } catch (error) {
        if (!document.body.classList.contains('away')) note(`模拟器没有回答：${error.message}`);
        document.body.classList.add('away');
      }
    }
    setTimeout(turn, seconds * 1000);
  };
  turn();
}

const clock = h('time', { title: '模拟时间（北京） simulated Beijing time' });
document.body.prepend(h('header', { class: 'top' }, h('nav', {}, h('img', { src: '/sim/static/icon.svg', alt: '' }), h('b', {}, '微信模拟器'),
  ...PAGES.map(([path, label]) => h('a', { href: path, class: path === location.pathname ? 'on' : '' }, label)), clock)));
setInterval(() => { clock.textContent = when(now(), true); }, 500);
every(4, readClock);
