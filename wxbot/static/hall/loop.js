/* One requestAnimationFrame loop for everything that moves. It stands still while the page is hidden, in saving mode, and when
   nothing has happened for ten seconds; only what is `restless` (a roll, a race) keeps it running. Where frames come too late it
   asks for less to be drawn: see `pace`. */

import { Pace } from './pace.js';

const IDLE_AFTER_MS = 10_000;

const steps = new Map();
const machine = new Pace();
let handle = 0;
let before = 0;
let lastLife = performance.now();
let isSaving = false;

export const calm = window.matchMedia('(prefers-reduced-motion: reduce)');

/** Call `step(seconds since the last frame, now in ms)` each frame until the function that is returned is called. */
export function moving(step, isRestless = false) {
  steps.set(step, isRestless);
  wake();
  return () => { steps.delete(step); };
}

/** Something happened: decoration moves for another ten seconds. */
export function wake() {
  lastLife = performance.now();
  if (!handle && steps.size) { before = 0; handle = requestAnimationFrame(frame); }
}

/** In saving mode only what is restless moves. */
export function save(isOn) {
  isSaving = isOn;
  wake();
}

export function isRunning() { return handle !== 0; }

/** How much must be left out for this machine to keep up: 0, 1 or 2. A change is told by an event `pace`. */
export function pace() { return machine.level; }

function frame(now) {
  handle = 0;
  const isIdle = isSaving || now - lastLife > IDLE_AFTER_MS;
  const passed = before ? Math.min((now - before) / 1000, 0.1) : 1 / 60;
  if (before && machine.hear(now - before)) {
    document.body.dataset.pace = machine.level;
    dispatchEvent(new Event('pace'));
  }
  before = now;
  let isNeeded = false;
  for (const [step, isRestless] of steps) {
    if (isIdle && !isRestless) { continue; }
    isNeeded = true;
    step(passed, now);
  }
  if (isNeeded && steps.size && !document.hidden) { handle = requestAnimationFrame(frame); }
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) { cancelAnimationFrame(handle); handle = 0; } else { wake(); }
});
for (const kind of ['pointermove', 'keydown']) { addEventListener(kind, wake, { passive: true }); }
