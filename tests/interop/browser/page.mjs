// What a page does to pay: bundled, and run in a browser.
import { ExactEvmScheme } from "@x402/evm";
import { wrapFetchWithPaymentFromConfig } from "@x402/fetch";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";

const account = privateKeyToAccount(generatePrivateKey());
const pay = wrapFetchWithPaymentFromConfig(fetch, {
  schemes: [{ network: "eip155:84532", client: new ExactEvmScheme(account) }],
});

/** Buys what is at `url`, and tells what of the answer a page can read. */
globalThis.buy = async (url) => {
  const response = await pay(url);
  return {
    account: account.address,
    status: response.status,
    body: await response.text(),
    receipt: response.headers.get("payment-response"),
  };
};
