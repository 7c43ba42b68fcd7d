// Walking near beacons on a small map, and shaking: button, space key, a wiggling mouse, or a real phone's motion.
import { get, mine, post, state } from './api.js';
import { face } from './faces.js';
import { h, icon, toast } from './dom.js';
import { back, current } from './nav.js';
import { openPage } from './web.js';

const METRES = 24; // how wide the map is
const REACH = 6; // metres at which a beacon is heard
const spots = {}; // where each person stands, in percent of the map

const distance = (spot, beacon) => Math.hypot((spot.x - beacon.x) / 100 * METRES, (spot.y - beacon.y) / 100 * METRES * 0.62);

export function shakeScreen(body) {
  const spot = spots[state.person.id] || (spots[state.person.id] = { x: 50, y: 84 });
  const status = h('p', { class: 'shake-status' }, '走近信标，再摇一摇');
  const hand = h('div', { class: 'hand' }, h('div', { class: 'half top' }, phoneDrawing()), h('div', { class: 'half bottom' }, phoneDrawing()));
  const stage = h('button', { class: 'shake-stage', 'aria-label': '摇一摇', 'data-testid': 'shake', onclick: () => shake() }, hand);
  const map = h('div', { class: 'map', 'data-testid': 'map' });
  const me = h('div', { class: 'me-spot', tabindex: 0, 'aria-label': '我的位置，可以拖动', html: face(state.person.avatar) });
  const tray = h('div', { class: 'card-tray' });
  body.append(h('header', { class: 'bar dark' }, h('button', { class: 'bar-back', 'aria-label': '返回', onclick: back }, icon('back')), h('h1', {}, '摇一摇 · 周边'), h('span')),
    stage, status, map, tray);
  let beacons = [];
  let isBusy = false;
  let isLeft = false;

  async function load() {
    beacons = (await get('/_sim/beacons')).beacons;
    drawMap();
    await tell();
  }

  const heard = () => beacons.filter((one) => distance(spot, one) <= REACH);

  function drawMap() {
    map.innerHTML = floor;
    for (const beacon of beacons) {
      const isHeard = distance(spot, beacon) <= REACH;
      map.append(h('div', { class: `beacon ${isHeard ? 'heard' : ''} ${beacon.page_ids.length ? '' : 'empty'}`, style: `left:${beacon.x}%;top:${beacon.y}%`, 'data-testid': `beacon-${beacon.device_id}`,
        title: `${beacon.comment || '信标'} · ${beacon.major}/${beacon.minor}`, onclick: () => walkTo(beacon) }, h('i'), h('span', {}, beacon.comment || beacon.page_titles[0] || String(beacon.minor))));
    }
    if (!beacons.length) map.append(h('div', { class: 'no-beacon' }, '这里还没有信标', h('button', { onclick: hang }, '挂一个信标')));
    map.append(me);
    place();
  }

  function place() {
    me.style.left = `${spot.x}%`;
    me.style.top = `${spot.y}%`;
    let count = 0;
    map.querySelectorAll('.beacon').forEach((shown, index) => {
      const isHeard = distance(spot, beacons[index]) <= REACH;
      count += isHeard ? 1 : 0;
      shown.classList.toggle('heard', isHeard);
    });
    status.textContent = !beacons.length ? '等待商家布置信标' : count ? `附近有 ${count} 个信标，摇动手机，或点一下上面的手` : '附近没有信标，拖动自己走近一点';
  }

  const tell = () => post(mine('/near'), { distances: Object.fromEntries(heard().map((one) => [one.device_id, Math.max(0.05, distance(spot, one))])) }).catch(() => {});

  async function hang() {
    await post('/_sim/beacons', { comment: '门口', x: 50, y: 30 });
    await load();
  }

  async function walkTo(beacon) {
    me.classList.add('walking');
    spot.x = Math.min(97, Math.max(3, beacon.x + 3));
    spot.y = Math.min(94, beacon.y + 15);
    place();
    await tell();
    setTimeout(() => me.classList.remove('walking'), 600);
  }

  function drag(event) {
    event.preventDefault();
    me.setPointerCapture(event.pointerId);
    const box = map.getBoundingClientRect();
    const move = (to) => {
      spot.x = Math.min(97, Math.max(3, (to.clientX - box.left) / box.width * 100));
      spot.y = Math.min(94, Math.max(6, (to.clientY - box.top) / box.height * 100));
      place();
    };
    const stop = () => { me.removeEventListener('pointermove', move); me.removeEventListener('pointerup', stop); tell(); };
    me.addEventListener('pointermove', move);
    me.addEventListener('pointerup', stop);
  }
  me.addEventListener('pointerdown', drag);

  async function shake() {
    if (isBusy || isLeft || current() !== 'shake' || body.querySelector('.shake-card')) return;
    isBusy = true;
    tray.replaceChildren();
    body.classList.add('shaking');
    rattle();
    if (navigator.vibrate) navigator.vibrate([60, 40, 60]);
    try {
      await tell();
      const [found] = await Promise.all([post(mine('/shake')), new Promise((resolve) => setTimeout(resolve, 1000))]);
      body.classList.remove('shaking');
      if (found.code) { toast(found.message); return; }
      status.textContent = '正在寻找附近的页面…';
      await new Promise((resolve) => setTimeout(resolve, 350));
      if (found.cards.length) showCards(found.cards);
      else { status.textContent = beacons.some((one) => one.page_ids.length) ? '没有摇到，走近信标再试试' : '信标上还没有页面，等活动上线再来摇'; }
    } catch (error) {
      toast(error.message);
    } finally {
      body.classList.remove('shaking');
      isBusy = false;
    }
  }

  function showCards(cards) {
    place();
    tray.replaceChildren(...cards.map((card) => h('button', { class: 'shake-card', 'data-testid': 'card', onclick: () => { tray.replaceChildren(); openPage(card.url, card.shake_ticket); } },
      h('span', { class: 'card-icon' }, card.icon_url ? h('img', { src: card.icon_url, alt: '', onerror: (event) => event.target.replaceWith(redDrawing()) }) : redDrawing()),
      h('span', { class: 'row-main' }, h('b', {}, card.title), h('small', {}, card.description)), h('span', { class: 'card-go' }, '›'))));
    if (navigator.vibrate) navigator.vibrate(30);
  }

  const stopMotion = watchMotion(stage, shake);
  const onKey = (event) => {
    const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if (isTyping || current() !== 'shake') return;
    const steps = { ArrowLeft: [-3, 0], ArrowRight: [3, 0], ArrowUp: [0, -5], ArrowDown: [0, 5] };
    if (event.code === 'Space') { event.preventDefault(); shake(); }
    if (steps[event.key]) {
      event.preventDefault();
      spot.x = Math.min(97, Math.max(3, spot.x + steps[event.key][0]));
      spot.y = Math.min(94, Math.max(6, spot.y + steps[event.key][1]));
      place();
      tell();
    }
  };
  document.addEventListener('keydown', onKey);
  const stopShaken = onShaken(shake);
  load().catch((error) => toast(error.message));
  body.refresh = () => load().catch(() => {});
  return () => { isLeft = true; document.removeEventListener('keydown', onKey); stopMotion(); stopShaken(); };
}

