// Small things every screen needs: elements, icons, money, pictures of people.
import { face, lantern } from './faces.js';

export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'class') element.className = value;
    else if (name === 'html') element.innerHTML = value; // only our own icons
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function svg(content, size = 24, box = '0 0 24 24') {
  return `<svg viewBox="${box}" width="${size}" height="${size}" fill="none" stroke="currentColor" stroke-width="1.6"
    stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${content}</svg>`;
}

export const icons = {
  chats: '<path d="M10 4c-4.4 0-8 2.9-8 6.5 0 2 1.1 3.8 2.9 5L4 18l2.8-1.4c1 .3 2 .4 3.2.4 4.400 0 8-2.900 8-6.500S14.400 4 10 4z"/><path d="M18.600 10.200c2 .9 3.400 2.500 3.400 4.400 0 1.400-.8 2.700-2 3.700l.6 2-2.200-1.100c-.8.200-1.600.3-2.400.3-1.900 0-3.600-.6-4.700-1.600"/>',
  people: '<circle cx="9" cy="8" r="3.600"/><path d="M2.500 19.500c.5-4 3-6 6.500-6s6 2 6.500 6z"/><path d="M16 5h5.500M17 9h4.500M18 13h3.500"/>',
  compass: '<circle cx="12" cy="12" r="9"/><path d="M15.800 8.200l-2.300 5.300-5.300 2.300 2.300-5.300z"/>',
  me: '<circle cx="12" cy="8" r="4"/><path d="M4 20.500c.6-4.500 3.600-6.700 8-6.700s7.400 2.200 8 6.700z"/>',
  back: '<path d="M15 4l-8 8 8 8"/>',
  close: '<path d="M5 5l14 14M19 5L5 19"/>',
  more: '<g fill="currentColor" stroke="none"><circle cx="5" cy="12" r="1.800"/><circle cx="12" cy="12" r="1.800"/><circle cx="19" cy="12" r="1.800"/></g>',
  plus: '<circle cx="12" cy="12" r="9.500"/><path d="M12 7v10M7 12h10"/>',
  keyboard: '<rect x="2.500" y="6" width="19" height="12.500" rx="2.500"/><path d="M6 10h.01M9 10h.01M12 10h.01M15 10h.01M18 10h.01M8 14.500h8"/>',
  menu: '<path d="M4 7h16M4 12h16M4 17h16"/>',
  person: '<circle cx="12" cy="8" r="4"/><path d="M4 21c.6-5 3.600-7 8-7s7.400 2 8 7"/>',
  shake: '<rect x="8" y="3.500" width="8" height="17" rx="2"/><path d="M4.500 8v8M2 10v4M19.500 8v8M22 10v4M11 17.500h2"/>',
  scan: '<path d="M4 8V5a1 1 0 011-1h3M16 4h3a1 1 0 011 1v3M20 16v3a1 1 0 01-1 1h-3M8 20H5a1 1 0 01-1-1v-3M3.500 12h17"/>',
  wallet: '<rect x="3" y="6" width="18" height="13" rx="2.500"/><path d="M3 10h18M16 14.500h2"/>',
  gear: '<circle cx="12" cy="12" r="3"/><path d="M12 2.800v3M12 18.200v3M2.800 12h3M18.200 12h3M5.500 5.500l2.100 2.100M16.400 16.400l2.100 2.100M18.500 5.500l-2.100 2.100M7.600 16.400l-2.100 2.100"/>',
  swap: '<path d="M7 4L3.500 7.500 7 11M3.500 7.500H17M17 13l3.500 3.500L17 20M20.500 16.500H7"/>',
  picture: '<rect x="3" y="4.500" width="18" height="15" rx="2"/><circle cx="8.500" cy="9.500" r="1.600"/><path d="M3.500 17l5-4.500 3.500 3 4-4 5 5"/>',
  place: '<path d="M12 21c4.500-4.800 6.800-8.300 6.800-11A6.800 6.800 0 005.200 10c0 2.700 2.300 6.200 6.800 11z"/><circle cx="12" cy="10" r="2.500"/>',
  link: '<path d="M9.500 14.500l5-5M8 11l-2.500 2.500a3.500 3.500 0 005 5L13 16M16 13l2.500-2.500a3.500 3.500 0 00-5-5L11 8"/>',
  ticket: '<path d="M4 6h16v4a2 2 0 000 4v4H4v-4a2 2 0 000-4z"/><path d="M10 6v12" stroke-dasharray="2 2"/>',
  cut: '<path d="M7 3.500h10v17l-2.500-1.800L12 20.500l-2.500-1.800L7 20.500z"/><path d="M10 8h4M10 12h4"/>',
};

export const icon = (name, size = 24, label = '') => h('span', { class: 'icon', html: svg(icons[name], size), title: label });

const COLOURS = ['#ffd8a8', '#b2f2bb', '#a5d8ff', '#fcc2d7', '#d0bfff', '#ffec99', '#99e9f2', '#ffc9c9', '#c3fae8', '#e5dbff'];

export function avatar(person, size = 48) {
  const colour = COLOURS[(person.id || 0) % COLOURS.length];
  return h('span', { class: 'avatar', style: `width:${size}px;height:${size}px;background:${colour}`, html: face(person.avatar) });
}

export function shopAvatar(size = 48) {
  return h('span', { class: 'avatar shop', style: `width:${size}px;height:${size}px`, html: lantern });
}

export const yuan = (fen) => (fen / 100).toLocaleString('zh-CN', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

const two = (number) => String(number).padStart(2, '0');

// Beijing time whatever the zone of this machine: the simulated clock gives Unix seconds.
export function clockText(at, withDay = false) {
  const date = new Date((at + 8 * 3600) * 1000);
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
  return withDay ? `${date.getUTCMonth() + 1}月${date.getUTCDate()}日 ${time}` : time;
}

export function toast(text, mark = '') {
  const screen = document.querySelector('#screen');
  screen.querySelectorAll('.toast').forEach((old) => old.remove());
  const shown = h('div', { class: 'toast', role: 'status' }, mark ? h('b', {}, mark) : null, text);
  screen.append(shown);
  setTimeout(() => shown.remove(), 2200);
}

// A sheet from below: [[label, action], …]; a tap beside it, or 取消, closes it and calls `given`.
export function sheet(rows, given = () => {}) {
  const leave = () => { veil.remove(); given(); };
  const veil = h('div', { class: 'veil', onclick: leave });
  const list = rows.map(([label, action, style]) => h('button', { class: `sheet-row ${style || ''}`, onclick: () => { veil.remove(); action(); } }, label));
  veil.append(h('div', { class: 'sheet', onclick: (event) => event.stopPropagation() }, ...list, h('button', { class: 'sheet-row last', onclick: leave }, '取消')));
  document.querySelector('#screen').append(veil);
}

// Asks for one line of text; gives null when given up.
export function ask(title, placeholder = '', value = '') {
  return new Promise((resolve) => {
    const input = h('input', { type: 'text', placeholder, value, 'aria-label': title });
    const done = (answer) => { veil.remove(); resolve(answer); };
    const form = h('form', { class: 'dialog', onsubmit: (event) => { event.preventDefault(); done(input.value.trim()); } },
      h('h3', {}, title), input,
      h('div', { class: 'dialog-row' }, h('button', { type: 'button', onclick: () => done(null) }, '取消'), h('button', { class: 'yes' }, '确定')));
    const veil = h('div', { class: 'veil middle' }, form);
    document.querySelector('#screen').append(veil);
    input.focus();
  });
}
