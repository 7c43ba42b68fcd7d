/* A canvas for what moves. Without a graphics card what a frame costs is its area, and most of all making a canvas bigger or smaller
   than it is: so it has one point for each of the screen's, what is drawn on it is drawn before in the size it has there (`stamp`),
   and where the area is too much for the machine it takes the middle of its room and leaves the rest. */

import { el } from './dom.js';
import { pace } from './loop.js';

const MOST_POINTS = 2560 * 1440;
const SHARES = [1, 0.55, 0.3];

export class Sheet {
  /** A tall one keeps the height of its room, and gives up width alone. */
  constructor(room, isTall = false) {
    this.room = room;
    this.isTall = isTall;
    this.node = el('canvas', 'sheet');
    room.append(this.node);
    this.pen = this.node.getContext('2d');
    this.width = 0;
    this.height = 0;
  }

  /** Take as much of the room as the pace allows; true when that has changed. `unit` is 1 vmin in points, `part` the share of each side. */
  measure() {
    const scale = devicePixelRatio;
    const [wide, high] = [this.room.clientWidth || innerWidth, this.room.clientHeight || innerHeight * 0.75];
    const most = Math.min(1, MOST_POINTS / (wide * high * scale * scale));
    const share = most * (this.isTall ? Math.sqrt(SHARES[pace()]) : SHARES[pace()]);
    this.part = Math.sqrt(share);
    this.unit = (Math.min(innerWidth, innerHeight) / 100) * scale;
    const width = Math.round(wide * scale * (this.isTall ? share : this.part));
    const height = Math.round(high * scale * (this.isTall ? 1 : this.part));
    if (width === this.width && height === this.height) { return false; }
    Object.assign(this, { width, height });
    Object.assign(this.node, { width, height });
    const { style } = this.node;
    style.width = `${width / scale}px`;
    style.height = `${height / scale}px`;
    style.left = `${Math.round((wide - width / scale) / 2)}px`;
    style.top = `${Math.round((high - height / scale) / 2)}px`;
    return true;
  }

  clear() { this.pen.clearRect(0, 0, this.width, this.height); }

  /** Put a picture with its middle at a point, as it is: no part of a point beside it, no other size. */
  put(picture, x, y) {
    this.pen.drawImage(picture, Math.round(x - picture.width / 2), Math.round(y - picture.height / 2));
  }
}

/** A picture as big as it is used, painted once. Whoever needs it no more says `drop`. */
export function stamp(width, height, paint) {
  const [wide, high] = [Math.max(1, Math.round(width)), Math.max(1, Math.round(height))];
  const canvas = 'OffscreenCanvas' in window ? new OffscreenCanvas(wide, high) : Object.assign(document.createElement('canvas'), { width: wide, height: high });
  paint(canvas.getContext('2d'), wide, high);
  return canvas.transferToImageBitmap ? canvas.transferToImageBitmap() : canvas;
}

/** Give a picture's memory back at once. */
export function drop(picture) { picture?.close?.(); }
