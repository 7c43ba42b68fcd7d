/* Confetti over the winners, never more than 240 pieces at once; it is a sheet only while it flies. */

import { at } from './dom.js';
import { calm, pace } from './loop.js';
import { Sheet } from './sheet.js';

const BURSTS = 4;
const PIECES = [60, 40, 25];
const COLOURS = ['#ffd977', '#f2b33d', '#e23b4a', '#fff3d0', '#b3122a'];

const OVER_MS = 5000;

let sheet = null;
let throwing = null;
let timer = 0;

function over() {
  throwing.reset();
  at('confetti').hidden = true;
}

/** For so many winners; nothing in saving mode or where less motion is wanted. */
export function celebrate(count) {
  if (calm.matches || document.body.dataset.saving === 'on' || !window.confetti) { return; }
  at('confetti').hidden = false;
  sheet ||= new Sheet(at('confetti'), { isClear: true });
  sheet.measure();
  throwing ||= window.confetti.create(sheet.node, { resize: false, useWorker: false, disableForReducedMotion: true });
  const bursts = count > 10 ? BURSTS : BURSTS - 1;
  for (let burst = 0; burst < bursts; burst += 1) {
    setTimeout(() => {
      throwing({
        particleCount: PIECES[pace()],
        spread: 70,
        startVelocity: sheet.height / 20,
        ticks: 160,
        scalar: sheet.height / 800,
        gravity: 1.1,
        colors: COLOURS,
        origin: { x: burst % 2 ? 0.82 : 0.18, y: 0.78 },
        angle: burst % 2 ? 118 : 62,
      });
    }, burst * 260);
  }
  // Pieces live for so many frames: a slow machine would draw them for half a minute.
  clearTimeout(timer);
  timer = setTimeout(over, OVER_MS);
}
