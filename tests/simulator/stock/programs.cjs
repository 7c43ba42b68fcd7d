// Stock programs in Node, as somebody would write them: they name WeChat's hosts and know nothing of the simulator.
// First line out: the calls of each program. Then for each line in, {program, call, told}, a line out, {found} or {error}.
'use strict';

const fs = require('node:fs');
const readline = require('node:readline');
const API = require('co-wechat-api');
const OldAPI = require('wechat-api');
const OAuth = require('co-wechat-oauth');
const Crypto = require('wechat-crypto');
const Tenpay = require('tenpay');
const { Wechatpay, Aes, Rsa, Formatter } = require('wechatpay-axios-plugin');

const file = (told, name) => fs.readFileSync(told.files[name]);
const picture = (told) => Buffer.from(told.picture, 'base64');
const names = (found) => found.menu.button.map((button) => button.name);

// co-wechat-api gives promises, wechat-api takes callbacks; their calls have the same names.
const modern = (told) => new API(told.appid, told.appsecret);
function old(told) {
  const api = new OldAPI(told.appid, told.appsecret);
  return new Proxy(api, {
    get: (target, name) => (...given) => new Promise((done, fail) => {
      target[name](...given, (error, found) => (error ? fail(error) : done(found)));
    }),
  });
}

function account(make) {
  return {
    token: async (told) => (await make(told).getAccessToken()).accessToken,
    callback_ips: async (told) => (await make(told).getIp()).ip_list,
    menu: async (told) => { const api = make(told); await api.createMenu(told.menu); return names(await api.getMenu()); },
    user: async (told) => (await make(told).getUser(told.openid)).subscribe,
    users: async (told) => (await make(told).batchGetUsers([told.openid])).user_info_list.map((one) => one.subscribe),
    followers: async (told) => (await make(told).getFollowers()).data.openid,
    message: async (told) => make(told).sendText(told.openid, told.answer),
    qrcode: async (told) => (await make(told).createTmpQRCode(42, 600)).ticket,
    jsapi: async (told) => make(told).getJsConfig({ debug: false, jsApiList: ['hideMenuItems'], url: told.page }),
    devices: async (told) => Number((await make(told).applyBeacons({ quantity: 1, apply_reason: '开业', comment: '门口' })).data.apply_id),
    shake: async (told) => (await make(told).getShakeInfo(told.ticket)).data.openid,
  };
}

async function media(api, told, upload) {
  const { media_id } = await upload(api);
  return Buffer.from(await api.getMedia(media_id)).toString('base64');
}

function uploadedFrom(told) {
  const path = `${told.files.ca}.picture.png`;
  fs.writeFileSync(path, picture(told));
  return path;
}

const oauth = (told) => new OAuth(told.appid, told.appsecret);

const tenpay = (told) => new Tenpay({
  appid: told.appid, mchid: told.mch_id, partnerKey: told.pay_key, pfx: file(told, 'client_p12'), spbill_create_ip: '127.0.0.1',
});

const packet = (told) => ({
  ...told.packet, mch_billno: '1900000001202603150000000001', re_openid: told.openid, total_amount: 100, total_num: 1,
});

function wxpay(told) {
  const certs = told.by_certificate
    ? { [told.platform_serial]: file(told, 'platform_cert') } : { [told.pay_public_key_id]: file(told, 'pay_public_key') };
  return new Wechatpay({
    mchid: told.mch_id, serial: told.serial, privateKey: file(told, 'client_key'), certs, secret: told.pay_key,
    merchant: { cert: file(told, 'client_cert'), key: file(told, 'client_key') },
  });
}

const named = (told) => ({ headers: { 'Wechatpay-Serial': told.by_certificate ? told.platform_serial : told.pay_public_key_id } });
const bills = (told) => wxpay(told).v3.fundApp.mchTransfer.transferBills;

function sealedName(told) {
  const key = told.by_certificate ? file(told, 'platform_cert') : file(told, 'pay_public_key');
  return Rsa.encrypt('小红', Rsa.from(key, Rsa.KEY_TYPE_PUBLIC));
}

function notice({ notice: { headers, body }, ...told }) {
  const found = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const key = told.by_certificate ? file(told, 'platform_cert') : file(told, 'pay_public_key');
  const text = Formatter.response(found['wechatpay-timestamp'], found['wechatpay-nonce'], body);
  if (!Rsa.verify(text, found['wechatpay-signature'], Rsa.from(key, Rsa.KEY_TYPE_PUBLIC))) throw new Error('wrong signature');
  const { nonce, ciphertext, associated_data } = JSON.parse(body).resource;
  return JSON.parse(Aes.AesGcm.decrypt(ciphertext, told.api_v3_key, nonce, associated_data)).state;
}

