/* A guest's page. What goes on comes from the hall's state, in which nobody is named; when it changed in a way that concerns this
   person, their own part is fetched, after a moment of chance so that two thousand phones do not ask at once (`patience`).
   A game of the whole hall is a module of its own: it is loaded when the state names one, and shown in #game. */

import { at, clockTime, el, fill, say, spell } from '../hall/dom.js';

const page = JSON.parse(document.getElementById('state').textContent);
const words = page.words;
const en = page.language === 'en' ? '?lang=en' : '';
const base = '/h5/hall/' + page.slug;
const HAS = ['collecting', 'paid', 'given'];   // states of an award that asks nothing of its person
const POLL_MS = 2500;
const JITTER_MS = 1500;
const GAME_OVER_MS = 4000;   // what was caught stands on the page already
const CALM_MS = 8000;        // for whatever was missed: most phones hear nothing new then
const COUNTDOWN_MS = 4000;   // of the five seconds before a game, for whoever's clock is wrong as well
const QUIET_MS = 20000;      // an open stream that says nothing for so long is given up for polling
const STALE_MS = 15000;      // `wxbot live` writes its file every five seconds
const live = (page.live || '') + '/live/' + page.slug;
let lastWritten = 0;
let lastWrittenAt = 0;
let me = page.me;
let state = null;
let stream = null;
let heard = 0;
let timer = 0;
let asking = 0;
let askingAt = 0;
let ending = 0;
let game = null;

function json(path, options) {
  return fetch(path, Object.assign({ headers: { Accept: 'application/json' }, credentials: 'same-origin', cache: 'no-store' }, options))
    .then((reply) => reply.json().then((answer) => {
      if (answer.outcome === 'sign_in' || answer.outcome === 'stale') { location.reload(); }
      return { ok: reply.ok, status: reply.status, answer };
    }));
}

/* --- what is shown --- */

function stand(stage, title, text) {
  const card = at('me');
  if (card.dataset.stage !== stage) {
    card.dataset.stage = stage;
    if (stage === 'won' && navigator.vibrate) { navigator.vibrate([120, 80, 240]); }
  }
  say(at('stage-title'), title);
  say(at('stage-text'), text);
}

/** A prize by its number; one of the evening itself, which is for everybody, came after this page did. */
function prizeOf(selection) {
  const isIt = (prize) => prize.ordinal === selection.prize;
  const added = state && (state.added || []).find(isIt);
  return (page.prizes || []).find(isIt) || (added ? { ...added, groups: [] } : { name: '', groups: [] });
}

/** What two people changed of the evening since it began. */
function news() {
  const added = state ? state.added || [] : [];
  const said = added.length ? [fill(words.added, { names: added.map((prize) => prize.name).join(page.language === 'en' ? ', ' : '、') })] : [];
  if (state && state.until) { said.push(fill(words.prolonged, { at: clockTime(state.until) })); }
  at('news').hidden = !said.length || Boolean(me.is_over);
  say(at('news'), said.join(page.language === 'en' ? ' ' : ''));
}

function struckText() { return fill(words.out_struck_text, { reason: page.reasons[me.struck] || me.struck }); }

/** How this guest stands among the winners of a selection that was revealed; nothing for everybody else. */
function lineIn(selection) {
  if (!selection || (selection.won && !selection.won.includes(me.no))) { return ''; }
  return ((selection.marked || []).find(([no]) => no === me.no) || [0, selection.status])[1];
}

/** Why this guest is not in a selection: a sentence, or nothing for who is in. The rules are evening.py's `out_of`. */
function outOf(selection) {
  const prize = prizeOf(selection);
  const before = me.won.filter((each) => each.d !== null && each.d < selection.d && each.status !== 'voided');
  const isSame = (each) => each.ordinal === selection.prize;
  if (me.struck) { return struckText(); }
  if (state.roster && me.no > state.roster.last) { return words.out_late; }
  if (prize.groups.length && !prize.groups.includes(me.group)) { return fill(words.out_group, { groups: prize.groups.join(page.language === 'en' ? ', ' : '、') }); }
  if (before.some((each) => each.status !== 'absent' && (prize.scope === 'evening' || isSame(each)))) { return words.out_won; }
  const isLost = (each) => each.status === 'absent' && (each.absence === 'evening' || (each.absence === 'slot' && isSame(each)));
  return before.some(isLost) ? words.out_absent : '';
}

