// `x402-fetch`: version 1 of the protocol.
import { wrapFetchWithPayment } from "x402-fetch";
import { createWalletClient, http } from "viem";
import { baseSepolia } from "viem/chains";
import { account, expectGoods, url } from "./common.mjs";

const wallet = createWalletClient({ account, chain: baseSepolia, transport: http("http://127.0.0.1:9") });
const pay = wrapFetchWithPayment(fetch, wallet);

await expectGoods(await pay(url), "x-payment-response");
