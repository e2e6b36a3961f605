// Programs of chance: runs of opcodes whose results are stored or hashed, so that a difference in one
// of them is a difference in state.

import { PRECOMPILES, precompileInput } from './precompiles.mjs';

const OP = {
  STOP: 0x00,
  ADD: 0x01,
  SIGNEXTEND: 0x0b,
  LT: 0x10,
  ISZERO: 0x15,
  NOT: 0x19,
  CLZ: 0x1e,
  KECCAK256: 0x20,
  BALANCE: 0x31,
  CALLDATALOAD: 0x35,
  CALLDATACOPY: 0x37,
  CODECOPY: 0x39,
  EXTCODESIZE: 0x3b,
  EXTCODECOPY: 0x3c,
  RETURNDATASIZE: 0x3d,
  RETURNDATACOPY: 0x3e,
  EXTCODEHASH: 0x3f,
  BLOCKHASH: 0x40,
  NUMBER: 0x43,
  BLOBHASH: 0x49,
  POP: 0x50,
  MLOAD: 0x51,
  MSTORE: 0x52,
  MSTORE8: 0x53,
  SLOAD: 0x54,
  SSTORE: 0x55,
  JUMP: 0x56,
  JUMPI: 0x57,
  GAS: 0x5a,
  JUMPDEST: 0x5b,
  TLOAD: 0x5c,
  TSTORE: 0x5d,
  MCOPY: 0x5e,
  PUSH0: 0x5f,
  DUP1: 0x80,
  SWAP1: 0x90,
  LOG0: 0xa0,
  CREATE: 0xf0,
  CALL: 0xf1,
  CALLCODE: 0xf2,
  RETURN: 0xf3,
  DELEGATECALL: 0xf4,
  CREATE2: 0xf5,
  STATICCALL: 0xfa,
  REVERT: 0xfd,
  INVALID: 0xfe,
  SELFDESTRUCT: 0xff,
  SUB: 0x03,
  PUSH1: 0x60,
};
// ADDRESS, ORIGIN, CALLER, CALLVALUE, CALLDATASIZE, CODESIZE, GASPRICE, RETURNDATASIZE, COINBASE, TIMESTAMP, NUMBER,
// PREVRANDAO, GASLIMIT, CHAINID, SELFBALANCE, BASEFEE, BLOBBASEFEE, PC, MSIZE, GAS
const ASK = [
  0x30, 0x32, 0x33, 0x34, 0x36, 0x38, 0x3a, 0x3d, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
  0x4a, 0x58, 0x59, 0x5a,
];
const BINARY = [
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0a, 0x0b, 0x10, 0x11, 0x12, 0x13, 0x14, 0x16, 0x17,
  0x18, 0x1a, 0x1b, 0x1c, 0x1d,
];
const EDGES = [
  0n,
  1n,
  2n,
  31n,
  32n,
  255n,
  256n,
  2n ** 64n - 1n,
  2n ** 128n,
  2n ** 255n,
  2n ** 255n - 1n,
  2n ** 256n - 1n,
  2n ** 256n - 2n,
];

export function push(value) {
  const number = BigInt(value);
  if (number === 0n) return Buffer.of(OP.PUSH0);
  const digits = number.toString(16);
  const body = Buffer.from(digits.length % 2 ? `0${digits}` : digits, 'hex');
  return Buffer.concat([Buffer.of(OP.PUSH1 - 1 + body.length), body]);
}
const op = (...codes) => Buffer.from(codes);
const code = (...parts) => Buffer.concat(parts.map((it) => (Buffer.isBuffer(it) ? it : op(it))));

// Init code that leaves `runtime`.
export function initCode(runtime) {
  // PUSH2 length, DUP1, PUSH1 start, PUSH0, CODECOPY, PUSH0, RETURN
  const length = Buffer.alloc(2);
  length.writeUInt16BE(runtime.length);
  const head = code(
    op(0x61),
    length,
    OP.DUP1,
    op(0x60, 10),
    OP.PUSH0,
    OP.CODECOPY,
    OP.PUSH0,
    OP.RETURN,
  );
  return Buffer.concat([head, runtime]);
}

export class Programs {
  constructor(random, addresses) {
    this.random = random;
    // What programs look at and call: grows as contracts come to be.
    this.addresses = addresses;
  }

  value() {
    const { random } = this;
    return random.once(2)
      ? random.of(EDGES)
      : BigInt(`0x0${random.bytes(random.between(1, 32)).toString('hex')}`);
  }

