/* Confetti over the winners: on a canvas of at most 1920×1080 that CSS scales, and never more than 240 pieces at once. */

import { at } from './dom.js';
import { calm } from './loop.js';

const MOST_WIDTH = 1920;
const MOST_HEIGHT = 1080;
const BURSTS = 4;
const PIECES = 60;
const COLOURS = ['#ffd977', '#f2b33d', '#e23b4a', '#fff3d0', '#b3122a'];

const OVER_MS = 5000;

let throwing = null;
let timer = 0;

function canvas() {
  const made = at('confetti');
  const scale = Math.min(1, MOST_WIDTH / innerWidth, MOST_HEIGHT / innerHeight);
  made.width = Math.round(innerWidth * scale);
  made.height = Math.round(innerHeight * scale);
  return made;
}

/** For so many winners; nothing in saving mode or where less motion is wanted. */
export function celebrate(count) {
  if (calm.matches || document.body.dataset.saving === 'on' || !window.confetti) { return; }
  const sheet = canvas();
  throwing ||= window.confetti.create(sheet, { resize: false, useWorker: false, disableForReducedMotion: true });
  const bursts = count > 10 ? BURSTS : BURSTS - 1;
  for (let burst = 0; burst < bursts; burst += 1) {
    setTimeout(() => {
      throwing({
        particleCount: PIECES,
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
  timer = setTimeout(() => throwing.reset(), OVER_MS);
}
