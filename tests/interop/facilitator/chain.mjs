// A chain of our own that looks like Base Sepolia, with a token of our own in the place of USDC.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import solc from "solc";
import { createTestClient, http, parseEther, publicActions, walletActions } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { baseSepolia } from "viem/chains";

const ANVIL = fileURLToPath(new URL("../node_modules/.bin/anvil", import.meta.url));
const USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
const MULTICALL = "0xcA11bde05977b3631167028862bE2a173976CA11";

/** Starts the chain. */
export async function startChain() {
  const { Token, Multicall } = await compiled("token.sol");
  const { url, stop } = await started(ANVIL, ["--chain-id", "84532", "--host", "127.0.0.1", "--port", "0"], /^Listening on (.*)$/, (at) => `http://${at}`);
  // Has money for gas, and no token.
  const account = privateKeyToAccount(generatePrivateKey());
  const client = createTestClient({ account, mode: "anvil", chain: baseSepolia, transport: http(url), pollingInterval: 50 })
    .extend(publicActions)
    .extend(walletActions);
  await client.setBalance({ address: account.address, value: parseEther("10") });
  await client.setCode({ address: USDC, bytecode: Token.code });
  await client.setCode({ address: MULTICALL, bytecode: Multicall.code });
  const token = { address: USDC, abi: Token.abi };

  return {
    client,
    stop,
    /** A new buyer, who has a million units. */
    async buyer() {
      const buyer = privateKeyToAccount(generatePrivateKey());
      const hash = await client.writeContract({ ...token, functionName: "mint", args: [buyer.address, 1_000_000n] });
      await client.waitForTransactionReceipt({ hash });
      return buyer;
    },
    balance: (of) => client.readContract({ ...token, functionName: "balanceOf", args: [of] }),
    isUsed: (payer, nonce) => client.readContract({ ...token, functionName: "authorizationState", args: [payer, nonce] }),
    /** Every transfer that there has been of somebody's money. */
    transfersFrom: (from) => client.getContractEvents({ ...token, eventName: "Transfer", args: { from }, fromBlock: 0n }),
  };
}

/** Starts a program, and waits for the line in which it says where it is. */
export async function started(program, args, line, url, env = {}) {
  const { PATH, HOME } = process.env;
  const child = spawn(program, args, { env: { PATH, HOME, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  const lines = createInterface({ input: child.stdout });
  const where = await new Promise((resolve, reject) => {
    const tooLate = setTimeout(() => reject(new Error(`${program} does not serve`)), 30_000);
    lines.on("line", (said) => {
      const match = line.exec(said);
      if (match) resolve(url(match[1]));
    });
    child.once("error", reject);
    ended.then(() => reject(new Error(`${program} has ended`)));
    ended.finally(() => clearTimeout(tooLate));
  }).catch(async (error) => {
    child.kill("SIGKILL");
    throw error;
  });
  return { url: where, stop };
}

async function compiled(file) {
  const content = await readFile(new URL(file, import.meta.url), "utf8");
  const settings = { evmVersion: "cancun", outputSelection: { "*": { "*": ["abi", "evm.deployedBytecode.object"] } } };
  const output = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources: { [file]: { content } }, settings })));
  if (output.errors?.length) throw new Error(output.errors.map((error) => error.formattedMessage).join("\n"));
  const contracts = Object.entries(output.contracts[file]);
  return Object.fromEntries(contracts.map(([name, { abi, evm }]) => [name, { abi, code: `0x${evm.deployedBytecode.object}` }]));
}
