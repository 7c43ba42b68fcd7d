// What a page asks of this phone: a code to scan, a place, pictures. The person picks; the simulator answers from it (§9.4).
import { get, mine, put } from './api.js';
import { ask, h, icon, sheet, toast } from './dom.js';
import { openPage } from './web.js';

const pick = (rows) => new Promise((resolve) => sheet(rows.map(([label, give]) => [label, async () => resolve(await give())]), () => resolve(null)));

async function scan() {
  return { scan: await pick([['输入扫到的内容', () => ask('扫到的内容', '二维码里的文字或网址')], ['条形码 6901234567892', () => 'EAN_13,6901234567892'], ['二维码「示例 DEMO-2026」', () => 'DEMO-2026']]) || null };
}

async function locate() {
  const { location } = await get(mine('/in_hand'));
  const typed = await ask('我在哪里', '纬度,经度', location ? `${location.latitude},${location.longitude}` : '23.12911,113.264385');
  const [latitude, longitude] = (typed || '').split(/[,，]/).map(Number);
  return typed === null ? null : { location: { latitude, longitude } };
}

const drawn = (colour) => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 64 });
  const pen = canvas.getContext('2d');
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 64, 64);
  return canvas.toDataURL('image/png');
};

function fromFile() {
  return new Promise((resolve) => {
    const input = h('input', { type: 'file', accept: 'image/png,image/jpeg,image/gif', onchange: () => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.readAsDataURL(input.files[0]);
    }, oncancel: () => resolve(null) });
    input.click();
  });
}

async function choose() {
  const picture = await pick([['红色的图片', () => drawn('#d9432f')], ['绿色的图片', () => drawn('#07c160')], ['从电脑选一张', fromFile]]);
  return { images: picture ? [picture] : null };
}

const ASKING = { scanQRCode: scan, geoLocation: locate, getLocation: locate, chooseImage: choose };

// Lets the person pick what this call is about; false: there is nothing to answer but a cancel.
export async function pickFor(name, args) {
  if (name === 'openLocation') { showMap(args); return true; }
  if (!ASKING[name]) return true;
  const picked = await ASKING[name]();
  if (!picked) return false;
  try { await put(mine('/in_hand'), picked); } catch (error) { toast(error.message); return false; }
  if (picked.scan && args.needResult !== 1) { if (/^https?:/.test(picked.scan)) openPage(picked.scan); else toast(picked.scan); }
  return true;
}

function showMap(args) {
  const veil = h('div', { class: 'veil middle', 'data-testid': 'map', onclick: () => veil.remove() }, h('div', { class: 'dialog' }, h('h3', {}, icon('place', 22), args.name || '位置'),
    h('p', {}, args.address || ''), h('p', {}, `${args.latitude}, ${args.longitude}`), h('div', { class: 'dialog-row' }, h('button', { class: 'yes' }, '关闭'))));
  document.querySelector('#screen').append(veil);
}
