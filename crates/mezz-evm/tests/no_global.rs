//! Nothing of an execution comes from `revm`'s global cryptography. A binary of its own, since the global is
//! one per process, and here it panics.

#[path = "it/precompile_inputs.rs"]
mod precompile_inputs;

use alloy_primitives::{Address, Bytes};
use mezz_evm::{MAX_PRECOMPILE_INPUT, MezzPrecompiles, PlainCrypto};
use precompile_inputs::{ALL, Rng, input};
use revm::{
    Context, ExecuteEvm, MainBuilder, MainContext,
    bytecode::opcode,
    context::{BlockEnv, CfgEnv, TxEnv, result::ExecutionResult},
    database::EmptyDB,
    install_crypto,
    precompile::{
        Crypto, PrecompileHalt,
        bls12_381::{G1Point, G1PointScalar, G2Point, G2PointScalar},
        u64_to_address,
    },
    primitives::{TxKind, hardfork::SpecId},
};

/// Panics on every operation that has a result of its own kind.
#[derive(Debug)]
struct Untouchable;

impl Crypto for Untouchable {
    fn sha256(&self, _: &[u8]) -> [u8; 32] {
        panic!("global sha256")
    }
    fn ripemd160(&self, _: &[u8]) -> [u8; 32] {
        panic!("global ripemd160")
    }
    fn bn254_g1_add(&self, _: &[u8], _: &[u8]) -> Result<[u8; 64], PrecompileHalt> {
        panic!("global bn254 addition")
    }
    fn bn254_g1_mul(&self, _: &[u8], _: &[u8]) -> Result<[u8; 64], PrecompileHalt> {
        panic!("global bn254 multiplication")
    }
    fn bn254_pairing_check(&self, _: &[(&[u8], &[u8])]) -> Result<bool, PrecompileHalt> {
        panic!("global bn254 pairing")
    }
    fn secp256k1_ecrecover(
        &self,
        _: &[u8; 64],
        _: u8,
        _: &[u8; 32],
    ) -> Result<[u8; 32], PrecompileHalt> {
        panic!("global recovery")
    }
    fn modexp(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<Vec<u8>, PrecompileHalt> {
        panic!("global modexp")
    }
    fn blake2_compress(&self, _: u32, _: &mut [u64; 8], _: &[u64; 16], _: &[u64; 2], _: bool) {
        panic!("global blake2")
    }
    fn secp256r1_verify_signature(&self, _: &[u8; 32], _: &[u8; 64], _: &[u8; 64]) -> bool {
        panic!("global p256")
    }
    fn verify_kzg_proof(
        &self,
        _: &[u8; 32],
        _: &[u8; 32],
        _: &[u8; 48],
        _: &[u8; 48],
    ) -> Result<(), PrecompileHalt> {
        panic!("global kzg")
    }
    fn bls12_381_g1_add(&self, _: G1Point, _: G1Point) -> Result<[u8; 96], PrecompileHalt> {
        panic!("global g1 addition")
    }
    fn bls12_381_g1_msm(
        &self,
        _: &mut dyn Iterator<Item = Result<G1PointScalar, PrecompileHalt>>,
    ) -> Result<[u8; 96], PrecompileHalt> {
        panic!("global g1 msm")
    }
    fn bls12_381_g2_add(&self, _: G2Point, _: G2Point) -> Result<[u8; 192], PrecompileHalt> {
        panic!("global g2 addition")
    }
    fn bls12_381_g2_msm(
        &self,
        _: &mut dyn Iterator<Item = Result<G2PointScalar, PrecompileHalt>>,
    ) -> Result<[u8; 192], PrecompileHalt> {
        panic!("global g2 msm")
    }
    fn bls12_381_pairing_check(&self, _: &[(G1Point, G2Point)]) -> Result<bool, PrecompileHalt> {
        panic!("global pairing")
    }
    fn bls12_381_fp_to_g1(&self, _: &[u8; 48]) -> Result<[u8; 96], PrecompileHalt> {
        panic!("global map to g1")
    }
    fn bls12_381_fp2_to_g2(&self, _: ([u8; 48], [u8; 48])) -> Result<[u8; 192], PrecompileHalt> {
        panic!("global map to g2")
    }
}

/// Whichever test comes first installs it.
fn poison_the_global() {
    install_crypto(Untouchable);
}

#[test]
fn precompiles_never_reach_for_the_global() {
    poison_the_global();
    let crypto = PlainCrypto;
    let precompiles = MezzPrecompiles::unbounded(&crypto);
    let mut rng = Rng::new(1);
    for number in ALL {
        let address = u64_to_address(u64::from(number));
        let succeeded = (0..64)
            .filter(|_| {
                let input = input(number, &mut rng);
                precompiles.call(&address, &input, u64::MAX).expect("a precompile").is_ok()
            })
            .count();
        assert!(succeeded > 0, "{number:#x} was never computed");
    }
}

/// Calls `to` in a whole transaction and returns its result.
fn transact(to: Address, data: Vec<u8>) -> ExecutionResult {
    let crypto = PlainCrypto;
    let mut evm = Context::mainnet()
        .with_db(EmptyDB::new())
        .with_block(BlockEnv { gas_limit: u64::MAX, ..BlockEnv::default() })
        .with_cfg(CfgEnv::new_with_spec(SpecId::OSAKA))
        .build_mainnet()
        .with_precompiles(MezzPrecompiles::bounded(&crypto));
    let transaction = TxEnv::builder()
        .gas_limit(10_000_000)
        .kind(TxKind::Call(to))
        .data(Bytes::from(data))
        .build()
        .expect("complete");
    evm.transact_one(transaction).expect("valid")
}

#[test]
fn a_transaction_runs_them_and_stops_at_the_bound() {
    poison_the_global();
    let identity = u64_to_address(4);
    let data = vec![1; MAX_PRECOMPILE_INPUT];
    let result = transact(identity, data.clone());
    assert_eq!(result.output().map(|output| output.to_vec()), Some(data));

    let result = transact(identity, vec![1; MAX_PRECOMPILE_INPUT + 1]);
    assert!(matches!(result, ExecutionResult::Halt { .. }), "{result:?}");
    assert_eq!(result.tx_gas_used(), 10_000_000, "a failure consumes all gas");
}

#[test]
fn every_precompile_is_warm() {
    poison_the_global();
    // A contract in creation: BALANCE of every precompile and of one stranger, gas measured around each.
    for (number, cost) in ALL.map(|number| (number, 100)).into_iter().chain([(0x12, 2_600)]) {
        let [high, low] = number.to_be_bytes();
        let code = [
            opcode::GAS,
            opcode::PUSH2,
            high,
            low,
            opcode::BALANCE,
            opcode::POP,
            opcode::GAS,
            opcode::SWAP1,
            opcode::SUB,
            opcode::PUSH0,
            opcode::MSTORE,
            opcode::PUSH1,
            32,
            opcode::PUSH0,
            opcode::RETURN,
        ];
        let crypto = PlainCrypto;
        let mut evm = Context::mainnet()
            .with_db(EmptyDB::new())
            .with_cfg(CfgEnv::new_with_spec(SpecId::OSAKA))
            .build_mainnet()
            .with_precompiles(MezzPrecompiles::bounded(&crypto));
        let transaction = TxEnv::builder()
            .gas_limit(1_000_000)
            .kind(TxKind::Create)
            .data(Bytes::from(code.to_vec()))
            .build()
            .expect("complete");
        let result = evm.transact_one(transaction).expect("valid");
        let output = result.output().expect("runs").to_vec();
        // PUSH2, POP and the second GAS cost 3 + 2 + 2.
        let measured = u16::from_be_bytes([output[30], output[31]]);
        assert_eq!(measured, cost + 7, "{number:#x}");
    }
}
