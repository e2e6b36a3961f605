// Blocks of a node, executed again by @ethereumjs/vm and compared with what the node says of them:
// receipts first, since they say most of what is wrong, then every field of the header, whose
// state root stands for nonce, balance, code and storage of every account.

import { createBlockHeader } from '@ethereumjs/block';
import { createMPT } from '@ethereumjs/mpt';
import { RLP } from '@ethereumjs/rlp';
import { bytesToHex, hexToBytes } from '@ethereumjs/util';
import { Bloom } from '@ethereumjs/vm';
import { keccak256 } from 'ethers';
import { Inbox, artifact } from './inbox.mjs';
import * as rule from './rules.mjs';
import { State } from './state.mjs';

const EMPTY_OUTBOX = '0x27ae5ba08d7291c96c8cbddcc148bf48a6d68c7974b94356f53754ef6171d757';
const PREDEPLOYS = {
  Outbox: '0x4d5a000000000000000000000000000000000001',
  InboxClock: '0x4d5a000000000000000000000000000000000002',
  FeeVault: '0x4d5a000000000000000000000000000000000003',
  TokenBridge: '0x4d5a000000000000000000000000000000000004',
};
const PROXY = '0x4e59b44847b379578588920ca78fbf26c0b4956c';

export class Difference extends Error {}

const show = (value) =>
  typeof value === 'bigint' ? `${value} (0x${value.toString(16)})` : String(value);
const quantity = (number) => `0x${BigInt(number).toString(16)}`;

function same(what, ours, theirs) {
  if (ours === theirs) return;
  throw new Difference(`${what}\n  the replay: ${show(ours)}\n  the node:   ${show(theirs)}`);
}

const encode = (value) => RLP.encode(value);
const number = (value) =>
  value === 0n ? new Uint8Array(0) : hexToBytes(quantity(value).replace(/^0x(.(..)*)$/, '0x0$1'));

async function rootOf(items) {
  const trie = await createMPT();
  for (const [at, item] of items.entries()) await trie.put(encode(number(BigInt(at))), item);
  return bytesToHex(trie.root());
}

function bloomOf(logs) {
  const bloom = new Bloom();
  for (const [address, topics] of logs) [address, ...topics].forEach((it) => bloom.add(it));
  return bloom;
}

export class Replay {
  // `plant`: a bug to put into the replay, to see that it is found.
  static async create({ l2, l1, chain, plant }) {
    const replay = new Replay();
    const { config } = chain;
    Object.assign(replay, {
      l2,
      config,
      counts: { transactions: 0, failed: 0, gas: 0n, logs: 0, kinds: {}, skipped: 0 },
    });
    replay.inbox = new Inbox(l1, chain.contracts.inbox);
    replay.state = new State();
    replay.hashes = [];
    replay.facts = { number: 0n, timestamp: 0n, baseFee: 0n, blobBaseFee: 0n };
    replay.nextMessage = 0;
    const common = rule.rules(config.l2_chain_id);
    replay.vm = await rule.machine(common, replay.state, replay.hashes);
    plant?.(replay.vm);
    await replay.#genesis();
    return replay;
  }

