/* The movements of the phone. iOS, and newer Chromium, want a person to be asked, in the handler of a tap; elsewhere they are simply there.
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
        // Newer Chromium answers 'prompt' where nobody decided yet, and gives movements all the same.
        if (answer !== 'denied') { addEventListener('devicemotion', moved); }
        return answer !== 'denied';
      });
    }
  };
})();
