// viem as it is published: blocks, transfers, contracts, events, fees, errors.

import assert from 'node:assert/strict';
import {
  BaseError,
  ContractFunctionRevertedError,
  InsufficientFundsError,
  NonceTooLowError,
  parseEther,
} from 'viem';
import { account, check, compile, connect, deploy, done, succeed, until } from './lib.mjs';

const { chain, reader, wallet, socket } = await connect(1);
const me = account(1).address;
const other = account(2).address;
const counter = compile('Counter');
let address;

await check('viem: chain id, client version, network, sync', async () => {
  assert.equal(await reader.getChainId(), chain.id);
  assert.match(await reader.request({ method: 'web3_clientVersion' }), /mezz/i);
  assert.equal(await reader.request({ method: 'net_version' }), String(chain.id));
  assert.equal(await reader.request({ method: 'eth_syncing' }), false);
});

await check('viem: blocks by number, hash and label hang together', async () => {
  const head = await reader.getBlock({ includeTransactions: true });
  const before = await reader.getBlock({ blockNumber: head.number - 1n });
  assert.equal(head.parentHash, before.hash);
  assert.deepEqual(await reader.getBlock({ blockHash: before.hash }), before);
  assert.ok(head.timestamp >= before.timestamp);
  assert.ok(head.baseFeePerGas > 0n);
  const safe = await reader.getBlock({ blockTag: 'safe' });
  const finalized = await reader.getBlock({ blockTag: 'finalized' });
  assert.ok(finalized.number <= safe.number);
  assert.ok(safe.number <= (await reader.getBlockNumber({ cacheTime: 0 })));
});

await check('viem: a deposit reads as a transaction of type 0x7d', async () => {
  // The accounts were funded by deposits, early in the chain.
  const head = await reader.getBlockNumber();
  let deposit;
  for (let blockNumber = 1n; blockNumber <= head && !deposit; blockNumber += 1n) {
    const block = await reader.getBlock({ blockNumber, includeTransactions: true });
    deposit = block.transactions.find((it) => it.typeHex === '0x7d' && it.value > 0n);
  }
  assert.ok(deposit, 'no deposit in any block');
  assert.equal(deposit.value, parseEther('100'));
  const receipt = await reader.getTransactionReceipt({ hash: deposit.hash });
  assert.equal(receipt.status, 'success');
  assert.equal(receipt.effectiveGasPrice, 0n);
});

await check('viem: a transfer with fees and gas that viem estimates', async () => {
  const value = parseEther('1.25');
  const [mine, theirs] = await Promise.all(
    [me, other].map((who) => reader.getBalance({ address: who })),
  );
  const hash = await wallet.sendTransaction({ to: other, value });
  const receipt = await succeed(reader, hash);
  assert.equal(receipt.type, 'eip1559');
  assert.equal(receipt.gasUsed, 21_000n);
  assert.equal((await reader.getBalance({ address: other })) - theirs, value);
  const paid = mine - (await reader.getBalance({ address: me })) - value;
  const least = receipt.gasUsed * (await reader.getBlock(receipt)).baseFeePerGas;
  assert.ok(paid >= least && paid < parseEther('0.01'), `paid ${paid} wei`);
  const found = await reader.getTransaction({ hash });
  assert.equal(found.blockHash, receipt.blockHash);
  assert.equal(found.value, value);
});

await check('viem: legacy and access-list transactions', async () => {
  for (const type of ['legacy', 'eip2930']) {
    const receipt = await succeed(reader, wallet.sendTransaction({ to: other, value: 1n, type }));
    assert.equal(receipt.type, type);
  }
});

await check('viem: a transaction that sets code by authorization (EIP-7702)', async () => {
  const delegate = await deploy(reader, wallet, counter, [0n]);
  const authorization = await wallet.signAuthorization({
    contractAddress: delegate,
    executor: 'self',
  });
  const call = { to: other, value: 0n, authorizationList: [authorization] };
  const receipt = await succeed(reader, wallet.sendTransaction(call));
  assert.equal(receipt.type, 'eip7702');
  const code = await reader.getCode({ address: me });
  assert.equal(code, `0xef0100${delegate.slice(2).toLowerCase()}`);
});

await check('viem: fee history and estimates', async () => {
  const history = await reader.getFeeHistory({ blockCount: 4, rewardPercentiles: [25, 75] });
  assert.equal(history.baseFeePerGas.length, history.gasUsedRatio.length + 1);
  assert.equal(history.reward.length, history.gasUsedRatio.length);
  const fees = await reader.estimateFeesPerGas();
  assert.ok(fees.maxFeePerGas > fees.maxPriorityFeePerGas);
  assert.ok((await reader.getGasPrice()) > 0n);
});

