/* Six digits from the host's desk make this browser the hall's screen. */

import { at, say } from './dom.js';

export function pairing(config) {
  const form = at('pair');
  const field = at('pair-code');
  const read = () => {
    field.value = field.value.replace(/\D/g, '').slice(0, 6);
    if (field.value.length === 6) { form.requestSubmit(); }
  };
  field.focus();
  field.addEventListener('input', read);
  let isAsking = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (isAsking || field.value.length !== 6) { return; }
    isAsking = true;
    say(at('pair-said'), config.words.pair_asking);
    try {
      const answer = await fetch(`${config.base}/pair`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
        body: JSON.stringify({ code: field.value }),
      });
      if (answer.ok) { location.reload(); return; }
      const said = await answer.json().catch(() => ({}));
      say(at('pair-said'), said.error || config.words.refused);
    } catch {
      say(at('pair-said'), config.words.no_network);
    }
    field.value = '';
    field.focus();
    isAsking = false;
  });
  read(); // the digits may be there already, typed while this script was on its way
}
