// The facilitator of `@x402/core` and `@x402/evm`, over HTTP; and a line to it that can be cut.
import { createServer, request } from "node:http";
import { x402Facilitator } from "@x402/core/facilitator";
import { toFacilitatorEvmSigner } from "@x402/evm";
import { registerExactEvmScheme } from "@x402/evm/exact/facilitator";

/** Serves `/verify`, `/settle` and `/supported` for a chain. */
export async function serveFacilitator({ client }) {
  const facilitator = new x402Facilitator();
  const signer = toFacilitatorEvmSigner({ ...client, address: client.account.address }, { confirmationTimeoutMs: 10_000 });
  registerExactEvmScheme(facilitator, { signer, networks: "eip155:84532" });
  settleOnlyWhatIsVerified(facilitator);

  return listen(async (request, response) => {
    const body = await whole(request);
    const ask = async () => {
      if (request.url === "/supported") return facilitator.getSupported();
      const { paymentPayload, paymentRequirements } = JSON.parse(body);
      if (request.url === "/verify") return facilitator.verify(paymentPayload, paymentRequirements);
      if (request.url !== "/settle") throw new Error("not found");
      return facilitator.settle(paymentPayload, paymentRequirements).catch(({ message }) => {
        return { success: false, errorReason: message, transaction: "", network: paymentRequirements.network };
      });
    };
    try {
      response.setHeader("content-type", "application/json").end(JSON.stringify(await ask()));
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
}

// As strict as facilitators get: each settlement needs a verification of its own.
function settleOnlyWhatIsVerified(facilitator) {
  const verified = new Set();
  const id = ({ paymentPayload }) => JSON.stringify(paymentPayload.payload);
  facilitator.onAfterVerify(async (context) => {
    if (context.result.isValid) verified.add(id(context));
  });
  facilitator.onBeforeSettle(async (context) => {
    if (!verified.delete(id(context))) return { abort: true, reason: "Payment must be verified before settlement" };
  });
}

/**
 * A proxy. While `line.cuts` is not used up, an answer of `/settle` is swallowed: whatever the facilitator has done is done,
 * and its connection to the server breaks.
 */
export async function serveLine(to) {
  const line = { cuts: 0, settlements: [] };
  const served = await listen(async (asked, response) => {
    const body = await whole(asked);
    const answer = await new Promise((resolve, reject) => {
      const { method, headers } = asked;
      request(to + asked.url, { method, headers }, resolve).on("error", reject).end(body);
    });
    const answered = await whole(answer);
    if (asked.url === "/settle") {
      line.settlements.push(JSON.parse(answered));
      if (line.cuts > 0) {
        line.cuts -= 1;
        return asked.socket.destroy();
      }
    }
    response.writeHead(answer.statusCode, { "content-type": answer.headers["content-type"] }).end(answered);
  });
  return Object.assign(line, served);
}

async function listen(answer) {
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      console.error(error);
      request.socket.destroy();
    });
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
}

async function whole(message) {
  const chunks = await message.toArray();
  return Buffer.concat(chunks).toString();
}
