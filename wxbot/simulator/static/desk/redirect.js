import { $, get } from './desk.js';

const account = await get('/_sim/account');
const here = account.http_url;
const hosts = ['api.weixin.qq.com', 'open.weixin.qq.com', 'mp.weixin.qq.com', 'res.wx.qq.com', 'zb.weixin.qq.com', 'api.mch.weixin.qq.com'];
const show = (name, ...lines) => { $(`#${name}`).textContent = lines.join('\n'); };

show('trust', `curl -o ca.pem ${here}/_sim/ca.pem`, 'export REQUESTS_CA_BUNDLE=ca.pem SSL_CERT_FILE=ca.pem   # Python, Go, PHP', 'export NODE_EXTRA_CA_CERTS=ca.pem                        # Node');
$('#proxy-state').textContent = account.proxy_url ? '代理已经开着：' : '代理没有开：启动模拟器时加上 --proxy-port 9001，然后';
const proxy = account.proxy_url || `http://${new URL(here).hostname}:9001`;
show('proxy', `export HTTPS_PROXY=${proxy} HTTP_PROXY=${proxy}`);
show('node', `curl -o redirect.js ${here}/_sim/redirect.js`, 'NODE_EXTRA_CA_CERTS=ca.pem node --require ./redirect.js program.js');
show('hosts', ...hosts.map((host) => `${new URL(here).hostname} ${host}`));
show('bases', ...Object.entries(account.urls).map(([name, url]) => `${name} = ${url}`));
show('bridge', `<script src="${here}/_sim/bridge.js"></script>`);