/** Where a prize is collected: its own sheet in the list. */
function awardPage(each) { return each.state === 'open' ? `${page.awards}#${each.award}` : page.awards; }

/** How one stands in the selection that runs or was the last: [stage, title, text]. Nothing where the evening goes on without one. */
function inSelection(selection, mine) {
  if (mine && mine.status === 'won') { return ['won', fill(words.won, { prize: mine.prize }), words.won_text]; }
  if (mine && mine.status === 'absent' && !me.is_over && !me.struck) {
    const text = selection && selection.status === 'confirmed' ? words.absent_done_text : words.absent_text;
    return ['absent', words.absent, text + (page.language === 'en' ? ' ' : '') + words['absent_' + mine.absence]];
  }
  if (mine && (mine.status === 'forfeited' || mine.status === 'passed_on')) { return ['waiting', fill(words.forfeited, { prize: mine.prize }), '']; }
  if (mine && mine.status === 'voided') { return ['waiting', words.voided, words.missed_text]; }
  if (mine && selection && mine.d === selection.d && HAS.includes(mine.state) && !me.is_over) { return ['confirmed', fill(words.confirmed, { prize: mine.prize }), '']; }
  if (selection && selection.won && lineIn(selection) && !mine) { return ['drawn', fill(words.drawn, { prize: prizeOf(selection).name }), words.drawn_text]; } // one's own part is on its way
  if (selection && (selection.status === 'armed' || selection.status === 'drawn')) {
    const out = outOf(selection);
    return [out ? 'waiting' : selection.status, fill(words[selection.status], { prize: prizeOf(selection).name }), out ? words.out + (page.language === 'en' ? '. ' : '：') + out : words[selection.status + '_text']];
  }
  return null;
}

/** A prize that waits: red and large in its own moment, calm when the evening has gone on. */
function owed(award, isNow) {
  const isGoods = award.kind === 'goods';
  const word = isNow ? 'confirmed' : isGoods ? 'kept_goods' : 'kept';
  at('collect').hidden = isGoods;
  at('collect').href = awardPage(award);
  return [isNow ? 'confirmed' : 'waiting', fill(words[word], { prize: award.prize }), isGoods ? words.goods_text : words.confirmed_text];
}

function missed(selection) {
  if (selection.status !== 'revealed' && selection.status !== 'confirmed') { return null; }
  const out = outOf(selection);
  if (out === words.out_late) { return ['waiting', words.waiting, out]; } // it was over before they came, perhaps
  return out ? ['waiting', words.out, out] : ['waiting', words.missed, words.missed_text];
}

function show() {
  const selection = state && state.selection;
  const game = state && state.game;
  const mine = selection ? me.won.find((each) => each.d === selection.d) : me.won.find((each) => each.status === 'won');
  const award = [mine, ...me.won].find((each) => each && each.status === 'confirmed' && each.state === 'open');
  at('collect').hidden = true;
  stand(...(inSelection(selection, mine)
    || (award && owed(award, award === mine || (award.d === null && game)))
    || (me.is_over && ['waiting', words.over, me.won.some((each) => each.state) ? words.over_won_text : words.over_text])
    || (me.struck && ['waiting', words.out_struck, struckText()])
    || (game && game.status === 'running' && ['waiting', words[game.kind], words[game.kind + '_text']])
    || (selection && !mine && missed(selection))
    || ['waiting', words.waiting, words.waiting_text]));
  at('hidden').hidden = !me.is_hidden;
  at('say').hidden = Boolean(me.is_over);
  if (state && state.roster) { nameRoster(state.roster); }
  news();
  list();
}

