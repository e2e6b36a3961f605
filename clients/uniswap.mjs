// Uniswap v2 from its own artifacts: factory, router, a pair, liquidity, swaps to the last unit.

import assert from 'node:assert/strict';
import { getAddress, parseEther } from 'viem';
import {
  account,
  check,
  compile,
  connect,
  deploy,
  done,
  published,
  succeed,
  until,
} from './lib.mjs';

const { reader, wallet } = await connect(6);
const me = account(6).address;
const factory = published('@uniswap/v2-core/build/UniswapV2Factory.json');
const pair = published('@uniswap/v2-core/build/UniswapV2Pair.json');
const router = published('@uniswap/v2-periphery/build/UniswapV2Router02.json');
const weth = published('@uniswap/v2-periphery/build/WETH9.json');
const token = compile('Token');
const TOKENS = 1_000_000n * 10n ** 18n;
const POOL_TOKENS = 20_000n * 10n ** 18n;
const POOL_ETHER = parseEther('10');
const SWAP = parseEther('0.5');

const at = {};
const read = (name, functionName, ...args) =>
  reader.readContract({ ...at[name], functionName, args });
const write = (name, functionName, args, value) =>
  succeed(reader, wallet.writeContract({ ...at[name], functionName, args, value }));
const soon = async () => (await reader.getBlock()).timestamp + 3_600n;

// What a pair pays out: constant product, 0.3 % of the input stays.
const paysOut = (amountIn, reserveIn, reserveOut) =>
  (amountIn * 997n * reserveOut) / (reserveIn * 1000n + amountIn * 997n);

// A pair's first action at a new time also writes its price sums, which costs gas that an estimate
// at the old time does not see, on every chain: wait for a block with a later time.
async function later() {
  const [, , last] = await read('pair', 'getReserves');
  await until(async () => (await reader.getBlock()).timestamp > BigInt(last));
}

// Reserves of the pair as [ether, tokens].
async function reserves() {
  const [first, second] = await read('pair', 'getReserves');
  const etherFirst = (await read('pair', 'token0')) === getAddress(at.weth.address);
  return etherFirst ? [first, second] : [second, first];
}

await check('Uniswap v2: factory, WETH9, router and a token are deployed', async () => {
  at.factory = { abi: factory.abi, address: await deploy(reader, wallet, factory, [me]) };
  at.weth = { abi: weth.abi, address: await deploy(reader, wallet, weth) };
  const args = [at.factory.address, at.weth.address];
  at.router = { abi: router.abi, address: await deploy(reader, wallet, router, args) };
  const about = ['Pool Token', 'POOL', TOKENS];
  at.token = { abi: token.abi, address: await deploy(reader, wallet, token, about) };
  assert.equal(await read('router', 'WETH'), getAddress(at.weth.address));
  assert.equal(await read('router', 'factory'), getAddress(at.factory.address));
});

await check('Uniswap v2: the factory makes a pair with CREATE2', async () => {
  await write('factory', 'createPair', [at.token.address, at.weth.address]);
  const address = await read('factory', 'getPair', at.token.address, at.weth.address);
  at.pair = { abi: pair.abi, address };
  assert.equal(await read('factory', 'allPairsLength'), 1n);
});

await check('Uniswap v2: liquidity is added, the first of it locked', async () => {
  await write('token', 'approve', [at.router.address, TOKENS]);
  const args = [at.token.address, POOL_TOKENS, POOL_TOKENS, POOL_ETHER, me, await soon()];
  await write('router', 'addLiquidityETH', args, POOL_ETHER);
  assert.deepEqual(await reserves(), [POOL_ETHER, POOL_TOKENS]);
  const shares = await read('pair', 'balanceOf', me);
  assert.ok((shares + 1000n) ** 2n <= POOL_ETHER * POOL_TOKENS);
  assert.ok((shares + 1001n) ** 2n > POOL_ETHER * POOL_TOKENS);
});

await check('Uniswap v2: ETH buys exactly what the formula says', async () => {
  await later();
  const [ether, tokens] = await reserves();
  const expected = paysOut(SWAP, ether, tokens);
  const before = await read('token', 'balanceOf', me);
  const path = [at.weth.address, at.token.address];
  await write('router', 'swapExactETHForTokens', [expected, path, me, await soon()], SWAP);
  assert.equal((await read('token', 'balanceOf', me)) - before, expected);
  assert.deepEqual(await reserves(), [ether + SWAP, tokens - expected]);
});

await check('Uniswap v2: tokens buy exactly the ETH that the formula says', async () => {
  await later();
  const [ether, tokens] = await reserves();
  const sold = 777n * 10n ** 18n;
  const expected = paysOut(sold, tokens, ether);
  const before = await reader.getBalance({ address: me });
  const path = [at.token.address, at.weth.address];
  const args = [sold, expected, path, me, await soon()];
  const receipt = await write('router', 'swapExactTokensForETH', args);
  // The fee for data on L1 is a sum of its own (docs/differences.md).
  const fee = receipt.gasUsed * receipt.effectiveGasPrice + BigInt(receipt.l1Fee);
  assert.equal((await reader.getBalance({ address: me })) - before, expected - fee);
  assert.deepEqual(await reserves(), [ether - expected, tokens + sold]);
});

await check('Uniswap v2: one unit more than the pair pays is refused', async () => {
  const [ether, tokens] = await reserves();
  const args = [
    paysOut(SWAP, ether, tokens) + 1n,
    [at.weth.address, at.token.address],
    me,
    await soon(),
  ];
  const call = { ...at.router, account: me, functionName: 'swapExactETHForTokens', args };
  await assert.rejects(
    reader.simulateContract({ ...call, value: SWAP }),
    /INSUFFICIENT_OUTPUT_AMOUNT/,
  );
});

done();
