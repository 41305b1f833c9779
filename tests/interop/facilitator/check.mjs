// One of our servers, with the facilitator of others, on a chain: `check.mjs CASE PROGRAM`.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { setTimeout as sleep } from "node:timers/promises";
import { ExactEvmScheme } from "@x402/evm";
import { wrapFetchWithPayment, x402Client } from "@x402/fetch";
import { createWalletClient, http } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { baseSepolia } from "viem/chains";
import { wrapFetchWithPayment as wrapFetchV1 } from "x402-fetch";
import { started, startChain } from "./chain.mjs";
import { serveFacilitator, serveLine } from "./facilitator.mjs";

const PRICE = 10_000n;
const cases = { paid, paidV1, cut, again };

/** The money moves, and the receipt names the transaction. */
async function paid(world) {
  const buyer = await newBuyer(world);
  const { status, body, receipt } = await buyer.buy();
  assert.equal(status, 200, body);
  assert.match(body, thanks(buyer));
  assert.equal(receipt.success, true);
  const transfer = await onlyTransfer(world, buyer);
  assert.equal(receipt.transaction, transfer.transactionHash);
}

/** The same in version 1. */
async function paidV1(world) {
  const account = await world.chain.buyer();
  const wallet = createWalletClient({ account, chain: baseSepolia, transport: http("http://127.0.0.1:9") });
  const { status, body, receipt } = await read(await wrapFetchV1(fetch, wallet)(world.url), "x-payment-response");
  assert.equal(status, 200, body);
  assert.match(body, thanks({ account }));
  const transfer = await onlyTransfer(world, { account });
  assert.equal(receipt.transaction, transfer.transactionHash);
}

/** An answer of `/settle` is lost. The server finds out, and the buyer is served and charged once. */
async function cut(world) {
  world.line.cuts = 1;
  const buyer = await newBuyer(world);
  const { status, body, receipt } = await buyer.buy();
  assert.equal(status, 200, body);
  assert.match(body, thanks(buyer));
  assert.equal(receipt.errorReason, "settlement_unconfirmed");
  assertLost(world);
  await onlyTransfer(world, buyer);
}

/** All answers of `/settle` are lost until the buyer is sent away, and signs again. And again, when they get through. */
async function again(world) {
  world.line.cuts = Infinity;
  const buyer = await newBuyer(world);
  const first = await buyer.buy();
  assert.equal(first.status, 503, first.body);
  assert.equal(first.receipt.errorReason, "settlement_unknown");
  assertLost(world);
  await onlyTransfer(world, buyer);

  const second = await buyer.buy();
  assert.equal(second.status, 503, second.body);
  assert.equal(second.receipt.errorReason, "settlement_unknown");
  await onlyTransfer(world, buyer);

  world.line.cuts = 0;
  let last = second;
  // The server asks again within a minute.
  for (let left = 40; left > 0 && last.status === 503; left--) {
    await sleep(2000);
    last = await buyer.buy();
  }
  assert.equal(last.status, 200, last.body);
  assert.match(last.body, thanks(buyer));
  assert.equal(last.receipt.errorReason, "settlement_unconfirmed");
  await onlyTransfer(world, buyer);

  // Several payments were signed, and the oldest was charged.
  assert.ok(buyer.nonces.length > 2, `${buyer.nonces}`);
  const used = await Promise.all(buyer.nonces.map((nonce) => world.chain.isUsed(buyer.account.address, nonce)));
  assert.deepEqual(used, buyer.nonces.map((_, index) => index === 0));
}

/** Someone with money and an unmodified client, which signs anew each time. */
async function newBuyer({ chain, url }) {
  const account = await chain.buyer();
  const nonces = [];
  const client = new x402Client().register("eip155:84532", new ExactEvmScheme(account));
  client.onAfterPaymentCreation(async ({ paymentPayload }) => {
    nonces.push(paymentPayload.payload.authorization.nonce);
  });
  const pay = wrapFetchWithPayment(fetch, client);
  return { account, nonces, buy: async () => read(await pay(url), "payment-response") };
}

async function read(response, header) {
  const value = response.headers.get(header);
  const receipt = value && JSON.parse(Buffer.from(value, "base64").toString());
  return { status: response.status, body: await response.text(), receipt };
}

/** On the chain exactly the price has moved, once, from this buyer to the seller. */
async function onlyTransfer({ chain, payee }, { account }) {
  const transfers = await chain.transfersFrom(account.address);
  assert.equal(transfers.length, 1, `${transfers.length} transfers`);
  const [{ args }] = transfers;
  assert.equal(args.to.toLowerCase(), payee.toLowerCase());
  assert.equal(args.value, PRICE);
  assert.equal(await chain.balance(account.address), 1_000_000n - PRICE);
  assert.equal(await chain.balance(payee), PRICE);
  return transfers[0];
}

/** What was lost was good news. */
function assertLost({ line }) {
  assert.equal(line.settlements[0]?.success, true, JSON.stringify(line.settlements));
  assert.ok(line.settlements.length > 1 || line.cuts === Infinity, "the server never asked again");
}

function thanks({ account }) {
  return new RegExp(`Thank you, ${account.address}!`, "i");
}

const [name, program] = process.argv.slice(2);
const stops = [];
try {
  const payee = privateKeyToAccount(generatePrivateKey()).address;
  const chain = await startChain();
  stops.push(chain.stop);
  const facilitator = await serveFacilitator(chain);
  stops.push(facilitator.stop);
  const line = await serveLine(facilitator.url);
  stops.push(line.stop);
  const server = await started(program, ["127.0.0.1:0"], /^Serving (http\S*) /, (url) => url, {
    X402_FACILITATOR: line.url,
    X402_PAY_TO: `base-sepolia=${payee}`,
  });
  stops.push(server.stop);
  await cases[name]({ chain, line, payee, url: server.url });
} finally {
  for (const stop of stops.reverse()) await stop();
}
