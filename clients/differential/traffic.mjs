// A thread that keeps a chain busy with everything it can do, under a seed, until it has so many blocks.

import { parentPort, workerData } from 'node:worker_threads';
import {
  AbiCoder,
  HDNodeWallet,
  Interface,
  Mnemonic,
  Wallet,
  getCreateAddress,
  keccak256,
  toBeHex,
} from 'ethers';
import { MNEMONIC, compile, published } from '../lib.mjs';
import { artifact } from './inbox.mjs';
import { PRECOMPILES, precompileInput } from './precompiles.mjs';
import { Programs, initCode } from './programs.mjs';
import { Random } from './random.mjs';
import { Rollup } from './rollup.mjs';
import { Rpc } from './rpc.mjs';

const ETHER = 10n ** 18n;
const GWEI = 10n ** 9n;
const PROXY = '0x4e59b44847b379578588920ca78fbf26c0b4956c';
const OUTBOX = '0x4d5a000000000000000000000000000000000001';
const CLOCK = '0x4d5a000000000000000000000000000000000002';
const VAULT_OF_FEES = '0x4d5a000000000000000000000000000000000003';
const BRIDGE = '0x4d5a000000000000000000000000000000000004';
const GAS_CAP = 1 << 24;
const IN_FLIGHT = 12;
const MAX_UINT = 2n ** 256n - 1n;

const hex = (bytes) => `0x${Buffer.from(bytes).toString('hex')}`;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const account = (index) => {
  const node = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC), `m/44'/60'/0'/0/${index}`);
  return new Wallet(node.privateKey);
};
const contract = ({ abi, bytecode }) => ({ abi: new Interface(abi), bytecode });
const own = (name) => contract(artifact(name));

// What a transaction costs at the least (EIP-2028, 2930, 3860, 7623, 7702): less is not valid.
function leastGas({ to, data, accessList = [], authorizationList = [] }) {
  const bytes = Buffer.from(data.slice(2), 'hex');
  const zero = bytes.filter((byte) => byte === 0).length;
  const tokens = zero + 4 * (bytes.length - zero);
  const listed = accessList.reduce((sum, it) => sum + 2400 + 1900 * it.storageKeys.length, 0);
  const created = to ? 0 : 32_000 + 2 * Math.ceil(bytes.length / 32);
  const usual = 21_000 + 4 * tokens + created + listed + 25_000 * authorizationList.length;
  return Math.max(usual, 21_000 + 10 * tokens);
}

class Sender {
  constructor(wallet, nonce) {
    Object.assign(this, { wallet, nonce, confirmed: nonce, address: wallet.address.toLowerCase() });
  }

  get isBusy() {
    return this.nonce - this.confirmed >= IN_FLIGHT;
  }
}

class Traffic {
  constructor({ l2, l1, chain, seed }) {
    this.random = new Random(seed);
    this.l2 = new Rpc(l2);
    this.l1 = new Rpc(l1);
    this.chain = chain;
    this.chainId = chain.config.l2_chain_id;
    this.addresses = [
      OUTBOX,
      CLOCK,
      VAULT_OF_FEES,
      BRIDGE,
      PROXY,
      '0x0000f90827f1c53a10cb7a02335b175320002935',
    ];
    this.programs = new Programs(this.random, this.addresses);
    this.called = [];
    this.authorities = Array.from(
      { length: 6 },
      (_, at) => new Sender(new Wallet(keccak256(toBeHex(at + 1, 32))), 0),
    );
    this.queue = [];
    this.sent = 0;
  }

  async start() {
    const wallets = [0, 1, 2, 3, 4, 5, 6, 7].map(account);
    const nonces = await this.l2.all(
      wallets.map(({ address }) => ['eth_getTransactionCount', [address, 'latest']]),
    );
    this.senders = wallets.map((wallet, at) => new Sender(wallet, Number(nonces[at])));
    for (const { address } of [...this.senders, ...this.authorities]) this.addresses.push(address);
    this.forcer = new Sender(
      account(8),
      Number(await this.l2.ask('eth_getTransactionCount', account(8).address, 'latest')),
    );
    // Its messages count its nonce here too: none of the senders.
    const onL1 = account(12);
    this.depositor = new Sender(
      onL1,
      Number(await this.l1.ask('eth_getTransactionCount', onL1.address, 'pending')),
    );
  }

