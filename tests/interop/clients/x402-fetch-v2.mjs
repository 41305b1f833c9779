// `@x402/fetch` with `@x402/evm`: version 2 of the protocol.
import { ExactEvmScheme } from "@x402/evm";
import { wrapFetchWithPaymentFromConfig } from "@x402/fetch";
import { account, expectGoods, url } from "./common.mjs";

const pay = wrapFetchWithPaymentFromConfig(fetch, {
  schemes: [{ network: "eip155:84532", client: new ExactEvmScheme(account) }],
});

await expectGoods(await pay(url), "payment-response");
// Another payment, of the same client, for the same thing.
await expectGoods(await pay(url, { headers: { accept: "text/plain" } }), "payment-response");
