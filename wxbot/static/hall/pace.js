/* How much a machine can draw, by the time between its frames: a rule and nothing else. */

const FRAMES = 60;
const LATE_MS = 20;          // less than 50 frames a second
const WORST = 2;
const PAUSE_MS = 250;        // the page was away; that says nothing about the machine
const GAIN = 0.9;
const REST = 600;            // frames until a level that gained nothing is tried again, four times as many after each

/** Levels 0, 1, 2: each draws less than the one before. What a level does not make faster is not the drawing (a display may have 30 frames a second), so it is given back. */
export class Pace {
  constructor() {
    this.level = 0;
    this.gaps = [];
    this.before = 0;
    this.resting = 0;
    this.rest = REST;
  }

  /** Told of the time between two frames in ms; true when the level has changed. */
  hear(gap) {
    if (gap > PAUSE_MS) { return false; }
    if (this.resting > 0) { this.resting -= 1; return false; }
    this.gaps.push(gap);
    if (this.gaps.length < FRAMES) { return false; }
    const median = this.gaps.sort((a, b) => a - b)[FRAMES >> 1];
    this.gaps = [];
    const before = this.before;
    this.before = 0;
    if (before && median > before * GAIN) {
      this.resting = this.rest;
      this.rest *= 4;
      this.level -= 1;
      return true;
    }
    if (median <= LATE_MS || this.level === WORST) { return false; }
    this.before = median;
    this.level += 1;
    return true;
  }
}
