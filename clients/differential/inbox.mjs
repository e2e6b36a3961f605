// The inbox's messages, as L1 tells of them.

import { readFileSync } from 'node:fs';
import { Interface, toBeHex } from 'ethers';

export const artifact = (name) =>
  JSON.parse(
    readFileSync(new URL(`../../contracts/artifacts/${name}.json`, import.meta.url), 'utf8'),
  );

const KINDS = ['Marker', 'Call', 'Create', 'Forced'];
const abi = new Interface(artifact('Inbox').abi);
const topic = abi.getEvent('MessageEnqueued').topicHash;

function read(log) {
  const { index, message } = abi.parseLog(log).args;
  const { kind, facts, sender, to, refundTo, value, gasLimit, data } = message;
  const { number, timestamp, baseFee, blobBaseFee } = facts;
  return {
    kind: KINDS[Number(kind)],
    index,
    facts: { number, timestamp, baseFee, blobBaseFee },
    sender: sender.toLowerCase(),
    to: KINDS[Number(kind)] === 'Create' ? null : to.toLowerCase(),
    refundTo: refundTo.toLowerCase(),
    value,
    gasLimit,
    data,
  };
}

export class Inbox {
  #l1;
  #address;
  #next = 0;
  #messages = [];

  constructor(l1, address) {
    this.#l1 = l1;
    this.#address = address;
  }

  // Messages `from..to`, which the chain has consumed, so that L1 has them.
  async range(from, to) {
    if (this.#messages.length < to) await this.#follow();
    if (this.#messages.length < to)
      throw new Error(`L1 has ${this.#messages.length} messages, not ${to}`);
    return this.#messages.slice(from, to);
  }

  async #follow() {
    const head = Number(await this.#l1.ask('eth_blockNumber'));
    while (this.#next <= head) {
      const last = Math.min(head, this.#next + 499);
      const [fromBlock, toBlock] = [this.#next, last].map((it) =>
        toBeHex(it).replace(/^0x0+(?=.)/, '0x'),
      );
      const filter = { address: this.#address, topics: [topic], fromBlock, toBlock };
      this.#messages.push(...(await this.#l1.ask('eth_getLogs', filter)).map(read));
      this.#next = last + 1;
    }
    for (const [at, { index }] of this.#messages.entries()) {
      if (BigInt(at) !== index) throw new Error(`message ${index} of L1 stands at ${at}`);
    }
  }
}