/** Which roster counts now, with the whole hash. */
function nameRoster(roster) {
  say(at('roster-now'), fill(words.roster_now, roster));
  spell(at('roster-hash'), roster.sha256);
}

function list() {
  const owed = me.won.filter((each) => each.status === 'confirmed');
  at('won').hidden = !owed.length;
  at('won-list').replaceChildren(...owed.map((each) => {
    const line = el('li');
    line.append(el('span', '', each.prize));
    if (each.award && each.kind !== 'goods') {
      const link = el('a', '', each.state === 'open' ? words.collect : words.all_mine);
      link.href = awardPage(each);
      line.append(link);
    } else if (each.kind === 'goods' && each.state === 'open') {
      line.append(el('small', '', words.goods_text));
    }
    return line;
  }));
}

/* --- what is told --- */

function take(told) {
  heard = Date.now();
  at('offline').hidden = true;
  const before = state;
  state = told;
  const within = patience(before, told);
  if (within !== null) { askWithin(Math.random() * within); }
  show();
  play();
}

/** Over how long the phones of a hall spread their asking for their own part; nothing where this one has no reason to ask. Of a selection only
    its winners hear something new: they ask soon. Of a game all do: most of the countdown is for that. */
function patience(before, told) {
  if (!before) { return 0; }
  const isOther = (part) => JSON.stringify(part(before)) !== JSON.stringify(part(told));
  if (isOther((each) => lineIn(each.selection) && [each.selection.d, lineIn(each.selection)])) { return JITTER_MS; }
  if (isOther((each) => each.game && [each.game.id, each.game.status])) {
    const left = told.game && told.game.begin ? told.game.begin * 1000 - Date.now() : 0;
    return left > 0 ? Math.min(Math.max(JITTER_MS, left - 500), COUNTDOWN_MS) : GAME_OVER_MS;
  }
  return isOther((each) => [each.selection && each.selection.d, each.roster && each.roster.version, each.until]) ? CALM_MS : null;
}

/** Ask after so many ms, or when it was to be asked already, whatever comes first. */
function askWithin(ms) {
  const at = Date.now() + ms;
  if (askingAt > Date.now() && askingAt <= at) { return; }
  clearTimeout(asking);
  askingAt = at;
  asking = setTimeout(refresh, ms);
}

function refresh() {
  askingAt = 0;
  json(base + '/me' + en).then((reply) => {
    if (reply.status === 404) { location.reload(); return; }
    if (reply.ok) { me = reply.answer; show(); play(); waitForEnd(); }
  }).catch(() => { askWithin(POLL_MS + Math.random() * JITTER_MS); });
}

function poll() {
  clearTimeout(timer);
  timer = setTimeout(poll, POLL_MS + Math.random() * JITTER_MS);
  if (document.hidden || (stream && Date.now() - heard < QUIET_MS)) { return; }
  askState().then((reply) => {
    if (reply.ok) { take(reply.answer); } else { refresh(); }
  }).catch(() => { at('offline').hidden = false; });
}

/** The state from the file that costs nothing, while it is being written; from the application where it is not. */
function askState() {
  return json(live + '/state.json').then((reply) => {
    const written = reply.ok && reply.answer.written;
    if (!written) { throw new Error('no file'); }
    if (written !== lastWritten) { lastWritten = written; lastWrittenAt = Date.now(); }
    if (Date.now() - lastWrittenAt > STALE_MS) { throw new Error('nobody writes it'); }
    return reply;
  }).catch(() => json('/hall/' + page.slug + '/state'));
}

function listen() {
  if (!window.EventSource) { return; }
  try {
    stream = new EventSource(live + '/events?as=phone', { withCredentials: true });
  } catch (error) { stream = null; return; }
  const read = (event) => { try { take(JSON.parse(event.data)); } catch (error) { /* not for phones */ } };
  stream.onmessage = read;
  stream.addEventListener('state', read);
  stream.addEventListener('ping', () => { heard = Date.now(); });
  stream.onerror = () => {
    if (stream && stream.readyState === 2) { stream = null; setTimeout(listen, 5000 + Math.random() * 10000); }
  };
}

