// The log: its fields, what has come of an evening, and what may follow (wxbot/hall/log.py, evening.py and allowed.py).
const isNumber = value => Number.isSafeInteger(value) && value >= 1;
const isAmount = value => Number.isSafeInteger(value) && value >= 0;
const isText = value => isLate(value) && value !== '' && isGroup(value);
const isLate = value => typeof value === 'string' && [...value].length <= 300 && isGroup(value.replaceAll('\0', ''));
const matches = pattern => value => typeof value === 'string' && pattern.test(value);
const isHash = matches(/^[0-9a-f]{64}$/);
const oneOf = (...words) => value => words.includes(value);
const differ = values => new Set(values).size === values.length;
const isNos = value => Array.isArray(value) && value.every(isNumber) && differ(value);
const isObject = value => typeof value === 'object' && value !== null && !Array.isArray(value);
const fits = (fields, value) => isObject(value) && Object.keys(value).length === Object.keys(fields).length &&
  Object.entries(fields).every(([name, isRight]) => Object.hasOwn(value, name) && isRight(value[name]));

const PRIZE = {
  prize: isNumber, name: isText, slots: isNumber, scope: oneOf('prize', 'evening'), absence: oneOf('slot', 'evening', 'pool'),
  groups: value => Array.isArray(value) && value.every(each => typeof each === 'string' && isGroup(each)),
};
const isPrize = value => fits(PRIZE, value);
const isTwoNames = value => Array.isArray(value) && value.length === 2 && value.every(isText) && differ(value);
const MODE = oneOf('seed', 'hall', 'drand'), D = { d: isNumber }, ONE = { d: isNumber, no: isNumber };
const GAME = {
  prize: isNumber, kind: oneOf('rain', 'race'), name: isText, seconds: isNumber, packets: isNumber, total_fen: isAmount, min_fen: isAmount,
  max_fen: isAmount, cap: isNumber,
};
const FIELDS = {
  committed: {
    hall_id: matches(/^[A-Za-z0-9._-]{1,64}$/), chain_length: isNumber, commitment: isHash, mode: MODE,
    prizes: value => Array.isArray(value) && value.every(isPrize) && differ(value.map(each => each.prize)),
  },
  scheduled: { until: isNumber }, opened: {}, signed_in: { no: isNumber }, prize_added: { prize: isPrize, names: isTwoNames },
  prolonged: { from: isNumber, until: isNumber, names: isTwoNames },
  frozen: { version: isNumber, count: isNumber, roster_hash: isHash },
  excluded: { no: isNumber, reason: oneOf('staff', 'duplicate', 'ineligible', 'left', 'own_wish') },
  armed: { ...D, prize: isNumber, k: isNumber, roster_version: isNumber, pool_hash: isHash },
  entropy_fallback: { ...D, reason: isText },
  entropy: { ...D, kind: MODE, text: isLate, signature: matches(/^([0-9a-f]{96})?$/) },
  drawn: { ...D, prize: isNumber, k: isNumber, winners: isNos, seed: isHash, pool_hash: isHash },
  revealed: D, absent: ONE, forfeited: { ...ONE, slot: oneOf('keep', 'refill') }, undone: ONE, confirmed: { ...D, nos: isNos },
  voided: { ...D, reason: isText, seed: isHash, names: isTwoNames },
  paid: ONE,
  game_fixed: { ...GAME, seed_hash: isHash }, game_added: { game: value => fits(GAME, value), names: isTwoNames },
  game_begun: { prize: isNumber, nos: isNos }, rain_begun: { prize: isNumber, d: isNumber, nos: isNos },
  game_ended: { prize: isNumber, seed: isHash, nos: isNos, sums: value => Array.isArray(value) && value.every(isNumber) },
  restored: { reason: isText, last_no: isAmount, next_no: isNumber, next_d: isNumber }, found: { prize: isNumber, no: isAmount },
  returned: { prize: isNumber, no: isNumber },
  closed: {},
};
const isBody = (kind, body) => Object.hasOwn(FIELDS, kind) && fits(FIELDS[kind], body);

// JSON with one way to write each thing; throws for what may not stand in a log.
function canonical(value) {
  if (typeof value === 'string' && !/\p{Cs}/u.test(value)) return JSON.stringify(value);
  if (Number.isSafeInteger(value)) return String(value);
  if (Array.isArray(value)) return '[' + value.map(canonical).join(',') + ']';
  if (!isObject(value)) throw new TypeError('not for the log');
  return '{' + Object.keys(value).sort().map(name => JSON.stringify(name) + ':' + canonical(value[name])).join(',') + '}';
}

