import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";

export const url = process.argv[2];
export const account = privateKeyToAccount(generatePrivateKey());

/** Holds an answer against what was bought: the goods, for this account, with a receipt in this header. */
export async function expectGoods(response, header) {
  const body = await response.text();
  assert.equal(response.status, 200, body);
  assert.match(body, new RegExp(`Thank you, ${account.address}`));
  return expectReceipt(response, header);
}

/** Reads the receipt of an answer: it is for a payment of this account. */
export function expectReceipt(response, header) {
  const value = response.headers.get(header);
  assert.ok(value, `no ${header}`);
  const receipt = JSON.parse(Buffer.from(value, "base64").toString());
  assert.equal(receipt.success, true);
  assert.equal(receipt.payer.toLowerCase(), account.address.toLowerCase());
  assert.match(receipt.transaction, /^0x[0-9a-f]{64}$/);
  return receipt;
}
