//! Who sends what to whom.

use alloy::{
    consensus::{SignableTransaction as _, TxEip1559, TxEnvelope},
    eips::Encodable2718 as _,
    network::TxSignerSync as _,
    signers::local::PrivateKeySigner,
    sol_types::SolCall as _,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use mezz_contracts::{LoadPair, LoadToken};

use crate::LoadError;

/// What every transaction of a load does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workload {
    /// Moves a wei.
    #[default]
    Ether,
    /// Moves a unit of an ERC-20 that the load deploys first.
    Token,
    /// Swaps one such token for another, there and back in turn.
    Swap,
}

/// The same, with the contracts that the load has deployed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Ether,
    Token(Address),
    Swap(Address),
}

/// Units that a swap puts in.
const SWAPPED: u64 = 1_000;

impl Action {
    /// Callee, wei and calldata of a transaction; `turn` counts those of its sender.
    pub(crate) fn call(self, to: Address, turn: u64) -> (TxKind, U256, Bytes) {
        let nothing = U256::ZERO;
        match self {
            Self::Ether => (to.into(), U256::from(1), Bytes::new()),
            Self::Token(token) => {
                let call = LoadToken::transferCall { to, value: U256::from(1) };
                (token.into(), nothing, call.abi_encode().into())
            }
            Self::Swap(pair) => {
                let (forward, amount) = (turn.is_multiple_of(2), U256::from(SWAPPED));
                let call = LoadPair::swapCall { forward, amountIn: amount, minimum: nothing };
                (pair.into(), nothing, call.abi_encode().into())
            }
        }
    }
}

/// Who receives the transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// The senders themselves, in turn: few accounts, always warm.
    Senders,
    /// So many accounts that hold nothing else, drawn uniformly.
    Uniform(u64),
}

/// What every transaction of a load has in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) chain_id: u64,
    pub(crate) gas_limit: u64,
    pub(crate) max_fee: u128,
}

impl Terms {
    /// Wei that one transaction may cost, a value of one wei included.
    pub(crate) fn cost(&self) -> U256 {
        U256::from(self.gas_limit) * U256::from(self.max_fee) + U256::from(1)
    }
}

/// A signed transaction of the load.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) hash: B256,
    pub(crate) raw: Vec<u8>,
}

/// Key `index` of the load that `seed` names: the same on every run, so that what is left of the funding is used
/// again.
pub(crate) fn key(seed: u64, index: u64) -> Result<PrivateKeySigner, LoadError> {
    let secret = keccak256([b"mezz load key".as_slice(), &words(seed, index)].concat());
    // A hash is no valid key once in 2^128.
    PrivateKeySigner::from_bytes(&secret)
        .map_err(|error| LoadError::Signing(alloy::signers::Error::other(error)))
}

/// Recipient of transfer `index`.
pub(crate) fn recipient(
    recipients: Recipients,
    senders: &[Address],
    seed: u64,
    index: u64,
) -> Address {
    match recipients {
        Recipients::Senders => {
            let next = index.wrapping_add(1).checked_rem(senders.len() as u64).unwrap_or(0);
            senders.get(next as usize).copied().unwrap_or_default()
        }
        Recipients::Uniform(count) => {
            let drawn = keccak256([b"mezz load draw".as_slice(), &words(seed, index)].concat());
            let drawn = U256::from_be_bytes(drawn.0) % U256::from(count.max(1));
            let account = keccak256(
                [b"mezz load account".as_slice(), &words(seed, drawn.saturating_to())].concat(),
            );
            Address::from_slice(&account[12..])
        }
    }
}

fn words(seed: u64, index: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    bytes[8..].copy_from_slice(&index.to_be_bytes());
    bytes
}

/// A signed transaction.
pub(crate) fn sign(
    key: &PrivateKeySigner,
    nonce: u64,
    (to, value, input): (TxKind, U256, Bytes),
    terms: &Terms,
) -> Result<Signed, LoadError> {
    let mut transaction = TxEip1559 {
        chain_id: terms.chain_id,
        nonce,
        gas_limit: terms.gas_limit,
        max_fee_per_gas: terms.max_fee,
        max_priority_fee_per_gas: 1.min(terms.max_fee),
        to,
        value,
        input,
        ..TxEip1559::default()
    };
    let signature = key.sign_transaction_sync(&mut transaction)?;
    let envelope = TxEnvelope::from(transaction.into_signed(signature));
    Ok(Signed { hash: *envelope.tx_hash(), raw: envelope.encoded_2718() })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn uniform_recipients_are_many_and_bounded() {
        let drawn: HashSet<Address> =
            (0..10_000).map(|index| recipient(Recipients::Uniform(500), &[], 1, index)).collect();
        assert_eq!(drawn.len(), 500);
        let wide: HashSet<Address> = (0..1_000)
            .map(|index| recipient(Recipients::Uniform(1 << 40), &[], 1, index))
            .collect();
        assert_eq!(wide.len(), 1_000);
    }

    #[test]
    fn senders_pay_each_other_and_never_themselves() {
        let senders: Vec<Address> = (0..3).map(|index| key(1, index).unwrap().address()).collect();
        for index in 0..7 {
            let to = recipient(Recipients::Senders, &senders, 1, index);
            assert_eq!(to, senders[(index as usize + 1) % 3]);
            assert_ne!(to, senders[index as usize % 3]);
        }
    }

    #[test]
    fn swaps_go_there_and_back() {
        let pair = Address::repeat_byte(9);
        for turn in 0..4 {
            let (to, value, input) = Action::Swap(pair).call(Address::ZERO, turn);
            assert_eq!((to, value), (TxKind::Call(pair), U256::ZERO));
            let call = LoadPair::swapCall::abi_decode(&input).unwrap();
            assert_eq!((call.forward, call.amountIn), (turn.is_multiple_of(2), U256::from(1_000)));
        }
    }

    #[test]
    fn a_transfer_is_what_was_asked_for() {
        use alloy::{consensus::Transaction as _, eips::Decodable2718 as _};
        let key = key(7, 0).unwrap();
        let terms = Terms { chain_id: 5, gas_limit: 21_000, max_fee: 9 };
        let to = Address::repeat_byte(3);
        let signed = sign(&key, 4, Action::Ether.call(to, 0), &terms).unwrap();
        let read = TxEnvelope::decode_2718(&mut signed.raw.as_slice()).unwrap();
        assert_eq!((read.nonce(), read.to(), read.value()), (4, Some(to), U256::from(1)));
        assert_eq!((read.chain_id(), read.gas_limit()), (Some(5), 21_000));
        assert_eq!(*read.tx_hash(), signed.hash);
        let read = read.as_eip1559().unwrap();
        let signer = read.signature().recover_address_from_prehash(&read.signature_hash());
        assert_eq!(signer.unwrap(), key.address());
        assert_eq!(terms.cost(), U256::from(189_001));
    }
}