async function hasItsHash(hall, line) {
  try {
    const said = canonical({ hall_id: hall, seq: line.seq, at: line.at, kind: line.kind, body: line.body });
    return line.hash === hex(await hash('log', unhex(line.prev_hash), said));
  } catch (error) {
    return false;
  }
}

class Selected {
  constructor(body, at) {
    Object.assign(this, { prize: 0, k: 0, pool_hash: '', ...body, armed_at: at, entropy: null, winners: [] });
    Object.assign(this, { absent: new Set(), forfeited: new Map(), confirmed: new Set(), paid: new Set(), lapsed: new Set() });
    this.isRevealed = this.isVoided = false;
  }
  get phase() {
    if (this.isVoided) return 'voided';
    if (!this.winners.length) return this.entropy === null ? 'armed' : 'ready';
    if (!this.isRevealed) return 'drawn';
    return this.undecided.length ? 'revealed' : 'settled';
  }
  get undecided() {
    return this.winners.filter(no => ![this.confirmed, this.absent, this.forfeited, this.lapsed].some(each => each.has(no)));
  }
  get holding() {
    if (this.isVoided) return 0;
    return this.winners.filter(no => !this.absent.has(no) && !this.lapsed.has(no) && this.forfeited.get(no) !== 'refill').length;
  }
  // The database turned out to be a copy: what was not settled in it is void.
  endInRestore() {
    if (['settled', 'voided'].includes(this.phase)) return;
    if (this.confirmed.size) this.undecided.forEach(no => this.lapsed.add(no));
    else this.isVoided = true;
  }
}

const newGame = fixed => ({ fixed, nos: null, isEnded: false, won: [], restores: 0, d: 0 });
// A rain that was added falls from the next seed of the chain, under a number of its own.
const takesD = game => game.fixed.kind === 'rain' && !Object.hasOwn(game.fixed, 'seed_hash');

class Evening {
  constructor() {
    Object.assign(this, { hall: '', chainLength: 0, mode: 'hall', prizes: new Map(), isOpened: false, isClosed: false });
    Object.assign(this, { signedIn: 0, version: 0, excluded: new Set(), selections: new Map(), games: new Map(), used: new Set(), at: 0 });
    Object.assign(this, { passed: [], passedD: 0, found: [], until: 0, isEndDoubted: false });
  }
  get lastD() { return Math.max(0, ...this.selections.keys()); }
  get nextD() { return Math.max(this.passedD, this.lastD, ...[...this.games.values()].map(each => each.d)) + 1; }
  // Rains that were added, and will take a number of their own.
  get rainsToCome() { return [...this.games.values()].filter(each => takesD(each) && !each.d && !each.isEnded).length; }
  // Who signed in; numbers that a restore passed over are nobody's.
  get people() { return this.passed.reduce((all, [first, next]) => all - (next - first), this.signedIn); }
  isPassed(no) { return this.passed.some(([first, next]) => first <= no && no < next); }
  get running() {
    const last = this.selections.get(this.lastD);
    return last && !['settled', 'voided'].includes(last.phase) ? last : null;
  }
  openSlots(prize) {
    const taken = [...this.selections.values()].filter(each => each.prize === prize);
    const found = this.found.filter(each => each.prize === prize).length;
    return this.prizes.get(prize).slots - taken.reduce((sum, each) => sum + each.holding, found);
  }
  pool(lines, prize) {
    const out = new Set(this.excluded), rule = this.prizes.get(prize);
    // What a game gave keeps nobody out.
    const selected = this.found.filter(each => this.prizes.has(each.prize));
    for (const each of selected) if (rule.scope === 'evening' || each.prize === prize) out.add(each.no);
    for (const each of this.selections.values()) {
      if (each.isVoided) continue;
      const isSame = each.prize === prize, absence = (this.prizes.get(each.prize) || {}).absence;
      for (const no of each.winners.filter(no => !each.lapsed.has(no))) {
        if (each.absent.has(no) ? absence === 'evening' || (absence === 'slot' && isSame) : isSame || rule.scope === 'evening') out.add(no);
      }
    }
    const isIn = line => !out.has(line.no) && (!rule.groups.length || rule.groups.includes(line.group));
    return lines.filter(isIn).map(line => line.no);
  }
  // Go on by one line; throws where it is about something that is not there.
  take({ kind, body, at }) {
    this.at = at;
    const selected = this.selections.get(body.d);
    switch (kind) {
      case 'committed':
        Object.assign(this, { hall: body.hall_id, chainLength: body.chain_length, mode: body.mode });
        this.prizes = new Map(body.prizes.map(each => [each.prize, each]));
        break;
      case 'opened': this.isOpened = true; break;
      case 'closed': this.isClosed = true; break;
      case 'signed_in': this.signedIn = body.no; break;
      case 'prize_added': this.prizes.set(body.prize.prize, body.prize); break;
      case 'scheduled': this.until = body.until; break;
      case 'prolonged': Object.assign(this, { until: body.until, isEndDoubted: false }); break;
      case 'frozen': this.version = body.version; break;
      case 'excluded': this.excluded.add(body.no); break;
      case 'armed': this.selections.set(body.d, new Selected(body, at)); break;
      case 'entropy_fallback': this.mode = 'hall'; break;
      case 'entropy':
        selected.entropy = [body.kind, body.text];
        numbersOf(body.text).forEach(each => this.used.add(each));
        break;
      case 'drawn': selected.winners = body.winners; break;
      case 'revealed': selected.isRevealed = true; break;
      case 'absent': selected.absent.add(body.no); break;
      case 'forfeited': selected.forfeited.set(body.no, body.slot); break;
      case 'undone': selected.absent.delete(body.no); selected.forfeited.delete(body.no); break;
      case 'confirmed': body.nos.forEach(no => selected.confirmed.add(no)); break;
      case 'paid': selected.paid.add(body.no); break;
      case 'game_fixed': this.games.set(body.prize, newGame(body)); break;
      case 'game_added': this.games.set(body.game.prize, newGame(body.game)); break;
      case 'game_begun': this.games.get(body.prize).nos = body.nos; break;
      case 'rain_begun': Object.assign(this.games.get(body.prize), { nos: body.nos, d: body.d }); break;
      case 'game_ended': Object.assign(this.games.get(body.prize), { isEnded: true, won: body.nos }); break;
      case 'restored':
        for (const each of this.selections.values()) each.endInRestore();
        for (const each of this.games.values()) if (!each.isEnded) Object.assign(each, { nos: null, d: 0, restores: each.restores + 1 });
        this.passed.push([body.last_no + 1, body.next_no]);
        Object.assign(this, { signedIn: body.next_no - 1, passedD: body.next_d - 1, isEndDoubted: true });
        break;
      case 'found':
        this.found.push(body);
        if (this.games.has(body.prize)) this.games.get(body.prize).isEnded = true;
        break;
      case 'returned': {
        const at = this.found.findIndex(each => each.prize === body.prize && each.no === 0);
        if (at >= 0) this.found[at] = body;
        break;
      }
      case 'voided':
        if (!selected) this.selections.set(body.d, new Selected({ d: body.d }, at));
        this.selections.get(body.d).isVoided = true;
        break;
    }
  }
}

