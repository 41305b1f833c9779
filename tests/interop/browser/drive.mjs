// A page on another origin pays in headless Chromium.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const [url, executablePath] = process.argv.slice(2);
const page = await bundled(new URL("page.mjs", import.meta.url).pathname);
const shop = await serve(page);
const profile = await mkdtemp(join(tmpdir(), "chromium-"));
// What the page writes to its console, for when something is wrong.
const said = [];
try {
  const { answer, preflights } = await visit(shop.origin, (tab) => tab.evaluate((url) => globalThis.buy(url), url));

  assert.equal(answer.status, 200, answer.body);
  assert.match(answer.body, new RegExp(`Thank you, ${answer.account}!`));
  assert.ok(answer.receipt, "the page cannot read the receipt");
  const receipt = JSON.parse(Buffer.from(answer.receipt, "base64").toString());
  assert.equal(receipt.success, true);
  assert.equal(receipt.payer.toLowerCase(), answer.account.toLowerCase());

  // The browser asked before it sent a payment, and was not asked to pay for that.
  assert.ok(preflights.length > 0, "no preflight");
  for (const { status } of preflights) assert.ok(status >= 200 && status < 300, `a preflight is answered ${status}`);
  const asked = preflights.flatMap(({ asked }) => asked);
  for (const name of ["payment-signature", "access-control-expose-headers"]) {
    assert.ok(asked.includes(name), `the preflights ask for ${asked}, and not for ${name}`);
  }
} catch (error) {
  for (const line of said) console.error(`page: ${line}`);
  throw error;
} finally {
  shop.server.close();
  shop.server.closeAllConnections();
  await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

async function bundled(entry) {
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: "iife", platform: "browser", write: false, logLevel: "error" });
  return outputFiles[0].text;
}

/** Another origin: a page, and its script. */
async function serve(script) {
  const server = createServer((request, response) => {
    if (request.url === "/page.js") response.setHeader("content-type", "text/javascript").end(script);
    else response.setHeader("content-type", "text/html").end('<!doctype html><script src="page.js"></script>');
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

/** Opens a page, does something in it, and notes the preflights that this leads to. */
async function visit(origin, something) {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    timeout: 30_000,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // Nothing but this machine.
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ],
  });
  try {
    const tab = await context.newPage();
    tab.on("console", (message) => said.push(message.text()));
    await tab.goto(origin, { timeout: 15_000 });

    const preflights = await watched(await context.newCDPSession(tab));
    const answer = await something(tab);
    return { answer, preflights: await preflights() };
  } finally {
    await context.close();
  }
}

/** Notes preflights. Each is told of in several events, in no order. */
async function watched(devtools) {
  const seen = new Map();
  const note = (id, what) => seen.set(id, { ...seen.get(id), ...what });
  devtools.on("Network.requestWillBeSent", ({ requestId, request }) => note(requestId, { method: request.method }));
  devtools.on("Network.requestWillBeSentExtraInfo", ({ requestId, headers }) => {
    const asked = new Headers(headers).get("access-control-request-headers");
    note(requestId, { asked: asked?.split(",").map((name) => name.trim()) });
  });
  devtools.on("Network.responseReceivedExtraInfo", ({ requestId, statusCode }) => note(requestId, { status: statusCode }));
  await devtools.send("Network.enable");

  return async () => {
    const preflights = () => [...seen.values()].filter(({ method }) => method === "OPTIONS");
    const complete = () => preflights().some(({ asked, status }) => asked && status);
    for (let left = 50; left > 0 && !complete(); left--) await sleep(100);
    return preflights().filter(({ asked, status }) => asked && status);
  };
}
