// What every script shares: where the chain is, accounts, checks, the compiler.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createPublicClient, createWalletClient, defineChain, http, webSocket } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';

const require = createRequire(import.meta.url);

export const POLL_MS = 200;
const CHECK_LIMIT_MS = 60_000;

export const env = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: start this script with clients/run.sh`);
  return value;
};

export const MNEMONIC = 'test test test test test test test test test test test junk';
export const account = (index) => mnemonicToAccount(MNEMONIC, { addressIndex: index });

let failures = 0;

// One check: a line that begins with `ok` or `FAIL`, which clients/run.sh counts.
export async function check(name, body, limitMs = CHECK_LIMIT_MS) {
  let timer;
  const limit = new Promise((_, reject) => {
    const late = () => reject(new Error(`not done after ${limitMs / 1000} s`));
    timer = setTimeout(late, limitMs);
  });
  try {
    await Promise.race([body(), limit]);
    console.log(`ok   ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`FAIL ${name}`);
    const text = String(error?.stack ?? error).split('\n').slice(0, 30).join('\n');
    console.log(text.replace(/^/gm, '     '));
  } finally {
    clearTimeout(timer);
  }
}

export const done = () => process.exit(failures === 0 ? 0 : 1);

// Asks until there is an answer. The limit is the one of the check around it.
export async function until(ask) {
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

// Clients as an application has them: the chain is known by its number and its URL.
export async function connect(index = 0) {
  const url = env('MEZZ_RPC');
  const id = await createPublicClient({ transport: http(url) }).getChainId();
  const chain = defineChain({
    id,
    name: 'Mezzanine',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  });
  const options = { chain, pollingInterval: POLL_MS };
  const reader = createPublicClient({ ...options, transport: http(url) });
  const wallet = (n) =>
    createWalletClient({ ...options, account: account(n), transport: http(url) });
  const socket = () =>
    createPublicClient({ ...options, transport: webSocket(url.replace(/^http/, 'ws')) });
  return { chain, reader, wallet: wallet(index), walletOf: wallet, socket };
}

// Compiles contracts/NAME.sol with solc-js; imports come from node_modules.
export function compile(name) {
  const solc = require('solc');
  const file = `${name}.sol`;
  const source = readFileSync(new URL(`contracts/${file}`, import.meta.url), 'utf8');
  const input = {
    language: 'Solidity',
    sources: { [file]: { content: source } },
    settings: {
      optimizer: { enabled: true, runs: 200 },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
    },
  };
  const load = (path) => ({ contents: readFileSync(require.resolve(path), 'utf8') });
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: load }));
  const errors = (output.errors ?? []).filter((entry) => entry.severity === 'error');
  assert.deepEqual(errors.map((entry) => entry.formattedMessage), []);
  const contract = output.contracts[file][name];
  return { abi: contract.abi, bytecode: `0x${contract.evm.bytecode.object}` };
}

// A contract's artifact as its package publishes it.
export const published = (path) => {
  const { abi, bytecode, evm } = require(path);
  const code = bytecode ?? evm.bytecode.object;
  return { abi, bytecode: code.startsWith('0x') ? code : `0x${code}` };
};

// Sends what `write` describes and waits for its success.
export async function succeed(reader, sent) {
  const receipt = await reader.waitForTransactionReceipt({ hash: await sent });
  assert.equal(receipt.status, 'success');
  return receipt;
}

export async function deploy(reader, wallet, { abi, bytecode }, args = []) {
  const receipt = await succeed(reader, wallet.deployContract({ abi, bytecode, args }));
  assert.ok(receipt.contractAddress);
  return receipt.contractAddress;
}