// The big button beside the phone says it too.
function onShaken(shake) {
  const listener = () => shake();
  document.addEventListener('wxsim-shake', listener);
  return () => document.removeEventListener('wxsim-shake', listener);
}

// A mouse that goes to and fro five times in a second, or a phone that really moves.
function watchMotion(area, shake) {
  let turns = [];
  let lastX = 0;
  let direction = 0;
  const wiggle = (event) => {
    if (event.pointerType !== 'mouse') return;
    const step = event.clientX - lastX;
    lastX = event.clientX;
    if (Math.abs(step) < 6) return;
    if (direction && Math.sign(step) !== direction) {
      const at = performance.now();
      turns = [...turns.filter((one) => at - one < 1000), at];
      if (turns.length >= 5) { turns = []; shake(); }
    }
    direction = Math.sign(step);
  };
  let before = null;
  let jolts = [];
  const motion = (event) => {
    const force = event.accelerationIncludingGravity;
    if (!force || force.x === null) return;
    if (before) {
      const jolt = Math.abs(force.x - before.x) + Math.abs(force.y - before.y) + Math.abs(force.z - before.z);
      const at = performance.now();
      if (jolt > 18) jolts = [...jolts.filter((one) => at - one < 800), at];
      if (jolts.length >= 3) { jolts = []; shake(); }
    }
    before = { x: force.x, y: force.y, z: force.z };
  };
  const allow = () => {
    if (window.DeviceMotionEvent && typeof DeviceMotionEvent.requestPermission === 'function') DeviceMotionEvent.requestPermission().catch(() => {});
  };
  area.addEventListener('pointermove', wiggle);
  area.addEventListener('click', allow, { once: true });
  window.addEventListener('devicemotion', motion);
  return () => window.removeEventListener('devicemotion', motion);
}

