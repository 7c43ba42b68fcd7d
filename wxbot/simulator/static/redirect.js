// Leads a Node program that names WeChat's hosts to the simulator, whatever client it uses; the program stays as it is:
//   curl -o redirect.js http://127.0.0.1:9000/_sim/redirect.js && curl -o ca.pem http://127.0.0.1:9000/_sim/ca.pem
//   NODE_EXTRA_CA_CERTS=ca.pem node --require ./redirect.js program.js
// The line above this comment says where the simulator is and which domains are WeChat's.
'use strict';
const net = require('net');

const { connect } = net.Socket.prototype;

function isOfWeChat(host) {
  const name = String(host || '').toLowerCase();
  return SIMULATOR.domains.some((domain) => name === domain || name.endsWith(`.${domain}`));
}

net.Socket.prototype.connect = function connectHere(...given) {
  const place = Array.isArray(given[0]) ? given[0] : given; // node's own callers hand over one normalised array
  const options = place[0];
  if (options && typeof options === 'object' && isOfWeChat(options.host)) {
    place[0] = { ...options, host: SIMULATOR.host, port: Number(options.port) === 443 ? SIMULATOR.https : SIMULATOR.http };
  }
  return connect.apply(this, given);
};
