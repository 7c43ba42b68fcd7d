/* Before the evening: is this machine fit to be the screen? Each line is one check with what to do when it fails. */

import { at, fill, say } from './dom.js';
import { ServerClock } from './link.js';
import { fullScreen, letSleep, stayAwake } from './power.js';
import './room.js';
import { fanfare, mute, unlock } from './sound.js';

const MOST_OFFSET_S = 5;
const MOST_TRIP_MS = 800;
const FAIR_FPS = 45;
const FRAMES_MS = 1500;
const TESTS = 2;

const config = JSON.parse(at('config').textContent);
const { words } = config;

function verdict(name, isGood, sentence, values = {}) {
  const line = at(`check-${name}`);
  line.dataset.state = isGood === null ? 'open' : isGood ? 'good' : 'bad';
  say(line.querySelector('.said'), fill(sentence, values));
}

async function network() {
  const clock = new ServerClock(`${config.base}/now`, config.now);
  const trips = [];
  try {
    for (let round = 0; round < 5; round += 1) { await clock.measure(); trips.push(clock.trip_ms); }
  } catch {
    verdict('network', false, words.check_network_bad);
    verdict('clock', null, '');
    return;
  }
  const trip = trips.sort((a, b) => a - b)[2];
  verdict('network', trip <= MOST_TRIP_MS, trip <= MOST_TRIP_MS ? words.check_network_good : words.check_network_slow, { ms: Math.round(trip) });
  const offset = Math.abs(clock.offset_s);
  verdict('clock', offset <= MOST_OFFSET_S, offset <= MOST_OFFSET_S ? words.check_clock_good : words.check_clock_bad, { s: offset.toFixed(1) });
}

function stream() {
  if (!config.is_paired) { verdict('stream', null, words.check_stream_unpaired); return; }
  if (!('EventSource' in window)) { verdict('stream', false, words.check_stream_bad); return; }
  const open = new EventSource(config.events, { withCredentials: true });
  const fail = () => { clearTimeout(timer); open.close(); verdict('stream', false, words.check_stream_bad); };
  const timer = setTimeout(fail, 6000);
  open.onerror = () => { if (open.readyState === EventSource.CLOSED) { fail(); } }; // it was refused; else the browser tries again
  open.onopen = () => { clearTimeout(timer); open.close(); verdict('stream', true, words.check_stream_good); };
}

/** Whether Chinese letters have a font: 永 is not as wide as a box for a missing letter, or at least differs from one. */
function fonts() {
  const pen = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const drawn = (letter) => {
    pen.clearRect(0, 0, 60, 60);
    pen.font = '40px sans-serif';
    pen.fillText(letter, 4, 46);
    return pen.getImageData(0, 0, 60, 60).data.join();
  };
  const isGood = drawn('永') !== drawn('\u{10FFFE}') && drawn('永') !== drawn('奖');
  verdict('fonts', isGood, isGood ? words.check_fonts_good : words.check_fonts_bad);
}

/** Frames a second while two hundred boxes move. */
function frames() {
  const room = at('frames');
  room.replaceChildren(...Array.from({ length: 200 }, () => document.createElement('i')));
  const began = performance.now();
  let count = 0;
  const step = (now) => {
    count += 1;
    [...room.children].forEach((box, place) => {
      box.style.transform = `translate3d(${Math.sin(now / 400 + place) * 40}vmin, ${Math.cos(now / 500 + place) * 20}vmin, 0)`;
    });
    if (now - began < FRAMES_MS) { requestAnimationFrame(step); return; }
    room.replaceChildren();
    const fps = Math.round((count * 1000) / (now - began));
    verdict('frames', fps >= FAIR_FPS, fps >= FAIR_FPS ? words.check_frames_good : words.check_frames_bad, { fps });
  };
  requestAnimationFrame(step);
}

async function awake() {
  const isGood = await stayAwake();
  verdict('awake', isGood, isGood ? words.check_awake_good : words.check_awake_bad);
  await letSleep();
}

/** Two selections in a rehearsal, which can pay nobody. */
async function rehearsal() {
  try {
    const answer = await fetch(`${config.base}/state`, { cache: 'no-store' });
    const state = await answer.json();
    const last = state.selection;
    const done = last ? last.d - (last.status === 'confirmed' ? 0 : 1) : 0;
    if (!state.rehearsal) { verdict('rehearsal', null, words.check_rehearsal_none); return; }
    verdict('rehearsal', done >= TESTS ? true : null, words.check_rehearsal_done, { done: Math.min(done, TESTS), tests: TESTS });
  } catch {
    verdict('rehearsal', null, words.check_rehearsal_none);
  }
}

function size() {
  const [width, height] = [Math.round(screen.width * devicePixelRatio), Math.round(screen.height * devicePixelRatio)];
  const isGood = Math.min(width, height) >= 720;
  verdict('size', isGood, isGood ? words.check_size_good : words.check_size_bad, { width, height });
}

function all() {
  network();
  stream();
  fonts();
  frames();
  awake();
  size();
  rehearsal();
}

at('try-sound').addEventListener('click', async () => {
  mute(false);
  const isGood = await unlock();
  if (isGood) { fanfare(); }
  verdict('sound', isGood, isGood ? words.check_sound_good : words.check_sound_bad);
});
at('try-full').addEventListener('click', async () => {
  const isGood = await fullScreen();
  verdict('full', isGood, isGood ? words.check_full_good : words.check_full_bad);
});
at('again').addEventListener('click', all);
addEventListener('keydown', (event) => {
  if (['PageDown', 'PageUp'].includes(event.key)) { event.preventDefault(); verdict('clicker', true, words.check_clicker_good); }
});
all();
setInterval(rehearsal, 3000);
