//! The bytes of a batch inside the input of the transaction that posted it.

use alloy_sol_types::SolCall;

use crate::Inbox;

/// Where the bytes of a batch start: selector, four words of the batch, offset, length. The
/// contract accepts no other encoding.
const DATA_START: usize = 4 + 4 * 32 + 2 * 32;

/// The bytes of the batch in the input of a transaction that called `postBatch` on the inbox;
/// `None` if the contract could not have accepted this input.
///
/// The caller compares their Keccak-256 with the data hash of the accepted batch.
pub fn posted_bytes(input: &[u8]) -> Option<&[u8]> {
    if input.get(..4)? != Inbox::postBatchCall::SELECTOR {
        return None;
    }
    let (zeros, length) = input.get(DATA_START - 32..DATA_START)?.split_at(24);
    if zeros.iter().any(|byte| *byte != 0) {
        return None;
    }
    let length = u64::from_be_bytes(length.try_into().ok()?);
    let end = DATA_START.checked_add(usize::try_from(length).ok()?)?;
    input.get(DATA_START..end)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Bytes;

    use super::*;

    fn input(data: &'static [u8]) -> Vec<u8> {
        let input = Inbox::BatchInput {
            parent: Default::default(),
            inboxEnd: 1,
            inboxAccumulator: Default::default(),
            notBefore: 2,
        };
        Inbox::postBatchCall { input, data: Bytes::from_static(data) }.abi_encode()
    }

    #[test]
    fn bytes_come_back() {
        for data in [&[][..], &[1], &[7; 33]] {
            assert_eq!(posted_bytes(&input(data)), Some(data));
        }
    }

    #[test]
    fn other_input_gives_nothing() {
        let good = input(&[1, 2, 3]);
        let mut selector = good.clone();
        selector[0] ^= 1;
        assert_eq!(posted_bytes(&selector), None);
        let mut long = good.clone();
        long[DATA_START - 1] = 33;
        assert_eq!(posted_bytes(&long), None);
        let mut huge = good.clone();
        huge[DATA_START - 32] = 1;
        assert_eq!(posted_bytes(&huge), None);
        assert_eq!(posted_bytes(&good[..DATA_START - 1]), None);
        assert_eq!(posted_bytes(&[]), None);
    }
}
