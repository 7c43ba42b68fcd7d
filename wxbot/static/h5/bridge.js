/* WeChat's bridge comes a moment after the page, and answers its pay calls only once wx.config is verified: who taps before waits. */
(function () {
  'use strict';

  var WAIT_MS = 3000;
  var isVerified = false;
  var isSettled = true;
  var isAbsent = false;
  var calls = [];

  function settle() {
    isSettled = true;
    calls.splice(0).forEach(function (call) { call(isVerified); });
  }

  window.wxbotBridge = {
    /* Calls back once the bridge is there, with true; or with false when it does not come: the page is not in WeChat. */
    here: function (then) {
      var timer = 0;
      function once() {
        clearTimeout(timer);
        document.removeEventListener('WeixinJSBridgeReady', once);
        isAbsent = !window.WeixinJSBridge;
        then(!isAbsent);
      }
      if (window.WeixinJSBridge || isAbsent) { then(Boolean(window.WeixinJSBridge)); return; } // nobody waits in vain twice
      document.addEventListener('WeixinJSBridgeReady', once);
      timer = setTimeout(once, WAIT_MS);
    },
    /* Has the page verified, which begins when the bridge is there. */
    config: function (given) {
      isSettled = false;
      window.wx.config(given);
      window.wx.ready(function () { isVerified = true; settle(); });
      window.wxbotBridge.here(function (isHere) { setTimeout(settle, isHere ? WAIT_MS : 0); });
    },
    /* Calls back once that has ended, with whether it is verified; at once where nobody asked for it. */
    verified: function (then) { if (isSettled) { then(isVerified); } else { calls.push(then); } }
  };
})();
