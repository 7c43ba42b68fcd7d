// The stack of screens inside the phone. A screen is a function that fills an element and may return how to leave it.

const stack = [];

const root = () => document.querySelector('#screen');

function mount(entry, motion) {
  entry.element = document.createElement('section');
  entry.element.className = `screen ${entry.name} ${motion}`;
  entry.leave = entry.build(entry.element, entry.argument) || null;
  root().append(entry.element);
}

function unmount(entry) {
  if (typeof entry.leave === 'function') entry.leave(); // an async screen gives a promise
  entry.element.remove();
}

export function open(name, build, argument) {
  const under = stack[stack.length - 1];
  const entry = { name, build, argument };
  stack.push(entry);
  mount(entry, under ? 'slide-in' : '');
}

export function back() {
  if (stack.length < 2) return;
  const top = stack.pop();
  const beneath = stack[stack.length - 1];
  top.element.classList.remove('slide-in');
  top.element.classList.add('slide-out');
  setTimeout(() => unmount(top), 220);
  if (beneath.element.refresh) beneath.element.refresh();
}

export function home(name, build, argument) {
  while (stack.length) unmount(stack.pop());
  root().querySelectorAll('.veil, .packet-veil').forEach((veil) => veil.remove());
  open(name, build, argument);
}

export const current = () => (stack.length ? stack[stack.length - 1].name : '');
