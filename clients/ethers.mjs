// ethers as it is published: accounts, every type of transaction, contracts, events over HTTP and
// WebSocket, batches, errors by its own codes, a proof checked by the client.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  Contract,
  ContractFactory,
  HDNodeWallet,
  JsonRpcProvider,
  Mnemonic,
  NonceManager,
  WebSocketProvider,
  Wallet,
  keccak256,
  parseEther,
  toBeHex,
} from 'ethers';
import { MNEMONIC, POLL_MS, check, compile, done, env, until } from './lib.mjs';

const url = env('MEZZ_RPC');
const provider = new JsonRpcProvider(url, undefined, { staticNetwork: false, cacheTimeout: -1 });
provider.pollingInterval = POLL_MS;
const wallet = (index, at = provider) => {
  const phrase = Mnemonic.fromPhrase(MNEMONIC);
  const node = HDNodeWallet.fromMnemonic(phrase, `m/44'/60'/0'/0/${index}`);
  return new Wallet(node.privateKey, at);
};
const me = wallet(3);
const other = wallet(4);
const compiled = compile('Counter');

// The fee for data on L1 is a field of its own (docs/differences.md).
async function paid(hash) {
  const receipt = await provider.send('eth_getTransactionReceipt', [hash]);
  const gas = BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice);
  return { gas, data: BigInt(receipt.l1Fee), all: gas + BigInt(receipt.l1Fee) };
}

async function rejects(promise, code) {
  const error = await promise.then(
    () => undefined,
    (it) => it,
  );
  assert.equal(error?.code, code, `${error?.code}: ${error?.message}`);
  return error;
}

let counter;

await check('ethers: network, blocks, transactions of a block', async () => {
  const { chainId } = await provider.getNetwork();
  assert.equal(chainId, BigInt(await provider.send('eth_chainId', [])));
  const head = await provider.getBlock('latest', true);
  assert.equal(head.hash, (await provider.getBlock(head.hash)).hash);
  assert.equal((await provider.getBlock(head.number - 1)).hash, head.parentHash);
  assert.equal(head.prefetchedTransactions.length, head.length);
  assert.equal(await provider.getBlock(head.number + 1_000_000), null);
  assert.equal(await provider.getTransactionReceipt(keccak256('0x01')), null);
});

await check('ethers: a transfer costs value, gas and data, to the wei', async () => {
  const value = parseEther('0.75');
  const [mine, theirs] = await Promise.all(
    [me, other].map((it) => provider.getBalance(it.address)),
  );
  const sent = await me.sendTransaction({ to: other.address, value });
  const receipt = await sent.wait();
  assert.equal(receipt.status, 1);
  assert.equal(receipt.type, 2);
  assert.equal(receipt.gasUsed, 21_000n);
  const { all } = await paid(sent.hash);
  assert.equal(await provider.getBalance(me.address), mine - value - all);
  assert.equal(await provider.getBalance(other.address), theirs + value);
  assert.equal(await provider.getBalance(me.address, receipt.blockNumber - 1), mine);
});

await check('ethers: types 0, 1 and 2, and what an access list costs', async () => {
  const accessList = [{ address: other.address, storageKeys: [toBeHex(0, 32), toBeHex(1, 32)] }];
  const gas = { 0: 21_000n, 1: 21_000n + 2400n + 2n * 1900n, 2: 21_000n + 2400n + 2n * 1900n };
  for (const type of [0, 1, 2]) {
    const list = type === 0 ? {} : { accessList };
    const sent = await me.sendTransaction({ type, to: other.address, value: 1n, ...list });
    const receipt = await sent.wait();
    assert.equal(receipt.type, type);
    assert.equal(receipt.gasUsed, gas[type]);
    const found = await provider.getTransaction(sent.hash);
    assert.equal(found.type, type);
    assert.equal(found.from, me.address);
    assert.equal(found.serialized, sent.serialized);
  }
});

await check(
  'ethers: everything is sent, and the account is left with nothing that was not promised',
  async () => {
    const fresh = Wallet.createRandom(provider);
    await (await me.sendTransaction({ to: fresh.address, value: parseEther('1') })).wait();
    const gasLimit = await provider.estimateGas({ from: fresh.address, to: me.address, value: 1n });
    assert.equal(gasLimit, 21_000n);
    const { gasPrice } = await provider.getFeeData();
    const value = parseEther('1') - gasLimit * 2n * gasPrice;
    const call = { to: me.address, value, gasLimit, type: 0, gasPrice: 2n * gasPrice };
    const sent = await fresh.sendTransaction(call);
    const receipt = await sent.wait();
    assert.equal(receipt.status, 1);
    // What data costs is taken out of the gas price, rounded up to whole wei a unit of gas.
    const { data, all } = await paid(sent.hash);
    const rest = ((data + gasLimit - 1n) / gasLimit) * gasLimit - data;
    assert.equal(all, gasLimit * 2n * gasPrice - rest);
    assert.equal(await provider.getBalance(fresh.address), rest);
    assert.ok(rest < gasLimit);
  },
);

