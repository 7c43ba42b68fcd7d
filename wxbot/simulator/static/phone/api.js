// The simulator's control API and what the whole phone shares.

export const state = {
  person: null, // who holds this phone
  account: { name: '公众号' },
  people: [],
  clockOffset: 0,
  beacons: [],
  listeners: new Set(),
};

export const now = () => Date.now() / 1000 + state.clockOffset;

async function call(method, path, body) {
  const reply = await fetch(path, {
    method,
    headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const content = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Error(content.error || `模拟器回答 ${reply.status}`);
  return content;
}

export const get = (path) => call('GET', path);
export const post = (path, body = {}) => call('POST', path, body);
export const put = (path, body) => call('PUT', path, body);
export const patch = (path, body) => call('PATCH', path, body);
export const mine = (path) => `/_sim/people/${state.person.id}${path}`;

export function changed() {
  state.listeners.forEach((listener) => listener());
}

export async function loadPeople() {
  state.people = (await get('/_sim/people')).people;
  if (state.person) state.person = state.people.find((one) => one.id === state.person.id) || null;
  changed();
}

export async function loadClock() {
  const clock = await get('/_sim/clock');
  state.clockOffset = clock.now - Date.now() / 1000;
}

// Takes the phone: the authorize page asks the cookie, and every person has cookies of their own.
export async function hold(person) {
  await post('/phone/hold', { id: person.id });
  state.person = person;
  localStorage.setItem('person', person.id);
  await loadPeople();
}

export async function makePerson(nickname, avatar) {
  const made = await post('/_sim/people', { ...(nickname ? { nickname } : {}), ...(avatar ? { avatar } : {}) });
  await loadPeople();
  return state.people.find((one) => one.id === made.people[0].id);
}