  // Where a result goes: a slot, a transient slot, memory.
  keep() {
    const { random } = this;
    const target = random.weighted({ slot: 5, memory: 3, transient: 1, pop: 1 });
    if (target === 'slot') return code(push(random.below(6)), OP.SSTORE);
    if (target === 'memory') return code(push(32 * random.below(8)), OP.MSTORE);
    if (target === 'transient') return code(push(random.below(3)), OP.TSTORE);
    return op(OP.POP);
  }

  address() {
    const { random } = this;
    const fresh = `0x${random.bytes(20).toString('hex')}`;
    return random.once(8)
      ? fresh
      : random.once(10)
        ? BigInt(random.of(PRECOMPILES))
        : random.of(this.addresses);
  }

  // Memory filled from the program's own pushes.
  fill(bytes, from = 0) {
    const parts = [];
    for (let at = 0; at < bytes.length; at += 32) {
      const chunk = Buffer.concat([bytes.subarray(at, at + 32), Buffer.alloc(32)]).subarray(0, 32);
      parts.push(push(`0x${chunk.toString('hex')}`), push(from + at), op(OP.MSTORE));
    }
    return Buffer.concat(parts);
  }

  statement(depth) {
    const { random } = this;
    const kind = random.weighted({
      binary: 6,
      ask: 6,
      account: 4,
      ternary: 2,
      unary: 2,
      hash: 2,
      copy: 3,
      block: 2,
      load: 4,
      clear: 2,
      transient: 2,
      log: 3,
      precompile: 4,
      call: 4,
      create: depth > 0 ? 2 : 0,
      loop: 1,
      stack: 1,
      returned: 2,
      data: 2,
      wide: 1,
    });
    return this[kind](depth);
  }

  binary() {
    return code(push(this.value()), push(this.value()), this.random.of(BINARY), this.keep());
  }
  unary() {
    return code(push(this.value()), this.random.of([OP.ISZERO, OP.NOT, OP.CLZ]), this.keep());
  }
  ternary() {
    return code(
      push(this.value()),
      push(this.value()),
      push(this.value()),
      this.random.of([0x08, 0x09]),
      this.keep(),
    );
  }
  ask() {
    return code(this.random.of(ASK), this.keep());
  }
  account() {
    const which = this.random.of([OP.BALANCE, OP.EXTCODESIZE, OP.EXTCODEHASH]);
    return code(push(this.address()), which, this.keep());
  }
  hash() {
    return code(
      push(this.random.below(300)),
      push(this.random.below(300)),
      OP.KECCAK256,
      this.keep(),
    );
  }
  copy() {
    const { random } = this;
    const [length, from, to] = [random.below(100), random.below(200), random.below(200)];
    const which = random.weighted({ data: 1, code: 1, external: 1, memory: 2 });
    if (which === 'external')
      return code(push(length), push(from), push(to), push(this.address()), OP.EXTCODECOPY);
    return code(
      push(length),
      push(from),
      push(to),
      { data: OP.CALLDATACOPY, code: OP.CODECOPY, memory: OP.MCOPY }[which],
    );
  }
  block() {
    const { random } = this;
    if (random.once(4)) return code(push(random.below(3)), OP.BLOBHASH, this.keep());
    return code(
      push(random.of([0, 1, 2, 200, 255, 256, 257, 300])),
      OP.NUMBER,
      OP.SUB,
      OP.BLOCKHASH,
      this.keep(),
    );
  }
  load() {
    return code(
      push(this.random.below(6)),
      this.random.of([OP.SLOAD, OP.SLOAD, OP.TLOAD]),
      this.keep(),
    );
  }
  clear() {
    return code(OP.PUSH0, push(this.random.below(6)), OP.SSTORE);
  }
  transient() {
    return code(push(this.value()), push(this.random.below(3)), OP.TSTORE);
  }
  data() {
    return code(push(this.random.below(70)), OP.CALLDATALOAD, this.keep());
  }
  log() {
    const { random } = this;
    const topics = random.below(5);
    const words = Array.from({ length: topics }, () => push(this.value()));
    return code(...words, push(random.below(80)), push(random.below(200)), OP.LOG0 + topics);
  }
  stack() {
    const depth = this.random.between(1, 16);
    const values = Array.from({ length: depth + 1 }, () => push(this.value()));
    const pops = Buffer.alloc(depth, OP.POP);
    return code(
      ...values,
      OP.DUP1 + depth - 1,
      this.keep(),
      OP.SWAP1 + depth - 1,
      this.keep(),
      pops,
    );
  }
  loop() {
    // for (n = times; n != 0; n--) slot[0] += 1
    const body = code(OP.PUSH0, OP.SLOAD, push(1), OP.ADD, OP.PUSH0, OP.SSTORE);
    return { loop: this.random.between(1, 5), body };
  }
  returned() {
    const { random } = this;
    // Beyond the end it is an exceptional halt.
    const length = random.once(25)
      ? push(random.between(1, 64))
      : random.once(2)
        ? op(OP.RETURNDATASIZE)
        : op(OP.PUSH0);
    return code(length, OP.PUSH0, push(random.below(100)), OP.RETURNDATACOPY);
  }
  // The bound on a precompile's input, from both sides.
  wide() {
    const length = this.random.of([49_151, 49_152, 49_153, 60_000]);
    const to = this.random.of([2, 4, 1, 256]);
    return code(
      OP.PUSH0,
      OP.PUSH0,
      push(length),
      OP.PUSH0,
      push(to),
      push(200_000),
      OP.STATICCALL,
      this.keep(),
    );
  }
  precompile() {
    const { random } = this;
    const which = this.cheap();
    const input = precompileInput(random, which);
    const gas = random.once(6) ? push(random.below(8_000)) : op(OP.GAS);
    const filled = this.fill(input);
    const kind = random.of([OP.CALL, OP.STATICCALL, OP.DELEGATECALL, OP.CALLCODE]);
    const value = kind === OP.CALL || kind === OP.CALLCODE ? push(random.once(6) ? 1 : 0) : op();
    const called = code(
      push(64),
      push(256),
      push(input.length),
      OP.PUSH0,
      value,
      push(which),
      gas,
      kind,
      this.keep(),
    );
    // What came back is kept whole, as a hash.
    return code(
      filled,
      called,
      push(64),
      push(256),
      OP.KECCAK256,
      push(random.below(6)),
      OP.SSTORE,
    );
  }
  // Pairings and points take a replay long: they come seldom.
  cheap() {
    const { random } = this;
    return random.once(6) ? random.of(PRECOMPILES) : random.of([1, 2, 3, 4, 5, 6, 9, 11, 256]);
  }
  call() {
    const { random } = this;
    const kind = random.of([OP.CALL, OP.CALL, OP.STATICCALL, OP.DELEGATECALL, OP.CALLCODE]);
    const takesValue = kind === OP.CALL || kind === OP.CALLCODE;
    const value = takesValue ? push(random.of([0, 0, 1, 1000, 10n ** 24n])) : op();
    const gas = random.once(3) ? op(OP.GAS) : push(random.of([0, 2300, 30_000, 100_000]));
    const range = [
      push(random.below(64)),
      push(random.below(200)),
      push(random.below(100)),
      push(random.below(200)),
    ];
    return code(...range, value, push(this.address()), gas, kind, this.keep());
  }
  create(depth) {
    const { random } = this;
    const init = random.once(4) ? this.program(0, 2) : initCode(this.program(depth - 1, 3));
    const kind = random.of([OP.CREATE, OP.CREATE2]);
    const salt = kind === OP.CREATE2 ? push(random.below(3)) : op();
    const value = random.of([0, 0, 1, 500]);
    return code(this.fill(init), salt, push(init.length), OP.PUSH0, push(value), kind, this.keep());
  }

