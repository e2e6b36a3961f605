//! The transactions of a block, and how signed ones are read and checked.

use alloc::{string::ToString, vec::Vec};

use alloy_consensus::{Transaction, TxEnvelope, transaction::Recovered};
use alloy_eips::{
    eip2718::{Decodable2718, Encodable2718},
    eip7702::{RecoveredAuthority, RecoveredAuthorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, U256, uint};
use mezz_types::{ChainConfig, SYSTEM_TRANSACTION_TYPE, SystemTransaction};
use revm::context_interface::either::Either;

use crate::{Crypto, DataSize, DecodeError, InvalidTransaction};

/// Largest gas limit of one signed transaction (EIP-7825).
pub const TRANSACTION_GAS_CAP: u64 = 1 << 24;

/// Longest init code, bytes (EIP-3860).
pub const MAX_INIT_CODE_BYTES: usize = 49_152;

/// Half the order of secp256k1: a signature's `s` is at most this (EIP-2, EIP-7702).
const HALF_ORDER: U256 =
    uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);

/// A transaction in a block.
#[expect(clippy::large_enum_variant, reason = "nearly all of a block's transactions are signed")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockTransaction {
    /// What a message of the inbox became.
    System(SystemTransaction),
    /// A signed one, from the batch or forced through the inbox.
    Signed(Recovered<TxEnvelope>),
}

impl BlockTransaction {
    /// EIP-2718 type; 0 for legacy.
    pub fn kind(&self) -> u8 {
        match self {
            Self::System(_) => SYSTEM_TRANSACTION_TYPE,
            Self::Signed(transaction) => transaction.inner().tx_type().into(),
        }
    }

    /// Its hash. Costs an encoding for system transactions; signed ones remember it.
    pub fn hash(&self) -> B256 {
        match self {
            Self::System(transaction) => transaction.hash(),
            Self::Signed(transaction) => *transaction.inner().tx_hash(),
        }
    }

    /// Who sends it.
    pub fn sender(&self) -> Address {
        match self {
            Self::System(transaction) => transaction.from,
            Self::Signed(transaction) => transaction.signer(),
        }
    }

    /// EIP-2718 encoding: what the transactions root is over.
    pub fn encode_2718(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_2718_to(&mut out);
        out
    }

    pub(crate) fn encode_2718_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::System(transaction) => out.extend_from_slice(&transaction.encode_2718()),
            Self::Signed(transaction) => transaction.inner().encode_2718(out),
        }
    }
}

/// Reads one signed transaction, the whole of `bytes` and in canonical form.
///
/// # Errors
/// [`DecodeError`], also for blob transactions.
pub fn decode_transaction(bytes: &[u8]) -> Result<TxEnvelope, DecodeError> {
    let transaction = TxEnvelope::decode_2718_exact(bytes)
        .map_err(|error| DecodeError::Malformed { reason: error.to_string() })?;
    if matches!(transaction, TxEnvelope::Eip4844(_)) {
        return Err(InvalidTransaction::Blob.into());
    }
    if transaction.encoded_2718() != bytes {
        return Err(DecodeError::Malformed { reason: "not in canonical form".to_string() });
    }
    Ok(transaction)
}

/// Finds who signed `transaction`.
///
/// # Errors
/// [`InvalidTransaction::Signature`] if nobody did, or `s` is in the upper half.
pub fn recover(
    transaction: TxEnvelope,
    crypto: &dyn Crypto,
) -> Result<Recovered<TxEnvelope>, InvalidTransaction> {
    let signature = transaction.signature();
    if signature.s() > HALF_ORDER {
        return Err(InvalidTransaction::Signature);
    }
    let signer = crypto
        .recover_signer(&transaction.signature_hash(), signature)
        .ok_or(InvalidTransaction::Signature)?;
    Ok(Recovered::new_unchecked(transaction, signer))
}

