// A node that has nothing but L1 knows the chain as the first one left it.
// MEZZ_EXPECTED: the `safe` block of the first node as JSON, from `node second-node.mjs record`.

import assert from 'node:assert/strict';
import { check, connect, done, env, until } from './lib.mjs';

const { reader } = await connect();

if (process.argv[2] === 'record') {
  // Everything up to the head of now, once its batch is on L1.
  const head = await reader.getBlockNumber();
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
    const safe = await reader.getBlock({ blockTag: 'safe' });
    return safe.number >= blockNumber;
  });
  assert.equal((await reader.getBlock({ blockNumber })).hash, expected.hash);
});

await check('a second node takes no transactions and says where they go', async () => {
  const sent = reader.request({ method: 'eth_sendRawTransaction', params: ['0x02c0'] });
  await assert.rejects(sent, /does not sequence/);
});

done();
