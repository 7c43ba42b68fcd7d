/* The room behind everything: a dark theatre, two beams, light from above and from the floor. It is painted once for a size, and whatever
   moves stands on a piece of the same picture (`piece`): a layer that lets nothing through costs half of one that is mixed with what is below it. */

const NIGHT = [[0, '#2a0811'], [0.55, '#17060c'], [1, '#0d0407']];
const VELVET = [[0, '#9c1730'], [0.34, '#5c0d1f'], [0.72, 'rgba(92, 13, 31, 0)']];
const FLOOR = [[0, 'rgba(247, 190, 90, .34)'], [0.7, 'rgba(247, 190, 90, 0)']];
const BEAM = [[0, 'rgba(255, 232, 180, .108)'], [0.68, 'rgba(255, 232, 180, 0)']];
const RING = 'rgba(247, 211, 131, .045)';
const [RING_EACH, RING_WIDE] = [5.55, 0.15];  // vmin

const canvas = document.querySelector('canvas.room');
const pen = canvas?.getContext('2d', { alpha: false });

function through(gradient, stops) {
  for (const [place, colour] of stops) { gradient.addColorStop(place, colour); }
  return gradient;
}

/** Light around a point; everything in shares of the room. */
function glow(x, y, across, down, stops) {
  const { width, height } = canvas;
  pen.save();
  pen.translate(x * width, y * height);
  pen.scale(across * width, down * height);
  pen.fillStyle = through(pen.createRadialGradient(0, 0, 0, 0, 0, 1), stops);
  pen.fillRect(-1, -1, 2, 2);
  pen.restore();
}

function rings(unit) {
  const { width, height } = canvas;
  pen.strokeStyle = RING;
  pen.lineWidth = RING_WIDE * unit;
  for (let radius = RING_EACH; radius * unit < Math.hypot(width / 2, height * 1.12); radius += RING_EACH) {
    pen.beginPath();
    pen.arc(width / 2, height * 1.12, (radius - RING_WIDE / 2) * unit, 0, 2 * Math.PI);
    pen.stroke();
  }
}

function beam(x, turn) {
  const { width, height } = canvas;
  const [wide, long] = [width * 0.34, height * 1.5];
  pen.save();
  pen.translate(x * width, -0.2 * height);
  pen.rotate(turn);
  pen.fillStyle = through(pen.createLinearGradient(0, 0, 0, long), BEAM);
  pen.beginPath();
  for (const [right, down] of [[-0.04, 0], [0.04, 0], [0.5, 1], [-0.5, 1]]) { pen.lineTo(right * wide, down * long); }
  pen.fill();
  pen.restore();
}

function paint() {
  const [width, height] = [Math.round(innerWidth * devicePixelRatio), Math.round(innerHeight * devicePixelRatio)];
  if (!width || !height || (width === canvas.width && height === canvas.height)) { return; }
  Object.assign(canvas, { width, height });
  pen.fillStyle = through(pen.createLinearGradient(0, 0, 0, height), NIGHT);
  pen.fillRect(0, 0, width, height);
  rings(Math.min(width, height) / 100);
  glow(0.5, -0.12, 0.95, 0.75, VELVET);
  glow(0.5, 1.03, 0.6, 0.26, FLOOR);
  beam(0.21, (-21 * Math.PI) / 180);
  beam(0.79, (21 * Math.PI) / 180);
}

/** Paint a piece of the room over the whole of a canvas, each of whose points is `grain` of the screen's wide; it begins at this one of them. */
export function piece(onto, x, y, grain = 1) { onto.drawImage(canvas, -x, -y, canvas.width / grain, canvas.height / grain); }

if (canvas) {
  paint();
  addEventListener('resize', paint);
}
