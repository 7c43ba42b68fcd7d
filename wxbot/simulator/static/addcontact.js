/* BeaconAddContactJsBridge: does the person follow, and the screen to follow (wechat-protocol §2.10). Shaken pages only. */
(function () {
  'use strict';
  window.BeaconAddContactJsBridge = {
    ready: function (callback) { window.__wxsim.ready(callback); },
    invoke: function (name, params, callback) {
      if (name !== 'checkAddContactStatus' && name !== 'jumpAddContact') return;
      window.WeixinJSBridge.invoke(name, params || {}, name === 'checkAddContactStatus' ? callback : null);
    }
  };
})();
