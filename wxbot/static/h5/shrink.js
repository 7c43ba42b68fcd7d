/* Makes a picture small, off the page's own thread: a 48-megapixel photo decodes to 200 MB and would hold the page for seconds.
   In: {file, width, height, side, thumb}; out: {blob, thumb} or {error}. voucher.js knows what to do without it. */
'use strict';

function onCanvas(bitmap, width, height) {
  var canvas = new OffscreenCanvas(width, height);
  var pen = canvas.getContext('2d');
  pen.fillStyle = '#fff';
  pen.fillRect(0, 0, width, height);
  pen.drawImage(bitmap, 0, 0, width, height);
  return canvas;
}

self.onmessage = function (event) {
  var asked = event.data;
  createImageBitmap(asked.file, { resizeWidth: asked.width, resizeHeight: asked.height, resizeQuality: 'high' }).then(function (bitmap) {
    var side = Math.min(bitmap.width, bitmap.height);
    return createImageBitmap(
      bitmap, Math.floor((bitmap.width - side) / 2), Math.floor((bitmap.height - side) / 2), side, side,
      { resizeWidth: asked.thumb, resizeHeight: asked.thumb }
    ).then(function (thumb) {
      return onCanvas(bitmap, asked.width, asked.height).convertToBlob({ type: 'image/jpeg', quality: 0.86 }).then(function (blob) {
        bitmap.close();
        self.postMessage({ blob: blob, thumb: thumb }, [thumb]);
      });
    });
  }).catch(function (error) { self.postMessage({ error: String(error) }); });
};
