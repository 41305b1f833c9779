// `@x402/axios` with `@x402/evm`: version 2 of the protocol.
import { wrapAxiosWithPaymentFromConfig } from "@x402/axios";
import { ExactEvmScheme } from "@x402/evm";
import axios from "axios";
import { account, expectGoods, url } from "./common.mjs";

const pay = wrapAxiosWithPaymentFromConfig(axios.create({ responseType: "text" }), {
  schemes: [{ network: "eip155:84532", client: new ExactEvmScheme(account) }],
});

const { status, headers, data } = await pay.get(url);
await expectGoods(new Response(data, { status, headers }), "payment-response");
