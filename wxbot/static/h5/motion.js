/* The movements of the phone. iOS gives them only after a person was asked, in the handler of a tap; elsewhere they are simply there.
   Nothing of a movement is sent or believed. */
(function () {
  'use strict';

  var kind = window.DeviceMotionEvent;

  window.wxbotMotion = {
    isThere: Boolean(kind),
    mustAsk: Boolean(kind && kind.requestPermission),

    /* Call `moved(event)` at each movement from now on; resolves to whether the phone agreed. Where one must ask: in a tap. */
    listen: function (moved) {
      if (!kind) { return Promise.resolve(false); }
      var asked = kind.requestPermission ? kind.requestPermission() : Promise.resolve('granted');
      return Promise.resolve(asked).then(function (answer) {
        if (answer === 'granted') { addEventListener('devicemotion', moved); }
        return answer === 'granted';
      });
    }
  };
})();