// The rattle of a shaken phone, made of a little noise.
function rattle() {
  try {
    const audio = new (window.AudioContext || window.webkitAudioContext)();
    for (const start of [0, 0.13, 0.3, 0.43]) {
      const buffer = audio.createBuffer(1, audio.sampleRate * 0.08, audio.sampleRate);
      const wave = buffer.getChannelData(0);
      for (let i = 0; i < wave.length; i += 1) wave[i] = (Math.random() * 2 - 1) * (1 - i / wave.length) ** 4 * 0.35;
      const source = audio.createBufferSource();
      source.buffer = buffer;
      source.connect(audio.destination);
      source.start(audio.currentTime + start);
    }
    setTimeout(() => audio.close(), 1200);
  } catch (error) { /* no sound is no harm */ }
}

function phoneDrawing() {
  return h('span', { html: `<svg viewBox="0 0 200 240" width="200" height="240" aria-hidden="true">
<path d="M20 205 Q44 150 58 140 L58 96 Q46 118 38 124 Q28 118 36 96 Q48 66 66 58 L66 40 Q66 26 80 26 L128 26 Q142 26 142 40 L142 62 Q156 70 156 84 Q160 88 158 98 Q162 104 158 116 Q160 124 152 132 Q148 158 128 172 L124 205z" fill="#dfe4e8"/>
<rect x="66" y="22" width="74" height="132" rx="11" fill="#3b4248"/><rect x="72" y="36" width="62" height="98" rx="3" fill="#7fd1a0"/><circle cx="103" cy="144" r="4.500" fill="#66707a"/><path d="M96 29 h14" stroke="#66707a" stroke-width="3" stroke-linecap="round"/>
<path d="M72 112 q18 -22 31 -6 q12 14 31 -12 v40 h-62z" fill="#4fb47c"/><circle cx="118" cy="56" r="9" fill="#fff6c9"/>
<g fill="#dfe4e8" stroke="#3b4248" stroke-width="2.500"><rect x="132" y="66" width="26" height="17" rx="8.500"/><rect x="134" y="84" width="27" height="17" rx="8.500"/><rect x="133" y="102" width="26" height="17" rx="8.500"/><rect x="130" y="119" width="24" height="15" rx="7.500"/></g></svg>` });
}

const redDrawing = () => h('span', { class: 'red-drawing', html: '<svg viewBox="0 0 48 48" width="48" height="48"><rect width="48" height="48" rx="9" fill="#e6503c"/><path d="M0 15 Q24 33 48 15 V9 a9 9 0 00-9-9 H9 a9 9 0 00-9 9z" fill="#f0674f"/><circle cx="24" cy="24" r="7.500" fill="#ffd98a"/></svg>' });

const floor = `<svg class="floor" viewBox="0 0 340 210" preserveAspectRatio="none" aria-hidden="true"><rect width="340" height="210" fill="#f7f1e6"/>
<path d="M0 35h340M0 70h340M0 105h340M0 140h340M0 175h340M42 0v210M85 0v210M127 0v210M170 0v210M212 0v210M255 0v210M297 0v210" stroke="#efe6d5" stroke-width="1.500"/>
<g fill="#dcc7a4"><rect x="22" y="28" width="86" height="20" rx="5"/><rect x="22" y="82" width="86" height="20" rx="5"/><rect x="232" y="28" width="86" height="20" rx="5"/><rect x="232" y="82" width="86" height="20" rx="5"/></g>
<g><circle cx="36" cy="38" r="6" fill="#e8705f"/><circle cx="54" cy="38" r="6" fill="#f5b945"/><circle cx="72" cy="38" r="6" fill="#6fbf73"/><circle cx="91" cy="38" r="6" fill="#e8705f"/><circle cx="250" cy="92" r="6" fill="#5aa9d6"/><circle cx="270" cy="92" r="6" fill="#f5b945"/><circle cx="290" cy="92" r="6" fill="#b388d9"/></g>
<rect x="136" y="8" width="68" height="26" rx="6" fill="#c9974f"/><text x="170" y="26" font-size="13" text-anchor="middle" fill="#fff" font-family="sans-serif">收银台</text>
<path d="M0 210v-6h132v6zM208 210v-6h132v6z" fill="#8f7a5c"/><path d="M134 207h72" stroke="#8f7a5c" stroke-width="2" stroke-dasharray="5 4"/><text x="170" y="200" font-size="11" text-anchor="middle" fill="#a48d6a" font-family="sans-serif">入口</text>
<g fill="#86b77d"><circle cx="18" cy="186" r="10"/><circle cx="28" cy="192" r="8"/><circle cx="322" cy="186" r="10"/><circle cx="312" cy="192" r="8"/></g></svg>`;
