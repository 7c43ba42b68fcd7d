/* What the hall has come to, as the server tells it: an event stream, and a question each second while there is none. Every
   message is a whole snapshot, so nothing has to be put together again after a lost connection. */

const POLL_MS = 1000;
const CHECK_MS = 15_000;
const SILENT_MS = 4000;
const ASK_TIMEOUT_MS = 5000;
const AGAIN_MS = 5000;

export class Link {
  constructor({ events, state, onState, onRanks, onHealth }) {
    this.events = events;
    this.address = state;
    this.onState = onState;
    this.onRanks = onRanks;
    this.onHealth = onHealth;
    this.state = null;
    this.stream = null;
    this.heardAt = 0;
    this.isStreamBehind = false;
    this.failures = 0;
    this.isAsking = false;
    this.askedAt = 0;
  }

  start(first) {
    if (first) { this.take(first); }
    this.open();
    this.timer = setInterval(() => this.beat(), POLL_MS);
    addEventListener('online', () => { this.open(); this.ask(); });
  }

  /** Whether the stream can be believed now. */
  get isStreaming() {
    return !this.isStreamBehind && this.stream !== null && this.stream.readyState === 1 && this.heardAt > 0;
  }

  open() {
    if (!('EventSource' in window) || (this.stream && this.stream.readyState !== 2)) { return; }
    const last = this.state ? `&last=${encodeURIComponent(this.state.v)}` : '';
    this.heardAt = 0;
    this.openedAt = Date.now();
    this.stream = new EventSource(this.events + last, { withCredentials: true });
    const hear = (event) => {
      let state = null;
      try { state = JSON.parse(event.data); } catch { return; }
      if (!state || typeof state.v !== 'number') { return; }
      this.heardAt = Date.now();
      this.isStreamBehind = false;
      this.well();
      this.take(state);
    };
    this.stream.addEventListener('state', hear);
    this.stream.addEventListener('ping', () => { this.heardAt = Date.now(); this.well(); });
    this.stream.addEventListener('ranks', (event) => {
      try { this.onRanks(JSON.parse(event.data)); } catch { /* the next second brings the next */ }
    });
  }

  beat() {
    if (this.stream && this.stream.readyState === 2 && Date.now() - this.openedAt > AGAIN_MS) { this.open(); }
    const due = this.isStreaming ? CHECK_MS : POLL_MS;
    const isStreamNew = this.stream && this.stream.readyState < 2 && Date.now() - this.openedAt < SILENT_MS && this.failures === 0;
    if (isStreamNew && this.state && !this.heardAt) { return; }
    if (Date.now() - this.askedAt >= due - 50) { this.ask(); }
  }

  async ask() {
    if (this.isAsking) { return; }
    this.isAsking = true;
    this.askedAt = Date.now();
    const stopper = new AbortController();
    const timer = setTimeout(() => stopper.abort(), ASK_TIMEOUT_MS);
    try {
      const answer = await fetch(this.address, { signal: stopper.signal, cache: 'no-store', headers: { Accept: 'application/json' } });
      if (!answer.ok) { throw new Error(String(answer.status)); }
      const state = await answer.json();
      if (this.isStreaming && this.state && state.v > this.state.v) { this.isStreamBehind = true; }
      this.well();
      this.take(state);
    } catch {
      this.failures += 1;
      if (!this.isStreaming && this.failures > 2) { this.onHealth(false); }
    } finally {
      clearTimeout(timer);
      this.isAsking = false;
    }
  }

  well() {
    this.failures = 0;
    this.onHealth(true);
  }

  /** A snapshot that is newer than the last one: `v` grows for ever, also after the server's memory was emptied. */
  take(state) {
    if (this.state && state.v <= this.state.v) { return; }
    this.state = state;
    this.onState(state);
  }
}

/** Seconds of the server's clock, wherever the clock of this machine stands. */
export class ServerClock {
  constructor(address, nowUnix) {
    this.address = address;
    this.offset_s = nowUnix - Date.now() / 1000;
    this.trip_ms = 0;
  }

  now() { return Date.now() / 1000 + this.offset_s; }

  /** Take the server's word for a question that was sent and answered at these moments (ms). */
  hear(nowUnix, sentAt, cameAt) {
    this.trip_ms = cameAt - sentAt;
    this.offset_s = nowUnix - (sentAt + cameAt) / 2000;
  }

  async measure() {
    const sentAt = Date.now();
    const answer = await fetch(this.address, { cache: 'no-store' });
    const { now } = await answer.json();
    this.hear(now, sentAt, Date.now());
  }
}
