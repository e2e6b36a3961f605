// Anvil takes back 1 to 64 blocks while a deposit, a batch, a claim or a payment is among them: the node
// that runs and a second one go on by themselves, what was dropped is there again or gone for good, and
// vault and bonds add up to the wei.
// MEZZ_RPC, MEZZ_SECOND: the nodes; MEZZ_L1: Anvil; MEZZ_CHAIN: chain.json; MEZZ_BIN: the program;
// MEZZ_DEPTHS: depths, apart by spaces.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import {
  createPublicClient, createWalletClient, encodeFunctionData, http, parseAbi, parseEther, toHex,
  zeroAddress,
} from 'viem';
import { foundry } from 'viem/chains';
import { account, check, connect, done, env, POLL_MS, succeed, until } from './lib.mjs';

const DEEPEST = 64;
// `all` for every depth: more than an hour.
const DEPTHS = process.env.MEZZ_DEPTHS === 'all'
  ? Array.from({ length: DEEPEST }, (_, index) => index + 1)
  : (process.env.MEZZ_DEPTHS ?? `2 ${DEEPEST}`).split(' ').map(Number);
const DEPOSIT_GAS = 100_000n;
// Claims and batches that were dropped are made again at the pace of blocks, and so is each step of a check.
const LIMIT_MS = 240_000;

const abi = parseAbi([
  'function depositEther(address to, uint256 amount, uint64 gasLimit, bytes data) payable',
  'function deposited(address token) view returns (uint256)',
  'function quote(uint64 gasLimit) view returns (uint256)',
  'function batchCount() view returns (uint64)',
  'function lineCount() view returns (uint64)',
  'event EtherDeposited(uint64 indexed inboxIndex, address indexed sender, address indexed to, uint256 amount)',
  'event WithdrawalPaid(uint64 indexed index, address indexed target, address indexed token, uint256 amount)',
  'event ClaimProposed(bytes32 indexed id, bytes32 indexed parent, address indexed proposer, uint64 batchEnd, bytes32 post, bytes32 digest, uint64 line, uint64 windowEnd)',
]);

const chainFile = JSON.parse(readFileSync(env('MEZZ_CHAIN'), 'utf8'));
const { inbox, vault, settlement } = chainFile.contracts;
const window = Number(chainFile.window_secs);
const transport = http(env('MEZZ_L1'));
const l1 = createPublicClient({ chain: foundry, transport, pollingInterval: POLL_MS, cacheTime: 0 });
// Not the accounts of operator and proposer, nor the one whose transactions drive L2.
const depositor = createWalletClient({ chain: foundry, transport, account: account(4) });
const { reader, wallet } = await connect(5);
const second = createPublicClient({ transport: http(env('MEZZ_SECOND')) });

const mine = (blocks) => l1.request({ method: 'anvil_mine', params: [toHex(blocks)] });
const reorg = (depth, kept = []) =>
  l1.request({ method: 'anvil_reorg', params: [depth, kept] });
const read = (address, functionName, args = []) =>
  l1.readContract({ address, abi, functionName, args });