  // A signed transaction of any type; its gas price is far above what is asked.
  async sign(sender, fields, authorizationList) {
    const { random } = this;
    const type = authorizationList ? 4 : random.weighted({ 0: 2, 1: 2, 2: 6 });
    const accessList = Number(type) === 0 ? undefined : this.accessList();
    const call = { to: null, data: '0x', ...fields };
    const least = leastGas({ ...call, accessList, authorizationList });
    const room = fields.gas ?? this.room();
    const price = BigInt(random.between(400, 900)) * GWEI;
    const fees =
      Number(type) < 2
        ? { gasPrice: price / 100n + 2n * GWEI + (400n * GWEI) / BigInt(Math.ceil(least / 21_000)) }
        : { maxFeePerGas: price, maxPriorityFeePerGas: BigInt(random.below(3)) * GWEI };
    // Before EIP-155 a signature named no chain.
    const chainId = Number(type) === 0 && random.once(3) ? 0n : this.chainId;
    const transaction = {
      type: Number(type),
      chainId,
      nonce: sender.nonce,
      to: call.to,
      data: call.data,
      value: call.value ?? 0n,
      gasLimit: Math.min(least + room, GAS_CAP),
      ...fees,
      ...(accessList && { accessList }),
      ...(authorizationList && { authorizationList }),
    };
    sender.nonce += 1;
    return sender.wallet.signTransaction(transaction);
  }

  // Gas above the least: mostly enough.
  room() {
    return this.random.once(4) ? this.random.of([0, 1, 2300, 10_000, 40_000, 100_000]) : 2_500_000;
  }

  accessList() {
    const { random } = this;
    if (!random.once(3)) return [];
    return Array.from({ length: random.between(1, 3) }, () => ({
      address: random.once(4) ? hex(random.bytes(20)) : random.of(this.addresses),
      storageKeys: Array.from({ length: random.below(3) }, () => toBeHex(random.below(6), 32)),
    }));
  }

  async put(sender, fields, authorizationList) {
    this.queue.push(await this.sign(sender, fields, authorizationList));
  }

  async deploy(sender, { abi, bytecode }, ...args) {
    const address = getCreateAddress({ from: sender.address, nonce: sender.nonce }).toLowerCase();
    const data = bytecode + abi.encodeDeploy(args).slice(2);
    await this.put(sender, { data, gas: 6_000_000 });
    this.addresses.push(address);
    return { address, abi };
  }

  async call(sender, { address, abi }, name, args, extra = {}) {
    await this.put(sender, {
      to: address,
      data: abi.encodeFunctionData(name, args),
      gas: 500_000,
      ...extra,
    });
  }

  // Contracts whose users the senders are from then on.
  async settle() {
    const [first, second, third, fourth] = this.senders;
    const supply = 10n ** 24n;
    this.token = await this.deploy(first, contract(compile('Token')), 'Token', 'T', supply);
    this.counter = await this.deploy(second, contract(compile('Counter')), 1n);
    const v2 = (name) => contract(published(name));
    const factory = await this.deploy(
      third,
      v2('@uniswap/v2-core/build/UniswapV2Factory.json'),
      third.address,
    );
    this.weth = await this.deploy(third, v2('@uniswap/v2-periphery/build/WETH9.json'));
    const router = v2('@uniswap/v2-periphery/build/UniswapV2Router02.json');
    this.router = await this.deploy(third, router, factory.address, this.weth.address);
    await this.#ownContracts(fourth);
    await this.flush();
    await this.idle();
    for (const { address } of this.senders.slice(1)) {
      await this.call(first, this.token, 'transfer', [address, supply / 10n]);
    }
    await this.flush();
    for (const sender of this.senders) {
      for (const { address } of [this.router, this.vault]) {
        await this.call(sender, this.token, 'approve', [address, MAX_UINT]);
      }
    }
    await this.flush();
    await this.idle();
    await this.#pool(third);
    await this.#tokenOnL1();
    await this.flush();
    await this.idle();
  }

