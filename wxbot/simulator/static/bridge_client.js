/* The way from a page to the simulated WeChat around it. Every script that a page may load begins with this file; alone it
   is the bridge for pages that bring their own jweixin. Like the real client, it knows what a page may call: what a rightly
   signed config listed, and the few calls that need no config.
   Inside the phone (an iframe) words go to the parent by postMessage, so the page's connect-src stays closed. Opened on
   its own, checks go through a script element and native pages are opened by navigation. (wechat-protocol §9.1, §9.3) */
(function () {
  'use strict';
  if (window.__wxsim) return;
  var script = document.currentScript;
  var home = script ? new URL(script.src, location.href).origin : location.origin;
  var isFramed = window.parent !== window;
  var number = 0;
  var waiting = {};
  var listeners = {};
  var mayMove = ['browser', 'absent'].indexOf(window.wxsimMotion) >= 0;

  function pageUrl() { return location.href.split('#')[0]; }

  function toShell(name, args, callback) {
    number += 1;
    if (callback) waiting[number] = callback;
    window.parent.postMessage({ wxsim: 1, id: number, name: name, args: args || {}, url: pageUrl(), title: document.title }, home);
  }

  function toServer(name, args, callback) {
    number += 1;
    var back = '__wxsim_back_' + number;
    var call = document.createElement('script');
    window[back] = function (result) { delete window[back]; call.remove(); if (callback) callback(result); };
    call.src = home + '/_sim/bridge/' + encodeURIComponent(name) + '.js?back=' + back +
      '&url=' + encodeURIComponent(pageUrl()) + '&args=' + encodeURIComponent(JSON.stringify(args || {}));
    document.head.appendChild(call);
  }

  // WeChat's own page over this one (wechat-protocol §4.7): its answer comes when the person leaves it.
  function overPage(path, args, callback) {
    var frame = document.createElement('iframe');
    frame.src = home + path + '?page_url=' + encodeURIComponent(pageUrl()) + '&args=' + encodeURIComponent(JSON.stringify(args || {}));
    frame.title = '微信';
    Object.assign(frame.style, { position: 'fixed', left: '0', top: '0', width: '100%', height: '100%', border: '0', zIndex: '2147483647' });
    window.addEventListener('message', function listen(event) {
      if (event.source !== frame.contentWindow || event.origin !== home || !event.data || !event.data.wxsimLeft) return;
      window.removeEventListener('message', listen);
      frame.remove();
      if (callback) callback(event.data.wxsimLeft);
    });
    document.body.appendChild(frame);
  }

  // jweixin's old names and what it calls them at the bridge (§9.3); what it sends after a person's tap in the menu.
  var AT_THE_BRIDGE = {
    onMenuShareTimeline: 'menu:share:timeline', onMenuShareAppMessage: 'menu:share:appmessage', onMenuShareQQ: 'menu:share:qq',
    onMenuShareWeibo: 'menu:share:weiboApp', onMenuShareQZone: 'menu:share:QZone', shareTimeline: 'menu:share:timeline',
    sendAppMessage: 'menu:share:appmessage', shareQQ: 'menu:share:qq', shareWeiboApp: 'menu:share:weiboApp',
    shareQZone: 'menu:share:QZone', previewImage: 'imagePreview', getLocation: 'geoLocation',
    startSearchBeacons: 'startMonitoringBeacons', stopSearchBeacons: 'stopMonitoringBeacons', onSearchBeacons: 'onBeaconsInRange'
  };
  var NEEDS_NO_CONFIG = ['preVerifyJSAPI', 'closeWindow', 'jumpHongbao', 'checkAddContactStatus', 'jumpAddContact'];
  var MENU_CALLS = ['hideOptionMenu', 'showOptionMenu', 'hideToolbar', 'showToolbar', 'closeWindow'];
  var NAMES = ['updateAppMessageShareData', 'updateTimelineShareData', 'hideMenuItems', 'showMenuItems', 'hideAllNonBaseMenuItem',
    'showAllNonBaseMenuItem', 'hideOptionMenu', 'showOptionMenu', 'closeWindow', 'getNetworkType', 'scanQRCode', 'checkJsApi', 'openLocation', 'chooseImage', 'uploadImage',
    'requestMerchantTransfer'];
  var listed = null; // what a verified config may call; null: no config yet, or a refused one

  function atTheBridge(name) { return AT_THE_BRIDGE[name] || name; }

  function isKnown(name) {
    var names = Object.keys(AT_THE_BRIDGE);
    return NAMES.indexOf(name) >= 0 || names.some(function (old) { return old === name || AT_THE_BRIDGE[old] === name; });
  }

  // checkJsApi: its result is a text on Android (§9.4).
  function checked(names) {
    var found = {};
    (names || []).forEach(function (name) { found[name] = isKnown(name); });
    return { err_msg: 'checkJsApi:ok', checkResult: /android/i.test(navigator.userAgent) ? JSON.stringify(found) : found };
  }

  function invoke(name, args, callback) {
    function soon(result) { if (callback) setTimeout(function () { callback(result); }, 0); }
    if (name === 'checkJsApi') return soon(checked((args || {}).jsApiList));
    if (name === 'preVerifyJSAPI') {
      return send(name, args, function (result) {
        listed = result.err_msg === 'preVerifyJSAPI:ok' ? ((args || {}).verifyJsApiList || []).map(atTheBridge) : null;
        if (callback) callback(result);
      });
    }
    if (NEEDS_NO_CONFIG.indexOf(name) < 0) {
      if (!listed) return soon({ err_msg: name + ':fail_the permission value is offline verifying' });
      if (listed.indexOf(atTheBridge(name)) < 0) return soon({ err_msg: name + ':access_denied' });
    }
    return send(name, args, callback);
  }

  function send(name, args, callback) {
    if (isFramed) return toShell(name, args, callback);
    if (name === 'requestMerchantTransfer') return overPage('/native/transfer', args, callback);
    if (name === 'jumpHongbao') {
      location.href = home + '/native/hongbao?page_url=' + encodeURIComponent(pageUrl()) +
        '&args=' + encodeURIComponent(JSON.stringify(args || {}));
      return undefined;
    }
    if (name === 'closeWindow') { history.back(); return undefined; }
    return toServer(name, args, callback);
  }

  // A phone that asks its person before a page may feel movements (an iPhone), with the answer the switch gives; real
  // browsers refuse to ask without a tap. What comes then are the movements of the 摇 in the page's menu.
  if (window.wxsimMotion === 'absent' && window.DeviceMotionEvent) delete window.DeviceMotionEvent.requestPermission;
  if (['browser', 'absent'].indexOf(window.wxsimMotion) < 0) {
    window.DeviceMotionEvent = window.DeviceMotionEvent || function DeviceMotionEvent() {};
    window.addEventListener('devicemotion', function (event) { if (event.isTrusted && !mayMove) event.stopImmediatePropagation(); }, true);
    window.DeviceMotionEvent.requestPermission = function () {
      var isTapped = !navigator.userActivation || navigator.userActivation.isActive;
      if (!isTapped || window.wxsimMotion === 'refused') return Promise.reject(new DOMException('Requesting device motion access requires a user gesture to prompt', 'NotAllowedError'));
      if (window.wxsimMotion === 'unanswered') return new Promise(function () {});
      if (window.wxsimMotion === 'granted' && !mayMove) setInterval(function () { felt(0); }, 200); // a hand is never still
      mayMove = window.wxsimMotion === 'granted';
      return Promise.resolve(mayMove ? 'granted' : 'denied');
    };
  }

  function felt(jump) {
    var moved = { x: jump, y: -jump, z: 9.8 };
    window.dispatchEvent(Object.assign(new Event('devicemotion'), { acceleration: moved, accelerationIncludingGravity: moved, rotationRate: null, interval: 100 }));
  }

  function move() {
    if (!mayMove) return;
    [0, 25, -25, 25, 0].forEach(function (jump, step) { setTimeout(function () { felt(jump); }, step * 100); });
  }

  function appear() {
    if (window.WeixinJSBridge) return;
    window.WeixinJSBridge = {
      invoke: invoke,
      call: function (name, args) { if (MENU_CALLS.indexOf(name) >= 0) send(name, args, null); },
      on: function (name, callback) {
        listeners[name] = callback;
        if (isFramed && name.indexOf('menu:share:') === 0) toShell('listen', { event: name }, null); // an old page sends its card itself
      }
    };
    document.dispatchEvent(new Event('WeixinJSBridgeReady'));
  }

  window.addEventListener('message', function (event) {
    if (event.source !== window.parent || event.origin !== home || !event.data || event.data.wxsim !== 1) return;
    if (event.data.on === 'motion') { move(); return; }
    if (event.data.on) { if (listeners[event.data.on]) listeners[event.data.on](event.data.argument); return; }
    if (event.data.id === 0) { appear(); return; }
    var callback = waiting[event.data.id];
    delete waiting[event.data.id];
    if (callback) callback(event.data.result);
  });

  var isWeChat = /micromessenger/i.test(navigator.userAgent) || document.cookie.indexOf('wxsim_client=') >= 0;
  if (isFramed) {
    window.parent.postMessage({ wxsim: 1, id: 0, name: 'hello', args: {}, url: pageUrl(), title: document.title }, home);
    window.addEventListener('load', function () { toShell('title', {}, null); });
  } else if (isWeChat) {
    setTimeout(appear, 30); // the real one is late too
  }

  window.__wxsim = {
    home: home,
    ready: function (callback) {
      if (window.WeixinJSBridge) callback();
      else document.addEventListener('WeixinJSBridgeReady', function () { callback(); });
    }
  };
})();
