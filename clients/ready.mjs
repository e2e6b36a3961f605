// Waits until the chain answers and the development accounts hold ETH.

import assert from 'node:assert/strict';
import { parseEther } from 'viem';
import { account, check, connect, done, until } from './lib.mjs';

await check('the development accounts get 100 ETH each by deposits', async () => {
  const { reader } = await connect();
  for (let index = 0; index < 10; index += 1) {
    const { address } = account(index);
    const balance = await until(() => reader.getBalance({ address }));
    assert.equal(balance, parseEther('100'));
  }
});

done();
