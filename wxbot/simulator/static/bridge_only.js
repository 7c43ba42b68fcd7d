/* For a page that brings the real jweixin (weixin-js-sdk): the real one asks the browser's name whether this is WeChat. Load
   this before it: <script src="http://127.0.0.1:9000/_sim/bridge.js"></script> */
(function () {
  'use strict';
  var name = navigator.userAgent;
  var isPhone = window.parent !== window || document.cookie.indexOf('wxsim_client=') >= 0;
  if (!isPhone || /micromessenger/i.test(name)) return;
  Object.defineProperty(navigator, 'userAgent', { get: function () { return name + ' MicroMessenger/8.0.50'; }, configurable: true });
})();
