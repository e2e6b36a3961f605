// A Safe from its published artifacts: singleton, factory, a wallet of two out of three owners.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import {
  Contract,
  ContractFactory,
  HDNodeWallet,
  Interface,
  JsonRpcProvider,
  Mnemonic,
  Signature,
  Wallet,
  ZeroAddress,
  concat,
  getBytes,
  getCreate2Address,
  keccak256,
  parseEther,
  solidityPacked,
  solidityPackedKeccak256,
} from 'ethers';
import { MNEMONIC, POLL_MS, check, compile, done, env } from './lib.mjs';

const require = createRequire(import.meta.url);
const build = '@safe-global/safe-smart-account/build/artifacts/contracts';
const artifact = (path) => require(`${build}/${path}.json`);

const provider = new JsonRpcProvider(env('MEZZ_RPC'), undefined, { cacheTimeout: -1 });
provider.pollingInterval = POLL_MS;
const account = (index) => {
  const phrase = Mnemonic.fromPhrase(MNEMONIC);
  return new Wallet(
    HDNodeWallet.fromMnemonic(phrase, `m/44'/60'/0'/0/${index}`).privateKey,
    provider,
  );
};
const payer = account(5);
const owners = [0, 1, 2].map(() => Wallet.createRandom());
const stranger = Wallet.createRandom();
const byAddress = (a, b) => (BigInt(a.address) < BigInt(b.address) ? -1 : 1);
const deploy = async ({ abi, bytecode }, ...args) =>
  (await new ContractFactory(abi, bytecode, payer).deploy(...args)).waitForDeployment();

const singletonArtifact = artifact('SafeL2.sol/SafeL2');
let singleton;
let factory;
let safe;

const TYPES = {
  SafeTx: [
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'data', type: 'bytes' },
    { name: 'operation', type: 'uint8' },
    { name: 'safeTxGas', type: 'uint256' },
    { name: 'baseGas', type: 'uint256' },
    { name: 'gasPrice', type: 'uint256' },
    { name: 'gasToken', type: 'address' },
    { name: 'refundReceiver', type: 'address' },
    { name: 'nonce', type: 'uint256' },
  ],
};

async function transaction(fields) {
  const none = { value: 0n, data: '0x', operation: 0, safeTxGas: 0n, baseGas: 0n, gasPrice: 0n };
  const rest = { gasToken: ZeroAddress, refundReceiver: ZeroAddress, nonce: await safe.nonce() };
  return { ...none, ...rest, ...fields };
}

async function signatures(it, signers) {
  const { chainId } = await provider.getNetwork();
  const domain = { chainId, verifyingContract: await safe.getAddress() };
  const sorted = [...signers].sort(byAddress);
  return concat(await Promise.all(sorted.map((owner) => owner.signTypedData(domain, TYPES, it))));
}

const values = (it) => TYPES.SafeTx.slice(0, 9).map(({ name }) => it[name]);
const execute = async (it, signers) =>
  (await safe.execTransaction(...values(it), await signatures(it, signers))).wait();
const refused = async (it, signers, reason) => {
  const call = safe.execTransaction.staticCall(...values(it), await signatures(it, signers));
  await assert.rejects(call, (error) => {
    assert.equal(error.code, 'CALL_EXCEPTION');
    assert.equal(error.reason, reason);
    return true;
  });
};

await check('Safe: singleton and proxy factory are deployed', async () => {
  singleton = await deploy(singletonArtifact);
  factory = await deploy(artifact('proxies/SafeProxyFactory.sol/SafeProxyFactory'));
  assert.equal(await singleton.VERSION(), '1.5.0');
});

await check('Safe: a wallet of two out of three owners stands where CREATE2 puts it', async () => {
  const setup = singleton.interface.encodeFunctionData('setup', [
    owners.map(({ address }) => address),
    2,
    ZeroAddress,
    '0x',
    ZeroAddress,
    ZeroAddress,
    0,
    ZeroAddress,
  ]);
  const salt = 77n;
  const from = await factory.getAddress();
  const at = await singleton.getAddress();
  const init = concat([await factory.proxyCreationCode(), solidityPacked(['uint256'], [at])]);
  const hashed = solidityPackedKeccak256(['bytes32', 'uint256'], [keccak256(setup), salt]);
  const expected = getCreate2Address(from, hashed, keccak256(init));
  const receipt = await (await factory.createProxyWithNonce(at, setup, salt)).wait();
  const created = receipt.logs
    .filter((log) => log.address === from)
    .map((log) => factory.interface.parseLog(log))
    .find(({ name }) => name === 'ProxyCreation');
  assert.equal(created.args.proxy, expected);
  safe = new Contract(expected, singletonArtifact.abi, payer);
  assert.equal(await safe.getThreshold(), 2n);
  const listed = [...(await safe.getOwners())].sort();
  assert.deepEqual(listed, owners.map(({ address }) => address).sort());
  await assert.rejects(factory.createProxyWithNonce.staticCall(at, setup, salt));
});

