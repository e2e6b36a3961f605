// The replay's state: plain maps with an undo log, and the commitment of docs/formats.md, section 3,
// computed from the format's text alone.

import { createHash } from 'node:crypto';
import { Account, bytesToHex, bytesToBigInt, hexToBytes } from '@ethereumjs/util';
import { keccak256 } from 'ethers';

const EMPTY = new Uint8Array(0);
const NOTHING = Buffer.alloc(32);
const sha256 = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const bit = (key, depth) => (key[depth >> 3] >> (7 - (depth & 7))) & 1;

// A binary trie over SHA-256 in which every node remembers its hash until something below changes.
class Trie {
  #root = null;

  set(key, value) {
    this.#root = value
      ? this.#put(this.#root, 0, { key, value: sha256(value) })
      : this.#drop(this.#root, 0, key);
  }

  root() {
    return this.#hash(this.#root);
  }

  #put(node, depth, leaf) {
    if (!node) return leaf;
    if (node.key) {
      if (node.key.equals(leaf.key)) return leaf;
      const split = { hash: null, 0: null, 1: null };
      split[bit(node.key, depth)] = node;
      return this.#put(split, depth, leaf);
    }
    const side = bit(leaf.key, depth);
    node.hash = null;
    node[side] = this.#put(node[side], depth + 1, leaf);
    return node;
  }

  #drop(node, depth, key) {
    if (!node) return null;
    if (node.key) return node.key.equals(key) ? null : node;
    const side = bit(key, depth);
    node.hash = null;
    node[side] = this.#drop(node[side], depth + 1, key);
    // A leaf stands at the shallowest depth at which its key is alone.
    const [left, right] = [node[0], node[1]];
    if (!left && (!right || right.key)) return right;
    if (!right && left.key) return left;
    return node;
  }

  #hash(node) {
    if (!node) return NOTHING;
    if (node.hash) return node.hash;
    const isLeaf = node.key !== undefined;
    const hash = isLeaf
      ? sha256(node.key, node.value)
      : sha256(this.#hash(node[0]), this.#hash(node[1]));
    hash[0] = isLeaf ? hash[0] | 0x80 : hash[0] & 0x7f;
    node.hash = hash;
    return hash;
  }
}

const word = (value, length) => Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex');

// What @ethereumjs/vm asks of a state manager.
export class State {
  #accounts = new Map();
  #codes = new Map();
  #storage = new Map();
  #undo = [];
  #marks = [];
  #trie = new Trie();
  #dirty = new Map();
  #original = new Map();

  originalStorageCache = {
    get: async (address, key) => {
      const name = `${address}${bytesToHex(key)}`;
      if (!this.#original.has(name)) this.#original.set(name, await this.getStorage(address, key));
      return this.#original.get(name);
    },
    put: () => {},
    clear: () => this.#original.clear(),
  };

  #write(map, key, value) {
    const before = map.get(key);
    this.#undo.push(() => (before === undefined ? map.delete(key) : map.set(key, before)));
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }

  #touch(address, slot) {
    if (!this.#dirty.has(address)) this.#dirty.set(address, new Set());
    if (slot) this.#dirty.get(address).add(slot);
  }

  #slots(address) {
    if (!this.#storage.has(address)) this.#storage.set(address, new Map());
    return this.#storage.get(address);
  }

  async getAccount(address) {
    const found = this.#accounts.get(address.toString());
    return found && new Account(found.nonce, found.balance, undefined, found.codeHash);
  }

  async putAccount(address, account) {
    const name = address.toString();
    this.#touch(name);
    const copy = account && {
      nonce: account.nonce,
      balance: account.balance,
      codeHash: account.codeHash,
    };
    this.#write(this.#accounts, name, copy);
  }

  async deleteAccount(address) {
    await this.clearStorage(address);
    const name = address.toString();
    this.#touch(name);
    this.#write(this.#codes, name, undefined);
    this.#write(this.#accounts, name, undefined);
  }

  async modifyAccountFields(address, fields) {
    const account = (await this.getAccount(address)) ?? new Account();
    await this.putAccount(address, { ...this.#plain(account), ...fields });
  }

  #plain({ nonce, balance, codeHash }) {
    return { nonce, balance, codeHash };
  }

  async getCode(address) {
    return this.#codes.get(address.toString()) ?? EMPTY;
  }

  async getCodeSize(address) {
    return (await this.getCode(address)).length;
  }

  async putCode(address, code) {
    this.#write(this.#codes, address.toString(), code);
    await this.modifyAccountFields(address, { codeHash: hexToBytes(keccak256(code)) });
  }

  async getStorage(address, key) {
    return this.#storage.get(address.toString())?.get(bytesToHex(key)) ?? EMPTY;
  }

  async putStorage(address, key, value) {
    const name = address.toString();
    const slot = bytesToHex(key);
    // The first write of a transaction leaves the value before it where refunds look for it.
    await this.originalStorageCache.get(address, key);
    this.#touch(name, slot);
    const isZero = bytesToBigInt(value) === 0n;
    this.#write(this.#slots(name), slot, isZero ? undefined : value);
  }

  async clearStorage(address) {
    const name = address.toString();
    for (const slot of [...this.#slots(name).keys()]) {
      this.#touch(name, slot);
      this.#write(this.#slots(name), slot, undefined);
    }
  }

  async checkpoint() {
    this.#marks.push(this.#undo.length);
  }

  async commit() {
    this.#marks.pop();
    if (this.#marks.length === 0) this.#undo.length = 0;
  }

  async revert() {
    const mark = this.#marks.pop();
    while (this.#undo.length > mark) this.#undo.pop()();
  }

  clearCaches() {}

  // The root after all that was done since it was last asked for, and what that touched.
  seal() {
    this.#undo.length = 0;
    const touched = [];
    for (const [name, slots] of this.#dirty) {
      const address = Buffer.from(name.slice(2), 'hex');
      const account = this.#accounts.get(name);
      const isEmpty =
        !account ||
        new Account(account.nonce, account.balance, undefined, account.codeHash).isEmpty();
      const value = isEmpty
        ? null
        : Buffer.concat([word(account.nonce, 8), word(account.balance, 32), account.codeHash]);
      this.#trie.set(sha256(Buffer.of(0), address), value);
      for (const slot of slots) {
        const held = this.#storage.get(name)?.get(slot);
        const key = sha256(Buffer.of(1), address, Buffer.from(slot.slice(2), 'hex'));
        this.#trie.set(key, held ? word(bytesToBigInt(held), 32) : null);
      }
      touched.push({ address: name, slots: [...slots] });
    }
    this.#dirty.clear();
    return { root: bytesToHex(this.#trie.root()), touched };
  }

  // Everything that is there, for a comparison through RPC.
  accounts() {
    return [...this.#accounts].map(([address, account]) => ({
      address,
      ...account,
      code: this.#codes.get(address) ?? EMPTY,
      slots: [...(this.#storage.get(address) ?? [])],
    }));
  }

  look(address) {
    const account = this.#accounts.get(address);
    return {
      nonce: account?.nonce ?? 0n,
      balance: account?.balance ?? 0n,
      code: this.#codes.get(address) ?? EMPTY,
    };
  }

  slot(address, slot) {
    const held = this.#storage.get(address)?.get(slot);
    return held ? bytesToBigInt(held) : 0n;
  }
}
