/* The words of the screen in the language that the host chose. They are taken from the screen's own page, asked for again: to load
   it anew would leave full screen and silence the sound. */

/** Put the words of the page, in its language of now, into `words` and wherever one stands (`data-word`). Raises when there is no answer; returns the language. */
export async function learn(words) {
  const answer = await fetch(location.href, { cache: 'no-store' });
  if (!answer.ok) { throw new Error(String(answer.status)); }
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const config = JSON.parse(page.getElementById('config').textContent);
  Object.assign(words, config.words);
  for (const place of document.querySelectorAll('[data-word]')) {
    const said = page.querySelector(`[data-word="${place.dataset.word}"]`);
    if (said) { place.replaceChildren(...said.childNodes); }
  }
  document.documentElement.lang = page.documentElement.lang;
  return config.language;
}
