// Every block of a busy chain, executed again by an EVM that shares no line with the node's.
//
//   node differential.mjs [BLOCKS [SEED [PLANT]]]
//
// Stops at the first difference and says what it is. PLANT names a bug to put into the replay.

import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { Replay } from './differential/replay.mjs';
import { Rpc } from './differential/rpc.mjs';
import { env } from './lib.mjs';

const [blocks, seed, planted] = [
  Number(process.argv[2] ?? 1000),
  process.argv[3] ?? 'mezzanine',
  process.argv[4],
];

const PLANTS = {
  sload: (vm) => vm.common.updateParams({ 2929: { coldsloadGas: 2101 } }),
  identity: (vm) => {
    const run = vm.evm.precompiles.get('0000000000000000000000000000000000000004');
    vm.evm.precompiles.set('0000000000000000000000000000000000000004', async (call) => {
      const result = await run(call);
      return call.data.length === 0
        ? result
        : { ...result, returnValue: result.returnValue.slice().reverse() };
    });
  },
};

const chain = JSON.parse(readFileSync(env('MEZZ_CHAIN'), 'utf8'));
const [l2, l1] = [new Rpc(env('MEZZ_RPC')), new Rpc(env('MEZZ_L1'))];
const began = Date.now();
const workerData = { l2: env('MEZZ_RPC'), l1: env('MEZZ_L1'), chain, seed, blocks };
const traffic = new Worker(new URL('differential/traffic.mjs', import.meta.url), { workerData });
let ended = false;
const finished = new Promise((resolve, reject) => {
  traffic.once('message', resolve);
  traffic.once('error', reject);
}).finally(() => {
  ended = true;
});
finished.catch(() => {});

let replay;
try {
  const plant = planted && PLANTS[planted];
  if (planted && !plant) throw new Error(`no plant named ${planted}: ${Object.keys(PLANTS)}`);
  replay = await Replay.create({ l2, l1, chain, plant });
  while (replay.head < blocks) {
    const head = Number(await l2.ask('eth_blockNumber'));
    if (ended) await finished;
    if (replay.head >= head) await new Promise((resolve) => setTimeout(resolve, 50));
    while (replay.head < Math.min(head, blocks)) await replay.next();
  }
  await finished;
  const { accounts, slots } = await replay.compareAll();
  const { counts } = replay;
  const kinds = Object.entries(counts.kinds).map(
    ([type, count]) => `${count} of type ${Number(type) === 125 ? '0x7d' : type}`,
  );
  console.log(
    `ok   ${replay.head} blocks agree with @ethereumjs/vm, to their hashes: seed ${seed}, ${Math.round((Date.now() - began) / 1000)} s`,
  );
  console.log(
    `ok   ${counts.transactions} receipts agree: ${kinds.join(', ')}; ${counts.failed} failed, ${counts.logs} logs, ${counts.gas} gas; ${counts.skipped} forced ones skipped`,
  );
  console.log(
    `ok   ${accounts} accounts with ${slots} slots agree through RPC at block ${replay.head}`,
  );
  process.exit(0);
} catch (error) {
  console.log(
    `FAIL the chain and @ethereumjs/vm differ after ${replay?.head ?? 0} blocks that agree (seed ${seed})`,
  );
  console.log(String(error.stack ?? error).replace(/^/gm, '     '));
  process.exit(1);
}
