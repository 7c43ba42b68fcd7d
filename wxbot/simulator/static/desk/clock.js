import { $, advance, note, now, post, readClock, when } from './desk.js';

let offset = 0;
function draw() {
  $('#now').textContent = when(now(), true);
  const hours = offset / 3600;
  $('#offset').textContent = Math.abs(offset) < 2 ? '与真实时间一致' : `比真实时间快 ${hours >= 48 ? `${(hours / 24).toFixed(1)} 天` : `${hours.toFixed(1)} 小时`}`;
}
async function read() { offset = (await readClock()).offset_s; draw(); }
document.querySelectorAll('[data-hours]').forEach((button) => { button.onclick = () => advance(Number(button.dataset.hours)).then(read); });
$('#back').onclick = async () => { await post('/_sim/clock', { offset_s: 0 }); note('回到真实时间'); read(); };
read();
setInterval(draw, 500);
setInterval(read, 3000);
