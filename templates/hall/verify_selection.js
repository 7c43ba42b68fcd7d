// Who wins, to the byte (wxbot/hall/selection.py says the same in Python; docs/verifying.md in words).
const VERSION = 'wxbot-draw-v1', GENESIS = '0'.repeat(64), MAX_WEIGHT = 1000000;
const utf8 = new TextEncoder();

const hex = bytes => Array.from(bytes, each => each.toString(16).padStart(2, '0')).join('');
const unhex = text => Uint8Array.from(text.match(/../g) || [], pair => parseInt(pair, 16));

function joined(parts) {
  const bytes = parts.map(part => typeof part === 'string' ? utf8.encode(part) : part);
  const whole = new Uint8Array(bytes.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of bytes) { whole.set(part, at); at += part.length; }
  return whole;
}

const tagged = (name, parts) => joined([VERSION + '/' + name + '\0', ...parts]);
const sha256 = async bytes => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
const hash = (name, ...parts) => sha256(tagged(name, parts));

async function mac(key, name, ...parts) {
  const secret = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', secret, tagged(name, parts)));
}

const seedBefore = (hall, seed) => hash('chain', hall + '\0', seed);
const personId = async (salt, hall, openid) => hex(await mac(salt, 'person', hall + '\0', openid));
const rosterHash = async text => hex(await hash('roster', text));
const poolHash = async nos => hex(await hash('pool', nos.map(no => no + '\n').join('')));
const drandText = (round, randomness) => 'quicknet\0' + round + '\0' + randomness;
const entropyOf = async (kind, text) => kind === 'seed' ? new Uint8Array(32) : hash('entropy', kind + '\0', text);
const selectionKey = (seed, hall, d, k, roster, pool, late) =>
  mac(seed, 'draw', hall + '\0' + d + '\0' + k + '\0', unhex(roster), unhex(pool), late);

// Letters of a group or a name: composed (NFC), without tabs, line breaks and other controls.
const isGroup = text => !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(text) && text.normalize('NFC') === text;

// The lines of a roster's file, or null for anything but its exact bytes.
function readRoster(text) {
  const rows = text.split('\n');
  const head = /^wxbot-draw-v1\t([A-Za-z0-9._-]{1,64})\t([1-9][0-9]*)$/.exec(rows.shift());
  if (!head || rows.pop() !== '') return null;
  const lines = [];
  for (const row of rows) {
    const found = /^([1-9][0-9]*)\t([1-9][0-9]*)\t([^\t]*)\t([0-9a-f]{64})$/.exec(row);
    if (!found || !isGroup(found[3])) return null;
    const line = { no: Number(found[1]), weight: Number(found[2]), group: found[3], id: found[4], row };
    if (line.weight > MAX_WEIGHT || (lines.length && lines[lines.length - 1].no >= line.no)) return null;
    lines.push(line);
  }
  return { hall: head[1], version: Number(head[2]), lines };
}

// The endless stream of a key as big-endian words of `size` bytes: 8, and 1 in the example, where words are dropped.
function streamOf(key, size) {
  let number = 0, block = new Uint8Array(0), at = 0;
  return async () => {
    if (at >= block.length) {
      const place = new Uint8Array(4);
      new DataView(place.buffer).setUint32(0, number++);
      block = await mac(key, 'block', place);
      at = 0;
    }
    let word = 0n;
    for (let i = 0; i < size; i++) word = word * 256n + BigInt(block[at++]);
    return word;
  };
}

// A number in 0 … n-1 (BigInt), each as likely: words that would favour small ones are dropped.
async function below(next, n, size) {
  const space = 1n << BigInt(8 * size), limit = space - space % n;
  let word = await next();
  while (word >= limit) word = await next();
  return word % n;
}

// The winners in their order; `pool` ascends, `weights` is a Map or null. Weights that are all 1 are none.
async function select(key, pool, k, weights, size = 8) {
  const next = streamOf(key, size), people = pool.slice();
  if (weights && people.some(no => weights.get(no) !== 1)) return byWeight(next, people, k, weights, size);
  for (let i = 0; i < k; i++) {
    const other = i + Number(await below(next, BigInt(people.length - i), size));
    [people[i], people[other]] = [people[other], people[i]];
  }
  return people.slice(0, k);
}

async function byWeight(next, people, k, weights, size) {
  let total = people.reduce((sum, no) => sum + weights.get(no), 0);
  const winners = [];
  while (winners.length < k) {
    let r = Number(await below(next, BigInt(total), size)), at = 0;
    while (r >= weights.get(people[at])) r -= weights.get(people[at++]);
    total -= weights.get(people[at]);
    winners.push(people.splice(at, 1)[0]);
  }
  return winners;
}