  async #pool(sender) {
    const args = [this.token.address, 10n ** 22n, 0, 0, sender.address, MAX_UINT];
    await this.call(sender, this.router, 'addLiquidityETH', args, {
      value: 5n * ETHER,
      gas: 4_000_000,
    });
  }

  // A token whose deposits make the bridge of L2 create its own.
  async #tokenOnL1() {
    const { depositor, chain } = this;
    const { abi, bytecode } = contract(compile('Token'));
    const address = getCreateAddress({ from: depositor.address, nonce: depositor.nonce });
    await this.onL1({ data: bytecode + abi.encodeDeploy(['Bridged', 'B', MAX_UINT]).slice(2) });
    await this.onL1({
      to: address,
      data: abi.encodeFunctionData('approve', [chain.contracts.vault, MAX_UINT]),
    });
    this.tokenOnL1 = address;
  }

  // The contracts of L1, here as contracts like others: `mezz deploy`'s order.
  async #ownContracts(sender) {
    const at = (offset) =>
      getCreateAddress({ from: sender.address, nonce: sender.nonce + offset }).toLowerCase();
    const [inbox, operators, settlement, messenger, vault] = [0, 1, 2, 3, 4].map(at);
    const configHash = keccak256('0x01');
    const commitment = keccak256('0x02');
    const words = [keccak256(Buffer.from('mezzanine.genesis.v1')), configHash, commitment];
    const genesis = keccak256(
      AbiCoder.defaultAbiCoder().encode(['bytes32', 'bytes32', 'bytes32'], words),
    );
    const limits = [300, 10_000_000, 1024, 30_000_000, 7_500_000, 30_000_000, 1_000_000];
    this.inbox = await this.deploy(sender, own('Inbox'), [genesis, vault, operators, ...limits]);
    this.operators = await this.deploy(
      sender,
      own('Operators'),
      inbox,
      this.senders[0].address,
      sender.address,
      60,
    );
    this.settlement = await this.deploy(sender, own('Settlement'), [
      configHash,
      commitment,
      inbox,
      `0x${'00'.repeat(20)}`,
      5,
      ETHER / 100n,
      4,
    ]);
    this.messenger = await this.deploy(sender, own('Messenger'), vault);
    const initHash = keccak256(artifact('BridgedToken').bytecode);
    this.vault = await this.deploy(sender, own('Vault'), [inbox, settlement, messenger, initHash]);
    this.bridged = await this.deploy(sender, own('BridgedToken'));
    this.genesis = genesis;
    this.rollup = new Rollup(this);
  }

  async something(sender) {
    const kind = this.random.weighted({
      transfer: 5,
      birth: 8,
      visit: 24,
      proxy: 2,
      erc20: 4,
      swap: 4,
      ours: 8,
      delegate: 4,
      precompile: 3,
      count: 1,
    });
    await this[kind](sender);
  }

  async transfer(sender) {
    const { random } = this;
    const to = random.once(3)
      ? hex(random.bytes(20))
      : random.once(8)
        ? toBeHex(random.of(PRECOMPILES), 20)
        : random.of(this.addresses);
    const data = random.once(4) ? hex(random.bytes(random.below(200))) : '0x';
    await this.put(sender, { to, data, value: random.of([0n, 1n, 10n ** 12n, 10n ** 15n]) });
  }

  async birth(sender) {
    const { random } = this;
    if (random.once(15)) return this.large(sender);
    const code = random.once(5) ? this.programs.program() : initCode(this.programs.program());
    const address = getCreateAddress({ from: sender.address, nonce: sender.nonce }).toLowerCase();
    await this.put(sender, {
      data: hex(code),
      value: random.of([0n, 0n, 10n ** 9n]),
      gas: this.room(),
    });
    this.#found(address);
  }

  // Code at the bound of its size (EIP-170), beyond it, and of a first byte that none may have (EIP-3541).
  async large(sender) {
    const data = `0x${this.random.of(['6160005ff3', '6160015ff3', '60ef5f5360015ff3'])}`;
    await this.put(sender, { data, gas: 5_500_000 });
  }

  #found(address) {
    this.called.push(address);
    if (this.addresses.length < 400) this.addresses.push(address);
    else this.addresses[this.random.between(30, 399)] = address;
  }

  async visit(sender) {
    const { random } = this;
    if (this.called.length === 0) return this.birth(sender);
    const to = random.of(this.called.slice(-60));
    const data = hex(random.bytes(random.below(100)));
    return this.put(sender, { to, data, value: random.of([0n, 0n, 1n, 10n ** 10n]) });
  }

  async proxy(sender) {
    const { random } = this;
    const salt = toBeHex(random.below(4), 32);
    await this.put(sender, {
      to: PROXY,
      data: salt + hex(initCode(this.programs.program())).slice(2),
      gas: 1_000_000,
    });
  }

  async erc20(sender) {
    const { random } = this;
    const other = random.of(this.senders).address;
    const amount = BigInt(random.below(1000)) * 10n ** BigInt(random.below(24));
    const kind = random.of(['transfer', 'approve', 'transferFrom']);
    const args = kind === 'transferFrom' ? [other, sender.address, amount] : [other, amount];
    await this.call(sender, this.token, kind, args);
  }

  async swap(sender) {
    const { random } = this;
    const [from, to] = [this.weth.address, this.token.address];
    const amount = BigInt(random.between(1, 1000)) * 10n ** 13n;
    const kind = random.weighted({ in: 3, out: 3, more: 1, late: 1 });
    const deadline = kind === 'late' ? 1n : MAX_UINT;
    if (kind === 'out') {
      const args = [amount, 0, [to, from], sender.address, deadline];
      return this.call(sender, this.router, 'swapExactTokensForETH', args);
    }
    if (kind === 'more') {
      const args = [to, amount * 1000n, 0, 0, sender.address, deadline];
      return this.call(sender, this.router, 'addLiquidityETH', args, { value: amount });
    }
    const args = [0, [from, to], sender.address, deadline];
    return this.call(sender, this.router, 'swapExactETHForTokens', args, { value: amount });
  }

  // Contracts of this repository: predeploys, and those of L1 deployed here.
  async ours(sender) {
    const { random } = this;
    const predeploy = (name, address) => ({ address, abi: own(name).abi });
    const some = hex(random.bytes(random.below(120)));
    const fresh = hex(random.bytes(20));
    const value = BigInt(random.below(1000)) * GWEI;
    const outbox = predeploy('Outbox', OUTBOX);
    const kinds = {
      withdraw: () => this.call(sender, outbox, 'withdrawEther', [fresh], { value }),
      outbound: () => this.call(sender, outbox, 'call', [fresh, some], { value }),
      fees: () => this.call(sender, predeploy('FeeVault', VAULT_OF_FEES), 'withdraw', []),
      bridge: () =>
        this.call(sender, predeploy('TokenBridge', BRIDGE), 'withdraw', [
          this.tokenOnL1,
          fresh,
          1n,
        ]),
      foreign: () => this.call(sender, outbox, 'withdrawToken', [fresh, fresh, fresh, 1n]),
      message: () =>
        this.call(sender, this.inbox, 'sendMessage', [fresh, 100_000, some], {
          value: random.of([0n, ETHER / 10n]),
        }),
      create: () =>
        this.call(sender, this.inbox, 'sendCreate', [300_000, some], { value: ETHER / 10n }),
      forced: () =>
        this.call(sender, this.inbox, 'sendForced', [100_000, some], { value: ETHER / 10n }),
      deposit: () => {
        const args = [fresh, value, 100_000, random.once(2) ? '0x' : some];
        return this.call(sender, this.vault, 'depositEther', args, {
          value: value + random.of([0n, ETHER / 10n]),
        });
      },
      tokens: () =>
        this.call(sender, this.vault, 'depositToken', [this.token.address, fresh, 5n], {
          value: ETHER,
        }),
      sweep: () => this.call(sender, this.inbox, 'sweepFees', []),
      batch: () => {
        const input = [this.genesis, 1, `0x${'00'.repeat(32)}`, 1];
        return this.call(sender, this.inbox, 'postBatch', [input, some]);
      },
      claim: () => {
        const input = [this.genesis, 1, keccak256(some), this.genesis, `0x${'00'.repeat(32)}`];
        return this.call(sender, this.settlement, 'propose', [input], { value: ETHER / 100n });
      },
      final: () => this.call(sender, this.settlement, 'finalize', [this.genesis]),
      operator: () =>
        this.call(sender, this.operators, 'proposeOperator', [random.of(this.senders).address]),
      accept: () => this.call(sender, this.operators, 'acceptOperator', []),
      execute: () => this.call(sender, this.messenger, 'execute', [fresh, fresh, some]),
      bridged: () => this.call(sender, this.bridged, 'transfer', [fresh, 0n]),
      clock: () => this.put(sender, { to: CLOCK, data: some }),
    };
    await kinds[random.of(Object.keys(kinds))]();
  }

  async delegate(sender) {
    const { random } = this;
    const list = [];
    for (let left = random.between(1, 3); left > 0; left -= 1) {
      const authority = random.of(this.authorities);
      const fault = random.weighted({ none: 6, nonce: 1, chain: 1 });
      const address = random.once(5) ? `0x${'00'.repeat(20)}` : random.of(this.addresses);
      const nonce = BigInt(authority.nonce + (fault === 'nonce' ? 1 : 0));
      const chainId = fault === 'chain' ? 1n : BigInt(random.of([0, this.chainId]));
      list.push(authority.wallet.authorizeSync({ address, nonce, chainId }));
      if (fault === 'none') authority.nonce += 1;
    }
    const to = random.of([
      ...this.authorities.map(({ address }) => address),
      random.of(this.addresses),
    ]);
    await this.put(
      sender,
      { to, data: hex(random.bytes(random.below(70))), value: 1n, gas: 300_000 },
      list,
    );
  }

  async precompile(sender) {
    const { random } = this;
    const which = random.of(PRECOMPILES);
    const data = hex(precompileInput(random, which));
    await this.put(sender, { to: toBeHex(which, 20), data, gas: this.room() });
  }

  async count(sender) {
    await this.call(sender, this.counter, 'add', [BigInt(this.random.below(1100))]);
  }

  // L1: deposits, calls with and without luck, creations, forced transactions good and bad.
  async message() {
    const { random, chain } = this;
    const inbox = { address: chain.contracts.inbox, abi: own('Inbox').abi };
    const vault = { address: chain.contracts.vault, abi: own('Vault').abi };
    const gas = random.of([100_000, 400_000, 1_000_000]);
    const data = hex(random.bytes(random.below(100)));
    const to = random.of(this.called.length > 0 ? this.called : this.addresses);
    const forced = async () => {
      const fault = random.weighted({ none: 4, nonce: 1, junk: 1 });
      if (fault === 'junk') return hex(random.bytes(80));
      const raw = await this.sign(this.forcer, { to, data, value: 1n, gas: 50_000 });
      if (fault === 'nonce') this.forcer.nonce -= 1;
      if (fault === 'nonce')
        return this.sign(
          { ...this.forcer, nonce: this.forcer.nonce + 7, wallet: this.forcer.wallet },
          { to },
        );
      return raw;
    };
    const kinds = {
      call: async () => [inbox, 'sendMessage', [to, gas, data]],
      create: async () => [
        inbox,
        'sendCreate',
        [1_500_000, hex(initCode(this.programs.program()))],
      ],
      forced: async () => [inbox, 'sendForced', [2_000_000, await forced()]],
      deposit: async () => [vault, 'depositEther', [to, GWEI, gas, data]],
      token: async () => [
        vault,
        'depositToken',
        [this.tokenOnL1, random.of(this.senders).address, 10n ** 18n],
      ],
      plain: async () => [vault, 'depositEther', [hex(random.bytes(20)), GWEI, 100_000, '0x']],
    };
    const [target, name, args] = await kinds[random.of(Object.keys(kinds))]();
    await this.onL1({
      to: target.address,
      data: target.abi.encodeFunctionData(name, args),
      value: ETHER / 10n,
    });
  }

  async onL1(fields) {
    const { depositor, chain } = this;
    const raw = await depositor.wallet.signTransaction({
      type: 2,
      chainId: chain.config.l1_chain_id,
      nonce: depositor.nonce,
      gasLimit: 6_000_000,
      maxFeePerGas: 100n * GWEI,
      maxPriorityFeePerGas: GWEI,
      ...fields,
    });
    depositor.nonce += 1;
    await this.l1.ask('eth_sendRawTransaction', raw);
  }

  async flush() {
    const raws = this.queue.splice(0);
    await this.l2.all(raws.map((raw) => ['eth_sendRawTransaction', [raw]]));
    this.sent += raws.length;
  }

  async confirm() {
    const nonces = await this.l2.all(
      this.senders.map(({ address }) => ['eth_getTransactionCount', [address, 'latest']]),
    );
    for (const [at, nonce] of nonces.entries()) this.senders[at].confirmed = Number(nonce);
  }

  async idle() {
    do {
      await pause(20);
      await this.confirm();
    } while (this.senders.some(({ nonce, confirmed }) => nonce !== confirmed));
  }

  async run(blocks) {
    let head = 0;
    for (let round = 0; head < blocks; round += 1) {
      await this.confirm();
      for (const sender of this.senders) {
        if (sender.isBusy || this.random.once(3)) continue;
        for (let left = this.random.between(1, 2); left > 0; left -= 1)
          await this.something(sender);
      }
      if (round % 12 === 0) await this.message();
      if (round % 4 === 0) await this.rollup.step();
      await this.flush();
      const before = head;
      while (head === before) {
        await pause(20);
        head = Number(await this.l2.ask('eth_blockNumber'));
      }
    }
  }
}

const traffic = new Traffic(workerData);
await traffic.start();
await traffic.settle();
await traffic.run(workerData.blocks);
parentPort.postMessage({ sent: traffic.sent });
