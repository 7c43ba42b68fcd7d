/* Sounds made on the spot (no files): a tick while names roll, a fanfare for winners. Browsers give sound only after a gesture. */

let context = null;
let isMuted = localStorage.getItem('wxbot:hall:muted') === '1';

export function muted() { return isMuted; }

export function mute(isOn) {
  isMuted = isOn;
  localStorage.setItem('wxbot:hall:muted', isOn ? '1' : '0');
}

/** To be called in a gesture; true when sound can be heard from then on. */
export async function unlock() {
  if (!('AudioContext' in window)) { return false; }
  context ||= new AudioContext();
  if (context.state !== 'running') { await context.resume().catch(() => {}); }
  return context.state === 'running';
}

function tone(frequency, after, seconds, loudness, shape) {
  const begin = context.currentTime + after;
  const voice = context.createOscillator();
  const gain = context.createGain();
  voice.type = shape;
  voice.frequency.setValueAtTime(frequency, begin);
  gain.gain.setValueAtTime(0.0001, begin);
  gain.gain.exponentialRampToValueAtTime(loudness, begin + 0.015);
  gain.gain.exponentialRampToValueAtTime(0.0001, begin + seconds);
  voice.connect(gain).connect(context.destination);
  voice.start(begin);
  voice.stop(begin + seconds + 0.02);
}

function canSound() { return !isMuted && context !== null && context.state === 'running'; }

export function tick() { if (canSound()) { tone(880 + Math.random() * 120, 0, 0.05, 0.04, 'triangle'); } }

export function chime() { if (canSound()) { tone(1318, 0, 0.3, 0.06, 'sine'); tone(1760, 0.08, 0.4, 0.05, 'sine'); } }

export function drum() { if (canSound()) { tone(98, 0, 0.35, 0.25, 'sine'); tone(147, 0.05, 0.3, 0.12, 'triangle'); } }

export function fanfare() {
  if (!canSound()) { return; }
  [[523, 0], [659, 0.14], [784, 0.28], [1047, 0.42]].forEach(([frequency, after]) => {
    tone(frequency, after, 0.5, 0.12, 'sawtooth');
    tone(frequency * 1.5, after, 0.4, 0.05, 'triangle');
  });
  [523, 659, 784, 1047].forEach((frequency) => tone(frequency, 0.62, 1.6, 0.07, 'triangle'));
}
