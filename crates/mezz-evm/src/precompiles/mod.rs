//! The precompiled contracts of Osaka, over the cryptography that the caller passes.
//!
//! Gas and input rules are those of the EIPs that each function names, decided here by pure code; only
//! the operations themselves come from [`Crypto`]. `revm`'s own table reaches for a global instead,
//! so nothing of it runs here but its gas formulas and constants.

mod bls12;
mod bn254;
mod hashes;
mod kzg;
mod modexp;
mod signatures;

use alloc::string::{String, ToString};

use alloy_primitives::Address;
use revm::{
    context_interface::{Cfg, ContextTr, JournalTr, LocalContextTr},
    handler::{PrecompileProvider, precompile_output_to_interpreter_result},
    interpreter::{CallInputs, InterpreterResult},
    precompile::{EthPrecompileOutput, EthPrecompileResult, PrecompileHalt, PrecompileOutput},
    primitives::AddressSet,
};

use crate::crypto::Crypto;

/// Largest input of a precompile on L2, in bytes: 48 KiB, so that one L1 transaction can answer for
/// any call in a dispute (`docs/formats.md`, section 4).
pub const MAX_PRECOMPILE_INPUT: usize = 49_152;

/// One precompiled contract of Osaka.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Precompile {
    Ecrecover,
    Sha256,
    Ripemd160,
    Identity,
    Modexp,
    Bn254Add,
    Bn254Mul,
    Bn254Pairing,
    Blake2f,
    KzgPointEvaluation,
    Bls12G1Add,
    Bls12G1Msm,
    Bls12G2Add,
    Bls12G2Msm,
    Bls12Pairing,
    Bls12MapFpToG1,
    Bls12MapFp2ToG2,
    P256Verify,
}

impl Precompile {
    const ALL: [(u16, Self); 18] = [
        (0x01, Self::Ecrecover),
        (0x02, Self::Sha256),
        (0x03, Self::Ripemd160),
        (0x04, Self::Identity),
        (0x05, Self::Modexp),
        (0x06, Self::Bn254Add),
        (0x07, Self::Bn254Mul),
        (0x08, Self::Bn254Pairing),
        (0x09, Self::Blake2f),
        (0x0a, Self::KzgPointEvaluation),
        (0x0b, Self::Bls12G1Add),
        (0x0c, Self::Bls12G1Msm),
        (0x0d, Self::Bls12G2Add),
        (0x0e, Self::Bls12G2Msm),
        (0x0f, Self::Bls12Pairing),
        (0x10, Self::Bls12MapFpToG1),
        (0x11, Self::Bls12MapFp2ToG2),
        (0x0100, Self::P256Verify),
    ];

    fn at(address: &Address) -> Option<Self> {
        let [zeros @ .., high, low] = address.0.0;
        if zeros != [0; 18] {
            return None;
        }
        let number = u16::from_be_bytes([high, low]);
        Self::ALL.iter().find(|(at, _)| *at == number).map(|(_, precompile)| *precompile)
    }

    fn run<C: Crypto + ?Sized>(self, crypto: &C, input: &[u8], gas: u64) -> EthPrecompileResult {
        match self {
            Self::Ecrecover => signatures::ecrecover(crypto, input, gas),
            Self::Sha256 => hashes::sha256(crypto, input, gas),
            Self::Ripemd160 => hashes::ripemd160(crypto, input, gas),
            Self::Identity => hashes::identity(input, gas),
            Self::Modexp => modexp::modexp(crypto, input, gas),
            Self::Bn254Add => bn254::add(crypto, input, gas),
            Self::Bn254Mul => bn254::mul(crypto, input, gas),
            Self::Bn254Pairing => bn254::pairing(crypto, input, gas),
            Self::Blake2f => hashes::blake2f(crypto, input, gas),
            Self::KzgPointEvaluation => kzg::point_evaluation(crypto, input, gas),
            Self::Bls12G1Add => bls12::g1_add(crypto, input, gas),
            Self::Bls12G1Msm => bls12::g1_msm(crypto, input, gas),
            Self::Bls12G2Add => bls12::g2_add(crypto, input, gas),
            Self::Bls12G2Msm => bls12::g2_msm(crypto, input, gas),
            Self::Bls12Pairing => bls12::pairing(crypto, input, gas),
            Self::Bls12MapFpToG1 => bls12::map_fp_to_g1(crypto, input, gas),
            Self::Bls12MapFp2ToG2 => bls12::map_fp2_to_g2(crypto, input, gas),
            Self::P256Verify => signatures::p256_verify(crypto, input, gas),
        }
    }
}

