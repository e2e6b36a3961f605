// Foundry's scripts as they are published: simulated, broadcast, resumed.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { keccak256, toHex } from 'viem';
import { MNEMONIC, account, check, compile, connect, done, env } from './lib.mjs';

const require = createRequire(import.meta.url);
const program = require.resolve('@foundry-rs/forge-linux-amd64/bin/forge');
const work = env('MEZZ_WORK');
const settings = {
  cwd: new URL('.', import.meta.url),
  env: {
    PATH: process.env.PATH,
    HOME: work,
    FOUNDRY_OUT: `${work}/forge/out`,
    FOUNDRY_CACHE_PATH: `${work}/forge/cache`,
    FOUNDRY_BROADCAST: `${work}/forge/broadcast`,
    FOUNDRY_DISABLE_NIGHTLY_WARNING: '1',
    NO_COLOR: '1',
  },
  timeout: 55_000,
};

const { chain, reader } = await connect();
const me = account(2).address;
const abi = compile('Counter').abi;
const key = ['--mnemonics', MNEMONIC, '--mnemonic-indexes', '2', '--sender', me];
const script = async (signature, args, ...flags) => {
  const words = ['script', 'forge/Broadcast.s.sol', '--rpc-url', env('MEZZ_RPC'), ...key, ...flags];
  const { stdout } = await promisify(execFile)(
    program,
    [...words, '--sig', signature, ...args],
    settings,
  );
  return stdout;
};
const RUN = 'run(bytes32,address)';
const saved = () => {
  const file = `${work}/forge/broadcast/Broadcast.s.sol/${chain.id}/run-latest.json`;
  return JSON.parse(readFileSync(file, 'utf8'));
};
const total = (address) => reader.readContract({ address, abi, functionName: 'total' });

// What a finished run left: on the chain what the script says, and receipts to show for it.
async function finished(payee, nonce) {
  const { transactions, receipts, pending } = saved();
  assert.deepEqual(pending, []);
  assert.equal(transactions.length, 7);
  assert.equal(receipts.length, 7);
  assert.deepEqual(
    receipts.map(({ status }) => Number(status)),
    Array(7).fill(1),
  );
  const [plain, salted] = transactions.map(({ contractAddress }) => contractAddress);
  assert.deepEqual(await Promise.all([plain, salted].map(total)), [7n, 17n]);
  assert.equal(await reader.getBalance({ address: payee }), 125n * 10n ** 15n);
  assert.equal(await reader.getTransactionCount({ address: me }), nonce + 7);
  // Sent side by side, forge notes their hashes in the order of the answers.
  const sent = transactions.map(({ hash }) => reader.getTransaction({ hash }));
  const nonces = (await Promise.all(sent)).map((it) => it.nonce);
  assert.deepEqual(
    nonces.sort((a, b) => a - b),
    nonces.map((_, at) => nonce + at),
  );
}

// An account that nobody has.
const payeeOf = (salt) => `0x${keccak256(salt).slice(26)}`;

await check('forge: a script is simulated on the chain and sends nothing', async () => {
  const nonce = await reader.getTransactionCount({ address: me });
  const salt = keccak256(toHex(`simulated ${nonce}`));
  const said = await script(RUN, [salt, payeeOf(salt)]);
  assert.match(said, /Script ran successfully/);
  assert.match(said, new RegExp(`Chain ${chain.id}`));
  assert.equal(await reader.getTransactionCount({ address: me }), nonce);
  assert.equal(await reader.getBalance({ address: payeeOf(salt) }), 0n);
});

await check('forge: a script of seven transactions is broadcast', async () => {
  const nonce = await reader.getTransactionCount({ address: me });
  const salt = keccak256(toHex(`at once ${nonce}`));
  const said = await script(RUN, [salt, payeeOf(salt)], '--broadcast');
  assert.match(said, /ONCHAIN EXECUTION COMPLETE & SUCCESSFUL/);
  await finished(payeeOf(salt), nonce);
});

await check('forge: the same one after the other, each confirmed first', async () => {
  const nonce = await reader.getTransactionCount({ address: me });
  const salt = keccak256(toHex(`slowly ${nonce}`));
  await script(RUN, [salt, payeeOf(salt)], '--broadcast', '--slow', '--legacy');
  await finished(payeeOf(salt), nonce);
});

await check('forge: what the node refused is resumed', async () => {
  const nonce = await reader.getTransactionCount({ address: me });
  const salt = keccak256(toHex(`resumed ${nonce}`));
  const args = [salt, payeeOf(salt)];
  // Far below the base fee: refused before it is taken.
  await assert.rejects(
    script(RUN, args, '--broadcast', '--legacy', '--with-gas-price', '1'),
    /transaction underpriced: max fee 1 wei per gas/,
  );
  assert.equal(await reader.getTransactionCount({ address: me }), nonce);
  assert.equal(saved().receipts.length, 0);
  await script(RUN, args, '--resume', '--legacy');
  await finished(payeeOf(salt), nonce);
});

await check('forge: a script that reverts says why, and sends nothing', async () => {
  const nonce = await reader.getTransactionCount({ address: me });
  await assert.rejects(script('fail()', [], '--broadcast'), /TooMuch\(1001, 1000\)/);
  assert.equal(await reader.getTransactionCount({ address: me }), nonce);
});

done();