await check('viem: deploy, read, simulate and write a contract', async () => {
  address = await deploy(reader, wallet, counter, [40n]);
  const contract = { address, abi: counter.abi };
  assert.equal(await reader.readContract({ ...contract, functionName: 'total' }), 40n);
  const { request, result } = await reader.simulateContract({
    ...contract,
    account: wallet.account,
    functionName: 'add',
    args: [2n],
  });
  assert.equal(result, 42n);
  const receipt = await succeed(reader, wallet.writeContract(request));
  assert.equal(await reader.readContract({ ...contract, functionName: 'total' }), 42n);
  const events = await reader.getContractEvents({
    ...contract,
    eventName: 'Added',
    args: { by: me },
    fromBlock: receipt.blockNumber,
  });
  assert.deepEqual(events.map((event) => event.args), [{ by: me, amount: 2n, total: 42n }]);
  const logs = await reader.getLogs({ address, blockHash: receipt.blockHash });
  assert.deepEqual(logs.map((log) => log.transactionHash), [receipt.transactionHash]);
  assert.equal((await reader.getLogs({ address: other, fromBlock: 0n })).length, 0);
});

// Follows `Added` while one is sent; what was seen comes back.
async function followed(client, poll) {
  const seen = [];
  let problem;
  const stop = client.watchContractEvent({
    address,
    abi: counter.abi,
    eventName: 'Added',
    poll,
    onLogs: (logs) => seen.push(...logs),
    onError: (error) => {
      problem = error;
    },
  });
  try {
    const call = { address, abi: counter.abi, functionName: 'add', args: [3n] };
    // A subscription stands when the node says so, which viem does not tell: send until it shows.
    let hash;
    await until(async () => {
      if (problem) throw problem;
      if (!hash || seen.length === 0) {
        ({ transactionHash: hash } = await succeed(reader, wallet.writeContract(call)));
      }
      return seen.length > 0;
    });
    assert.equal(seen[0].eventName, 'Added');
    assert.equal(seen[0].args.by, me);
    assert.equal(seen[0].args.amount, 3n);
  } finally {
    stop();
  }
}

await check('viem: follows events by polling over HTTP', () => followed(reader, true));

await check('viem: follows events by subscription over WebSocket', () =>
  followed(socket(), false));

await check('viem: follows blocks by subscription over WebSocket', async () => {
  const client = socket();
  const numbers = [];
  const stop = client.watchBlockNumber({ poll: false, onBlockNumber: (it) => numbers.push(it) });
  await until(() => numbers.length >= 3);
  stop();
  assert.deepEqual(numbers.slice(0, 3), [numbers[0], numbers[0] + 1n, numbers[0] + 2n]);
});

const fails = async (promise, type) => {
  const error = await promise.then(() => undefined, (it) => it);
  assert.ok(error instanceof BaseError, `no error of viem: ${error}`);
  const found = error.walk((it) => it instanceof type);
  assert.ok(found, `${error.name}: ${error.shortMessage} instead of ${type.name}`);
  return found;
};

await check('viem: reverts show their reason and their custom error', async () => {
  const add = (amount) => ({
    address,
    abi: counter.abi,
    account: wallet.account,
    functionName: 'add',
    args: [amount],
  });
  const plain = await fails(reader.simulateContract(add(0n)), ContractFunctionRevertedError);
  assert.equal(plain.reason, 'nothing to add');
  const custom = await fails(reader.simulateContract(add(1001n)), ContractFunctionRevertedError);
  assert.equal(custom.data.errorName, 'TooMuch');
  assert.deepEqual(custom.data.args, [1001n, 1000n]);
  await fails(reader.estimateContractGas(add(0n)), ContractFunctionRevertedError);
});

await check('viem: knows the errors for too little ETH and for an old nonce', async () => {
  const much = wallet.sendTransaction({ to: other, value: parseEther('1000000') });
  await fails(much, InsufficientFundsError);
  const gas = { gas: 21_000n };
  const sent = wallet.sendTransaction({ to: other, value: parseEther('1000000'), ...gas });
  await fails(sent, InsufficientFundsError);
  await fails(wallet.sendTransaction({ to: other, value: 1n, nonce: 0, ...gas }), NonceTooLowError);
});

done();
