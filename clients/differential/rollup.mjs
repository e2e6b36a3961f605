// The contracts of L1, deployed on the busy chain as contracts like others, taken through what they are
// for: batches, a line of claims, withdrawals paid out of a final one.

import { AbiCoder, concat, keccak256, toUtf8Bytes, ZeroHash } from 'ethers';

const GWEI = 10n ** 9n;
const BOND = 10n ** 16n;
const DEPTH = 32;

const tag = (name) => keccak256(toUtf8Bytes(`mezzanine.${name}.v1`));
const words = (types, values) => keccak256(AbiCoder.defaultAbiCoder().encode(types, values));

// docs/formats.md, section 2.
const hashOfCommitment = (it) =>
  words(
    ['bytes32', 'uint64', 'bytes32', 'uint64', 'bytes32', 'bytes32', 'uint64'],
    [tag('commitment'), ...it],
  );
const hashOfWithdrawal = ([index, kind, sender, target, token, amount, data]) =>
  words(
    ['bytes32', 'uint64', 'uint8', 'address', 'address', 'address', 'uint256', 'bytes32'],
    [tag('withdrawal'), index, kind, sender, target, token, amount, keccak256(data)],
  );

// The outbox with `withdrawal` alone in it, at index 0.
function outbox(withdrawal) {
  const proof = [];
  let empty = ZeroHash;
  let root = hashOfWithdrawal(withdrawal);
  for (let height = 0; height < DEPTH; height += 1) {
    proof.push(empty);
    root = keccak256(concat([root, empty]));
    empty = keccak256(concat([empty, empty]));
  }
  return { root, proof };
}

export class Rollup {
  constructor(traffic) {
    this.traffic = traffic;
    this.claims = [];
  }

  async #read({ address, abi }, name, ...args) {
    const data = abi.encodeFunctionData(name, args);
    const answer = await this.traffic.l2.ask('eth_call', { to: address, data }, 'latest');
    const decoded = abi.decodeFunctionResult(name, answer);
    return decoded.length === 1 ? decoded[0] : decoded;
  }

  // One of the things that can be done now, by whom it is open to.
  async step() {
    const { traffic } = this;
    await traffic.random.of([
      () => this.#batch(),
      () => this.#claim(),
      () => this.#finish(),
      () => this.#handOver(),
    ])();
  }

  async #operator() {
    const operator = (await this.#read(this.traffic.operators, 'operator')).toLowerCase();
    return this.traffic.senders.find(({ address }) => address === operator);
  }

  async #batch() {
    const { traffic } = this;
    const { inbox, l2 } = traffic;
    const [count, start, end] = await Promise.all(
      ['batchCount', 'nextInboxIndex', 'messageCount'].map((name) => this.#read(inbox, name)),
    );
    const parent = await this.#read(inbox, 'batchAccumulatorAt', count);
    const until = end < start + 40n ? end : start + 40n;
    const accumulator = await this.#read(inbox, 'accumulatorAt', until);
    const { timestamp } = await l2.ask('eth_getBlockByNumber', 'latest', false);
    const data = `0x${traffic.random.bytes(traffic.random.below(300)).toString('hex')}`;
    const sender = await this.#operator();
    await traffic.call(
      sender,
      inbox,
      'postBatch',
      [[parent, until, accumulator, timestamp], data],
      { gas: 1_000_000 },
    );
  }

  async #claim() {
    const { traffic } = this;
    const { inbox, settlement } = traffic;
    const parent = this.claims.at(-1) ?? { id: traffic.genesis, batchEnd: 0n };
    const count = await this.#read(inbox, 'batchCount');
    if (count === parent.batchEnd) return;
    const batchEnd = count < parent.batchEnd + 4n ? count : parent.batchEnd + 4n;
    const { inboxAccumulator } = await this.#read(inbox, 'batchEndAt', batchEnd);
    const target = `0x${traffic.random.bytes(20).toString('hex')}`;
    const kind = traffic.random.of([0, 2]);
    const call = kind === 2 ? `0x${traffic.random.bytes(20).toString('hex')}` : '0x';
    const sender = traffic.senders[1];
    const withdrawal = [0, kind, sender.address, target, `0x${'00'.repeat(20)}`, GWEI, call];
    const { root, proof } = outbox(withdrawal);
    const commitment = [batchEnd * 10n, keccak256(target), 1, keccak256(root), root, 0];
    const post = hashOfCommitment(commitment);
    const accumulator = await this.#read(inbox, 'batchAccumulatorAt', batchEnd);
    const input = [parent.id, batchEnd, post, accumulator, inboxAccumulator];
    const data = settlement.abi.encodeFunctionData('propose', [input]);
    // One bond moves along the line.
    const value = this.claims.length === 0 ? BOND : 0n;
    const request = {
      from: sender.address,
      to: settlement.address,
      data,
      value: `0x${value.toString(16)}`,
    };
    // It names the claim, if it is one.
    const [id] = await traffic.l2.each([['eth_call', [request, 'latest']]]);
    await traffic.call(sender, settlement, 'propose', [input], { value, gas: 800_000 });
    if (!(id instanceof Error)) this.claims.push({ id, batchEnd, commitment, withdrawal, proof });
  }

  // Finality in the order of the line, then the money.
  async #finish() {
    const { traffic } = this;
    const { settlement, vault } = traffic;
    const sender = traffic.senders[2];
    for (const claim of this.claims.slice(-6)) {
      if (claim.isPaid) continue;
      if (await this.#read(settlement, 'isFinalizable', claim.id)) {
        await traffic.call(sender, settlement, 'finalize', [claim.id]);
      } else if (
        await this.#read(settlement, 'isFinalCommitment', hashOfCommitment(claim.commitment))
      ) {
        // Index 0 is paid once: every later one is refused.
        await traffic.call(sender, vault, 'withdraw', [
          claim.commitment,
          claim.withdrawal,
          claim.proof,
        ]);
        claim.isPaid = true;
      }
      return;
    }
  }

  async #handOver() {
    const { traffic } = this;
    const candidate = (await this.#read(traffic.operators, 'candidate')).toLowerCase();
    const sender = traffic.senders.find(({ address }) => address === candidate);
    if (sender) await traffic.call(sender, traffic.operators, 'acceptOperator', []);
    const operator = await this.#operator();
    const next = traffic.random.of(traffic.senders).address;
    await traffic.call(operator, traffic.operators, 'proposeOperator', [next]);
  }
}
