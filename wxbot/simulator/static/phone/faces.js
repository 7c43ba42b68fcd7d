// Funny faces, drawn here so that no emoji font is needed. One recipe per avatar of the world.

const dot = (x, y, r, fill) => `<circle cx="${x}" cy="${y}" r="${r}" fill="${fill}"/>`;
const both = (draw) => draw(-1) + draw(1);

const EARS = {
  round: (colour, inner) => both((s) => dot(50 + s * 27, 27, 14, colour) + dot(50 + s * 27, 27, 7.5, inner)),
  big: (colour, inner) => both((s) => dot(50 + s * 35, 36, 18, colour) + dot(50 + s * 35, 36, 10, inner)),
  side: (colour, inner) => both((s) => dot(50 + s * 36, 52, 12, colour) + dot(50 + s * 36, 52, 6.5, inner)),
  pointy: (colour, inner) => both((s) => `<path d="M${50 + s * 38} 12 L${50 + s * 36} 48 L${50 + s * 10} 27z" fill="${colour}" stroke="${colour}" stroke-width="4" stroke-linejoin="round"/>`
    + `<path d="M${50 + s * 34} 20 L${50 + s * 32} 40 L${50 + s * 18} 29z" fill="${inner}"/>`),
  long: (colour, inner) => both((s) => `<ellipse cx="${50 + s * 15}" cy="22" rx="9" ry="21" fill="${colour}" transform="rotate(${s * 9} ${50 + s * 15} 40)"/>`
    + `<ellipse cx="${50 + s * 15}" cy="23" rx="4.500" ry="15" fill="${inner}" transform="rotate(${s * 9} ${50 + s * 15} 40)"/>`),
  floppy: (colour) => both((s) => `<ellipse cx="${50 + s * 34}" cy="45" rx="11" ry="22" fill="${colour}" transform="rotate(${s * -14} ${50 + s * 34} 45)"/>`),
  mane: (colour) => Array.from({ length: 12 }, (_, i) => dot(50 + 32 * Math.cos(i * Math.PI / 6), 55 + 32 * Math.sin(i * Math.PI / 6), 12, colour)).join(''),
  horns: (colour) => both((s) => `<path d="M${50 + s * 20} 28 Q${50 + s * 34} 24 ${50 + s * 30} 10" fill="none" stroke="${colour}" stroke-width="7" stroke-linecap="round"/>`
    + `<ellipse cx="${50 + s * 38}" cy="42" rx="11" ry="7" fill="#f6cfcf" transform="rotate(${s * 20} ${50 + s * 38} 42)"/>`),
  horn: () => '<path d="M50 4 L57 30 L43 30z" fill="#f7c948"/><path d="M46 20 L55 17 M45 26 L56 23" stroke="#e3a008" stroke-width="2"/>'
    + '<path d="M62 26 Q88 34 84 68" fill="none" stroke="#f472b6" stroke-width="11" stroke-linecap="round"/><path d="M68 25 Q92 40 88 60" fill="none" stroke="#a78bfa" stroke-width="6" stroke-linecap="round"/>',
  popped: (colour) => both((s) => dot(50 + s * 19, 29, 13, colour) + dot(50 + s * 19, 28, 8.500, '#fff') + dot(50 + s * 18, 29, 4.500, '#222')),
  spout: () => '<path d="M50 28 V14 M50 14 Q42 4 34 12 M50 14 Q58 4 66 12" fill="none" stroke="#7cc4f5" stroke-width="5" stroke-linecap="round"/>',
  arms: (colour) => Array.from({ length: 6 }, (_, i) => `<path d="M${24 + i * 10.400} 74 q-4 14 3 20" fill="none" stroke="${colour}" stroke-width="9" stroke-linecap="round"/>`).join(''),
  wings: (colour, inner) => both((s) => `<ellipse cx="${50 + s * 27}" cy="38" rx="22" ry="25" fill="${colour}" transform="rotate(${s * 18} ${50 + s * 27} 38)"/>`
    + `<ellipse cx="${50 + s * 24}" cy="72" rx="16" ry="17" fill="${inner}"/>` + dot(50 + s * 30, 34, 8, '#fff8'))
    + '<path d="M46 24 Q42 10 36 8 M54 24 Q58 10 64 8" fill="none" stroke="#334" stroke-width="3" stroke-linecap="round"/>',
};

