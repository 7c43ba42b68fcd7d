/* BeaconShakehbJsBridge: ready(fn), invoke('jumpHongbao', {lottery_id, noncestr, openid, sign}). No callback, no answer to
   the page: WeChat shows its own screen (wechat-protocol §1.7). */
(function () {
  'use strict';
  var isReady = false;
  window.__wxsim.ready(function () { isReady = true; });

  window.BeaconShakehbJsBridge = {
    ready: function (callback) {
      window.__wxsim.ready(function () { isReady = true; callback(); });
    },
    invoke: function (name, params) {
      if (name !== 'jumpHongbao') { console.error('BeaconShakehbJsBridge: no such call: ' + name); return; }
      if (!isReady) { console.error('BeaconShakehbJsBridge: call invoke inside ready(fn)'); return; }
      var sent = {};
      ['lottery_id', 'noncestr', 'openid', 'sign'].forEach(function (field) {
        if (params && params[field] !== undefined) sent[field] = params[field];
      });
      window.WeixinJSBridge.invoke('jumpHongbao', sent, null);
    }
  };
})();
