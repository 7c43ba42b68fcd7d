/* The way from a page to the simulated WeChat around it. Both scripts that a page may load begin with this file.
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

  function invoke(name, args, callback) {
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

  function appear() {
    if (window.WeixinJSBridge) return;
    window.WeixinJSBridge = {
      invoke: invoke,
      call: function (name, args) { invoke(name, args, null); },
      on: function (name, callback) { listeners[name] = callback; }
    };
    document.dispatchEvent(new Event('WeixinJSBridgeReady'));
  }

  window.addEventListener('message', function (event) {
    if (event.source !== window.parent || event.origin !== home || !event.data || event.data.wxsim !== 1) return;
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