await check('ethers: a contract is deployed, read, written, at once and in the past', async () => {
  const factory = new ContractFactory(compiled.abi, compiled.bytecode, me);
  counter = await (await factory.deploy(5n)).waitForDeployment();
  assert.equal(await counter.total(), 5n);
  const receipt = await (await counter.add(7n)).wait();
  assert.equal(await counter.total(), 12n);
  assert.equal(await counter.total({ blockTag: receipt.blockNumber - 1 }), 5n);
  assert.equal(BigInt(await provider.getStorage(await counter.getAddress(), 0)), 12n);
  const [log] = receipt.logs;
  assert.deepEqual([...log.args], [me.address, 7n, 12n]);
  assert.equal(await counter.add.staticCall(3n), 15n);
});

await check('ethers: reverts come with reason, custom error and its arguments', async () => {
  const plain = await rejects(counter.add.staticCall(0n), 'CALL_EXCEPTION');
  assert.equal(plain.reason, 'nothing to add');
  const custom = await rejects(counter.add.estimateGas(1001n), 'CALL_EXCEPTION');
  assert.equal(counter.interface.parseError(custom.data).name, 'TooMuch');
  const called = await rejects(counter.add.staticCall(1001n), 'CALL_EXCEPTION');
  assert.equal(called.revert.name, 'TooMuch');
  assert.deepEqual([...called.revert.args], [1001n, 1000n]);
  const sent = await counter.add(1001n, { gasLimit: 100_000n });
  const mined = await rejects(sent.wait(), 'CALL_EXCEPTION');
  assert.equal(mined.receipt.status, 0);
  assert.equal(mined.receipt.logs.length, 0);
});

await check(
  'ethers: knows too little ETH, an old nonce, a replacement that bids too little',
  async () => {
    const poor = Wallet.createRandom(provider);
    await rejects(poor.sendTransaction({ to: me.address, value: 1n }), 'INSUFFICIENT_FUNDS');
    const fees = { gasLimit: 21_000n, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n };
    const call = { to: me.address, value: parseEther('1'), ...fees };
    await rejects(poor.sendTransaction(call), 'INSUFFICIENT_FUNDS');
    await rejects(me.sendTransaction({ to: me.address, nonce: 0, ...fees }), 'NONCE_EXPIRED');
    const later = (await me.getNonce()) + 1;
    const waiting = await me.sendTransaction({ to: me.address, nonce: later, ...fees });
    await rejects(
      me.sendTransaction({ to: other.address, nonce: later, ...fees, maxPriorityFeePerGas: 2n }),
      'REPLACEMENT_UNDERPRICED',
    );
    assert.equal(await provider.getTransactionReceipt(waiting.hash), null);
    assert.equal((await provider.getTransaction(waiting.hash)).blockNumber, null);
    // The gap closes and both go in.
    await (await me.sendTransaction({ to: me.address, nonce: later - 1, ...fees })).wait();
    assert.equal((await waiting.wait()).status, 1);
  },
);

await check('ethers: a replacement that bids enough takes the place', async () => {
  const nonce = (await me.getNonce()) + 1;
  const fees = { gasLimit: 21_000n, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 8n };
  const first = await me.sendTransaction({ to: other.address, value: 1n, nonce, ...fees });
  const more = { ...fees, maxFeePerGas: 2n * 10n ** 10n, maxPriorityFeePerGas: 2n * 10n ** 8n };
  const second = await me.sendTransaction({ to: other.address, value: 2n, nonce, ...more });
  await (await me.sendTransaction({ to: me.address, nonce: nonce - 1, ...fees })).wait();
  assert.equal((await second.wait()).status, 1);
  const replaced = await rejects(first.wait(), 'TRANSACTION_REPLACED');
  assert.equal(replaced.replacement.hash, second.hash);
});