/// The precompiled contracts of Osaka over one [`Crypto`], as `revm` asks for them.
///
/// The set is the same under every specification that a context names: chains that run here start at
/// Osaka.
#[derive(Debug)]
pub struct MezzPrecompiles<'a, C: ?Sized> {
    crypto: &'a C,
    max_input: usize,
    addresses: AddressSet,
    announced: bool,
}

impl<C: ?Sized> Clone for MezzPrecompiles<'_, C> {
    fn clone(&self) -> Self {
        Self {
            crypto: self.crypto,
            max_input: self.max_input,
            addresses: self.addresses.clone(),
            announced: self.announced,
        }
    }
}

impl<'a, C: Crypto + ?Sized> MezzPrecompiles<'a, C> {
    /// The set of an L2: a call whose input exceeds [`MAX_PRECOMPILE_INPUT`] fails.
    pub fn bounded(crypto: &'a C) -> Self {
        Self::with_max_input(crypto, MAX_PRECOMPILE_INPUT)
    }

    /// The set of Ethereum itself: inputs of any length.
    pub fn unbounded(crypto: &'a C) -> Self {
        Self::with_max_input(crypto, usize::MAX)
    }

    fn with_max_input(crypto: &'a C, max_input: usize) -> Self {
        let addresses = Precompile::ALL
            .iter()
            .map(|(number, _)| revm::precompile::u64_to_address(u64::from(*number)))
            .collect();
        Self { crypto, max_input, addresses, announced: false }
    }

    /// Runs the precompile at `address` with `gas` to spend; `None` if there is none.
    ///
    /// A failure that the EIP defines is `Err`, and consumes all of `gas`.
    pub fn call(&self, address: &Address, input: &[u8], gas: u64) -> Option<EthPrecompileResult> {
        let precompile = Precompile::at(address)?;
        if input.len() > self.max_input {
            return Some(Err(PrecompileHalt::other_static("precompile input too long")));
        }
        Some(precompile.run(self.crypto, input, gas))
    }
}

impl<CTX: ContextTr, C: Crypto + ?Sized> PrecompileProvider<CTX> for MezzPrecompiles<'_, C> {
    type Output = InterpreterResult;

    fn set_spec(&mut self, _spec: <CTX::Cfg as Cfg>::Spec) -> bool {
        !core::mem::replace(&mut self.announced, true)
    }

    fn run(
        &mut self,
        context: &mut CTX,
        inputs: &CallInputs,
    ) -> Result<Option<InterpreterResult>, String> {
        let result =
            self.call(&inputs.bytecode_address, &inputs.input.as_bytes(context), inputs.gas_limit);
        let Some(result) = result else { return Ok(None) };
        if let Err(halt) = &result
            && !halt.is_oog()
            && context.journal().depth() == 1
        {
            // What a top-level call returns as its reason.
            context.local_mut().set_precompile_error_context(halt.to_string());
        }
        let output = PrecompileOutput::from_eth_result(result, inputs.reservoir);
        Ok(Some(precompile_output_to_interpreter_result(output, inputs.gas_limit)))
    }

    fn warm_addresses(&self) -> &AddressSet {
        &self.addresses
    }

    fn contains(&self, address: &Address) -> bool {
        Precompile::at(address).is_some()
    }
}

/// Fails with out-of-gas if `cost` exceeds `gas`.
fn charge(cost: u64, gas: u64) -> Result<(), PrecompileHalt> {
    if cost > gas { Err(PrecompileHalt::OutOfGas) } else { Ok(()) }
}

/// A successful call that cost `gas_used`.
fn success(gas_used: u64, output: &[u8]) -> EthPrecompileResult {
    Ok(EthPrecompileOutput::new(gas_used, output.to_vec().into()))
}

/// A boolean as a word of 32 bytes.
fn word(value: bool) -> [u8; 32] {
    let mut word = [0; 32];
    if let Some(last) = word.last_mut() {
        *last = u8::from(value);
    }
    word
}

/// A length in gas arithmetic. Saturates, and a length that large is unpayable.
fn length(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
