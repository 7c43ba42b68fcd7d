/* The machine behind the screen: it stays awake, fills the whole screen, and saves power when it is asked to. */

import { save } from './loop.js';

let lock = null;

/** Ask that the display does not sleep; asked again when the page comes back. True when it is held. */
export async function stayAwake() {
  if (!('wakeLock' in navigator)) { return false; }
  try {
    lock = await navigator.wakeLock.request('screen');
  } catch {
    return false;
  }
  return true;
}

export function keepAwake() {
  stayAwake();
  document.addEventListener('visibilitychange', () => { if (!document.hidden) { stayAwake(); } });
}

export async function letSleep() {
  await lock?.release();
  lock = null;
}

export async function fullScreen() {
  try {
    if (document.fullscreenElement) { await document.exitFullscreen(); } else { await document.documentElement.requestFullscreen(); }
    return true;
  } catch {
    return false;
  }
}

/** Saving mode: nothing moves but a roll, and that without the ball. */
export function saving(isOn) {
  document.body.dataset.saving = isOn ? 'on' : 'off';
  localStorage.setItem('wxbot:hall:saving', isOn ? '1' : '0');
  save(isOn);
}

export function isSaving() { return document.body.dataset.saving === 'on'; }

export function restoreSaving() { saving(localStorage.getItem('wxbot:hall:saving') === '1'); }
