// `@x402/fetch` with the `upto` scheme of `@x402/evm`: agrees to a limit, and is charged what was used.
import assert from "node:assert/strict";
import { UptoEvmScheme } from "@x402/evm/upto/client";
import { wrapFetchWithPaymentFromConfig } from "@x402/fetch";
import { account, expectReceipt, url } from "./common.mjs";

const pay = wrapFetchWithPaymentFromConfig(fetch, {
  schemes: [{ network: "eip155:84532", client: new UptoEvmScheme(account) }],
});

// Twenty words for a twentieth of a cent each.
const response = await pay(url);
const body = await response.text();
assert.equal(response.status, 200, body);
assert.equal(body.split(" ").length, 20, body);
assert.equal(expectReceipt(response, "payment-response").amount, "10000");
