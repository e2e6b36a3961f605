// Foundry's cast as it is published, as a person types it.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { MNEMONIC, account, check, compile, done, env } from './lib.mjs';

const require = createRequire(import.meta.url);
const program = require.resolve('@foundry-rs/cast-linux-amd64/bin/cast');
const settings = {
  env: { PATH: process.env.PATH, HOME: env('MEZZ_WORK'), ETH_RPC_URL: env('MEZZ_RPC') },
  timeout: 45_000,
};

async function cast(...words) {
  const { stdout } = await promisify(execFile)(program, words, settings);
  return stdout.trim();
}
const json = async (...words) => JSON.parse(await cast(...words, '--json'));

const me = account(7).address;
const other = account(8).address;
const key = ['--mnemonic', MNEMONIC, '--mnemonic-index', '7'];
const send = async (...words) => {
  const receipt = JSON.parse(await cast('send', ...key, '--json', ...words));
  assert.equal(BigInt(receipt.status), 1n);
  return receipt;
};

let counter;

await check('cast: chain-id, client, block-number, gas-price, base-fee', async () => {
  assert.match(await cast('chain-id'), /^\d+$/);
  assert.match(await cast('client'), /mezz/i);
  assert.ok(Number(await cast('block-number')) > 0);
  assert.ok(BigInt(await cast('gas-price')) > 0n);
  assert.ok(BigInt(await cast('base-fee')) > 0n);
});

await check('cast: block, by label, number and hash', async () => {
  const block = await json('block', 'latest');
  assert.deepEqual(await json('block', block.hash), await json('block', BigInt(block.number).toString()));
  assert.ok(BigInt((await json('block', 'safe')).number) <= BigInt(block.number));
  const text = await cast('block', 'latest');
  assert.match(text, /baseFeePerGas/);
});

await check('cast: tx shows a deposit of type 0x7d', async () => {
  const head = Number(await cast('block-number'));
  let deposit;
  for (let number = 1; number <= head && !deposit; number += 1) {
    const block = await json('block', String(number), '--full');
    deposit = block.transactions.find((it) => it.type === '0x7d' && BigInt(it.value) > 0n);
  }
  assert.ok(deposit, 'no deposit in any block');
  assert.match(await cast('tx', deposit.hash), /0x7d|125/);
  assert.match(await cast('receipt', deposit.hash), /status\s+1/);
});

await check('cast: send, balance, nonce, receipt, tx', async () => {
  const before = BigInt(await cast('balance', other));
  const nonce = Number(await cast('nonce', me));
  const receipt = await send(other, '--value', '0.5ether');
  const { transactionHash: hash } = receipt;
  assert.equal(BigInt(await cast('balance', other)) - before, 5n * 10n ** 17n);
  assert.equal(Number(await cast('nonce', me)), nonce + 1);
  assert.equal((await json('receipt', hash)).blockHash, receipt.blockHash);
  assert.equal((await json('tx', hash)).hash, hash);
  assert.match(await cast('tx', hash), new RegExp(`to\\s+${other}`, 'i'));
});

await check('cast: deploy with send --create, call, estimate, code', async () => {
  const { bytecode } = compile('Counter');
  const receipt = await send('--create', bytecode, 'constructor(uint256)', '10');
  counter = receipt.contractAddress;
  assert.ok((await cast('code', counter)).length > 100);
  assert.equal(await cast('call', counter, 'total()(uint256)'), '10');
  const gas = Number(await cast('estimate', counter, 'add(uint256)', '5', '--from', me));
  assert.ok(gas > 21_000 && gas < 1_000_000, `${gas} gas`);
  assert.equal(BigInt(await cast('storage', counter, '0')), 10n);
});

await check('cast: logs of a call, and its revert in words', async () => {
  const { blockNumber, transactionHash } = await send(counter, 'add(uint256)', '5');
  const from = BigInt(blockNumber).toString();
  const logs = await json(
    'logs', '--from-block', from, '--address', counter,
    'Added(address indexed by, uint256 amount, uint256 total)',
  );
  assert.deepEqual(logs.map((log) => log.transactionHash), [transactionHash]);
  await assert.rejects(
    cast('call', counter, 'add(uint256)', '0', '--from', me),
    /nothing to add/,
  );
});

await check('cast: a transaction made offline is published', async () => {
  const raw = await cast('mktx', ...key, other, '--value', '1');
  const receipt = JSON.parse(await cast('publish', raw, '--json'));
  assert.equal(BigInt(receipt.status ?? 1), 1n);
});

await check('cast: a blob transaction is refused in words', async () => {
  const words = ['send', ...key, '--blob', '--path', program.replace(/bin\/cast$/, 'package.json')];
  await assert.rejects(cast(...words, '--gas-limit', '21000', other), /blob/i);
});

await check('cast: too little gas is refused in words', async () => {
  const words = ['send', ...key, '--legacy', other, '--value', '1', '--gas-limit', '100'];
  await assert.rejects(cast(...words), /intrinsic gas too low/);
});

done();
