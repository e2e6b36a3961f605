//! Recovery of signers at the edges of the curve, and of many at once.

use alloy_primitives::{Address, B256, Signature, U256, uint};
use mezz_crypto::{NativeCrypto, SignedHash, recover_many};
use mezz_evm::{Crypto, PlainCrypto};

use crate::precompile_inputs::Rng;

const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
const FIELD: U256 = uint!(0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f_U256);

fn signed(rng: &mut Rng) -> (SignedHash, Address) {
    let key = k256::ecdsa::SigningKey::from_slice(&[&[1][..], &rng.bytes(31)].concat())
        .expect("below the order");
    let prehash = B256::from_slice(&rng.bytes(32));
    let (signature, id) = key.sign_prehash_recoverable(prehash.as_slice()).expect("32 bytes");
    let signature = Signature::from_bytes_and_parity(&signature.to_bytes(), id.is_y_odd());
    let point = key.verifying_key().to_encoded_point(false);
    (SignedHash { prehash, signature }, Address::from_raw_public_key(&point.as_bytes()[1..]))
}

#[test]
fn many_are_recovered_in_order() {
    let mut rng = Rng::new(2);
    // Below, at and beyond one thread's share.
    for count in [0, 1, 63, 64, 65, 128, 129, 1_000] {
        let (mut signed, mut signers): (Vec<_>, Vec<_>) = (0..count)
            .map(|_| {
                let (signed, signer) = signed(&mut rng);
                (signed, Some(signer))
            })
            .unzip();
        if count > 2 {
            let at = rng.below(count);
            signed[at].signature = Signature::new(U256::ZERO, U256::ONE, false);
            signers[at] = None;
        }
        assert_eq!(recover_many(&signed), signers, "{count}");
    }
}

#[test]
fn either_half_of_the_order_gives_the_signer() {
    let mut rng = Rng::new(3);
    for _ in 0..200 {
        let (SignedHash { prehash, signature }, signer) = signed(&mut rng);
        let other = Signature::new(signature.r(), ORDER - signature.s(), !signature.v());
        for crypto in [&PlainCrypto as &dyn Crypto, &NativeCrypto] {
            assert_eq!(crypto.recover_signer(&prehash, &signature), Some(signer));
            assert_eq!(crypto.recover_signer(&prehash, &other), Some(signer));
        }
    }
}

#[test]
fn edges_of_the_curve_agree() {
    let mut rng = Rng::new(4);
    let (SignedHash { prehash, signature }, _) = signed(&mut rng);
    let edges = [
        U256::ZERO,
        U256::ONE,
        U256::from(2),
        ORDER / U256::from(2),
        ORDER / U256::from(2) + U256::ONE,
        ORDER - U256::ONE,
        ORDER,
        ORDER + U256::ONE,
        FIELD - ORDER,
        FIELD - U256::ONE,
        FIELD,
        U256::MAX,
        signature.r(),
        signature.s(),
    ];
    let hashes = [prehash, B256::ZERO, B256::from(ORDER), B256::from(U256::MAX)];
    let mut recovered = 0;
    for r in edges {
        for s in edges {
            for (hash, parity) in hashes.iter().flat_map(|hash| [(hash, false), (hash, true)]) {
                let signature = Signature::new(r, s, parity);
                let native = NativeCrypto.recover_signer(hash, &signature);
                assert_eq!(native, PlainCrypto.recover_signer(hash, &signature), "{signature:?}");
                if r.is_zero() || r >= ORDER || s.is_zero() || s >= ORDER {
                    assert_eq!(native, None, "{signature:?}");
                }
                recovered += usize::from(native.is_some());
            }
        }
    }
    assert!(recovered > 100);
}