await check('Safe: it takes ETH and says so', async () => {
  const sent = await payer.sendTransaction({ to: await safe.getAddress(), value: parseEther('2') });
  const receipt = await sent.wait();
  const log = safe.interface.parseLog(receipt.logs[0]);
  assert.equal(log.name, 'SafeReceived');
  assert.deepEqual([...log.args], [payer.address, parseEther('2')]);
  assert.equal(await provider.getBalance(await safe.getAddress()), parseEther('2'));
});

await check('Safe: two owners send ETH; the hash is the one that wallets show', async () => {
  const to = Wallet.createRandom().address;
  const it = await transaction({ to, value: parseEther('0.5') });
  const receipt = await execute(it, owners.slice(0, 2));
  assert.equal(await provider.getBalance(to), parseEther('0.5'));
  assert.equal(await provider.getBalance(await safe.getAddress()), parseEther('1.5'));
  const names = receipt.logs.map((log) => safe.interface.parseLog(log)?.name);
  assert.deepEqual(names, ['SafeMultiSigTransaction', 'ExecutionSuccess']);
  const success = safe.interface.parseLog(receipt.logs[1]);
  const hash = await safe.getTransactionHash(...values(it), it.nonce);
  assert.equal(success.args.txHash, hash);
  assert.equal(await safe.nonce(), it.nonce + 1n);
});

await check(
  'Safe: one owner, a stranger, the same owner twice and an old nonce are refused',
  async () => {
    const it = await transaction({ to: payer.address, value: 1n });
    await refused(it, owners.slice(0, 1), 'GS020');
    await refused(it, [owners[0], stranger], 'GS026');
    await refused(it, [owners[0], owners[0]], 'GS026');
    await refused({ ...it, nonce: it.nonce - 1n }, owners.slice(0, 2), 'GS026');
    const sent = await safe.execTransaction(
      ...values(it),
      await signatures(it, owners.slice(0, 1)),
      {
        gasLimit: 200_000n,
      },
    );
    await assert.rejects(sent.wait(), ({ receipt }) => receipt.status === 0);
    assert.equal(await safe.nonce(), it.nonce);
  },
);

await check(
  'Safe: an owner approves on chain, another signs a message; a contract is called',
  async () => {
    const { abi, bytecode } = compile('Counter');
    const counter = await deploy({ abi, bytecode }, 1n);
    const data = new Interface(abi).encodeFunctionData('add', [41n]);
    const it = await transaction({ to: await counter.getAddress(), data });
    const hash = await safe.getTransactionHash(...values(it), it.nonce);
    const [approver, signer] = owners;
    const rich = approver.connect(provider);
    await (await payer.sendTransaction({ to: rich.address, value: parseEther('0.1') })).wait();
    await (await safe.connect(rich).approveHash(hash)).wait();
    assert.equal(await safe.approvedHashes(approver.address, hash), 1n);
    const approved = solidityPacked(['uint256', 'uint256', 'uint8'], [approver.address, 0, 1]);
    const { r, s, v } = Signature.from(await signer.signMessage(getBytes(hash)));
    // `eth_sign`: v is 4 more.
    const signed = solidityPacked(['bytes32', 'bytes32', 'uint8'], [r, s, v + 4]);
    const parts = byAddress(approver, signer) < 0 ? [approved, signed] : [signed, approved];
    const receipt = await (await safe.execTransaction(...values(it), concat(parts))).wait();
    assert.equal(await counter.total(), 42n);
    const added = receipt.logs
      .map((log) => counter.interface.parseLog(log))
      .find((log) => log?.name === 'Added');
    assert.equal(added.args.by, await safe.getAddress());
  },
);

await check('Safe: owners change the threshold, and all three must sign', async () => {
  const data = safe.interface.encodeFunctionData('changeThreshold', [3]);
  await execute(await transaction({ to: await safe.getAddress(), data }), owners.slice(1));
  assert.equal(await safe.getThreshold(), 3n);
  const it = await transaction({ to: payer.address, value: parseEther('1.5') });
  await refused(it, owners.slice(0, 2), 'GS020');
  await execute(it, owners);
  assert.equal(await provider.getBalance(await safe.getAddress()), 0n);
});

provider.destroy();
done();
