// WeChat's page to receive a transfer, laid over a page that was opened on its own, outside the phone (§4.7).
import { get, state } from './api.js';
import { receiveForPage } from './transfer.js';

const query = new URLSearchParams(location.search);
const pageUrl = query.get('page_url') || '';

function leave(result) {
  if (window.parent !== window) window.parent.postMessage({ wxsimLeft: result }, new URL(pageUrl).origin);
}

async function start() {
  state.person = (await get('/phone/who')).person;
  if (!state.person) { leave({ err_msg: 'requestMerchantTransfer:fail' }); return; }
  state.account = await get('/_sim/account');
  leave(await receiveForPage(JSON.parse(query.get('args') || '{}'), pageUrl));
}

start();
