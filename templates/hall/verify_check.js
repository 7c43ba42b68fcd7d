// A record, checked line by line (wxbot/hall/verify.py finds the same under the same words).
const PERIOD = 3, GENESIS_AT = 1692803367, LEAD = 15;
const firstRound = armedAt => Math.max(0, Math.ceil((armedAt + LEAD - GENESIS_AT) / PERIOD)) + 1;

const isLine = line => isObject(line) && Number.isInteger(line.seq) && Number.isInteger(line.at) && typeof line.kind === 'string' &&
  isObject(line.body) && isHash(line.prev_hash) && isHash(line.hash);
const isRecord = record => isObject(record) && typeof record.hall_id === 'string' && typeof record.commitment === 'string' &&
  Array.isArray(record.rosters) && record.rosters.every(each => typeof each === 'string') &&
  Array.isArray(record.log) && record.log.length > 0 && record.log.every(isLine);

class Check {
  constructor(record) {
    Object.assign(this, { record, evening: new Evening(), findings: [], rounds: [], frozen: [], pools: new Map() });
    Object.assign(this, { roster: null, rosterHash: GENESIS, weights: null, pool: [], poolHash: '' });
    this.seed = record.commitment;
    this.seedD = 0;
  }
  find(line, reason, more = '') { this.findings.push({ line, reason, more }); }

  async run(noted) {
    const { record, evening } = this;
    const copied = noted.replace(/\s+/g, '').toLowerCase(); // people copy it in groups
    if (copied !== '' && copied !== record.commitment) this.find(null, 'noted');
    let seq = 0, previous = GENESIS;
    for (const [index, line] of record.log.entries()) {
      const place = index + 1, isLinked = line.seq === seq + 1 && line.prev_hash === previous;
      if (!isLinked || !await hasItsHash(record.hall_id, line)) this.find(place, 'log');
      seq = line.seq;
      previous = line.hash;
      const reason = refusal(evening, line);
      if (reason) this.find(place, reason);
      if (reason === 'body') continue;
      if (Object.hasOwn(LOOKS, line.kind)) await LOOKS[line.kind](this, line.body, line, place);
      try { evening.take(line); } catch (missing) { /* of a selection that is not there, which was found above */ }
    }
    if (record.rosters.length !== evening.version) this.find(null, 'rosters');
    if (Object.hasOwn(record, 'end') && evening.until > 0 && evening.until !== record.end) this.find(null, 'end');
    return this;
  }

  // People who signed in, and nobody is missing who was not excluded; never counts up to a number that a record merely claims.
  isEverybody(nos) {
    const { evening } = this, known = new Set([...nos, ...evening.excluded]);
    const isOne = nos.every(no => no <= evening.signedIn && !evening.isPassed(no));
    return isOne && [...known].filter(no => no <= evening.signedIn).length === evening.people;
  }

  // A game is among everybody who signed in and was not excluded.
  lookAtPresent({ nos }, place) {
    if (nos.some(no => this.evening.excluded.has(no)) || !this.isEverybody(nos)) this.find(place, 'present');
  }

  // The seed leads back to the one before it, and so to the commitment.
  async lookAtSeed(body, place) {
    if (!await this.leadsBack(body.seed, body.d)) this.find(place, 'seed');
  }
  async leadsBack(revealed, d) {
    const steps = d - this.seedD, isNear = steps >= 0 && steps <= 1000;
    let seed = unhex(revealed);
    for (let i = 0; isNear && i < steps; i++) seed = await seedBefore(this.record.hall_id, seed);
    if (!isNear || hex(seed) !== this.seed) return false;
    this.seed = revealed;
    this.seedD = d;
    return true;
  }
}

const LOOKS = {
  async committed(check, body, line, place) {
    if (['hall_id', 'commitment', 'chain_length'].some(name => body[name] !== check.record[name])) check.find(place, 'head');
  },
  async frozen(check, body, line, place) {
    const before = check.roster, text = check.record.rosters[body.version - 1], roster = text === undefined ? null : readRoster(text);
    if (!roster) return check.find(place, 'roster', body.version);
    const { evening } = check, hashed = await rosterHash(text);
    Object.assign(check, { roster, rosterHash: hashed, weights: new Map(roster.lines.map(each => [each.no, each.weight])) });
    check.frozen.push({ version: body.version, count: roster.lines.length, hash: hashed });
    const isSame = roster.hall === check.record.hall_id && roster.version === body.version;
    if (!isSame || roster.lines.length !== body.count || hashed !== body.roster_hash) check.find(place, 'roster', body.version);
    if (!check.isEverybody([...check.weights.keys()])) check.find(place, 'people', body.version);
    const rows = new Set(roster.lines.map(each => each.row));
    if (before && !before.lines.every(each => evening.excluded.has(each.no) || rows.has(each.row))) check.find(place, 'people', body.version);
  },
  async armed(check, body, line, place) {
    check.pool = check.evening.prizes.has(body.prize) ? check.evening.pool(check.roster ? check.roster.lines : [], body.prize) : [];
    check.poolHash = await poolHash(check.pool);
    check.pools.set(body.d, check.pool.length);
    if (check.poolHash !== body.pool_hash) check.find(place, 'pool');
  },
  async entropy(check, body, line, place) {
    if (body.kind !== 'drand') return;
    const found = /^quicknet\0([1-9][0-9]{0,14})\0([0-9a-f]{64})$/.exec(body.text), selected = check.evening.selections.get(body.d);
    const due = firstRound(selected ? selected.armed_at : 0), isDue = found && Number(found[1]) === due;
    const isHashed = isDue && hex(await sha256(unhex(body.signature))) === found[2];
    if (!isHashed || line.at < GENESIS_AT + (due - 1) * PERIOD) return check.find(place, 'drand', due);
    check.rounds.push(due);
  },
  async drawn(check, body, line, place) {
    await check.lookAtSeed(body, place);
    const selected = check.evening.selections.get(body.d);
    if (!selected || !selected.entropy || selected.k > check.pool.length) return check.find(place, 'winners');
    const late = await entropyOf(...selected.entropy);
    const key = await selectionKey(unhex(body.seed), check.record.hall_id, body.d, selected.k, check.rosterHash, check.poolHash, late);
    const winners = await select(key, check.pool, selected.k, check.weights);
    if (String(winners) !== String(body.winners)) check.find(place, 'winners', winners.join(', '));
  },
  async voided(check, body, line, place) { await check.lookAtSeed(body, place); },
  async returned(check, body, line, place) { if (check.weights?.has(body.no)) check.find(place, 'no'); },
  async game_begun(check, body, line, place) { check.lookAtPresent(body, place); },
  async rain_begun(check, body, line, place) { check.lookAtPresent(body, place); },
  async game_ended(check, body, line, place) {
    const game = check.evening.games.get(body.prize);
    if (!game || game.nos === null || game.fixed.kind !== 'rain') return;
    const isRight = takesD(game) ? check.leadsBack(body.seed, game.d) : isRainFixed(unhex(body.seed), game.fixed.seed_hash, game.restores);
    if (!await isRight) return check.find(place, 'seed');
    const sums = await rainSums(unhex(body.seed), check.record.hall_id, body.prize, game.nos, game.fixed);
    if (body.nos.some((no, at) => body.sums[at] > (sums.get(no) || 0))) check.find(place, 'winners', '');
  },
};