const numbersOf = text => text.split(' ').filter(each => each !== '');

// What may come only before the end that the log says; what was fixed or begun by then is finished behind it.
const UNTIL_THE_END = ['signed_in', 'prize_added', 'game_added', 'armed', 'game_begun', 'rain_begun'];

// Why a line may not come now, as a word; null when it may.
function refusal(evening, { kind, body, at }) {
  if (!isBody(kind, body)) return 'body';
  if (at < evening.at) return 'clock';
  if ((kind === 'committed') === (evening.hall !== '')) return 'committed';
  if (evening.isClosed && kind !== 'paid') return 'closed';
  if (UNTIL_THE_END.includes(kind) && evening.until > 0 && evening.until < at) return 'over';
  const running = evening.running, last = evening.nextD - 1, selected = evening.selections.get(body.d);
  const game = evening.games.get(body.prize), isNobody = no => no > evening.signedIn || evening.isPassed(no);
  const fixed = running && ['armed', 'ready'].includes(running.phase) ? 'armed' : null;
  const next = () => running ? 'running' : body.d !== evening.nextD ? 'd' : body.d > evening.chainLength ? 'chain' : null;
  const at_ = (...phases) => !selected ? 'd' : phases.includes(selected.phase) ? null : 'phase';
  switch (kind) {
    case 'scheduled': return evening.isOpened || evening.until !== 0 ? 'scheduled' : null;
    case 'opened': return evening.isOpened ? 'opened' : null;
    case 'signed_in': return !evening.isOpened ? 'not_open' : body.no !== evening.signedIn + 1 ? 'no' : null;
    case 'prize_added':
      if (fixed) return fixed;
      if (evening.prizes.has(body.prize.prize) || evening.games.has(body.prize.prize)) return 'prize';
      return body.prize.groups.length ? 'groups' : null;
    case 'prolonged':
      if (evening.until !== 0 && evening.until !== body.from) return 'before';
      if (at > body.from && !evening.isEndDoubted) return 'over';
      return body.until <= Math.max(body.from, at) ? 'until' : null;
    case 'frozen': return fixed || (body.version !== evening.version + 1 ? 'version' : null);
    case 'excluded': return fixed || (isNobody(body.no) || evening.excluded.has(body.no) ? 'no' : null);
    case 'armed':
      if (next()) return next();
      if (evening.version === 0 || body.roster_version !== evening.version) return 'version';
      if (!evening.prizes.has(body.prize)) return 'prize';
      return body.k > evening.openSlots(body.prize) ? 'slots' : null;
    case 'entropy_fallback':
      return at_('armed') || (evening.mode !== 'drand' ? 'mode' : at < selected.armed_at + 60 ? 'early' : null);
    case 'entropy':
      if (at_('armed')) return at_('armed');
      if (body.kind !== evening.mode) return 'mode';
      if ((body.kind === 'drand') !== (body.signature !== '') || (body.kind === 'seed' && body.text !== '')) return 'text';
      return body.kind === 'hall' && !areNumbers(evening, body.text) ? 'numbers' : null;
    case 'drawn':
      if (at_('ready')) return at_('ready');
      return ['prize', 'k', 'pool_hash'].some(name => body[name] !== selected[name]) || body.winners.length !== selected.k ? 'armed' : null;
    case 'revealed': return at_('drawn');
    case 'absent': case 'forfeited': case 'confirmed':
      return at_('revealed') || ((body.nos || [body.no]).every(no => selected.undecided.includes(no)) ? null : 'no');
    case 'undone':
      if (at_('revealed', 'settled')) return at_('revealed', 'settled');
      if (body.d !== evening.lastD || body.d <= evening.passedD || !(selected.absent.has(body.no) || selected.forfeited.has(body.no))) return 'no';
      if (!selected.absent.has(body.no) && selected.forfeited.get(body.no) !== 'refill') return null;
      return evening.prizes.has(selected.prize) && evening.openSlots(selected.prize) < 1 ? 'slots' : null;
    case 'voided':
      if (!selected) return next();
      return at_('armed', 'ready', 'drawn', 'revealed', 'settled') || (selected.confirmed.size ? 'confirmed' : body.d !== last ? 'd' : null);
    case 'paid':
      return at_('revealed', 'settled') || (selected.confirmed.has(body.no) && !selected.paid.has(body.no) ? null : 'no');
    case 'game_fixed': return evening.isOpened ? 'opened' : evening.games.has(body.prize) || evening.prizes.has(body.prize) ? 'prize' : null;
    case 'game_added':
      if (fixed) return fixed;
      if (evening.prizes.has(body.game.prize) || evening.games.has(body.game.prize)) return 'prize';
      return body.game.kind === 'rain' && evening.nextD + evening.rainsToCome > evening.chainLength ? 'chain' : null;
    case 'game_begun': case 'rain_begun':
      if (!game || game.nos !== null || game.isEnded || takesD(game) !== (kind === 'rain_begun')) return 'prize';
      if (!evening.isOpened || body.nos.some(isNobody)) return 'no';
      return kind === 'rain_begun' ? next() : null;
    case 'game_ended': {
      if (!game || game.nos === null || game.isEnded) return 'prize';
      if (body.nos.length !== body.sums.length || !body.nos.every(no => game.nos.includes(no))) return 'no';
      const sum = body.sums.reduce((all, each) => all + each, 0);
      if (body.sums.some((each, at) => at > 0 && each > body.sums[at - 1])) return 'ranks';
      if (game.fixed.kind === 'rain') return sum > game.fixed.total_fen ? 'sums' : null;
      if (body.nos.length > game.fixed.packets) return 'slots';
      return body.nos.some(no => evening.excluded.has(no)) ? 'no' : null;
    }
    case 'restored':
      if (body.last_no !== evening.signedIn || body.next_no <= body.last_no) return 'no';
      return body.next_d < evening.nextD || body.next_d > evening.chainLength + 1 ? 'd' : null;
    case 'found':
      if (fixed) return fixed;
      if (!evening.passed.length) return 'd';
      if (isNobody(body.no)) return 'no';
      if (!game && !evening.prizes.has(body.prize)) return 'prize';
      if (!game) return evening.openSlots(body.prize) < 1 ? 'slots' : null;
      return game.nos !== null || (game.isEnded && !evening.found.some(each => each.prize === body.prize)) ? 'prize' : null;
    case 'returned': return isNobody(body.no) || !evening.found.some(each => each.prize === body.prize && each.no === 0) ? 'no' : null;
    case 'closed': return running ? 'running' : null;
  }
}

// Three numbers of eight digits or more, not all of them used before.
function areNumbers(evening, text) {
  const numbers = numbersOf(text);
  const isLong = each => (each.match(/[0-9]/g) || []).length >= 8;
  return numbers.length === 3 && numbers.every(isLong) && !numbers.every(each => evening.used.has(each));
}