const EYES = {
  plain: both((s) => dot(50 + s * 13, 50, 4.600, '#222') + dot(50 + s * 13 + 1.600, 48.400, 1.500, '#fff')),
  wide: both((s) => dot(50 + s * 15, 48, 12, '#fff') + dot(50 + s * 15, 48, 6.500, '#222') + dot(50 + s * 15 + 2, 46, 2, '#fff')),
  happy: both((s) => `<path d="M${50 + s * 14 - 6} 52 q6 -8 12 0" fill="none" stroke="#222" stroke-width="3" stroke-linecap="round"/>`),
  wink: '<path d="M31 51 q6 -7 12 0" fill="none" stroke="#222" stroke-width="3" stroke-linecap="round"/>' + dot(63, 50, 4.800, '#222') + dot(64.600, 48.400, 1.500, '#fff'),
  patch: both((s) => `<ellipse cx="${50 + s * 14}" cy="51" rx="9.500" ry="11" fill="#333" transform="rotate(${s * 24} ${50 + s * 14} 51)"/>` + dot(50 + s * 13, 50, 3.600, '#fff') + dot(50 + s * 13, 50, 2, '#222')),
  none: '',
};

const smile = '<path d="M42 68 q8 8 16 0" fill="none" stroke="#222" stroke-width="2.600" stroke-linecap="round"/>';
const cheeks = both((s) => `<ellipse cx="${50 + s * 24}" cy="63" rx="6" ry="4" fill="#ff8a8a88"/>`);
const nose = (colour = '#333', w = 5) => `<ellipse cx="50" cy="60" rx="${w}" ry="${w * 0.72}" fill="${colour}"/>`;
const muzzle = (colour) => `<ellipse cx="50" cy="66" rx="17" ry="13" fill="${colour}"/>`;
const whiskers = both((s) => `<path d="M${50 + s * 22} 62 l${s * 16} -3 M${50 + s * 22} 66 l${s * 16} 2" stroke="#0005" stroke-width="2" stroke-linecap="round"/>`);
const beak = '<path d="M42 58 L58 58 L50 69z" fill="#ff9f1c" stroke="#ff9f1c" stroke-width="3" stroke-linejoin="round"/>';
const tongue = '<path d="M45 71 h10 v6 a5 5 0 01-10 0z" fill="#ff6b81"/>';

// face colour, ears [kind, colour, inner], eyes, the rest
const RECIPES = {
  '🐼': ['#fff', ['round', '#333', '#333'], 'patch', nose() + smile],
  '🦊': ['#f58634', ['pointy', '#f58634', '#5a2b12'], 'wink', '<path d="M20 58 Q34 84 50 86 Q66 84 80 58 Q64 60 50 66 Q36 60 20 58z" fill="#fff"/>' + nose() + smile],
  '🐯': ['#ffb52e', ['round', '#ffb52e', '#fff3d6'], 'plain', '<path d="M50 24 v11 M41 26 l2 8 M59 26 l-2 8 M18 50 h9 M73 50 h9 M19 59 h7 M74 59 h7" stroke="#333" stroke-width="3.600" stroke-linecap="round"/>' + muzzle('#fff7e6') + nose('#d9534f') + smile + whiskers],
  '🐰': ['#fdf3f5', ['long', '#fdf3f5', '#ffb3c6'], 'happy', nose('#ff7b9c', 4) + smile + cheeks + '<rect x="46" y="71" width="8" height="7" rx="2" fill="#fff" stroke="#ddd"/>'],
  '🐨': ['#aab4be', ['big', '#aab4be', '#e3c7cf'], 'plain', '<ellipse cx="50" cy="60" rx="8" ry="11" fill="#3c4248"/>' + '<path d="M43 76 q7 5 14 0" fill="none" stroke="#3c4248" stroke-width="2.600" stroke-linecap="round"/>'],
  '🦁': ['#ffcf5c', ['mane', '#b8651b'], 'happy', muzzle('#fff2cc') + nose('#7a3b10') + smile],
  '🐸': ['#6cc551', ['popped', '#6cc551'], 'none', '<path d="M27 62 Q50 82 73 62" fill="none" stroke="#245c1b" stroke-width="3.600" stroke-linecap="round"/>' + cheeks],
  '🐵': ['#9c6b3f', ['side', '#9c6b3f', '#f3cfa5'], 'plain', '<path d="M27 50 a13 13 0 0123 -6 a13 13 0 0123 6 q6 34 -23 34 q-29 0 -23 -34z" fill="#f3cfa5"/>' + EYES.plain + '<path d="M47 61 h.01 M53 61 h.01" stroke="#7a4a20" stroke-width="3.400" stroke-linecap="round"/><path d="M38 70 q12 10 24 0" fill="none" stroke="#7a4a20" stroke-width="2.800" stroke-linecap="round"/>'],
  '🐧': ['#2f3b52', ['none'], 'none', '<path d="M27 52 a12 14 0 0123 -6 a12 14 0 0123 6 q5 34 -23 34 q-28 0 -23 -34z" fill="#fff"/>' + EYES.plain + beak + cheeks],
  '🦉': ['#a0703c', ['pointy', '#a0703c', '#7c5226'], 'wide', '<path d="M45 60 L55 60 L50 69z" fill="#ff9f1c"/><path d="M38 76 q4 4 8 0 q4 4 8 0 q4 4 8 0" fill="none" stroke="#7c5226" stroke-width="2.600"/>'],
  '🐱': ['#ffd166', ['pointy', '#ffd166', '#ff9aa2'], 'happy', nose('#ff7b7b', 4) + '<path d="M40 67 q5 5 10 0 q5 5 10 0" fill="none" stroke="#333" stroke-width="2.400" stroke-linecap="round"/>' + whiskers],
  '🐶': ['#e8c39e', ['floppy', '#9b6a43'], 'plain', muzzle('#fff5e8') + nose('#333', 6) + smile + tongue],
  '🐹': ['#f4b860', ['round', '#f4b860', '#ffcfd2'], 'plain', '<ellipse cx="34" cy="68" rx="14" ry="12" fill="#fff3e0"/><ellipse cx="66" cy="68" rx="14" ry="12" fill="#fff3e0"/>' + nose('#d9534f', 3.400) + '<rect x="46.500" y="67" width="7" height="7" rx="2" fill="#fff"/>'],
  '🐻': ['#a9744f', ['round', '#a9744f', '#e0b48c'], 'happy', muzzle('#e8c8a8') + nose() + smile],
  '🐮': ['#fff', ['horns', '#e0c9a6'], 'plain', '<path d="M22 40 q8 -16 24 -12 q-2 20 -18 24z" fill="#444"/>' + EYES.plain + '<ellipse cx="50" cy="71" rx="21" ry="13" fill="#ffc4c4"/><path d="M43 70 h.01 M57 70 h.01" stroke="#a04b4b" stroke-width="5" stroke-linecap="round"/>'],
  '🐷': ['#ffb8c6', ['pointy', '#ff9db0', '#ffd0da'], 'plain', '<ellipse cx="50" cy="64" rx="13" ry="10" fill="#ff8fa6"/><path d="M45.500 64 h.01 M54.500 64 h.01" stroke="#b23a57" stroke-width="5" stroke-linecap="round"/><path d="M42 79 q8 5 16 0" fill="none" stroke="#b23a57" stroke-width="2.400" stroke-linecap="round"/>'],
  '🦄': ['#fbf7ff', ['horn'], 'wink', '<ellipse cx="48" cy="70" rx="16" ry="11" fill="#ffe3f1"/><path d="M43 69 h.01 M53 69 h.01" stroke="#c77da0" stroke-width="4" stroke-linecap="round"/>' + cheeks],
  '🐙': ['#e56b8c', ['arms', '#e56b8c'], 'wide', '<path d="M43 66 q7 6 14 0" fill="none" stroke="#7a1f3d" stroke-width="2.800" stroke-linecap="round"/>' + cheeks],
  '🐳': ['#4aa8e0', ['spout'], 'plain', '<path d="M19 62 Q50 96 81 62 Q50 72 19 62z" fill="#dff2ff"/><path d="M40 62 q10 7 20 0" fill="none" stroke="#174a6b" stroke-width="2.600" stroke-linecap="round"/>' + cheeks],
  '🦋': ['#5b4b8a', ['wings', '#7c83fd', '#ff8fab'], 'happy', smile],
};