// mezz ARGUMENTS...: what it printed as JSON.
async function mezz(...args) {
  const where = ['--rpc', env('MEZZ_RPC'), '--l1', env('MEZZ_L1')];
  const run = promisify(execFile);
  const { stdout } = await run(env('MEZZ_BIN'), ['--json', ...args, ...where], { timeout: 50_000 });
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

let made = 0;
// An address that nobody used before.
const fresh = () => `0x${(0xfee1_0000 + (made += 1)).toString(16).padStart(40, '0')}`;

// An L2 transaction, in a batch on L1: its hash.
async function batched(hash) {
  await until(async () => {
    const receipt = await reader.getTransactionReceipt({ hash }).catch(() => null);
    if (!receipt) return false;
    const safe = await reader.getBlock({ blockTag: 'safe' });
    return safe.number >= receipt.blockNumber;
  });
  return hash;
}

const transfer = () => wallet.sendTransaction({ to: fresh(), value: 1n });

// How far claims reach on L1 now.
async function claimedTo() {
  const fromBlock = BigInt(chainFile.l1_start_block);
  const logs = await l1.getContractEvents({ address: settlement, abi, eventName: 'ClaimProposed', fromBlock });
  return logs.reduce((end, { args }) => (args.batchEnd > end ? args.batchEnd : end), 0n);
}

// What an account has on L2; null while the node goes back.
const balance = (address) => reader.getBalance({ address }).catch(() => null);

const claimed = async (end) => until(async () => (await claimedTo()) >= end);

// The chain goes on, both nodes have one block, and the money is all there.
async function well() {
  await batched(await transfer());
  const safe = await reader.getBlock({ blockTag: 'safe' });
  await until(async () => {
    const theirs = await second.getBlock({ blockNumber: safe.number }).catch(() => null);
    const ours = await reader.getBlock({ blockNumber: safe.number });
    return theirs?.hash === ours.hash;
  });
  const fromBlock = BigInt(chainFile.l1_start_block);
  await until(async () => {
    const blockNumber = await l1.getBlockNumber();
    const of = (eventName) =>
      l1.getContractEvents({ address: vault, abi, eventName, fromBlock, toBlock: blockNumber });
    const sum = (logs) => logs.reduce((total, { args }) => total + args.amount, 0n);
    const owed = sum(await of('EtherDeposited')) - sum(await of('WithdrawalPaid'));
    const [counted, held, lines, bonds] = await Promise.all([
      l1.readContract({ address: vault, abi, functionName: 'deposited', args: [zeroAddress], blockNumber }),
      l1.getBalance({ address: vault, blockNumber }),
      l1.readContract({ address: settlement, abi, functionName: 'lineCount', blockNumber }),
      l1.getBalance({ address: settlement, blockNumber }),
    ]);
    assert.deepEqual([counted, held], [owed, owed], 'what the vault owes');
    assert.equal(bonds, BigInt(chainFile.bond_wei) * lines, 'bonds');
    assert.ok(lines <= 1n, 'an honest proposer has one line');
    return true;
  });
}

// What was deployed and funded at the start is out of reach of every reorganisation.
await mine(70);

for (const [index, depth] of DEPTHS.entries()) {
  const returns = index % 2 === 0;
  const fate = returns ? 'comes back in another block' : 'is gone for good';
  await check(`${depth} blocks with a deposit, which ${fate}`, async () => {
    // Its sender's earlier transactions stay, so that its nonce is still the next.
    await mine(depth);
    const [to, amount] = [fresh(), parseEther('0.5')];
    const fee = 2n * (await read(inbox, 'quote', [DEPOSIT_GAS]));
    const data = encodeFunctionData({
      abi, functionName: 'depositEther', args: [to, amount, DEPOSIT_GAS, '0x'],
    });
    const request = await depositor.prepareTransactionRequest({ to: vault, value: amount + fee, data });
    const serializedTransaction = await depositor.signTransaction(request);
    await succeed(l1, depositor.sendRawTransaction({ serializedTransaction }));
    await until(() => balance(to));
    await mine(Math.floor(depth / 2));
    await reorg(depth, returns ? [[serializedTransaction, depth - 1]] : []);
    const expected = returns ? amount : 0n;
    await until(async () => (await balance(to)) === expected);
    await well();
    assert.equal(await reader.getBalance({ address: to }), expected);
  }, LIMIT_MS);
}

for (const depth of DEPTHS) {
  await check(`${depth} blocks with a batch, which is posted again`, async () => {
    const hash = await batched(await transfer());
    await mine(Math.floor(depth / 2));
    await reorg(depth);
    // What several batches held may come back in one.
    await well();
    await batched(hash);
  }, LIMIT_MS);
}

for (const depth of DEPTHS) {
  await check(`${depth} blocks with a claim, which is made again`, async () => {
    await batched(await transfer());
    await claimed(await read(inbox, 'batchCount'));
    await mine(Math.floor(depth / 2));
    await reorg(depth);
    await well();
    await claimed(await read(inbox, 'batchCount'));
  }, LIMIT_MS);
}

// Pays withdrawal `index`, travelling as far as its window, `depth` blocks before: L1's clock never goes
// back so far as it would if the journey were taken back as well.
async function pay(index, depth) {
  await until(async () => {
    const { stage } = await mezz('withdraw', 'status', String(index));
    return stage !== 'sequenced' && stage !== 'batched';
  });
  await l1.request({ method: 'evm_increaseTime', params: [window + 1] });
  await mine(1 + depth);
  return mezz('withdraw', 'finish', '--wait', '--dev-account', '6', String(index));
}

for (const depth of DEPTHS) {
  await check(`${depth} blocks with a payment, which is made once`, async () => {
    const [to, amount] = [fresh(), 10n ** 16n];
    const { index } = await mezz('withdraw', 'start', '--dev-account', '7', '0.01', '--to', to);
    await pay(index, depth);
    assert.equal(await l1.getBalance({ address: to }), amount);
    await mine(Math.floor(depth / 2));
    await reorg(depth);
    assert.equal(await l1.getBalance({ address: to }), 0n);
    await well();
    await pay(index, depth);
    await assert.rejects(mezz('withdraw', 'finish', '--dev-account', '6', String(index)));
    assert.equal(await l1.getBalance({ address: to }), amount);
    await well();
  }, LIMIT_MS);
}

done();