const rainSeedHash = async seed => hex(await hash('rain-seed', seed));
// Whether this is the seed of a rain that began anew so many times: each is the hash of the next.
async function isRainFixed(seed, fixed, restores) {
  let at = seed;
  for (let i = 0; i < restores && restores <= 100; i++) at = unhex(await rainSeedHash(at));
  return restores <= 100 && await rainSeedHash(at) === fixed;
}

// Number → fen of all packets of a rain that are theirs (wxbot/hall/rain_rule.py says the same in Python).
async function rainSums(seed, hall, prize, nos, terms) {
  const sorted = nos.slice().sort((a, b) => a - b), sums = new Map(), left = new Map(sorted.map(no => [no, terms.cap]));
  const next = streamOf(await mac(seed, 'rain', hall + '\0' + prize + '\0', unhex(await poolHash(sorted))), 8);
  const amounts = [], low = terms.min_fen, high = terms.max_fen, n = terms.packets;
  if (!(low >= 1 && low <= high && n <= 20000 && n * low <= terms.total_fen && terms.total_fen <= n * high)) return sums;
  let rest = terms.total_fen;
  for (let behind = n - 1; behind >= 0; behind--) {
    const least = Math.max(low, rest - behind * high);
    const most = Math.min(high, rest - behind * low, Math.max(least, Math.floor(2 * rest / (behind + 1)) - low));
    amounts.push(least + Number(await below(next, BigInt(most - least + 1), 8)));
    rest -= amounts[amounts.length - 1];
  }
  const people = sorted, span = BigInt(Math.max(1, terms.seconds * 1000 - 3000));
  for (const fen of amounts) {
    if (!people.length) break;
    const place = Number(await below(next, BigInt(people.length), 8)), no = people[place];
    await below(next, span, 8);
    sums.set(no, (sums.get(no) || 0) + fen);
    left.set(no, left.get(no) - 1);
    if (!left.get(no)) { people[place] = people[people.length - 1]; people.pop(); }
  }
  return sums;
}

// The published example: null when this browser gives what it must, else what differs.
async function exampleFault() {
  const hall = 'demo-hall', ids = [], seeds = [Uint8Array.from({ length: 32 }, (_, i) => i)];
  for (let i = 0; i < 4; i++) seeds.unshift(await seedBefore(hall, seeds[0]));
  if (hex(seeds[0]) !== '9a3bfd1d6a3da57d9d7d3d949d11b84dade5a3fe55e17ebbe43d41fc588e6f22') return 'chain';
  for (let no = 1; no <= 12; no++) {
    const id = await personId(new Uint8Array(16).fill(no), hall, 'oTESTuser' + String(no).padStart(16, '0'));
    ids.push(no + '\t1\t' + (no % 2 ? 'A' : 'B') + '\t' + id + '\n');
  }
  const file = VERSION + '\t' + hall + '\t1\n' + ids.join(''), roster = await rosterHash(file);
  if (roster !== '9d198acdb7e41429a6056fca0256dd80312a6133cf2236bac08a3ddd94d252cc') return 'roster';
  if (readRoster(file) === null) return 'roster';
  const randomness = 'fc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587';
  const drawn = [
    [1, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 'hall', '73 08 415', 'f6f1e93e3bc08dafed4348abd98e7c442dbb095972cd2273eb944be887bb830b', [5, 4, 1]],
    [2, [2, 3, 6, 7, 8, 9, 10, 11, 12], 'drand', drandText(657413, randomness), 'f95050dcf658bdd2441b6912b27c789e78622a7e623d4396d4ee3c6b88257756', [2]],
  ];
  for (const [d, pool, kind, text, wanted, winners] of drawn) {
    const late = await entropyOf(kind, text);
    const key = await selectionKey(seeds[d], hall, d, winners.length, roster, await poolHash(pool), late);
    if (hex(key) !== wanted) return 'key ' + d;
    if (String(await select(key, pool, winners.length, null)) !== String(winners)) return 'winners ' + d;
  }
  const many = Array.from({ length: 200 }, (_, i) => i + 1);
  if (String(await select(new Uint8Array(32), many, 5, null, 1)) !== '108,83,34,71,146') return 'dropped words';
  const weights = new Map([[1, 5], [2, 1], [3, 2]]);
  return String(await select(new Uint8Array(32), [1, 2, 3], 3, weights)) === '1,3,2' ? null : 'weights';
}
