// A node that has nothing but L1 knows the chain as the first one left it.
// MEZZ_EXPECTED: a block of the first node that is on L1, from `node second-node.mjs record`.

import assert from 'node:assert/strict';
import { account, check, connect, done, env, succeed, until } from './lib.mjs';

const { reader, wallet } = await connect(9);

if (process.argv[2] === 'record') {
  // Empty blocks reach L1 much later than others: one more transaction makes the batch due.
  const to = account(0).address;
  const { blockNumber: head } = await succeed(reader, wallet.sendTransaction({ to, value: 1n }));
  const limit = AbortSignal.timeout(60_000);
  const block = await until(async () => {
    limit.throwIfAborted();
    const safe = await reader.getBlock({ blockTag: 'safe' });
    return safe.number >= head && safe;
  });
  console.log(JSON.stringify({ number: String(block.number), hash: block.hash }));
  process.exit(0);
}

const expected = JSON.parse(env('MEZZ_EXPECTED'));
const blockNumber = BigInt(expected.number);

await check(`a second node has the same block ${blockNumber} from L1 alone`, async () => {
  await until(async () => {
    // One that starts from a snapshot has no whole block before its first one.
    const safe = await reader.getBlock({ blockTag: 'safe' }).catch(() => null);
    return safe && safe.number >= blockNumber;
  });
  assert.equal((await reader.getBlock({ blockNumber })).hash, expected.hash);
});

await check('a second node takes no transactions and says where they go', async () => {
  const sent = reader.request({ method: 'eth_sendRawTransaction', params: ['0x02c0'] });
  await assert.rejects(sent, /does not sequence/);
});

done();
