// What the page shows: each word in two languages, each value as text and never as markup.
const SAID = {
  file: ['这不是记录文件（JSON）', 'This is no record file (JSON)'],
  record: ['这不是现场抽奖的记录文件', 'This is not the record of a hall'],
  noted: ['承诺值与你记下的不同，这不是那场活动的记录', 'The commitment is not the one you noted'],
  log: ['这一行被改过、移动过，或它前面缺了行', 'This line was changed or moved, or one before it is missing'],
  rosters: ['名单文件与冻结的次数不一致', 'There are not as many rosters as were frozen'],
  head: ['记录开头与日志第一行不一致', 'The head of the record differs from the first line of the log'],
  roster: ['名单缺失，或与冻结时公布的不同：版本', 'A roster is missing, or not what was frozen: version'],
  people: ['名单上的人与签到者或前一版不符：版本', 'A roster is not of the people who signed in: version'],
  pool: ['候选名单与规则算出的不同', 'The pool is not what the rules give'],
  seed: ['公布的种子与承诺值不符', 'The seed does not lead back to the commitment'],
  winners: ['中奖者与算出的不同，应为', 'The winners should be'],
  drand: ['drand 的轮次、随机值或时间不对，应为第几轮：', 'The round of drand, its value or its time is wrong; it should be'],
  body: ['这条记录的内容不完整或格式不对', 'The fields of this line are not those of its kind'],
  clock: ['时间早于上一条记录', 'It is earlier than the line before it'],
  committed: ['承诺值必须是第一条记录，而且只有一条', 'The commitment is the first line, and the only one'],
  closed: ['活动已经结束', 'The evening was closed'],
  sums: ['发出的钱超过总额', 'More was given than there was'],
  ranks: ['名次与成绩不符', 'The order is not that of what they reached'],
  present: ['游戏的参加者与在场的人不符', 'The people of a game are not those who were there'],
  slots: ['获奖的人数多于剩余名额', 'More people win than slots are open'],
  armed: ['锁定之后的内容不能再变', 'What was fixed was changed afterwards'],
  numbers: ['现场号码不足三个、太短，或以前用过', 'The numbers are too few, too short, or were used before'],
  d: ['抽取的编号不连续', 'The number of the selection is not the next one'],
  running: ['上一次抽取还没有完成', 'The selection before was not settled'],
  phase: ['这一步的次序不对', 'This step is out of order'],
  no: ['不是此时可以这样处理的人', 'This cannot be said of this person now'],
  confirmed: ['已经确认了中奖者，不能作废', 'Winners were confirmed; it cannot be void'],
  early: ['等待 drand 不足 60 秒', 'drand was not waited for 60 seconds'],
  mode: ['随机来源与公布的模式不符', 'The late entropy is not of the declared mode'],
  text: ['随机来源的内容不完整', 'The late entropy is incomplete'],
  version: ['不是最新冻结的名单', 'It is not the roster that was frozen last'],
  prize: ['没有这个奖项，或编号重复', 'There is no such prize, or it is there twice'],
  groups: ['现场加的奖项不能只给一部分人', 'A prize of the evening itself is for everybody'],
  until: ['结束时间只能往后延', 'The end can only be put later'],
  before: ['原来的结束时间与公开记录里的不符', 'The end before it is not the one that the log says'],
  over: ['活动已经到点：不能再签到、锁定、加奖、开始游戏，也不能再延期', 'It was past its end: nothing of this may come any more'],
  scheduled: ['结束时间在开放签到以前写一次；以后只能延期', 'The end is said once, before signing in opens; later it can only be prolonged'],
  end: ['规则里的结束时间与日志不同', 'The end that the rules say is not that of the log'],
  chain: ['种子已经用完', 'The seeds are used up'],
  opened: ['重复开放签到', 'It was open already'],
  not_open: ['还没有开放签到', 'Signing in was not open'],
  true: ['全部相符', 'Everything follows from what was published'],
  false: ['有不符之处', 'Something does not follow'],
  alone: ['没有填写承诺值：只能说明这份记录自身没有矛盾', 'No commitment was given: the record only agrees with itself'],
  ends: ['结束时间：', 'Its end: '],
  endless: ['这份日志没有写结束时间：到点以后才锁定的抽取查不出来', 'The log does not say when the evening ends: a selection that was fixed too late is not found'],
  rounds: ['请在任意 drand 网站上对照这些轮次的随机值（签名由命令行检查）：', 'Compare these rounds on any site of drand (the command line checks signatures):'],
  line: ['日志第 # 行：', 'line # of the log: '],
  found: ['你在名单里：版本 #，签到号 ', 'You stand in the roster: version #, number '],
  absent: ['名单里没有这一行', 'There is no such line in the rosters'],
  salt: ['盐值是 32 个十六进制字符', 'A salt has 32 hexadecimal characters'],
  self: ['本页自检通过', 'This page has checked itself'],
  broken: ['本页自检不通过，请换浏览器：', 'This browser does not give what it must; take another: '],
};
const STATES = {
  armed: ['等待号码', 'fixed'], ready: ['等待抽取', 'ready'], drawn: ['未揭晓', 'not revealed'], revealed: ['确认中', 'revealed'],
  settled: ['完成', 'settled'], voided: ['作废', 'void'], playing: ['进行中', 'running'],
};