await check('ethers: code is set by authorization (EIP-7702), used and taken away', async () => {
  const account = Wallet.createRandom(provider);
  const target = await counter.getAddress();
  const authorize = (address, nonce) => account.authorize({ address, nonce });
  const delegated = new Contract(account.address, compiled.abi, me);
  const authorizationList = [await authorize(target, 0)];
  const receipt = await (
    await delegated.add(9n, { type: 4, authorizationList, gasLimit: 200_000n })
  ).wait();
  assert.equal(receipt.type, 4);
  assert.equal(await provider.getCode(account.address), `0xef0100${target.slice(2).toLowerCase()}`);
  assert.equal(await delegated.total(), 9n);
  assert.equal(receipt.logs[0].address, account.address);
  assert.equal(await provider.getTransactionCount(account.address), 1);
  const none = [await authorize(`0x${'00'.repeat(20)}`, 1)];
  await (
    await me.sendTransaction({
      type: 4,
      to: me.address,
      authorizationList: none,
      gasLimit: 200_000n,
    })
  ).wait();
  assert.equal(await provider.getCode(account.address), '0x');
  assert.equal(BigInt(await provider.getStorage(account.address, 0)), 9n);
});

await check('ethers: many transactions of one account, in one batch of requests', async () => {
  const manager = new NonceManager(me);
  const before = await provider.getBalance(other.address);
  const sent = await Promise.all(
    Array.from({ length: 12 }, () =>
      manager.sendTransaction({ to: other.address, value: 3n, gasLimit: 21_000n }),
    ),
  );
  const receipts = await Promise.all(sent.map((it) => it.wait()));
  assert.ok(receipts.every(({ status }) => status === 1));
  const nonces = sent.map(({ nonce }) => nonce);
  assert.deepEqual(
    nonces,
    nonces.map((_, at) => nonces[0] + at),
  );
  assert.equal((await provider.getBalance(other.address)) - before, 36n);
});

await check('ethers: a batch answers each request by itself, errors too', async () => {
  const ask = async (body) => {
    const headers = { 'content-type': 'application/json' };
    return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).json();
  };
  const request = (id, method, params = []) => ({ jsonrpc: '2.0', id, method, params });
  const answers = await ask([
    request(1, 'eth_chainId'),
    request('two', 'eth_noSuchMethod'),
    request(3, 'eth_getBalance', ['0x12']),
    request(4, 'eth_call', [
      { to: await counter.getAddress(), data: counter.interface.encodeFunctionData('add', [0]) },
    ]),
    { jsonrpc: '2.0', method: 'eth_chainId', params: [] },
  ]);
  const by = Object.fromEntries(answers.map((it) => [it.id, it]));
  assert.equal(answers.length, 4);
  assert.ok(BigInt(by[1].result) > 0n);
  assert.equal(by.two.error.code, -32601);
  assert.equal(by[3].error.code, -32602);
  assert.equal(by[4].error.code, 3);
  assert.match(by[4].error.data, /^0x08c379a0/);
  assert.equal((await ask([])).error.code, -32600);
  assert.equal((await ask({ id: 1 })).error.code, -32600);
});

await check('ethers: past events by filter, newest blocks by polling', async () => {
  const from = await provider.getBlockNumber();
  for (const amount of [1n, 2n, 3n]) await (await counter.add(amount)).wait();
  const events = await counter.queryFilter(counter.filters.Added(me.address), from);
  assert.deepEqual(
    events.map(({ args }) => args.amount),
    [1n, 2n, 3n],
  );
  assert.deepEqual(await counter.queryFilter(counter.filters.Added(other.address), from), []);
  const seen = [];
  await provider.on('block', (number) => seen.push(number));
  await until(() => seen.length >= 2);
  await provider.off('block');
  assert.equal(seen[1], seen[0] + 1);
});

await check('ethers: filters of the node tell of blocks, logs and pending ones, once', async () => {
  const address = await counter.getAddress();
  const logs = await provider.send('eth_newFilter', [{ address }]);
  const blocks = await provider.send('eth_newBlockFilter', []);
  const pending = await provider.send('eth_newPendingTransactionFilter', []);
  const sent = await counter.add(4n);
  const receipt = await sent.wait();
  const changes = (id) => provider.send('eth_getFilterChanges', [id]);
  const hashes = [];
  await until(async () => {
    hashes.push(...(await changes(blocks)));
    return hashes.includes(receipt.blockHash);
  });
  assert.ok((await changes(pending)).includes(sent.hash));
  assert.deepEqual(
    (await changes(logs)).map((it) => it.transactionHash),
    [sent.hash],
  );
  assert.deepEqual(await changes(logs), []);
  assert.equal((await provider.send('eth_getFilterLogs', [logs])).length, 1);
  for (const id of [logs, blocks, pending]) {
    assert.equal(await provider.send('eth_uninstallFilter', [id]), true);
    assert.equal(await provider.send('eth_uninstallFilter', [id]), false);
  }
  await rejects(changes(logs), 'UNKNOWN_ERROR');
});

