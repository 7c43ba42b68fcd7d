/* The big screen of a hall. A snapshot of the server says which scene it shows; the only thing the screen itself can do is to start
   and to stop the selection that the host has armed. */

import { at, clockTime, fill, say, spell } from './dom.js';
import { Flying } from './flying.js';
import { Race, Rain } from './games.js';
import { listen } from './keys.js';
import { learn } from './language.js';
import { Link, ServerClock } from './link.js';
import { wake } from './loop.js';
import { pairing } from './pairing.js';
import { fullScreen, isSaving, keepAwake, restoreSaving, saving } from './power.js';
import { Prizes, Results } from './programme.js';
import './room.js';
import { Stage } from './selection.js';
import { mute, muted, unlock } from './sound.js';
import { SignInCode, Wall } from './wall.js';

const NOTICE_MS = 6000;
const FROZEN_MS = 20_000;   // long enough to take a picture of the roster's hash
const CHANGED_MS = 15_000;
const POST_TIMEOUT_MS = 30_000;
const BAR_MS = 3500;
const LEARN_AGAIN_MS = 2000;

class Show {
  constructor(config) {
    Object.assign(this, config);
    this.clock = new ServerClock(`${this.base}/now`, this.now);
    this.isLead = this.epoch > 0;
    this.wall = new Wall(this);
    this.code = new SignInCode(this);
    this.stage = new Stage(this);
    this.flying = new Flying();
    this.scenes = { prizes: new Prizes(this), results: new Results(this), rain: new Rain(this), race: new Race(this) };
    this.scene = '';
    this.isLearning = new URLSearchParams(location.search).has('lang'); // the address says it, once and for all
  }

  begin() {
    restoreSaving();
    keepAwake();
    this.link = new Link({
      events: this.events,
      state: `${this.base}/state`,
      onState: (state) => this.take(state),
      onRanks: (ranks) => this.scenes.race.hear(ranks),
      onHealth: (isWell) => { at('offline').hidden = isWell; },
    });
    this.link.start(this.state);
    const press = listen(() => { unlock(); this.stage.press(); }, {
      f: () => fullScreen(),
      s: () => this.save(),
      h: () => this.hideNewest(),
      m: () => this.silence(),
      b: () => this.stage.nextSkin(),
    });
    this.buttons(press);
    addEventListener('pointerdown', () => unlock(), { once: true });
  }

  buttons(press) {
    const does = { go: press, skin: () => this.stage.nextSkin(), full: fullScreen, save: () => this.save(), mute: () => this.silence(), verify: () => at('verify').showModal() };
    for (const button of document.querySelectorAll('[data-does]')) {
      button.addEventListener('click', () => { button.blur(); does[button.dataset.does](); });
    }
    let timer = 0;
    addEventListener('pointermove', () => {
      document.body.classList.add('has-pointer');
      clearTimeout(timer);
      timer = setTimeout(() => document.body.classList.remove('has-pointer'), BAR_MS);
    }, { passive: true });
  }

  save() {
    saving(!isSaving());
    this.stage.again();
    this.tell(this.words[isSaving() ? 'saving_on' : 'saving_off']);
  }

  silence() {
    mute(!muted());
    this.tell(this.words[muted() ? 'muted' : 'unmuted']);
  }

  async hideNewest() {
    if (this.scene !== 'wall' || !this.isLead) { return; }
    const no = this.wall.hideNewest();
    if (!no) { return; }
    this.tell(fill(this.words.hidden, { no }));
    await this.post('hide', { no }).catch(() => {});
  }