/// The least gas limit that `transaction` can have: its intrinsic gas (EIP-2, 2028, 2930, 3860, 7702), or
/// the floor for its data if that is more (EIP-7623).
pub fn intrinsic_gas(transaction: &TxEnvelope) -> u64 {
    let size = DataSize::of(transaction);
    let tokens = size.zero_bytes.saturating_add(size.nonzero_bytes.saturating_mul(4));
    let creation = if transaction.is_create() {
        let words = size.zero_bytes.saturating_add(size.nonzero_bytes).div_ceil(32);
        words.saturating_mul(2).saturating_add(32_000)
    } else {
        0
    };
    let addresses = transaction.access_list().map_or(0, |list| list.len());
    let addresses = u64::try_from(addresses).unwrap_or(u64::MAX);
    let keys = size.access_entries.saturating_sub(addresses);
    let intrinsic = tokens
        .saturating_mul(4)
        .saturating_add(creation)
        .saturating_add(addresses.saturating_mul(2_400))
        .saturating_add(keys.saturating_mul(1_900))
        .saturating_add(size.authorizations.saturating_mul(25_000));
    intrinsic.max(tokens.saturating_mul(10)).saturating_add(21_000)
}

/// Checks everything about a signed transaction that depends on no state and no base fee, save its
/// signature.
///
/// # Errors
/// The first [`InvalidTransaction`] found.
pub fn check_transaction(
    config: &ChainConfig,
    transaction: &TxEnvelope,
) -> Result<(), InvalidTransaction> {
    if matches!(transaction, TxEnvelope::Eip4844(_)) {
        return Err(InvalidTransaction::Blob);
    }
    let expected = config.l2_chain_id;
    if let Some(got) = transaction.chain_id()
        && got != expected
    {
        return Err(InvalidTransaction::ChainId { expected, got });
    }
    let got = transaction.gas_limit();
    if got > TRANSACTION_GAS_CAP {
        return Err(InvalidTransaction::GasLimitAboveCap { cap: TRANSACTION_GAS_CAP, got });
    }
    if got > config.limits.block_gas {
        return Err(InvalidTransaction::GasLimitAboveBlock { block: config.limits.block_gas, got });
    }
    let required = intrinsic_gas(transaction);
    if got < required {
        return Err(InvalidTransaction::GasLimitBelowIntrinsic { required, got });
    }
    let max_fee = transaction.max_fee_per_gas();
    if let Some(tip) = transaction.max_priority_fee_per_gas()
        && tip > max_fee
    {
        return Err(InvalidTransaction::TipAboveMaxFee { tip, max_fee });
    }
    let got = transaction.input().len();
    if transaction.is_create() && got > MAX_INIT_CODE_BYTES {
        return Err(InvalidTransaction::InitCodeTooLong { max: MAX_INIT_CODE_BYTES, got });
    }
    if transaction.authorization_list().is_some_and(<[_]>::is_empty) {
        return Err(InvalidTransaction::NoAuthorizations);
    }
    if transaction.nonce() == u64::MAX {
        return Err(InvalidTransaction::NonceAtEnd);
    }
    Ok(())
}

/// Who signed an EIP-7702 authorization, by the rules of that EIP; `None` if nobody.
pub(crate) fn authority(
    authorization: &SignedAuthorization,
    crypto: &dyn Crypto,
) -> Option<Address> {
    let signature = authorization.signature().ok()?;
    if signature.s() > HALF_ORDER {
        return None;
    }
    crypto.recover_signer(&authorization.inner().signature_hash(), &signature)
}

/// `authorizations` with their signers, for the engine.
pub(crate) fn recovered(
    authorizations: &[SignedAuthorization],
    crypto: &dyn Crypto,
) -> Vec<Either<SignedAuthorization, RecoveredAuthorization>> {
    authorizations
        .iter()
        .map(|signed| {
            let authority = authority(signed, crypto)
                .map_or(RecoveredAuthority::Invalid, RecoveredAuthority::Valid);
            let inner = signed.inner().clone();
            Either::Right(RecoveredAuthorization::new_unchecked(inner, authority))
        })
        .collect()
}
