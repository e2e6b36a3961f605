// Chance under a seed.

import { createHash } from 'node:crypto';

export class Random {
  #seed;
  #count = 0;
  #pool = Buffer.alloc(0);

  constructor(seed) {
    this.#seed = String(seed);
  }

  bytes(length) {
    while (this.#pool.length < length) {
      const more = createHash('sha512')
        .update(`${this.#seed}:${(this.#count += 1)}`)
        .digest();
      this.#pool = Buffer.concat([this.#pool, more]);
    }
    const taken = this.#pool.subarray(0, length);
    this.#pool = this.#pool.subarray(length);
    return taken;
  }

  // From 0 to below `end`.
  below(end) {
    return this.bytes(6).readUIntBE(0, 6) % end;
  }

  between(first, last) {
    return first + this.below(last - first + 1);
  }

  // True once in `times`.
  once(times) {
    return this.below(times) === 0;
  }

  of(list) {
    return list[this.below(list.length)];
  }

  // From { name: weight }.
  weighted(weights) {
    const total = Object.values(weights).reduce((sum, it) => sum + it, 0);
    let at = this.below(total);
    for (const [name, weight] of Object.entries(weights)) {
      if (at < weight) return name;
      at -= weight;
    }
  }
}