export function face(emoji) {
  const [colour, [kind, outer, inner], eyes, rest] = RECIPES[emoji] || RECIPES['🐼'];
  const ears = EARS[kind] ? EARS[kind](outer, inner) : '';
  const head = kind === 'wings' ? '<ellipse cx="50" cy="56" rx="17" ry="32" fill="#5b4b8a"/><g transform="translate(20 20) scale(.6)">' + dot(50, 40, 30, '#ffe8c2') + `<g transform="translate(0 -14)">${EYES[eyes]}${rest}</g></g>`
    : `<ellipse cx="50" cy="57" rx="34" ry="31" fill="${colour}"/>${EYES[eyes]}${rest}`;
  return `<svg viewBox="0 0 100 100" width="100%" height="100%" aria-hidden="true">${ears}${head}</svg>`;
}

export const FACES = Object.keys(RECIPES);

// The account: a red lantern.
export const lantern = `<svg viewBox="0 0 100 100" width="100%" height="100%" aria-hidden="true"><path d="M50 6v12" stroke="#ffe08a" stroke-width="4"/>
<rect x="36" y="16" width="28" height="8" rx="3" fill="#f5c242"/><ellipse cx="50" cy="48" rx="33" ry="26" fill="#fff1d0"/><ellipse cx="50" cy="48" rx="33" ry="26" fill="#e8412f"/>
<path d="M50 22v52M36 25q-12 23 0 46M64 25q12 23 0 46" fill="none" stroke="#b9261a" stroke-width="2"/><rect x="36" y="72" width="28" height="8" rx="3" fill="#f5c242"/>
<path d="M44 80v13M50 80v15M56 80v13" stroke="#f5c242" stroke-width="3" stroke-linecap="round"/><circle cx="50" cy="48" r="13" fill="#f5c242"/>
<text x="50" y="54" font-size="16" text-anchor="middle" fill="#b9261a" font-weight="700" font-family="serif">福</text></svg>`;
