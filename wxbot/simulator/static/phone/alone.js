// WeChat's red-packet screen for a page that was opened on its own, outside the phone (§1.7).
import { get, state } from './api.js';
import { h } from './dom.js';
import { drawForPage } from './packet.js';

const query = new URLSearchParams(location.search);

async function start() {
  state.person = (await get('/phone/who')).person;
  const screen = document.querySelector('#screen');
  if (!state.person) {
    screen.append(h('p', { class: 'empty' }, '这台浏览器还没有主人：', h('a', { href: '/phone' }, '先打开手机'), '，选一个人再回来'));
    return;
  }
  const closing = new MutationObserver(() => { if (!screen.querySelector('.packet-veil')) history.back(); });
  await drawForPage(JSON.parse(query.get('args') || '{}'), query.get('page_url') || '', '');
  closing.observe(screen, { childList: true });
}

start();