/* --- a game of the whole hall --- */

function play() {
  const running = state && state.game;
  if (!running) {
    if (game) { game.close(); game = null; }
    return;
  }
  if (game) { game.take(running, me, state); return; }
  game = { take() {}, close() {} }; // asked for once
  import('./hall_game.js').then((module) => {
    game = module.open(at('game'), { page, words, json, base, refresh });
    game.take(state.game, me, state);
  }).catch(() => { game = null; });
}

/* --- words to the screen --- */

at('danmaku').addEventListener('submit', (event) => {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector('button');
  const told = at('danmaku-told');
  button.disabled = true;
  json(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)), headers: { Accept: 'application/json', 'X-Form-Mark': page.mark } })
    .then((reply) => {
      told.textContent = reply.answer.text || '';
      told.classList.toggle('is-wrong', !reply.ok);
      if (reply.ok) { form.reset(); }
    })
    .catch(() => { told.textContent = words.offline; told.classList.add('is-wrong'); })
    .then(() => { setTimeout(() => { button.disabled = false; }, 3000); });
});

/* --- one's own line, worked out here --- */

const utf8 = new TextEncoder();
const hex = (bytes) => Array.from(new Uint8Array(bytes), (each) => each.toString(16).padStart(2, '0')).join('');
const unhex = (text) => Uint8Array.from(text.match(/../g), (each) => parseInt(each, 16));

async function personId(salt, hall, openid) {
  const key = await crypto.subtle.importKey('raw', unhex(salt), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return hex(await crypto.subtle.sign('HMAC', key, utf8.encode('wxbot-draw-v1/person\0' + hall + '\0' + openid)));
}

async function rosterHash(file) {
  return hex(await crypto.subtle.digest('SHA-256', utf8.encode('wxbot-draw-v1/roster\0' + file)));
}

async function prove() {
  const reply = await json(base + '/line' + en);
  if (!reply.ok) { return { text: words.no_roster, isWrong: false }; }
  const mine = reply.answer;
  nameRoster(mine);
  const file = await (await fetch(mine.file, { credentials: 'same-origin' })).text();
  const link = at('roster-file');
  link.href = mine.file;
  link.hidden = false;
  const id = await personId(mine.salt, mine.hall, mine.openid);
  const line = file.split('\n').find((each) => each.split('\t')[3] === id) || '';
  at('own-line').textContent = line.replace(/\t+/g, ' ');
  const values = { version: mine.version, count: mine.count, no: mine.no };
  if (!line && !mine.line) { return { text: fill(words.not_in, values), isWrong: false }; }
  const isTrue = line.split('\t')[0] === String(mine.no) && (await rosterHash(file)) === mine.sha256;
  return { text: isTrue ? fill(words.proven, values) : words.unproven, isWrong: !isTrue };
}

at('prove').addEventListener('click', () => {
  const told = at('proved');
  prove().catch(() => ({ text: words.offline, isWrong: true })).then((found) => {
    told.textContent = found.text;
    told.classList.toggle('is-wrong', found.isWrong);
  });
});

document.addEventListener('visibilitychange', () => { if (!document.hidden) { poll(); } });
/** Ask once more when the evening is over: nothing else says so to a phone. */
function waitForEnd() {
  const left_ms = (me.ends - me.now) * 1000;
  clearTimeout(ending);
  if (!me.is_over && left_ms < 86400000) { ending = setTimeout(refresh, Math.max(0, left_ms) + 1000 + Math.random() * 30000); }
}

for (const each of document.querySelectorAll('[data-waits]')) { each.disabled = false; each.removeAttribute('data-waits'); }
show();
listen();
poll();
waitForEnd();
