// A running node writes a snapshot; it is restored, and what was changed on the way is not.
// MEZZ_BIN: the program; MEZZ_FROM: the node's data directory; MEZZ_CHAIN: chain.json; MEZZ_L1: its L1;
// MEZZ_TO: where to restore; MEZZ_WORK: where files go.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { check, connect, done, env, until } from './lib.mjs';

// A claim has to be final on L1 first: 64 blocks.
const FINAL_MS = 240_000;
const file = join(env('MEZZ_WORK'), 'chain.snapshot');
const { reader } = await connect();

// mezz snapshot ARGUMENTS...: what it printed as JSON.
async function snapshot(...args) {
  const command = ['--json', 'snapshot', ...args];
  const { stdout } = await promisify(execFile)(env('MEZZ_BIN'), command, { timeout: 50_000 });
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

let written;
await check('a running node writes a snapshot of its last final block', async () => {
  written = await until(() =>
    snapshot('create', '--data', env('MEZZ_FROM'), '--out', file).catch((error) => {
      if (!`${error.stdout}${error.stderr}`.includes('is final')) throw error;
      return null;
    }));
  const block = await reader.getBlock({ blockNumber: BigInt(written.block) });
  assert.deepEqual([block.hash, block.stateRoot], [written.blockHash, written.stateRoot]);
  assert.deepEqual(await snapshot('inspect', file), written);
}, FINAL_MS);

await check('a snapshot that was changed is refused, and leaves nothing behind', async () => {
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1] ^= 1;
  const changed = `${file}.changed`;
  writeFileSync(changed, bytes);
  const to = `${env('MEZZ_TO')}-changed`;
  const refused = snapshot('restore', '--from', changed, '--data', to);
  await assert.rejects(refused, ({ stdout }) => /damaged or was changed/.test(stdout));
  assert.ok(!existsSync(join(to, 'chain')));
});

await check('a snapshot whose claim is final on L1 is restored', async () => {
  const where = ['--data', env('MEZZ_TO'), '--chain', env('MEZZ_CHAIN'), '--l1', env('MEZZ_L1')];
  const restored = await snapshot('restore', '--from', file, ...where);
  assert.equal(restored.blockHash, written.blockHash);
});

done();
