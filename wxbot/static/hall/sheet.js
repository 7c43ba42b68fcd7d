/* A canvas for what moves. Without a graphics card what a frame costs is its area, and most of all making a canvas bigger or smaller
   than it is, and mixing it with what is below: so it has one point for each of the screen's, what is drawn on it is drawn before in the
   size it has there (`stamp`), it lets nothing through but has its piece of the room painted on it, and where the area is too much for the
   machine it takes the middle of its place and leaves the rest. On 4K without a graphics card each of its points is four of the screen's,
   exactly and unsmoothed, which is what the same panel shows of 1080p, and costs less than to smooth them. */

import { el } from './dom.js';
import { pace } from './loop.js';
import { piece } from './room.js';

const MOST_POINTS = 2560 * 1440;
const MOST_DOUBLED = 1480 * 832;
const SHARES = [1, 0.55, 0.3];

const DRAWN_BY_CPU = /swiftshader|llvmpipe|softpipe|basic render|software/i;
let graphics = null;

/** Whether a graphics card draws this page. Where none does, a canvas that hands its frames on by itself is copied once less. */
function hasGraphics() {
  if (graphics === null) {
    const probe = document.createElement('canvas').getContext('webgl', { failIfMajorPerformanceCaveat: true });
    const named = probe?.getExtension('WEBGL_debug_renderer_info');
    graphics = !!named && !DRAWN_BY_CPU.test(probe.getParameter(named.UNMASKED_RENDERER_WEBGL));
    probe?.getExtension('WEBGL_lose_context')?.loseContext();
  }
  return graphics;
}

export class Sheet {
  /** A tall one keeps the height of its room, and gives up width alone; a clear one lies over other things, any other on the painted room. */
  constructor(room, { isTall = false, isClear = false } = {}) {
    this.room = room;
    this.isTall = isTall;
    this.isClear = isClear;
    this.node = el('canvas', 'sheet');
    room.append(this.node);
    this.pen = this.node.getContext('2d', { alpha: isClear, desynchronized: !hasGraphics() });
    this.width = 0;
    this.height = 0;
  }

  /** Take as much of the room as the pace allows; true when that has changed. `unit` is 1 vmin in points, `part` the share of each side, `grain` how wide a point is. */
  measure() {
    const [wide, high] = [this.room.clientWidth || innerWidth, this.room.clientHeight || innerHeight * 0.75];
    this.grain = !hasGraphics() && wide * high * devicePixelRatio ** 2 > MOST_POINTS ? 2 : 1;
    const scale = devicePixelRatio / this.grain;
    const most = Math.min(1, (this.grain > 1 ? MOST_DOUBLED : MOST_POINTS) / (wide * high * scale * scale));
    const share = most * (this.isTall ? Math.sqrt(SHARES[pace()]) : SHARES[pace()]);
    this.part = Math.sqrt(share);
    this.unit = (Math.min(innerWidth, innerHeight) / 100) * scale;
    const width = Math.round(wide * scale * (this.isTall ? share : this.part));
    const height = Math.round(high * scale * (this.isTall ? 1 : this.part));
    const { left, top } = this.room.getBoundingClientRect();
    const x = Math.round((left + (wide - width / scale) / 2) * scale);
    const y = Math.round((top + (high - height / scale) / 2) * scale);
    if (width === this.width && height === this.height && x === this.x && y === this.y) { return false; }
    Object.assign(this, { width, height, x, y });
    Object.assign(this.node, { width, height });
    const { style } = this.node;
    style.imageRendering = this.grain > 1 ? 'pixelated' : '';
    style.width = `${width / scale}px`;
    style.height = `${height / scale}px`;
    style.left = `${x / scale - left}px`;
    style.top = `${y / scale - top}px`;
    if (!this.isClear) { this.lay(); }
    return true;
  }

  /** Keep the piece of the room that is behind it: on a canvas without alpha, which is copied for each frame; a bitmap made of one would be mixed. */
  lay() {
    this.ground ||= document.createElement('canvas');
    Object.assign(this.ground, { width: this.width, height: this.height });
    piece(this.ground.getContext('2d', { alpha: false }), this.x, this.y, this.grain);
    this.clear();
  }

  clear() {
    this.pen.globalAlpha = 1;
    if (this.ground) { this.pen.drawImage(this.ground, 0, 0); } else { this.pen.clearRect(0, 0, this.width, this.height); }
  }

  /** Put a picture with its middle at a point, as it is: no part of a point beside it, no other size. */
  put(picture, x, y, seen = 1) {
    this.pen.globalAlpha = seen;
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
