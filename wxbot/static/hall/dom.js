/* Making elements, on the screen and on phones. Whatever a person typed goes through textContent and nothing else. */

/** The element with this id; all of them stand in the page. */
export function at(id) { return document.getElementById(id); }

/** An element with a class and, as text, what it says. */
export function el(tag, className, text) {
  const made = document.createElement(tag);
  if (className) { made.className = className; }
  if (text !== undefined) { made.textContent = text; }
  return made;
}

/** Set the text of an element only when it changes. */
export function say(element, text) {
  if (element.textContent !== text) { element.textContent = text; }
}

/** A hash whole, in groups that an eye can compare; the text without its spaces is the hash. */
export function spell(element, hash) {
  if (element.dataset.hash === hash) { return; }
  element.dataset.hash = hash;
  element.replaceChildren(...(hash.match(/.{1,8}/g) || []).flatMap((part, n) => (n ? [' ', el('span', '', part)] : [el('span', '', part)])));
}

/** A moment (Unix seconds) as a clock in China shows it, wherever this machine thinks it is; of another day with its date. */
export function clockTime(unix, now = Date.now()) {
  const [day, today] = [unix * 1000, now].map((ms) => new Date(ms).toLocaleDateString('zh-CN', { timeZone: 'Asia/Shanghai', month: '2-digit', day: '2-digit' }));
  const time = new Date(unix * 1000).toLocaleTimeString('zh-CN', { timeZone: 'Asia/Shanghai', hour: '2-digit', minute: '2-digit', hour12: false });
  return day === today ? time : `${day.replace('/', '-')} ${time}`;
}

/** A sentence with its places filled: fill('第 {n} 位', {n: 3}); in `{n:person|people}` with the word that goes with a count (wxbot/text.py). */
export function fill(sentence, values) {
  return sentence.replace(/\{(\w+)(?::([^|{}]*)\|([^{}]*))?\}/g, (whole, name, one, many) => {
    if (!(name in values)) { return whole; }
    if (many === undefined) { return String(values[name]); }
    return String(values[name]) === '1' ? one : many;
  });
}