const axios = {
  redpack: async (told) => (await wxpay(told).v2.mmpaymkttransfers.sendredpack.post(
    { ...packet(told), mch_id: told.mch_id, wxappid: told.appid, client_ip: '127.0.0.1' }, { security: true })).data.send_listid,
  redpack_query: async (told) => (await wxpay(told).v2.mmpaymkttransfers.gethbinfo.post(
    { mch_billno: told.mch_billno, mch_id: told.mch_id, appid: told.appid, bill_type: 'MCHT' }, { security: true })).data.status,
  certificates: async (told) => {
    const [row] = (await wxpay(told).v3.certificates.get(named(told))).data.data;
    const { ciphertext, nonce, associated_data } = row.encrypt_certificate;
    if (!Aes.AesGcm.decrypt(ciphertext, told.api_v3_key, nonce, associated_data).includes('BEGIN CERTIFICATE')) throw new Error('no PEM');
    return row.serial_no;
  },
  transfer: async (told) => (await bills(told).post(told.bill, named(told))).data.state,
  named_transfer: async (told) => (await bills(told).post({ ...told.bill, user_name: sealedName(told) }, named(told))).data.state,
  transfer_query: async (told) => (await bills(told).outBillNo['{number}'].get({ ...named(told), number: told.number })).data.state,
  transfer_cancel: async (told) => (await bills(told).outBillNo['{number}'].cancel.post(undefined, { ...named(told), number: told.number })).data,
  transfer_notice: async (told) => notice(told),
  balance: async (told) => (await wxpay(told).v3.merchant.fund.balance['{kind}'].get({ ...named(told), kind: 'BASIC' })).data.available_amount,
};

const PROGRAMS = {
  'co-wechat-api': {
    ...account(modern),
    media: (told) => media(modern(told), told, (api) => api.uploadMedia(picture(told), 'image', 'a.png', 'image/png')),
  },
  'wechat-api': {
    ...account(old),
    clear_quota: async (told) => (await old(told).clearQuota(told.appid)).errcode,
    media: (told) => media(old(told), told, (api) => api.uploadMedia(uploadedFrom(told), 'image')),
  },
  'co-wechat-oauth': {
    oauth_link: async (told) => oauth(told).getAuthorizeURL(told.back, 'a-b_c1', 'snsapi_userinfo'),
    oauth: async (told) => (await oauth(told).getAccessToken(told.code)).data.openid,
    oauth_user: async (told) => (await oauth(told).getUserByCode(told.code)).nickname,
    oauth_refresh: async (told) => {
      const mine = oauth(told);
      return (await mine.refreshAccessToken((await mine.getAccessToken(told.code)).data.refresh_token)).data.openid;
    },
  },
  'wechat-crypto': {
    push: async (told) => {
      const crypto = new Crypto(told.callback_token, told.aes_key, told.appid);
      const { timestamp, nonce, encrypt, msg_signature } = told.push;
      if (crypto.getSignature(timestamp, nonce, encrypt) !== msg_signature) throw new Error('wrong signature');
      const { message, id } = crypto.decrypt(encrypt);
      if (id !== told.appid) throw new Error('wrong appid');
      const answer = crypto.encrypt(`<xml><Content><![CDATA[${told.answer}]]></Content></xml>`);
      return { message, encrypt: answer, timestamp, nonce, signature: crypto.getSignature(timestamp, nonce, answer) };
    },
  },
  tenpay: {
    redpack: async (told) => (await tenpay(told).sendRedpack(packet(told))).send_listid,
    redpack_query: async (told) => (await tenpay(told).redpackQuery({ mch_billno: told.mch_billno })).status,
    fundflow: async (told) => tenpay(told).downloadFundflow({ bill_date: told.bill_date }),
  },
  'wechatpay-axios-plugin, public key': axios,
  'wechatpay-axios-plugin, certificates': axios,
};

const PATIENCE_MS = 20000;
const late = () => new Promise((_, fail) => { setTimeout(() => fail(new Error('no answer')), PATIENCE_MS).unref(); });

// One call after the other: the world is laid before each.
(async () => {
  process.stdout.write(`${JSON.stringify(Object.fromEntries(Object.entries(PROGRAMS).map(([name, calls]) => [name, Object.keys(calls)])))}\n`);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { program, call, told } = JSON.parse(line);
    let answer;
    try {
      answer = { found: await Promise.race([PROGRAMS[program][call](told), late()]) };
    } catch (error) {
      answer = { error: `${error && error.stack} ${JSON.stringify((error && error.response && error.response.data) || '')}` };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0); // wechat-api keeps its connections
})();
