// OpenZeppelin's ERC-20, compiled with solc-js: transfers, allowances, a permit, events.

import assert from 'node:assert/strict';
import { parseSignature } from 'viem';
import { account, check, compile, connect, deploy, done, succeed } from './lib.mjs';

const { chain, reader, wallet, walletOf } = await connect(3);
const owner = account(3).address;
const spender = account(4).address;
const target = account(5).address;
const SUPPLY = 1_000_000n * 10n ** 18n;

const token = compile('Token');
let contract;
const read = (functionName, ...args) =>
  reader.readContract({ ...contract, functionName, args });
const write = (from, functionName, ...args) =>
  succeed(reader, from.writeContract({ ...contract, functionName, args }));

await check('OpenZeppelin: an ERC-20 is deployed', async () => {
  const address = await deploy(reader, wallet, token, ['Mezzanine Test', 'MZT', SUPPLY]);
  contract = { address, abi: token.abi };
  assert.equal(await read('name'), 'Mezzanine Test');
  assert.equal(await read('symbol'), 'MZT');
  assert.equal(await read('decimals'), 18);
  assert.equal(await read('totalSupply'), SUPPLY);
  assert.equal(await read('balanceOf', owner), SUPPLY);
});

await check('OpenZeppelin: transfer', async () => {
  await write(wallet, 'transfer', target, 5n);
  assert.equal(await read('balanceOf', target), 5n);
  assert.equal(await read('balanceOf', owner), SUPPLY - 5n);
});

await check('OpenZeppelin: approve and transferFrom, no more than was allowed', async () => {
  await write(wallet, 'approve', spender, 100n);
  await write(walletOf(4), 'transferFrom', owner, target, 60n);
  assert.equal(await read('allowance', owner, spender), 40n);
  assert.equal(await read('balanceOf', target), 65n);
  const more = reader.simulateContract({
    ...contract,
    account: spender,
    functionName: 'transferFrom',
    args: [owner, target, 41n],
  });
  await assert.rejects(more, /ERC20InsufficientAllowance/);
});

await check('OpenZeppelin: a permit signed for this chain', async () => {
  const value = 7n;
  const deadline = (await reader.getBlock()).timestamp + 3_600n;
  const signature = await wallet.signTypedData({
    domain: {
      name: 'Mezzanine Test',
      version: '1',
      chainId: chain.id,
      verifyingContract: contract.address,
    },
    types: {
      Permit: [
        { name: 'owner', type: 'address' },
        { name: 'spender', type: 'address' },
        { name: 'value', type: 'uint256' },
        { name: 'nonce', type: 'uint256' },
        { name: 'deadline', type: 'uint256' },
      ],
    },
    primaryType: 'Permit',
    message: { owner, spender, value, nonce: await read('nonces', owner), deadline },
  });
  const { r, s, v } = parseSignature(signature);
  await write(walletOf(4), 'permit', owner, spender, value, deadline, Number(v), r, s);
  assert.equal(await read('allowance', owner, spender), value);
});

await check('OpenZeppelin: every transfer is in the logs, in order', async () => {
  const events = await reader.getContractEvents({
    ...contract,
    eventName: 'Transfer',
    fromBlock: 0n,
  });
  assert.deepEqual(
    events.map((event) => [event.args.to, event.args.value]),
    [[owner, SUPPLY], [target, 5n], [target, 60n]],
  );
});

done();