let english = !navigator.language.toLowerCase().startsWith('zh'), check = null;
const byId = id => document.getElementById(id);
const say = pair => pair[english ? 1 : 0];

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function speak() {
  document.documentElement.lang = english ? 'en' : 'zh-CN';
  for (const each of document.querySelectorAll('[data-zh]')) each.textContent = english ? each.dataset.en : each.dataset.zh;
}

// As clocks in China show it; a number that no calendar has stays one.
function momentOf(unix) {
  const at = new Date((unix + 8 * 3600) * 1000);
  return Number.isNaN(at.getTime()) ? String(unix) : at.toISOString().slice(0, 16).replace('T', ' ');
}

function findingText({ line, reason, more }) {
  const place = line === null ? '' : say(SAID.line).replace('#', line);
  return place + say(SAID[reason]) + (more === '' ? '' : ' ' + more);
}

function show() {
  if (!check) return;
  const { findings, evening } = check, isTrue = findings.length === 0, rains = [...evening.games.values()].filter(each => each.d);
  const drawn = [...evening.selections.values(), ...rains].sort((a, b) => a.d - b.d);
  byId('result').hidden = false;
  byId('verdict').className = 'verdict ' + (isTrue ? 'good' : 'bad');
  byId('verdict').dataset.true = isTrue;
  byId('verdict').textContent = (isTrue ? '✓ ' : '✗ ') + say(SAID[isTrue]);
  byId('findings').replaceChildren(...findings.slice(0, 100).map(each =>
    element('li', findingText(each), { 'data-reason': each.reason, 'data-line': each.line ?? '' })));
  const notes = byId('noted').value.trim() === '' ? [say(SAID.alone)] : [];
  if (check.record) notes.push(evening.until ? say(SAID.ends) + momentOf(evening.until) : say(SAID.endless));
  if (check.rounds.length) notes.push(say(SAID.rounds) + ' ' + check.rounds.join(', '));
  byId('notes').replaceChildren(...notes.map(each => element('p', each)));
  byId('facts').replaceChildren(...check.frozen.flatMap(each => [
    element('dt', (english ? 'Roster ' : '名单 ') + each.version + (english ? ', people: ' : '，人数：') + each.count), element('dd', each.hash)]));
  byId('rows').replaceChildren(...drawn.map(row));
}

// A rain that was added has its number among the selections.
function rainRow({ d, fixed, nos, won, isEnded }) {
  const made = document.createElement('tr');
  const said = [d, fixed.name, won.join(', '), won.length + ' / ' + nos.length, '', say(STATES[isEnded ? 'settled' : 'playing'])];
  for (const text of said) made.append(element('td', text));
  return made;
}

function row(each) {
  if (each.fixed) return rainRow(each);
  const prize = check.evening.prizes.get(each.prize), made = document.createElement('tr'), absent = english ? 'absent' : '缺席';
  const winners = each.winners.map(no => each.absent.has(no) ? no + ' (' + absent + ')' : String(no)).join(', ');
  const late = each.entropy ? each.entropy[1].replace(/[\0 ]/g, '\n') : '';
  const pool = check.pools.has(each.d) ? check.pools.get(each.d) : '';
  for (const text of [each.d, prize ? prize.name : '', winners, each.k + ' / ' + pool, late, say(STATES[each.phase])]) {
    made.append(element('td', text, { class: text === late ? 'late' : '' }));
  }
  return made;
}

async function checkFile() {
  const file = byId('file').files[0];
  if (!file) return;
  byId('check').disabled = true;
  let record = null, reason = 'record';
  try { record = JSON.parse(await file.text()); } catch (error) { reason = 'file'; }
  const made = isRecord(record) ? await new Check(record).run(byId('noted').value) : null;
  check = made || { findings: [{ line: null, reason, more: '' }], evening: new Evening(), frozen: [], rounds: [], pools: new Map(), record: null };
  byId('check').disabled = false;
  show();
}

async function findMe() {
  const salt = byId('salt').value.trim().toLowerCase(), openid = byId('openid').value.trim(), told = byId('mine');
  const rosters = check && check.record ? check.record.rosters.map(readRoster).filter(each => each) : [];
  if (!/^[0-9a-f]{32}$/.test(salt)) return told.replaceChildren(element('p', say(SAID.salt)));
  const found = [];
  for (const roster of rosters) {
    const id = await personId(unhex(salt), roster.hall, openid), line = roster.lines.find(each => each.id === id);
    if (line) found.push(element('p', say(SAID.found).replace('#', roster.version) + line.no, { 'data-no': line.no }));
  }
  told.replaceChildren(...(found.length ? found : [element('p', say(SAID.absent))]));
}

async function start() {
  speak();
  byId('download').hidden = location.protocol === 'file:';
  const fault = await exampleFault().catch(error => String(error));
  byId('self').textContent = fault === null ? say(SAID.self) : say(SAID.broken) + fault;
  byId('self').dataset.ok = fault === null;
}

byId('form').addEventListener('submit', event => { event.preventDefault(); checkFile(); });
byId('me').addEventListener('submit', event => { event.preventDefault(); findMe(); });
byId('language').addEventListener('click', () => { english = !english; start(); show(); });
start();