  // formats, section 4: genesis. Code that no artifact holds is what the node says; the root of
  // block 0 binds all of it.
  async #genesis() {
    const codes = Object.entries(PREDEPLOYS).map(([name, address]) => [
      address,
      artifact(name).deployedBytecode,
    ]);
    for (const address of [rule.HISTORY, PROXY]) {
      codes.push([address, await this.l2.ask('eth_getCode', address, 'latest')]);
    }
    for (const [address, code] of codes) {
      await this.state.putCode(rule.at(address), hexToBytes(code));
      await this.state.modifyAccountFields(rule.at(address), { nonce: 1n });
    }
    const put = (name, value) =>
      this.state.putStorage(rule.at(PREDEPLOYS[name]), new Uint8Array(32), hexToBytes(value));
    await put('Outbox', EMPTY_OUTBOX);
    await put('FeeVault', this.config.fee_recipient);
    await put('TokenBridge', this.config.vault);
    const block = await this.l2.ask('eth_getBlockByNumber', '0x0', false);
    same('state root of genesis', this.state.seal().root, block.stateRoot);
    this.hashes.push(block.hash);
    this.parent = {
      number: 0n,
      hash: block.hash,
      baseFee: BigInt(this.config.fees.initial_base_fee),
      gasUsed: 0n,
    };
  }

  get head() {
    return this.hashes.length - 1;
  }

  async next() {
    const at = quantity(this.parent.number + 1n);
    const [block, receipts] = await this.l2.all([
      ['eth_getBlockByNumber', [at, true]],
      ['eth_getBlockReceipts', [at]],
    ]);
    const calls = block.transactions.map(({ hash }) => ['eth_getRawTransactionByHash', [hash]]);
    const raws = (await this.l2.all(calls)).map(hexToBytes);
    try {
      await this.#block(block, receipts, raws);
    } catch (error) {
      error.message = `block ${BigInt(at)}: ${error.message}`;
      throw error;
    }
  }

  async #block(block, receipts, raws) {
    const environment = rule.environment(this.vm.common, this.config, this.parent, block);
    const run = { environment, block, raws, receipts, done: [], gasUsed: 0n };
    await rule.storeParent(this.vm, this.parent);
    await this.#messages(run);
    while (run.done.length < raws.length) await this.#signed(run, false);
    await this.#header(run);
  }

  async #messages(run) {
    const extra = hexToBytes(run.block.extraData);
    const view = new DataView(extra.buffer, extra.byteOffset);
    same('length of the extra data', extra.length, 25);
    const end = Number(view.getBigUint64(9));
    const messages = await this.inbox.range(this.nextMessage, end);
    if (messages.length > 0) {
      this.facts = messages.at(-1).facts;
      await rule.setClock(this.vm, this.facts, BigInt(end));
    }
    this.nextMessage = end;
    same('L1 origin of the header', this.facts.number, view.getBigUint64(1));
    for (const message of messages) {
      if (message.kind === 'Forced') await this.#forced(run, message);
      else if (message.kind !== 'Marker') await this.#message(run, message);
    }
  }

  async #message(run, message) {
    const raw = rule.systemTransaction(message);
    const at = run.done.length;
    same(
      `transaction ${at}, message ${message.index}`,
      bytesToHex(raw),
      run.raws[at] && bytesToHex(run.raws[at]),
    );
    const left = BigInt(this.config.limits.block_gas) - run.gasUsed;
    this.#receipt(
      run,
      await rule.runMessage(this.vm, run.environment, this.config, message, left),
      raw,
    );
  }

  // A forced transaction is there, or skipped because it is not valid at this point.
  async #forced(run, message) {
    const raw = run.raws[run.done.length];
    if (raw && bytesToHex(raw) === message.data) return this.#signed(run, true);
    let reason;
    await this.state.checkpoint();
    try {
      await rule.runSigned(
        this.vm,
        run.environment,
        this.config,
        this.facts,
        hexToBytes(message.data),
        true,
      );
    } catch (error) {
      reason = error;
    }
    await this.state.revert();
    this.vm.evm.journal.cleanJournal();
    this.state.originalStorageCache.clear();
    if (!reason)
      throw new Difference(
        `forced transaction of message ${message.index} was skipped, and is valid`,
      );
    this.counts.skipped += 1;
  }

  async #signed(run, isForced) {
    const raw = run.raws[run.done.length];
    let result;
    try {
      result = await rule.runSigned(
        this.vm,
        run.environment,
        this.config,
        this.facts,
        raw,
        isForced,
      );
    } catch (error) {
      error.message = `transaction ${run.done.length} (${keccak256(raw)}) is not valid here: ${error.message}`;
      throw error;
    }
    this.#receipt(run, result, raw);
  }

  #receipt(run, result, raw) {
    const at = run.done.length;
    const theirs = run.receipts[at];
    run.gasUsed += result.gasUsed;
    const of = (field) =>
      `transaction ${at} (${keccak256(raw)}; ended by ${result.fault ?? 'itself'}): ${field}`;
    same(of('hash'), keccak256(raw), theirs.transactionHash);
    same(of('status'), result.status, BigInt(theirs.status));
    same(of('logs'), result.logs.length, theirs.logs.length);
    for (const [index, [address, topics, data]] of result.logs.entries()) {
      const log = theirs.logs[index];
      same(of(`address of log ${index}`), bytesToHex(address), log.address.toLowerCase());
      same(of(`topics of log ${index}`), topics.map(bytesToHex).join(), log.topics.join());
      same(of(`data of log ${index}`), bytesToHex(data), log.data);
    }
    same(of('gas used'), result.gasUsed, BigInt(theirs.gasUsed));
    same(of('cumulative gas'), run.gasUsed, BigInt(theirs.cumulativeGasUsed));
    same(
      of('contract address'),
      result.contractAddress,
      theirs.contractAddress?.toLowerCase() ?? null,
    );
    same(of('effective gas price'), result.price, BigInt(theirs.effectiveGasPrice));
    same(of('data fee'), result.dataFee, BigInt(theirs.l1Fee));
    const bloom = bloomOf(result.logs);
    same(of('bloom'), bytesToHex(bloom.bitvector), theirs.logsBloom);
    const type = rule.typeOf(raw);
    const status = number(result.status);
    const body = encode([status, number(run.gasUsed), bloom.bitvector, result.logs]);
    run.done.push({ raw, bloom, receipt: type === 0 ? body : Uint8Array.from([type, ...body]) });
    const { counts } = this;
    counts.transactions += 1;
    counts.failed += result.status === 0n ? 1 : 0;
    counts.gas += result.gasUsed;
    counts.logs += result.logs.length;
    counts.kinds[type] = (counts.kinds[type] ?? 0) + 1;
  }

  async #header({ environment, block, done, gasUsed }) {
    const { root, touched } = this.state.seal();
    if (root !== block.stateRoot) await this.#explain(touched, block);
    const bloom = new Bloom();
    for (const it of done) bloom.or(it.bloom);
    const fields = {
      ...environment.header.toJSON(),
      stateRoot: root,
      transactionsTrie: await rootOf(done.map(({ raw }) => raw)),
      receiptTrie: await rootOf(done.map(({ receipt }) => receipt)),
      logsBloom: bytesToHex(bloom.bitvector),
      gasUsed: quantity(gasUsed),
    };
    const header = createBlockHeader(fields, {
      common: this.vm.common,
      skipConsensusFormatValidation: true,
    });
    const seen = (name, value) => same(`header: ${name}`, value, block[name]);
    seen('gasUsed', quantity(gasUsed));
    seen('baseFeePerGas', quantity(header.baseFeePerGas));
    seen('transactionsRoot', bytesToHex(header.transactionsTrie));
    seen('receiptsRoot', bytesToHex(header.receiptTrie));
    seen('logsBloom', bytesToHex(header.logsBloom));
    seen('stateRoot', bytesToHex(header.stateRoot));
    seen('hash', bytesToHex(header.hash()));
    this.hashes.push(block.hash);
    const { baseFeePerGas: baseFee } = header;
    this.parent = { number: header.number, hash: block.hash, baseFee, gasUsed };
  }

  // The state roots differ: the first account or slot that does, of those that the replay touched.
  async #explain(touched, { number: at }) {
    for (const { address, slots } of touched) await this.#compare(address, slots, at);
    throw new Difference('state root: the node changed something that the replay did not touch');
  }

  async #compare(address, slots, at) {
    const [nonce, balance, code, ...values] = await this.l2.all([
      ['eth_getTransactionCount', [address, at]],
      ['eth_getBalance', [address, at]],
      ['eth_getCode', [address, at]],
      ...slots.map((slot) => ['eth_getStorageAt', [address, slot, at]]),
    ]);
    const ours = this.state.look(address);
    same(`nonce of ${address}`, ours.nonce, BigInt(nonce));
    same(`balance of ${address}`, ours.balance, BigInt(balance));
    same(`code of ${address}`, bytesToHex(ours.code), code);
    for (const [index, slot] of slots.entries()) {
      same(`slot ${slot} of ${address}`, this.state.slot(address, slot), BigInt(values[index]));
    }
  }

  // All that there is, through RPC, at the block that was replayed last.
  async compareAll() {
    const at = quantity(this.parent.number);
    const accounts = this.state.accounts();
    let slots = 0;
    for (const account of accounts) {
      await this.#compare(
        account.address,
        account.slots.map(([slot]) => slot),
        at,
      );
      slots += account.slots.length;
    }
    return { accounts: accounts.length, slots };
  }
}