  // How it ends.
  ending() {
    const { random } = this;
    const range = [push(random.below(100)), push(random.below(200))];
    const kind = random.weighted({
      stop: 16,
      return: 12,
      revert: 3,
      invalid: 1,
      destroy: 2,
      underflow: 1,
      jump: 1,
      undefined: 1,
      memory: 1,
    });
    if (kind === 'return') return code(...range, OP.RETURN);
    if (kind === 'revert') return code(...range, OP.REVERT);
    if (kind === 'invalid') return op(OP.INVALID);
    if (kind === 'destroy') return code(push(this.address()), OP.SELFDESTRUCT);
    if (kind === 'underflow') return op(OP.ADD);
    if (kind === 'jump') return code(push(random.below(300)), OP.JUMP);
    if (kind === 'undefined') return op(random.of([0x0c, 0x21, 0x4b, 0xa5, 0xef, 0xf6]));
    if (kind === 'memory') return code(push(2n ** 40n), OP.MLOAD, OP.STOP);
    return op(OP.STOP);
  }

  program(depth = 2, most = 14) {
    let out = Buffer.alloc(0);
    for (let left = this.random.between(1, most); left > 0; left -= 1) {
      const next = this.statement(depth);
      out = Buffer.isBuffer(next) ? Buffer.concat([out, next]) : this.looped(out, next);
    }
    return Buffer.concat([out, this.ending()]);
  }

  looped(before, { loop, body }) {
    const head = Buffer.concat([before, push(loop)]);
    const start = Buffer.alloc(2);
    start.writeUInt16BE(head.length);
    const again = code(push(1), OP.SWAP1, OP.SUB, OP.DUP1, op(0x61), start, OP.JUMPI, OP.POP);
    return code(head, OP.JUMPDEST, body, again);
  }
}