await check('ethers: events, blocks and pending transactions by subscription', async () => {
  const socket = new WebSocketProvider(url.replace(/^http/, 'ws'));
  const [blocks, pending, events] = [[], [], []];
  await socket.on('block', (number) => blocks.push(number));
  await socket.on('pending', (hash) => pending.push(hash));
  const followed = new Contract(await counter.getAddress(), compiled.abi, socket);
  await followed.on('Added', (by, amount) => events.push([by, amount]));
  // A subscription stands when the node has answered, which ethers does not tell.
  await until(async () => {
    if (blocks.length >= 2 && pending.length > 0 && events.length > 0) return true;
    await (await counter.add(6n)).wait();
    return false;
  });
  assert.deepEqual(events[0], [me.address, 6n]);
  assert.equal(blocks[1], blocks[0] + 1);
  assert.match(pending[0], /^0x[0-9a-f]{64}$/);
  await socket.destroy();
});

// docs/formats.md, section 3: the value that a proof shows under `root`, or `null`.
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
const bytes = (hex) => Buffer.from(hex.slice(2), 'hex');
function proven(root, key, { value, terminal, siblings }) {
  let node = Buffer.alloc(32);
  if (value) {
    node = sha256(key, sha256(bytes(value)));
    node[0] |= 0x80;
  } else if (terminal) {
    assert.notEqual(terminal.key, `0x${key.toString('hex')}`);
    node = sha256(bytes(terminal.key), bytes(terminal.valueHash));
    node[0] |= 0x80;
  }
  for (let depth = siblings.length - 1; depth >= 0; depth -= 1) {
    const isRight = (key[depth >> 3] >> (7 - (depth & 7))) & 1;
    const sibling = bytes(siblings[depth]);
    node = isRight ? sha256(sibling, node) : sha256(node, sibling);
    node[0] &= 0x7f;
  }
  assert.equal(`0x${node.toString('hex')}`, root);
  return value && bytes(value);
}

await check(
  'ethers: proofs of accounts and slots hold under the header, checked by the client',
  async () => {
    const address = await counter.getAddress();
    const key = (of, slot) =>
      slot === undefined
        ? sha256(Buffer.of(0), bytes(of))
        : sha256(Buffer.of(1), bytes(of), bytes(toBeHex(slot, 32)));
    const ask = (of, slots) => provider.send('mezz_getProof', [of, slots, 'latest']);
    const { block, stateRoot, proofs } = await ask(address, ['0x0', '0x7']);
    const header = await provider.send('eth_getBlockByNumber', [
      toBeHex(Number(block.number ?? block)).replace(/^0x0+(?=.)/, '0x'),
      false,
    ]);
    assert.equal(header.stateRoot, stateRoot);
    const account = proven(stateRoot, key(address), proofs[0]);
    assert.equal(
      `0x${account.subarray(40).toString('hex')}`,
      keccak256(await provider.getCode(address)),
    );
    assert.equal(account.readBigUInt64BE(), 1n);
    const total = proven(stateRoot, key(address, 0), proofs[1]);
    assert.equal(BigInt(`0x${total.toString('hex')}`), await counter.total());
    assert.equal(proven(stateRoot, key(address, 7), proofs[2]), null);
    const nobody = Wallet.createRandom().address;
    const absent = await ask(nobody, []);
    assert.equal(proven(absent.stateRoot, key(nobody), absent.proofs[0]), null);
    // A proof of Ethereum's form there cannot be; the node says what there is.
    const error = await rejects(
      provider.send('eth_getProof', [address, [], 'latest']),
      'UNKNOWN_ERROR',
    );
    assert.match(error.error.message, /mezz_getProof/);
  },
);

await check('ethers: fees that a wallet would name', async () => {
  const { gasPrice, maxFeePerGas, maxPriorityFeePerGas } = await provider.getFeeData();
  const { baseFeePerGas } = await provider.getBlock('latest');
  assert.ok(maxFeePerGas >= baseFeePerGas + maxPriorityFeePerGas);
  assert.ok(gasPrice > 0n);
  const history = await provider.send('eth_feeHistory', ['0x3', 'latest', [10, 50, 90]]);
  assert.equal(history.baseFeePerGas.length, 4);
  assert.equal(history.gasUsedRatio.length, 3);
  assert.deepEqual(
    history.reward.map((it) => it.length),
    [3, 3, 3],
  );
  const first = await provider.getBlock(Number(history.oldestBlock));
  assert.equal(BigInt(history.baseFeePerGas[0]), first.baseFeePerGas);
});

provider.destroy();
done();
