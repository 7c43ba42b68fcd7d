"use strict";
// The same text callback as co-wechat answers it, under koa on node, in plain mode, as its manual shows it.

const Koa = require("koa");
const wechat = require("co-wechat");

const { BENCH_TOKEN: token, BENCH_KEYWORD: keyword, BENCH_ANSWER: answer, BENCH_PORT: port } = process.env;

const app = new Koa();
app.use(async (ctx, next) => {
  if (ctx.path === "/healthz") {
    ctx.body = "ok";
    return;
  }
  await next();
});
app.use(wechat({ token }).middleware(async (message) => (message.Content === keyword ? answer : "")));
app.listen(Number(port), "127.0.0.1");
