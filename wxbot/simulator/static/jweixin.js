/* wx of the JS-SDK as a page meets it: config → preVerifyJSAPI, ready also after a failed config, error texts; what may be
   called is the bridge's business (wechat-protocol §9.2–9.5). Written from that description. */
(function () {
  'use strict';
  var config = null;
  var state = 'none'; // none, waiting, ok, failed
  var readyCalls = [];
  var errorCall = null;
  var lastError = null;

  function clean(name, text) {
    var result = String(text || '').replace(name + ':', '');
    result = result.replace(/^confirm$/, 'ok').replace(/^failed/, 'fail').replace(/^fail_/, '').replace(/_/g, ' ');
    if (result === 'access denied' || result === 'no permission to execute') result = 'permission denied';
    return result;
  }

  function answer(name, options, text, more) {
    var result = Object.assign({}, more, { errMsg: name + ':' + text });
    var hook = text === 'ok' ? 'success' : text === 'cancel' ? 'cancel' : 'fail';
    if (options[hook]) options[hook](result);
    if (options.complete) options.complete(result);
  }

  function finishConfig(text) {
    state = text === 'ok' ? 'ok' : 'failed';
    if (config.debug) window.alert('config:' + text);
    if (text !== 'ok') { lastError = { errMsg: 'config:' + text }; if (errorCall) errorCall(lastError); }
    var calls = readyCalls; // ready runs from complete: also after a failure
    readyCalls = [];
    calls.forEach(function (call) { call(); });
  }

  function api(name) {
    return function (options) {
      options = options || {};
      if (typeof options === 'function' || !window.WeixinJSBridge) return;
      var args = {};
      Object.keys(options).forEach(function (key) { if (typeof options[key] !== 'function') args[key] = options[key]; });
      if (name === 'scanQRCode') args.needResult = args.needResult || 0;
      if (name === 'chooseImage') args.count = args.count || 9;
      var called = name === 'getLocation' ? 'geoLocation' : name; // §9.3
      window.WeixinJSBridge.invoke(called, args, function (result) {
        var more = Object.assign({}, result);
        delete more.err_msg;
        if (/^network_type:/.test(result.err_msg)) { // §9.4: this call's answer has another name and no ok
          more.networkType = more.subtype || result.err_msg.split(':')[1];
          delete more.subtype;
          result = { err_msg: name + (more.networkType === 'fail' ? ':fail' : ':ok') };
        }
        if (typeof more.checkResult === 'string') more.checkResult = JSON.parse(more.checkResult);
        if (typeof more.localIds === 'string') more.localIds = JSON.parse(more.localIds);
        if (more.resultStr && /iphone|ipad/i.test(navigator.userAgent)) more.resultStr = JSON.parse(more.resultStr).scan_code.scan_result;
        answer(name, options, clean(called, result.err_msg), more);
      });
    };
  }

  var wx = {
    config: function (given) {
      config = Object.assign({ debug: false, jsApiList: [], openTagList: [] }, given);
      state = 'waiting';
      if (config.check === false) { finishConfig('ok'); return; }
      if (!config.appId || !config.timestamp || !config.nonceStr || !config.signature) {
        window.__wxsim.ready(function () { finishConfig('fail'); });
        return;
      }
      window.__wxsim.ready(function () {
        window.WeixinJSBridge.invoke('preVerifyJSAPI', {
          verifyJsApiList: config.jsApiList, verifyOpenTagList: config.openTagList, appId: config.appId,
          verifyAppId: config.appId, verifySignType: 'sha1', verifyTimestamp: String(config.timestamp),
          verifyNonceStr: config.nonceStr, verifySignature: config.signature
        }, function (result) { finishConfig(clean('preVerifyJSAPI', result.err_msg)); });
      });
    },
    ready: function (call) {
      if (state === 'ok' || state === 'failed') call();
      else readyCalls.push(call);
    },
    error: function (call) { errorCall = call; if (lastError) call(lastError); }
  };

  ['updateAppMessageShareData', 'updateTimelineShareData', 'onMenuShareAppMessage', 'onMenuShareTimeline', 'hideMenuItems',
    'showMenuItems', 'hideAllNonBaseMenuItem', 'showAllNonBaseMenuItem', 'hideOptionMenu', 'showOptionMenu', 'closeWindow',
    'getNetworkType', 'previewImage', 'scanQRCode', 'getLocation', 'openLocation', 'chooseImage', 'uploadImage', 'startSearchBeacons', 'stopSearchBeacons', 'onSearchBeacons', 'checkJsApi'
  ].forEach(function (name) { wx[name] = api(name); });

  window.wx = window.jWeixin = wx;
})();
