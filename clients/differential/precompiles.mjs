// Inputs of the precompiles: right ones, and ones with something wrong.

import { createSign, generateKeyPairSync } from 'node:crypto';
import { SigningKey, keccak256, sha256 } from 'ethers';

const hex = (text) => Buffer.from(text.replace(/^0x/, ''), 'hex');
const word = (value) => hex(BigInt(value).toString(16).padStart(64, '0'));
const P_BN = 21888242871839275222246405745257275088696311157297823662689037894645226208583n;
const BN_G2 = [
  0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2n,
  0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6edn,
  0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975bn,
  0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daan,
];
const field = (text) => Buffer.concat([Buffer.alloc(16), hex(text)]);
const G1 = Buffer.concat([
  field(
    '17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb',
  ),
  field(
    '08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1',
  ),
]);
const G2 = Buffer.concat([
  field(
    '024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8',
  ),
  field(
    '13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e',
  ),
  field(
    '0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801',
  ),
  field(
    '0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be',
  ),
]);

function recover(random) {
  const key = new SigningKey(keccak256(random.bytes(32)));
  const digest = random.bytes(32);
  const { r, s, v } = key.sign(digest);
  return Buffer.concat([digest, word(v), hex(r), hex(s)]);
}

function p256(random) {
  // A key of chance is not of the seed, and need not be: it is in the transaction.
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const message = random.bytes(40);
  const signature = createSign('sha256')
    .update(message)
    .sign({ key: privateKey, dsaEncoding: 'ieee-p1363' });
  const { x, y } = publicKey.export({ format: 'jwk' });
  const digest = hex(sha256(message));
  return Buffer.concat([
    digest,
    signature,
    Buffer.from(x, 'base64url'),
    Buffer.from(y, 'base64url'),
  ]);
}

function modexp(random) {
  const sizes = [0, 1, 5, 32, 33, 64, 200, 1024, 1025];
  const [base, exponent, modulus] = [
    random.of(sizes),
    random.of([0, 1, 3, 32, 40]),
    random.of(sizes),
  ];
  const claim = random.once(12) ? 2n ** 64n : BigInt(exponent);
  const body = random.bytes(base + exponent + modulus);
  return Buffer.concat([word(base), word(claim), word(modulus), body]);
}

function blake(random) {
  const rounds = Buffer.alloc(4);
  rounds.writeUInt32BE(random.below(40));
  return Buffer.concat([rounds, random.bytes(64 + 128 + 16), Buffer.of(random.of([0, 1, 1, 2]))]);
}

// The constant polynomial 0: its commitment and every proof is the point at infinity.
function blob(random) {
  const infinity = Buffer.alloc(48);
  infinity[0] = 0xc0;
  const hash = hex(sha256(infinity));
  hash[0] = 1;
  const z = Buffer.concat([Buffer.of(0), random.bytes(31)]);
  return Buffer.concat([hash, z, word(random.once(3) ? 1 : 0), infinity, infinity]);
}

const scalar = (random) => random.of([word(0), word(1), word(2), random.bytes(32)]);
const INFINITY_1 = Buffer.alloc(128);
const INFINITY_2 = Buffer.alloc(256);
const repeat = (random, most, make) =>
  Buffer.concat(Array.from({ length: random.between(1, most) }, make));
const G1_OF_BN = Buffer.concat([word(1), word(2)]);

const RIGHT = {
  1: recover,
  2: (random) => random.bytes(random.below(300)),
  3: (random) => random.bytes(random.below(300)),
  4: (random) => random.bytes(random.below(300)),
  5: modexp,
  6: (random) =>
    Buffer.concat([
      G1_OF_BN,
      random.of([G1_OF_BN, Buffer.concat([word(1), word(P_BN - 2n)]), Buffer.alloc(64)]),
    ]),
  7: (random) => Buffer.concat([G1_OF_BN, scalar(random)]),
  8: (random) => {
    const pair = (negated) =>
      Buffer.concat([word(1), word(negated ? P_BN - 2n : 2n), ...BN_G2.map(word)]);
    return random.of([Buffer.alloc(0), pair(false), Buffer.concat([pair(false), pair(true)])]);
  },
  9: blake,
  10: blob,
  11: (random) => Buffer.concat([G1, random.of([G1, INFINITY_1])]),
  12: (random) =>
    repeat(random, 3, () => Buffer.concat([random.of([G1, INFINITY_1]), scalar(random)])),
  13: (random) => Buffer.concat([G2, random.of([G2, INFINITY_2])]),
  14: (random) =>
    repeat(random, 2, () => Buffer.concat([random.of([G2, INFINITY_2]), scalar(random)])),
  15: (random) => Buffer.concat([random.of([G1, INFINITY_1]), random.of([G2, INFINITY_2])]),
  16: (random) => Buffer.concat([Buffer.alloc(17), random.bytes(47)]),
  17: (random) =>
    Buffer.concat([Buffer.alloc(17), random.bytes(47), Buffer.alloc(17), random.bytes(47)]),
  256: p256,
};

export const PRECOMPILES = Object.keys(RIGHT).map(Number);

// An input for one of them, three times of four a right one.
export function precompileInput(random, which) {
  let input = Buffer.from(RIGHT[which](random));
  if (!random.once(4)) return input;
  const fault = random.weighted({ flip: 3, cut: 2, more: 2, none: 1, junk: 1 });
  if (fault === 'flip' && input.length > 0)
    input[random.below(input.length)] ^= 1 << random.below(8);
  if (fault === 'cut') input = input.subarray(0, random.below(input.length + 1));
  if (fault === 'more') input = Buffer.concat([input, random.bytes(random.between(1, 33))]);
  if (fault === 'none') input = Buffer.alloc(0);
  if (fault === 'junk') input = random.bytes(input.length);
  return input;
}
