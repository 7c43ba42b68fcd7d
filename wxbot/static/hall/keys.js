/* Keys and clickers. One press is at most one start or one stop: no repeat, nothing while somebody types or a dialog is open, and
   nothing within a second and a half of the last press. Escape is left to the browser; nothing here is ever discarded by a key. */

const GO = new Set([' ', 'Enter', 'PageDown']);
const APART_MS = 1500;

/** Whether somebody is typing or must first answer something. */
export function isBusyElsewhere(target) {
  if (document.querySelector('dialog[open]')) { return true; }
  const focused = target instanceof Element ? target : document.activeElement;
  return !!focused && !!focused.closest('input, textarea, select, button, a[href], summary, [contenteditable]');
}

/** `go` is asked for by a press that counts; `others` are single letters. Returns the function by which a click goes, too. */
export function listen(go, others) {
  let lastAt = -Infinity;

  function press() {
    const now = performance.now();
    if (now - lastAt < APART_MS) { return; }
    lastAt = now;
    go();
  }

  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) { return; }
    if (isBusyElsewhere(event.target)) { return; }
    if (GO.has(event.key)) {
      event.preventDefault();
      if (!event.repeat) { press(); }
      return;
    }
    const other = others[event.key.toLowerCase()];
    if (other && !event.repeat) { event.preventDefault(); other(); }
  });
  return press;
}