  /** Tell the server; the answer's JSON. Raises when there is none. */
  async post(verb, fields) {
    const stopper = new AbortController();
    const timer = setTimeout(() => stopper.abort(), POST_TIMEOUT_MS);
    try {
      const answer = await fetch(`${this.base}/${verb}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
        body: JSON.stringify(fields),
        signal: stopper.signal,
      });
      if (answer.status >= 500) { throw new Error(String(answer.status)); }
      const said = await answer.json().catch(() => ({}));
      return answer.ok ? said : { error: said.error || this.words.refused };
    } finally {
      clearTimeout(timer);
    }
  }

  take(state) {
    wake();
    this.speak(state.language);
    if (typeof state.epoch === 'number') { this.role(state.epoch); }
    say(at('hall-name'), state.name);
    say(at('guests'), fill(this.words.signed_in, { n: state.guests }));
    document.body.dataset.rehearsal = state.rehearsal ? 'on' : 'off';
    for (const place of ['commitment', 'verify-commitment']) { spell(at(place), state.commitment || ''); }
    this.frozen(state);
    this.changed(state);
    this.wall.take(state);
    this.stage.take(state);
    this.flying.take(state);
    for (const scene of Object.values(this.scenes)) { scene.take(state); }
    this.go(this.sceneOf(state));
    document.body.dataset.v = state.v;
  }

  /** The host chose another language: the words change where they stand, and the state is shown once more in it. */
  async speak(language) {
    if (this.isLearning || !language || language === this.language) { return; }
    this.isLearning = true;
    try {
      this.language = await learn(this.words);
    } catch {
      setTimeout(() => { this.isLearning = false; this.speak(this.link.state.language); }, LEARN_AGAIN_MS);
      return;
    }
    this.isLearning = false;
    this.wall.again();
    this.take(this.link.state);
  }

  /** Which roster counts; a new one is announced with its hash, whatever scene is shown. */
  frozen({ roster, selection }) {
    say(at('verify-roster'), roster ? fill(this.words.roster, roster) : '');
    spell(at('verify-roster-hash'), roster ? roster.sha256 : '');
    const version = roster ? roster.version : 0;
    if (this.version !== undefined && version > this.version) { this.tell(fill(this.words.frozen, roster), roster.sha256, FROZEN_MS); }
    this.version = version;
    if (['armed', 'drawn'].includes(selection?.status) && at('notice-hash').textContent) { at('notice').hidden = true; } // it stands there
  }

  /** What two people changed of the evening is announced when it comes: a prize on the spot, a later end. */
  changed({ added = [], until = 0 }) {
    if (this.added !== undefined) {
      const said = added.filter((prize) => !this.added.has(prize.ordinal)).map((prize) => fill(this.words.added, prize));
      if (until > this.until) { said.push(fill(this.words.prolonged, { at: clockTime(until) })); }
      if (said.length) { this.tell(said.join('　'), '', CHANGED_MS); }
    }
    this.added = new Set(added.map((prize) => prize.ordinal));
    this.until = until;
  }

  /** A running roll is always on the screen, whatever scene was chosen before. */
  sceneOf(state) {
    if (state.selection && state.selection.status === 'drawn') { return 'selection'; }
    return state.scene === 'selection' && !state.selection ? 'prizes' : state.scene;
  }

  go(scene) {
    if (scene === this.scene) { return; }
    this.scenes[this.scene]?.end?.();
    this.scene = scene;
    document.body.dataset.scene = scene;
    if (scene === 'wall') { this.code.start(); } else { this.code.stop(); }
    this.scenes[scene]?.begin?.();
    this.scenes[scene]?.lay?.();
    if (scene === 'wall') { this.wall.lay(); }
    if (scene === 'selection') { this.stage.layout(); }
  }

  role(epoch) {
    this.isLead = this.epoch === epoch;
    document.body.dataset.role = this.isLead ? 'lead' : 'viewer';
  }

  tell(text, hash = '', ms = NOTICE_MS) {
    const notice = at('notice');
    say(at('notice-text'), text);
    spell(at('notice-hash'), hash);
    notice.hidden = false;
    clearTimeout(this.noticeTimer);
    this.noticeTimer = setTimeout(() => { notice.hidden = true; }, ms);
  }
}

const config = JSON.parse(at('config').textContent);
if (config.is_paired) { new Show(config).begin(); } else { pairing(config); }
